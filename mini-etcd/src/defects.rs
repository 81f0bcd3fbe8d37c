//! Defects that are planted on purpose, so that whoever checks a cluster can be checked.
//!
//! An oracle that never complained has shown nothing. Each defect here is a mistake that
//! implementations of etcd or Raft have made or could make, and it stands where the mechanism does
//! that it breaks: `defects.has(...)` marks the place. Which ones a member has is a setting of that
//! member ([`crate::server::Config::defects`]).
//!
//! Without the cargo feature `defects` there is nothing to plant: [`Defects`] has no size, and
//! [`Defects::has`] is the constant `false`, so that the compiler leaves the wrong paths out.

/// A mistake in a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// A vote leaves before it is durable: after a crash the member may vote again in the same
    /// term.
    VoteNotSynced,
    /// Entries are acknowledged when they are written, not when they are durable.
    AcknowledgedBeforeSync,
    /// A leader answers linearizable reads without asking a quorum whether it still leads.
    StaleLeaderRead,
    /// A leader commits entries of earlier terms by counting who has them, and opens its own term
    /// without an entry (Ongaro and Ousterhout 2014, figure 8).
    OlderTermCommitted,
    /// A leader takes a membership change while another one is not applied yet.
    TwoMembershipChanges,
    /// A record that a power loss tore is read as if it were whole, with zeros for what is missing.
    TornTailAccepted,
    /// A follower ends leases by its own clock, which knows of no renewal.
    LeaseExpiredByFollower,
    /// A leader that was suspended renews leases and decides to end some without asking whether it
    /// still leads, and passes the decision on to its successor (etcd issues 12528 and 15247).
    FormerLeaderDecides,
    /// A watch that is more than one revision behind is told only the last change of each key.
    WatchCatchUpLoses,
    /// The events of one revision come in a response each, and nothing says that they belong
    /// together.
    WatchSplitsRevision,
    /// A compaction drops the last change before it, which is still readable.
    CompactionDropsLive,
    /// Snapshots hold the keys of leases without the leases.
    SnapshotWithoutLeases,
    /// What a transaction compares is read when it is proposed, not when it is applied.
    CompareOutsideTransaction,
}

/// The defects that a member has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defects {
    /// One bit for each.
    #[cfg(feature = "defects")]
    planted: u32,
}

impl Defects {
    /// Whether this one is planted.
    #[cfg(not(feature = "defects"))]
    pub(crate) const fn has(self, _: Defect) -> bool {
        false
    }

    /// Whether this one is planted.
    #[cfg(feature = "defects")]
    pub(crate) const fn has(self, defect: Defect) -> bool {
        self.planted & defect.bit() != 0
    }
}

#[cfg(feature = "defects")]
mod planting {
    use std::fmt;
    use std::str::FromStr;

    use super::{Defect, Defects};

    impl Defect {
        /// Every defect.
        pub const ALL: [Defect; 13] = [
            Defect::VoteNotSynced,
            Defect::AcknowledgedBeforeSync,
            Defect::StaleLeaderRead,
            Defect::OlderTermCommitted,
            Defect::TwoMembershipChanges,
            Defect::TornTailAccepted,
            Defect::LeaseExpiredByFollower,
            Defect::FormerLeaderDecides,
            Defect::WatchCatchUpLoses,
            Defect::WatchSplitsRevision,
            Defect::CompactionDropsLive,
            Defect::SnapshotWithoutLeases,
            Defect::CompareOutsideTransaction,
        ];

        pub(super) const fn bit(self) -> u32 {
            1 << self as u32
        }

        /// Its name on the command line and in reports.
        pub const fn name(self) -> &'static str {
            match self {
                Defect::VoteNotSynced => "vote-not-synced",
                Defect::AcknowledgedBeforeSync => "acknowledged-before-sync",
                Defect::StaleLeaderRead => "stale-leader-read",
                Defect::OlderTermCommitted => "older-term-committed",
                Defect::TwoMembershipChanges => "two-membership-changes",
                Defect::TornTailAccepted => "torn-tail-accepted",
                Defect::LeaseExpiredByFollower => "lease-expired-by-follower",
                Defect::FormerLeaderDecides => "former-leader-decides",
                Defect::WatchCatchUpLoses => "watch-catch-up-loses",
                Defect::WatchSplitsRevision => "watch-splits-revision",
                Defect::CompactionDropsLive => "compaction-drops-live",
                Defect::SnapshotWithoutLeases => "snapshot-without-leases",
                Defect::CompareOutsideTransaction => "compare-outside-transaction",
            }
        }
    }

    impl fmt::Display for Defect {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.name())
        }
    }

    impl FromStr for Defect {
        type Err = String;

        fn from_str(text: &str) -> Result<Self, String> {
            let found = Defect::ALL.into_iter().find(|defect| defect.name() == text);
            found.ok_or_else(|| {
                let names = Defect::ALL.map(Defect::name).join(", ");
                format!("`{text}`: expected one of {names}")
            })
        }
    }

    impl FromIterator<Defect> for Defects {
        fn from_iter<I: IntoIterator<Item = Defect>>(defects: I) -> Self {
            let planted = defects.into_iter().fold(0, |planted, defect| planted | defect.bit());
            Defects { planted }
        }
    }

    impl From<Defect> for Defects {
        fn from(defect: Defect) -> Self {
            [defect].into_iter().collect()
        }
    }
}

#[cfg(all(test, not(feature = "defects")))]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_no_room_for_a_defect() {
        const HAS: bool = Defects {}.has(Defect::VoteNotSynced);
        assert_eq!((size_of::<Defects>(), HAS), (0, false));
    }
}
