//! Wall-clock time: what people and certificates go by. It can be skewed and can jump.

use std::time::Duration;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(pub i64);

impl Wall {
    /// A whole second since the epoch.
    pub const fn from_unix(seconds: i64) -> Self {
        Wall(seconds * 1_000_000_000)
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn unix(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// This point plus `d`.
    pub fn after(self, d: Duration) -> Self {
        Wall(self.0.saturating_add(d.as_nanos() as i64))
    }

    /// The time from `earlier` to this point; zero where `earlier` is later.
    pub fn since(self, earlier: Wall) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}
