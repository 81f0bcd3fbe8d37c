//! What happened: a rolling digest for each machine and for the run, and the events themselves.
//!
//! Every packet sent and every event of a program is fed to the digest of its machine, and that to
//! the digest of the run. The *trail* keeps two bytes of the run's digest after each step, so that
//! two runs can be compared step by step afterwards: the digest is rolling, so once they differ
//! they differ to the end (but for one step in 65,536 that agrees by chance), and the first
//! difference is found by bisection. A run that is given the trail of another finds it while it runs:
//! [`Report::diverged`](crate::Report::diverged).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

/// 128 bits that stand for everything that happened so far (XXH3, not cryptographic).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub u128);

impl Digest {
    /// Rolls `bytes` in.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut buf = [0u8; 144];
        if bytes.len() <= 128 {
            buf[..16].copy_from_slice(&self.0.to_le_bytes());
            buf[16..16 + bytes.len()].copy_from_slice(bytes);
            self.0 = xxh3_128(&buf[..16 + bytes.len()]);
        } else {
            buf[..16].copy_from_slice(&self.0.to_le_bytes());
            buf[16..32].copy_from_slice(&xxh3_128(bytes).to_le_bytes());
            self.0 = xxh3_128(&buf[..32]);
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() != 32 {
            return Err(format!("a digest is 32 hexadecimal digits, not {}", text.len()));
        }
        u128::from_str_radix(text, 16)
            .map(Digest)
            .map_err(|_| format!("a digest is 32 hexadecimal digits, not {text:?}"))
    }
}

/// Something that a program said, at INFO or above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number in the run, counted from 0 over events alone.
    pub id: u64,
    /// The event that the same line of control emitted before it, if any.
    pub parent: Option<u64>,
    /// Virtual time since the run began.
    pub at: Duration,
    /// The wall clock (true, not the machine's), in nanoseconds since the Unix epoch.
    pub wall: i64,
    /// Where; empty for the world itself.
    pub machine: String,
    /// Who; empty for the world itself.
    pub process: String,
    /// `INFO`, `WARN` or `ERROR`, or `DEBUG` where debug events are kept.
    pub level: &'static str,
    /// The dotted name of what kind of thing happened; empty where the program gave none.
    pub kind: String,
    /// The sentence.
    pub message: String,
    /// The other fields.
    pub fields: BTreeMap<String, String>,
}

/// One step of a run: a packet, or something that a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number, counted from 0 over packets and events, those below INFO too.
    pub number: u64,
    /// Virtual time since the run began.
    pub at: Duration,
    /// The wall clock (true, not the machine's), in nanoseconds since the Unix epoch.
    pub wall: i64,
    /// What it was.
    pub what: What,
}

/// What a step was, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct What {
    /// Where; empty for the world itself.
    pub machine: String,
    /// Who; empty for the world itself, and for packets.
    pub process: String,
    /// `packet`, or the event's kind.
    pub kind: String,
    /// The sentence, and the other fields.
    pub text: String,
}

/// When a step was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    pub at: Duration,
    pub wall: i64,
}

/// The record of a run.
pub(crate) struct Record {
    pub digest: Digest,
    pub steps: u64,
    pub trail: Option<Vec<u16>>,
    pub capture_at: Option<u64>,
    pub captured: Option<Step>,
    pub other: Option<Arc<[u16]>>,
    pub diverged: Option<Step>,
    pub events: Vec<Event>,
    pub next_event: u64,
    pub keep_debug: bool,
}

impl Record {
    pub fn new(
        trail: bool,
        capture_at: Option<u64>,
        other: Option<Arc<[u16]>>,
        keep_debug: bool,
    ) -> Self {
        Record {
            digest: Digest::default(),
            steps: 0,
            trail: trail.then(Vec::new),
            capture_at,
            captured: None,
            other,
            diverged: None,
            events: Vec::new(),
            next_event: 0,
            keep_debug,
        }
    }

    /// Rolls one step into a machine's digest and the run's. `what` is asked for only if this is
    /// the step to capture, or the first that is not in the other trail.
    pub fn step(
        &mut self,
        machine: &mut Digest,
        bytes: &[u8],
        when: When,
        what: impl Fn() -> What,
    ) {
        machine.feed(bytes);
        self.digest.feed(&machine.0.to_le_bytes());
        if let Some(trail) = &mut self.trail {
            trail.push(self.digest.0 as u16);
        }
        let step = || {
            let When { at, wall } = when;
            Some(Step { number: self.steps, at, wall, what: what() })
        };
        if self.capture_at == Some(self.steps) {
            self.captured = step();
        }
        if let Some(other) = &self.other
            && other.get(self.steps as usize) != Some(&(self.digest.0 as u16))
        {
            self.diverged = step();
            // Digests roll: nothing after this can be compared.
            self.other = None;
        }
        self.steps += 1;
    }
}

/// The first step at which two trails differ, or `None` where they are equal.
pub fn first_difference(a: &[u16], b: &[u16]) -> Option<usize> {
    let shared = a.len().min(b.len());
    // Bisect: equal at a step means equal before it, up to the chance that the module names.
    let (mut low, mut high) = (0, shared);
    while low < high {
        let middle = low + (high - low) / 2;
        if a[middle] == b[middle] { low = middle + 1 } else { high = middle }
    }
    // A chance agreement may have hidden an earlier difference: walk back over what differs.
    while low > 0 && a[low - 1] != b[low - 1] {
        low -= 1;
    }
    if low < shared || a.len() != b.len() { Some(low) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_from_what_it_prints() {
        let mut digest = Digest::default();
        digest.feed(b"something");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("123".parse::<Digest>().is_err());
        assert!("g".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn the_order_of_what_is_fed_matters() {
        let (mut a, mut b) = (Digest::default(), Digest::default());
        a.feed(b"x");
        a.feed(b"y");
        b.feed(b"y");
        b.feed(b"x");
        assert_ne!(a, b);
    }

    #[test]
    fn bisection_finds_the_first_differing_step() {
        let a: Vec<u16> = (0..1000).collect();
        for at in [0, 1, 499, 998, 999] {
            let b: Vec<u16> = (0..1000).map(|i| if i < at { i } else { i + 5000 }).collect();
            assert_eq!(first_difference(&a, &b), Some(at as usize));
        }
        assert_eq!(first_difference(&a, &a), None);
        assert_eq!(first_difference(&a, &a[..900]), Some(900));
    }
}
