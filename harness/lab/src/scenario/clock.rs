//! The clock that people read, and how files write times.
//!
//! A run counts from one zero (the beginning of the outage), which the file gives with its offset
//! from UTC. People are shown that place's clock. The offset is fixed: no scenario plays across a
//! change to or from summer time, and a time-zone database would be one more thing to depend on.

use std::time::Duration;

use harness_env::Wall;
use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// The zero of a scenario and the clock of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    zero: Wall,
    offset: Offset,
}

impl Calendar {
    /// A calendar from what a file says; an error says what is wrong with it.
    pub(crate) fn new(zero: &toml::value::Datetime) -> Result<Self, String> {
        let minutes = match zero.offset {
            Some(toml::value::Offset::Z) => 0,
            Some(toml::value::Offset::Custom { minutes }) => i32::from(minutes),
            None => return Err("a date and time with its offset is expected".to_owned()),
        };
        let offset = Offset::from_seconds(minutes * 60).map_err(|error| error.to_string())?;
        Ok(Calendar { zero: moment(zero)?, offset })
    }

    /// The moment that offsets count from.
    pub fn zero(&self) -> Wall {
        self.zero
    }

    /// Seconds from the zero to `wall`; negative before it.
    pub fn offset_of(&self, wall: Wall) -> f64 {
        (wall.0 as f64 - self.zero.0 as f64) / 1e9
    }

    /// The clock: `14:10:00`.
    pub fn time(&self, at: f64) -> String {
        self.civil(at).strftime("%H:%M:%S").to_string()
    }

    /// The clock without seconds: `14:10`.
    pub fn minute(&self, at: f64) -> String {
        self.civil(at).strftime("%H:%M").to_string()
    }

    /// The day: `Fri 27 Oct 2017`.
    pub fn date(&self, at: f64) -> String {
        self.civil(at).strftime("%a %-d %b %Y").to_string()
    }

    /// The moment as RFC 3339 has it, to a millisecond: `2017-10-27T14:10:00.000+01:00`.
    pub fn stamp(&self, at: f64) -> String {
        format!("{:.3}", self.timestamp(at).display_with_offset(self.offset))
    }

    fn civil(&self, at: f64) -> DateTime {
        self.offset.to_datetime(self.timestamp(at))
    }

    fn timestamp(&self, at: f64) -> Timestamp {
        // `as` saturates; every i64 of nanoseconds is a date that jiff knows.
        let nanos = self.zero.0.saturating_add((at * 1e9).round() as i64);
        Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The moment when the clock shows `time` on the day of `day`.
    pub(super) fn on_day_of(&self, day: Wall, time: Time) -> Option<Wall> {
        let date = self.civil(self.offset_of(day)).date();
        let stamp = self.offset.to_timestamp(date.to_datetime(time)).ok()?;
        i64::try_from(stamp.as_nanosecond()).ok().map(Wall)
    }
}

/// A date and time with an offset, as a moment.
pub(super) fn moment(written: &toml::value::Datetime) -> Result<Wall, String> {
    if written.offset.is_none() || written.date.is_none() || written.time.is_none() {
        return Err("a date and time with its offset is expected".to_owned());
    }
    let stamp: Timestamp = written.to_string().parse().map_err(|e: jiff::Error| e.to_string())?;
    let nanos = i64::try_from(stamp.as_nanosecond());
    nanos.map(Wall).map_err(|_| "the years 1678 to 2262 are possible".to_owned())
}

/// A clock time as files write it: `14:10` or `14:10:30`.
pub(super) fn time(written: &str) -> Option<Time> {
    let parts: Vec<&str> = written.split(':').collect();
    if !(2..=3).contains(&parts.len()) || parts.iter().any(|part| !two_digits(part)) {
        return None;
    }
    let number = |n: usize| parts.get(n).map_or(Some(0), |part| part.parse::<i8>().ok());
    Time::new(number(0)?, number(1)?, number(2)?, 0).ok()
}

fn two_digits(part: &str) -> bool {
    part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// A length of time as files write it: `250ms`, `90s`, `1h30m`.
pub(super) fn duration(written: &str) -> Option<Duration> {
    let mut rest = written;
    let mut total = SignedDuration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u32 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let one = match &rest[..unit] {
            "ms" => SignedDuration::from_millis(1),
            "s" => SignedDuration::from_secs(1),
            "m" => SignedDuration::from_mins(1),
            "h" => SignedDuration::from_hours(1),
            _ => return None,
        };
        total = total.checked_add(one.checked_mul(i32::try_from(number).ok()?)?)?;
        rest = &rest[unit..];
    }
    Duration::try_from(total).ok().filter(|total| *total <= Duration::from_secs(30 * 86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn london() -> Calendar {
        Calendar::new(&"2017-10-27T14:10:00+01:00".parse().expect("a date")).expect("a calendar")
    }

    #[test]
    fn the_clock_is_that_of_the_place() {
        let calendar = london();
        assert_eq!(calendar.zero().unix(), 1_509_109_800);
        assert_eq!(calendar.time(0.0), "14:10:00");
        assert_eq!(calendar.time(3780.0), "15:13:00");
        assert_eq!(calendar.date(-14.0 * 86_400.0), "Fri 13 Oct 2017");
    }

    #[test]
    fn a_clock_time_is_found_on_the_day_of_a_moment() {
        let calendar = london();
        let at = calendar.on_day_of(calendar.zero(), time("15:31").expect("a time"));
        assert_eq!(calendar.offset_of(at.expect("a moment")), 81.0 * 60.0);
    }

    #[test]
    fn durations_are_numbers_with_units() {
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        for wrong in ["", "5", "s", "5x", "-5s", "5 s", "99999999999s", "4000000000h", "é"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn clock_times_have_two_digits_each() {
        for wrong in ["", "14", "14:1", "25:00", "14:60", "14:10:00:00", "ab:cd", "+1:+1"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_date_without_an_offset_is_refused() {
        for wrong in ["2017-10-27T14:10:00", "2017-10-27", "14:10:00"] {
            assert!(Calendar::new(&wrong.parse().expect("a date")).is_err(), "{wrong}");
        }
    }
}
