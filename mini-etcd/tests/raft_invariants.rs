//! Raft's promises (Ongaro 2014, figure 3.2), checked over random schedules of everything that
//! can happen to a cluster: lost, late and doubled messages, partitions, crashes that lose what
//! was not saved, snapshots, membership changes.

mod raft_support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mini_etcd::raft::{Config, Role, Storage};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::RngSeed;

use raft_support::action::{Action, action};
use raft_support::cluster::Cluster;
use raft_support::member::Member;

/// What was seen of all members so far.
#[derive(Default)]
struct Seen {
    /// Who led each term.
    leaders: BTreeMap<u64, u64>,
    /// The state after each applied index.
    states: BTreeMap<u64, u64>,
    /// The term of each entry that was applied by anybody.
    committed: BTreeMap<u64, u64>,
    /// The commit index of each running member.
    commits: BTreeMap<u64, u64>,
    /// The highest commit index anywhere when a read was asked for.
    reads: BTreeMap<u64, u64>,
    answered: usize,
}

impl Seen {
    fn check(&mut self, id: u64, member: &mut Member) {
        let status = member.raw.status();
        if status.role == Role::Leader {
            let led = *self.leaders.entry(status.term).or_insert(id);
            assert_eq!(led, id, "election safety: two leaders in term {}", status.term);
            self.leader_is_complete(status.term, member);
        }
        for (index, hash) in member.machine.history.drain(..) {
            let seen = *self.states.entry(index).or_insert(hash);
            assert_eq!(seen, hash, "state machine safety: {id:x} differs at index {index}");
            if let Ok(term) = member.storage.term(index) {
                let known = *self.committed.entry(index).or_insert(term);
                assert_eq!(known, term, "{id:x} applied another entry at {index}");
            }
        }
        let before = self.commits.insert(id, status.commit).unwrap_or(0);
        assert!(status.commit >= before, "{id:x} went back from commit {before}");
        for read in member.reads.drain(..) {
            let ctx = u64::from_be_bytes(read.ctx.as_ref().try_into().unwrap());
            let floor = self.reads[&ctx];
            assert!(read.index >= floor, "read {ctx} sees {}, {floor} was there", read.index);
            self.answered += 1;
        }
    }

    /// Leader completeness: what was committed in an earlier term is in every later leader's log.
    fn leader_is_complete(&self, term: u64, leader: &Member) {
        let (first, last) = (leader.storage.first_index(), leader.storage.last_index());
        for (&index, &committed) in self.committed.range(first..) {
            if committed < term {
                assert!(index <= last, "leader of {term} lacks committed entry {index}");
                assert_eq!(leader.storage.term(index), Ok(committed), "entry {index}");
            }
        }
    }
}

/// Log matching: logs that agree on the term of an entry agree on all before it.
fn logs_match(cluster: &Cluster<Member>) {
    let disks: Vec<_> = cluster.slots.values().map(|s| &s.disk).collect();
    for (n, a) in disks.iter().enumerate() {
        for b in &disks[n + 1..] {
            let lo = a.first_index().max(b.first_index());
            let hi = a.last_index().min(b.last_index());
            let agree = |&i: &u64| a.term(i) == b.term(i);
            if let Some(top) = (lo..=hi).rev().find(agree) {
                assert!((lo..top).all(|i| agree(&i)), "log matching broken below {top}");
            }
        }
    }
}

fn check(size: u64, config: Config, seed: u64, prompt: bool, schedule: &[Action]) -> Seen {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let observer = Rc::clone(&seen);
    let after = Box::new(move |id: u64, m: &mut Member| observer.borrow_mut().check(id, m));
    let mut cluster: Cluster<Member> = Cluster::new(size, config, seed, after);
    cluster.prompt = prompt;
    let asked = Rc::clone(&seen);
    cluster.before_read = Box::new(move |ctx| {
        let mut seen = asked.borrow_mut();
        let floor = seen.states.keys().last().copied().unwrap_or(0);
        seen.reads.insert(ctx, floor);
    });
    for &action in schedule {
        cluster.run(action);
        let mut seen = seen.borrow_mut();
        let alive = cluster.alive();
        seen.commits.retain(|id, _| alive.contains(id)); // a crash may lose an unsaved commit
        drop(seen);
        logs_match(&cluster);
    }
    drop(cluster);
    Rc::try_unwrap(seen).ok().expect("the cluster is gone").into_inner()
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
    fn raft_keeps_its_promises_whatever_happens(
        size in prop_oneof![Just(1u64), Just(3), Just(3), Just(5)],
        config in config(),
        seed in any::<u32>(),
        prompt in any::<bool>(),
        schedule in proptest::collection::vec(action(), 50..400),
    ) {
        check(size, config, seed.into(), prompt, &schedule);
    }
}

#[test]
fn random_schedules_get_far_enough_to_mean_something() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let schedules = proptest::collection::vec(action(), 300..301);
    let (mut terms, mut applied, mut reads) = (0, 0, 0);
    for seed in 0..20 {
        let schedule = schedules.new_tree(&mut runner).unwrap().current();
        let config = Config { election_tick: 5, ..Config::new(1) };
        let seen = check(3, config, seed, true, &schedule);
        terms += seen.leaders.len();
        applied += seen.states.len();
        reads += seen.answered;
    }
    assert!(terms > 40 && applied > 200 && reads > 20, "{terms} {applied} {reads}");
}
