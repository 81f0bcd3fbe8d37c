//! A member with a disk and a state machine, small enough to check everything about it.
//!
//! The three test programs share it: each uses a part.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod action;
pub mod cluster;
pub mod machine;
pub mod member;

/// A tiny generator for test choices: the schedule is the test's input, not its environment.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A number below `n` (splitmix64).
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// Election timeouts of one incarnation of one member.
pub fn jitter(seed: u64, id: u64) -> Box<dyn mini_etcd::raft::Jitter> {
    let mut dice = Dice::new(seed.wrapping_mul(31).wrapping_add(id));
    Box::new(move |base: u32| base + u32::try_from(dice.below(base.into())).unwrap())
}
