//! Seeds, ranges of them, digests, jobs: what the arguments look like.

use crate::explore::cuts::Scrutiny;
use crate::outcome::Severity;
use crate::scenario::suggest;

/// Seeds from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: u64,
    /// The first behind the last.
    pub end: u64,
}

impl Range {
    /// One after the other.
    pub fn iter(self) -> std::ops::Range<u64> {
        self.start..self.end
    }

    /// Whether it is one of them.
    pub fn contains(self, seed: u64) -> bool {
        (self.start..self.end).contains(&seed)
    }
}

/// A seed: decimal, or hexadecimal behind `0x`.
pub fn seed(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// A range `A..B`.
pub fn range(text: &str) -> Result<Range, String> {
    let expected = || "seeds are written A..B, for example 0..200".to_owned();
    let (start, end) = text.split_once("..").ok_or_else(expected)?;
    let range = Range {
        start: start.parse().map_err(|_| expected())?,
        end: end.parse().map_err(|_| expected())?,
    };
    if range.start < range.end {
        return Ok(range);
    }
    Err(format!("there is no seed from {} up to, not including, {}", range.start, range.end))
}

/// A number of seeds, or a range of them.
pub fn count(text: &str) -> Result<Range, String> {
    if text.contains("..") {
        return range(text);
    }
    match text.parse() {
        Ok(0) => Err("at least one seed is needed".to_owned()),
        Ok(end) => Ok(Range { start: 0, end }),
        Err(_) => {
            Err("a number of seeds, or A..B, is expected: for example 5, or 10..15".to_owned())
        }
    }
}

/// A number of jobs.
pub fn jobs(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|jobs| (1..=1024).contains(jobs));
    number.ok_or_else(|| "a number of jobs from 1 to 1024 is expected".to_owned())
}

/// How hard a search looks for factors that protect.
///
/// # Errors
/// What is allowed, where it is none of these.
pub fn scrutiny(text: &str) -> Result<Scrutiny, String> {
    let found = Scrutiny::ALL.into_iter().find(|scrutiny| scrutiny.name() == text);
    found.ok_or_else(|| suggest::allowed(text, Scrutiny::ALL.map(Scrutiny::name)))
}

/// A severity that can be reached.
pub fn target(text: &str) -> Result<Severity, String> {
    let bad = &Severity::ALL[1..];
    let found = bad.iter().find(|severity| severity.name() == text);
    found.copied().ok_or_else(|| suggest::allowed(text, bad.iter().map(|one| one.name())))
}

/// A digest or its beginning.
pub fn digest(text: &str) -> Result<String, String> {
    let digest = text.to_ascii_lowercase();
    let hexadecimal = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal && (8..=32).contains(&digest.len()) {
        return Ok(digest);
    }
    Err("a digest is 32 hexadecimal digits; the first 8 are enough".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers() {
        assert_eq!(seed("0x47131"), Ok(0x47131));
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        for wrong in ["", "x", "-1", "1.5", "18446744073709551616", "0x", "+-1"] {
            assert!(seed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_range_is_half_open_and_not_empty() {
        assert_eq!(range("0..200"), Ok(Range { start: 0, end: 200 }));
        assert_eq!(count("5"), Ok(Range { start: 0, end: 5 }));
        assert_eq!(count("5..6"), Ok(Range { start: 5, end: 6 }));
        for wrong in ["", "5", "5..", "..5", "5..5", "6..5", "0..=5", "a..b"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
        assert!(count("0").is_err());
    }

    #[test]
    fn a_digest_may_be_shortened() {
        assert_eq!(digest("0123ABCD"), Ok("0123abcd".to_owned()));
        assert!(digest("0123abc").is_err());
        assert!(digest("0123abcx").is_err());
    }
}
