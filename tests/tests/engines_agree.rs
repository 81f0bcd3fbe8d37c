//! The same etcd on two engines of different make has the same history.
//!
//! Five members in three zones elect a leader; a client writes; a zone is lost; the client writes on;
//! the zone comes back; the client writes again and reads every member. Compared is what the client
//! was told: acknowledgements, revisions, contents. Not compared: times, and who leads.
//!
//! Zones are lost in two ways that both engines can express. *Cut off*: `harness-sim` partitions, and
//! its senders retransmit; classic turmoil would drop the messages for ever, so there they are held
//! and released, which is what retransmission comes to. *Switched off*: machines lose power and
//! start again with their disks; on classic turmoil their connections end with a FIN besides.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_classic::{Settings, Sim};
use harness_env::Env;
use harness_sim::{Config, MachineSpec, Side, World};
use tokio::sync::watch;
use tokio::time::sleep;

use support::{Member, Session, config, members, run_member};

const ZONES: &str = "aabbc";
const LOST: &str = "a";
const WRITES: usize = 10;
/// Longer than anything takes.
const LIMIT: Duration = Duration::from_secs(300);

/// How a zone is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    CutOff,
    SwitchedOff,
}

/// What the director and the client share: which act it is, which is done, what the client saw.
#[derive(Clone)]
struct Script {
    act: Arc<watch::Sender<usize>>,
    done: Arc<watch::Sender<usize>>,
    history: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn new() -> Script {
        let channel = || Arc::new(watch::channel(0).0);
        Script { act: channel(), done: channel(), history: Arc::default() }
    }

    fn note(&self, line: String) {
        self.history.lock().unwrap().push(line);
    }

    async fn until(&self, act: usize) {
        let mut current = self.act.subscribe();
        current.wait_for(|current| *current >= act).await.expect("the script lives");
    }

    fn is_done(&self, act: usize) -> bool {
        *self.done.borrow() >= act
    }
}

/// The client's program.
async fn client(env: Env, members: Vec<Member>, loss: Loss, script: Script) -> Result<(), String> {
    let mut session = Session::new(&env, &members);
    for act in 1..=3 {
        script.until(act).await;
        for n in 0..WRITES {
            let key = format!("act{act}-{n}");
            let revision = session.create(&key, &format!("value {n}")).await;
            script.note(format!("{key} acknowledged at revision {revision}"));
        }
        if act == 2 && loss == Loss::CutOff {
            let newest = session.pairs("a1", false).await.map(|pairs| pairs.len());
            script.note(format!("a1, cut off, asked for the newest: {newest:?}"));
            let own = session.pairs("a1", true).await.map(|pairs| pairs.len());
            script.note(format!("a1, cut off, asked for what it has: {own:?}"));
        }
        script.done.send_replace(act);
    }
    for member in &members {
        // A member that was away may still be catching up.
        let pairs = loop {
            match session.pairs(&member.name, true).await {
                Ok(pairs) if pairs.len() == 3 * WRITES => break pairs,
                _ => sleep(Duration::from_millis(100)).await,
            }
        };
        script.note(format!("{} has {pairs:?}", member.name));
    }
    script.done.send_replace(4);
    std::future::pending().await
}

fn on_harness_sim(seed: u64, loss: Loss) -> Vec<String> {
    let mut world = Config::new(seed).machine(MachineSpec::new("client").zone("client"));
    for member in members(ZONES, |_| [0, 0, 0, 0].into()) {
        world = world.machine(MachineSpec::new(member.name).zone(member.zone));
    }
    let direct = move |world: World| async move {
        let members = members(ZONES, |name| world.ip(name));
        let begin = |member: &Member| {
            let config = config(member, &members);
            world.start(&member.name, "etcd", |env| run_member(env, config));
        };
        members.iter().for_each(begin);
        let script = Script::new();
        let (told, all) = (script.clone(), members.clone());
        world.start("client", "client", move |env| client(env, all, loss, told));
        let lost: Vec<&Member> = members.iter().filter(|m| m.zone == LOST).collect();
        let act = async |act: usize| {
            script.act.send_replace(act);
            let mut done = script.done.subscribe();
            let done = done.wait_for(|done| *done >= act);
            tokio::time::timeout(LIMIT, done).await.expect("in time").expect("it lives");
        };
        act(1).await;
        let mut cuts = Vec::new();
        match loss {
            Loss::CutOff => {
                for other in ["b", "c"] {
                    cuts.push(world.partition(Side::Zone(LOST.into()), Side::Zone(other.into())));
                }
            }
            Loss::SwitchedOff => lost.iter().for_each(|member| world.power_off(&member.name)),
        }
        act(2).await;
        match loss {
            Loss::CutOff => cuts.into_iter().for_each(|cut| world.end(cut)),
            Loss::SwitchedOff => {
                for member in lost {
                    world.power_on(&member.name);
                    begin(member);
                }
            }
        }
        act(3).await;
        act(4).await;
        script.history.lock().unwrap().clone()
    };
    let report = harness_sim::run(world, direct);
    assert!(report.faults.iter().all(|fault| fault.effects > 0), "{:?}", report.faults);
    report.result
}

fn on_classic(seed: u64, loss: Loss) -> Vec<String> {
    let mut sim = Sim::new(Settings::new(seed));
    let members = members(ZONES, |name| sim.ip(name));
    for member in &members {
        let config = config(member, &members);
        sim.start(&member.name, &member.zone, "etcd", move |env| run_member(env, config.clone()));
    }
    let script = Script::new();
    let (told, all) = (script.clone(), members.clone());
    sim.start("client", "client", "client", move |env| {
        client(env, all.clone(), loss, told.clone())
    });
    let act = |sim: &mut Sim, act: usize| {
        script.act.send_replace(act);
        assert_eq!(sim.run_until(LIMIT, || script.is_done(act)), Ok(true), "act {act}");
    };
    act(&mut sim, 1);
    match loss {
        Loss::CutOff => ["b", "c"].iter().for_each(|other| sim.hold(LOST, other)),
        Loss::SwitchedOff => ["a1", "a2"].iter().for_each(|member| sim.crash(member)),
    }
    act(&mut sim, 2);
    match loss {
        Loss::CutOff => ["b", "c"].iter().for_each(|other| sim.release(LOST, other)),
        Loss::SwitchedOff => ["a1", "a2"].iter().for_each(|member| sim.bounce(member)),
    }
    act(&mut sim, 3);
    act(&mut sim, 4);
    script.history.lock().unwrap().clone()
}

/// What every history must have in it, whatever the engine.
fn assert_nothing_is_lost(history: &[String]) {
    let acknowledged = history.iter().filter(|line| line.contains("acknowledged"));
    for (n, line) in acknowledged.enumerate() {
        let (act, nth, revision) = (n / WRITES + 1, n % WRITES, n + 2);
        assert_eq!(line, &format!("act{act}-{nth} acknowledged at revision {revision}"));
    }
    assert_eq!(history.iter().filter(|line| line.contains(" has [")).count(), ZONES.len());
}

#[test]
fn an_etcd_whose_zone_is_cut_off_has_one_history_on_both_engines() {
    for seed in [1, 2] {
        let ours = on_harness_sim(seed, Loss::CutOff);
        assert_nothing_is_lost(&ours);
        let cut_off = ours.iter().filter(|line| line.starts_with("a1, cut off"));
        assert_eq!(
            cut_off.collect::<Vec<_>>(),
            [
                "a1, cut off, asked for the newest: Err(\"no answer\")",
                "a1, cut off, asked for what it has: Ok(10)",
            ]
        );
        assert_eq!(ours, on_classic(seed, Loss::CutOff), "seed {seed}");
    }
}

#[test]
fn an_etcd_whose_zone_is_switched_off_has_one_history_on_both_engines() {
    for seed in [1, 2] {
        let ours = on_harness_sim(seed, Loss::SwitchedOff);
        assert_nothing_is_lost(&ours);
        assert_eq!(ours, on_classic(seed, Loss::SwitchedOff), "seed {seed}");
    }
}
