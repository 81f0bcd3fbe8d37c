//! Our core beside the `raft` crate 0.7, step by step.
//!
//! Every member exists twice: one of ours and one of theirs, with the same disk contents, the same
//! ticks, the same requests and the same incoming messages. After each step both must have sent
//! the same messages (all fields, in order, for each link), and agree on role, leader, term, vote,
//! commit index, last index, what was saved, and the state machine. Since the messages are equal,
//! one set of links serves both.
//!
//! Not compared: the order of messages to different members (theirs iterates a hash map) and what
//! theirs adds to the protocol (see `raft_theirs/mod.rs`). A member that applies its own
//! removal stops in both: ours would step down, theirs would go on as it is.

mod raft_support;
mod raft_theirs;

use std::collections::BTreeMap;

use anatomy_proto::raftpb::{ConfChange, Message};
use bytes::Bytes;
use mini_etcd::raft::{Config, MemStorage, Status};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use raft_support::action::action;
use raft_support::cluster::{Cluster, Node};
use raft_support::member::{Member, blank};
use raft_theirs::Theirs;

/// One member, twice.
struct Pair {
    ours: Member,
    theirs: Theirs,
}

impl Pair {
    fn both_propose(ours: bool, theirs: bool) -> bool {
        assert_eq!(ours, theirs, "one took the proposal, the other did not");
        ours
    }
}

fn by_receiver(messages: Vec<Message>) -> BTreeMap<u64, Vec<Message>> {
    let mut sorted: BTreeMap<u64, Vec<Message>> = BTreeMap::new();
    for message in messages {
        sorted.entry(message.to).or_default().push(message);
    }
    sorted
}

impl Node for Pair {
    type Disk = (MemStorage, MemStorage);

    fn blank(conf: &[u64]) -> Self::Disk {
        (blank(conf), blank(conf))
    }

    fn start(config: &Config, (ours, theirs): Self::Disk, seed: u64) -> Self {
        let ours = Member::start(config, ours, seed);
        let mut theirs = Theirs::start(config, theirs);
        theirs.set_election_timeout(ours.raw.status().election_timeout);
        Self { ours, theirs }
    }

    fn tick(&mut self) {
        self.ours.raw.tick();
        self.theirs.raw().tick();
    }

    fn campaign(&mut self) {
        // Theirs lets a learner campaign when told to.
        let status = self.ours.raw.status();
        if status.voters.contains(&status.id) {
            self.ours.raw.campaign();
            self.theirs.raw().campaign().unwrap();
        }
    }

    fn propose(&mut self, data: Bytes) -> bool {
        let theirs = self.theirs.raw().propose(vec![], data.to_vec()).is_ok();
        Self::both_propose(self.ours.raw.propose(data).is_ok(), theirs)
    }

    fn propose_change(&mut self, change: &ConfChange) -> bool {
        let ours = self.ours.raw.propose_conf_change(change).is_ok();
        Self::both_propose(ours, self.theirs.propose_change(change))
    }

    fn step(&mut self, message: Message) {
        self.theirs.step(&message);
        Node::step(&mut self.ours, message);
    }

    fn read(&mut self, ctx: Bytes) {
        self.theirs.raw().read_index(ctx.to_vec());
        self.ours.raw.read_index(ctx);
    }

    fn transfer(&mut self, to: u64) {
        self.ours.raw.transfer_leader(to);
        self.theirs.raw().transfer_leader(to);
    }

    fn unreachable(&mut self, peer: u64) {
        self.ours.raw.report_unreachable(peer);
        self.theirs.raw().report_unreachable(peer);
    }

    fn snapshot_report(&mut self, peer: u64, ok: bool) {
        self.ours.raw.report_snapshot(peer, ok);
        self.theirs.snapshot_report(peer, ok);
    }

    /// Both disks get the snapshot of the state machine, which is the same.
    fn compact(&mut self, keep: u64) {
        self.ours.compact(keep);
        let machine = &self.theirs.machine;
        let (index, conf) = (machine.index, machine.conf.clone());
        if self.theirs.storage.create_snapshot(index, conf, machine.data()).is_ok() {
            let _ = self.theirs.storage.compact(index.saturating_sub(keep));
        }
    }

    fn work(&mut self) -> Vec<Message> {
        let ours = self.ours.work();
        let theirs = by_receiver(self.theirs.work());
        assert_eq!(by_receiver(ours.clone()), theirs, "messages differ (left is ours)");
        assert_eq!(self.ours.removed, self.theirs.removed);
        if self.ours.removed {
            return ours; // it stops; ours has stepped down as well
        }
        assert_eq!(self.ours.view(), self.theirs.view(), "state differs (left is ours)");
        let reads = self.ours.reads.drain(..).map(|r| r.ctx.to_vec()).collect::<Vec<_>>();
        assert_eq!(reads, std::mem::take(&mut self.theirs.reads), "answered reads differ");
        self.theirs.set_election_timeout(self.ours.raw.status().election_timeout);
        ours
    }

    /// Theirs has no counterpart: work is always done at once.
    fn take(&mut self) -> Vec<Message> {
        self.work()
    }
    fn finish(&mut self) -> Vec<Message> {
        self.work()
    }
    fn status(&self) -> Status {
        self.ours.raw.status()
    }
    fn removed(&self) -> bool {
        self.ours.removed
    }
}

prop_compose! {
    fn config()(
        check_quorum in any::<bool>(),
        pre_vote in any::<bool>(),
        max_size_per_msg in prop_oneof![Just(0u64), Just(100), Just(1 << 20)],
        max_inflight_msgs in prop_oneof![1..4usize, Just(512)],
    ) -> Config {
        Config {
            election_tick: 5, check_quorum, pre_vote, max_size_per_msg, max_inflight_msgs,
            ..Config::new(1)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(0x2017_1027),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn ours_and_the_raft_crate_do_the_same_in_every_step(
        size in prop_oneof![Just(1u64), Just(3), Just(3), Just(5)],
        config in config(),
        seed in any::<u32>(),
        schedule in proptest::collection::vec(action(), 50..300),
    ) {
        let mut cluster: Cluster<Pair> =
            Cluster::new(size, config, seed.into(), Box::new(|_, _| {}));
        for action in schedule {
            cluster.run(action);
        }
    }
}
