//! What can happen to a cluster in one step of a schedule. Choices are numbers that are reduced to
//! what there is when the step is taken, so that every schedule is valid and shrinks well.

use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// Every member ticks once and all messages are delivered, in order, until none is left or
    /// the fuse burns out.
    Round,
    Tick {
        member: u8,
    },
    /// One message of one link arrives; `skip` messages before it are overtaken.
    Deliver {
        link: u8,
        skip: u8,
    },
    /// The same, but the message arrives once more later.
    Duplicate {
        link: u8,
        skip: u8,
    },
    Drop {
        link: u8,
        skip: u8,
    },
    Propose {
        member: u8,
        size: u8,
    },
    Campaign {
        member: u8,
    },
    Read {
        member: u8,
    },
    Transfer {
        member: u8,
        to: u8,
    },
    /// Members whose bit differs from others' cannot talk to these.
    Partition {
        side: u8,
    },
    Heal,
    Crash {
        member: u8,
    },
    Start {
        member: u8,
    },
    Compact {
        member: u8,
        keep: u8,
    },
    Unreachable {
        member: u8,
        peer: u8,
    },
    SnapshotReport {
        member: u8,
        peer: u8,
        ok: bool,
    },
    Add {
        member: u8,
        voter: bool,
    },
    Promote {
        member: u8,
    },
    Remove {
        member: u8,
        peer: u8,
    },
    /// A portion of work is taken; it is saved only later.
    Take {
        member: u8,
    },
    /// The portion that was taken is saved, sent and applied.
    Finish {
        member: u8,
    },
}

pub fn action() -> impl Strategy<Value = Action> {
    use Action::{
        Add, Campaign, Compact, Crash, Deliver, Drop, Duplicate, Finish, Heal, Partition, Promote,
        Propose, Read, Remove, Round, SnapshotReport, Start, Take, Tick, Transfer, Unreachable,
    };
    let n = || any::<u8>();
    prop_oneof![
        10 => Just(Round),
        8 => n().prop_map(|member| Tick { member }),
        20 => (n(), prop_oneof![4 => Just(0u8), 1 => 0..4u8])
            .prop_map(|(link, skip)| Deliver { link, skip }),
        2 => (n(), 0..4u8).prop_map(|(link, skip)| Duplicate { link, skip }),
        3 => (n(), 0..4u8).prop_map(|(link, skip)| Drop { link, skip }),
        8 => (n(), n()).prop_map(|(member, size)| Propose { member, size }),
        1 => n().prop_map(|member| Campaign { member }),
        3 => n().prop_map(|member| Read { member }),
        1 => (n(), n()).prop_map(|(member, to)| Transfer { member, to }),
        2 => n().prop_map(|side| Partition { side }),
        3 => Just(Heal),
        2 => n().prop_map(|member| Crash { member }),
        5 => n().prop_map(|member| Start { member }),
        2 => (n(), 0..4u8).prop_map(|(member, keep)| Compact { member, keep }),
        1 => (n(), n()).prop_map(|(member, peer)| Unreachable { member, peer }),
        2 => (n(), n(), any::<bool>())
            .prop_map(|(member, peer, ok)| SnapshotReport { member, peer, ok }),
        1 => (n(), any::<bool>()).prop_map(|(member, voter)| Add { member, voter }),
        1 => n().prop_map(|member| Promote { member }),
        1 => (n(), n()).prop_map(|(member, peer)| Remove { member, peer }),
        8 => n().prop_map(|member| Take { member }),
        8 => n().prop_map(|member| Finish { member }),
    ]
}
