//! What can be broken, and what came of it.
//!
//! A fault is begun by [`crate::World::begin`] and ended by [`crate::World::end`]; things that
//! happen at a point (a kill, a power loss) are methods of the world and are listed here all the
//! same. Every fault counts its effects, because a fault that had none says nothing about the
//! program it was meant for.

use std::time::Duration;

use crate::link::Link;

/// Names a fault of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub u64);

/// One side of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// Every machine.
    All,
    /// The machines of a zone.
    Zone(String),
    /// One machine.
    Machine(String),
}

impl Side {
    pub(crate) fn has(&self, machine: &str, zone: &str) -> bool {
        match self {
            Side::All => true,
            Side::Zone(name) => name == zone,
            Side::Machine(name) => name == machine,
        }
    }
}

/// Something that is wrong for a while.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Packets from one side to the other do not arrive; TCP retransmits them until this ends.
    Partition {
        /// Whose packets.
        from: Side,
        /// Towards whom.
        to: Side,
        /// Whether the other way is cut as well.
        both_ways: bool,
    },
    /// Packets from one side to the other are kept on the link and arrive, in the order of their
    /// connection, when this ends. Until then nobody can tell it from a [`Fault::Partition`]: who
    /// has data in flight gives up after 924.6 s, who connects after 127 s, and an idle connection
    /// never notices. Where both lie on a path, the partition is the one that packets meet.
    ///
    /// What is on the link is no longer its sender's: it arrives even if that has given up, closed
    /// or lost power. Only a handshake that its sender has given up is not kept any longer.
    Hold {
        /// Whose packets.
        from: Side,
        /// Towards whom.
        to: Side,
        /// Whether the other way is held as well.
        both_ways: bool,
    },
    /// The path from one side to the other has other properties, both ways.
    Degrade {
        /// One side.
        from: Side,
        /// The other.
        to: Side,
        /// What the path is like.
        link: Link,
    },
    /// A machine's wall clock is off. Negative is behind.
    Skew {
        /// Whose clock.
        machine: String,
        /// By how many nanoseconds.
        nanos: i64,
    },
    /// A machine's cores are slower.
    SlowCores {
        /// Whose.
        machine: String,
        /// How many times slower; 1.0 is as specified.
        factor: f64,
    },
    /// A machine's disk takes this much longer for each call that reaches it.
    SlowDisk {
        /// Whose.
        machine: String,
        /// How much longer.
        by: Duration,
    },
    /// A machine's disk has no room: what would grow a file fails.
    FullDisk {
        /// Whose.
        machine: String,
    },
    /// A machine's disk answers every call with an I/O error.
    FailingDisk {
        /// Whose.
        machine: String,
    },
    /// Something that happened at a point in time, told in words.
    Point(String),
}

impl Fault {
    /// The kind, for reports.
    pub fn kind(&self) -> &str {
        match self {
            Fault::Partition { both_ways: true, .. } => "partition",
            Fault::Partition { both_ways: false, .. } => "one-way partition",
            Fault::Hold { both_ways: true, .. } => "hold",
            Fault::Hold { both_ways: false, .. } => "one-way hold",
            Fault::Degrade { .. } => "degraded link",
            Fault::Skew { .. } => "clock skew",
            Fault::SlowCores { .. } => "slow cores",
            Fault::SlowDisk { .. } => "slow disk",
            Fault::FullDisk { .. } => "full disk",
            Fault::FailingDisk { .. } => "failing disk",
            Fault::Point(what) => what,
        }
    }
}

/// What a fault did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultReport {
    /// Its name.
    pub id: FaultId,
    /// What kind it was.
    pub kind: String,
    /// When it began.
    pub from: Duration,
    /// When it ended, if it did.
    pub until: Option<Duration>,
    /// How many packets, calls or processes it touched. 0: it was inert.
    pub effects: u64,
}
