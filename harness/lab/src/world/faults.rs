//! Doing harm to the machines of a cluster, and undoing it; and saying so.
//!
//! Machines are those of etcd's members and, in a bank, the masters and workers beside them. What else
//! there is (load balancers, the database, data centres, whoever is outside) no harm can be meant for:
//! it stands for services that span zones and are run by others, and nobody supervises it here.
//!
//! A kill and a pause befall the programs that are supervised on a machine: etcd, a master's three, a
//! kubelet. Pods are none of them: they run on without their kubelet. A power loss takes everything.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use harness_sim::{Fault, FaultId, Link, Process, Side, World};
use tokio::time::sleep;

use super::etcd::Etcd;
use super::leaders::Leaders;
use super::topology::Place;
use super::unit::{Supervised, Unit};
use crate::scenario::{Deed, Lasts, Settings, Target, Who};

/// What harm is done to. Clones are the same.
#[derive(Clone)]
pub struct Faults {
    world: World,
    etcd: Arc<Etcd>,
    leaders: Leaders,
    others: Arc<[Supervised]>,
    zones: Arc<[String]>,
    settings: Settings,
    lasting: Arc<Mutex<Vec<FaultId>>>,
}

impl Faults {
    /// Harm to these members, and to the other machines that there are.
    pub fn new(
        world: World,
        etcd: Arc<Etcd>,
        leaders: Leaders,
        others: Vec<Supervised>,
        zones: &[String],
        settings: &Settings,
    ) -> Self {
        let (others, zones, settings) = (others.into(), zones.into(), settings.clone());
        Faults { world, etcd, leaders, others, zones, settings, lasting: Arc::default() }
    }

    fn members(&self) -> Vec<&Place> {
        self.etcd.members().into_iter().map(|n| &self.etcd.places()[n]).collect()
    }

    /// Every machine, also those that no member has used.
    fn places(&self) -> impl Iterator<Item = &Place> {
        self.etcd.places().iter().chain(self.others.iter().map(|other| &other.place))
    }

    /// The machines that a target stands for at this moment: none where nobody answers to it.
    pub fn machines(&self, target: &Target) -> Vec<String> {
        let members = self.members();
        let powered = |place: &&&Place| self.world.has_power(&place.name);
        let members_of = |zone: &str| members.iter().filter(|place| place.zone == zone).count();
        let all_of = |zone: &str| {
            let others = self.others.iter().map(|other| &other.place);
            let all = members.iter().copied().chain(others);
            let in_zone = all.filter(|place| place.zone == zone);
            in_zone.map(|place| place.name.clone()).collect::<Vec<_>>()
        };
        let leader = self.leader();
        match target.who(&self.settings, &self.zones) {
            Who::All => members.iter().map(|place| place.name.clone()).collect(),
            Who::Zone(zone) => all_of(&zone),
            Who::FullestZone => {
                let fullest = self.zones.iter().rev().max_by_key(|zone| members_of(zone));
                fullest.map(|zone| all_of(zone)).unwrap_or_default()
            }
            Who::Machine(kind, n) => {
                let name = format!("{kind}-{n}");
                let is_there = self.places().any(|place| place.name == name);
                is_there.then_some(name).into_iter().collect()
            }
            Who::Member(n) => {
                let place = self.etcd.places().get(n as usize - 1);
                place.map(|place| place.name.clone()).into_iter().collect()
            }
            Who::Rest(count) => {
                let rest = members.iter().filter(powered).take(count as usize);
                rest.map(|place| place.name.clone()).collect()
            }
            Who::Leader => leader.into_iter().collect(),
            Who::Follower => {
                let mut others = members.iter().filter(powered);
                let other = others.find(|place| Some(&place.name) != leader.as_ref());
                other.map(|place| place.name.clone()).into_iter().collect()
            }
        }
    }

    /// The machine whose member leads, as far as anybody has heard.
    pub fn leader(&self) -> Option<String> {
        self.leaders.leader()
    }

    /// The member's place at a machine.
    pub fn place(&self, machine: &str) -> Option<usize> {
        self.etcd.members().into_iter().find(|n| self.etcd.places()[*n].name == machine)
    }

    /// Does what a deed says, and tells of it. Returns when it is over, where it is said how long it
    /// lasts.
    ///
    /// # Errors
    /// It is no harm, but what people do with etcd.
    pub async fn befall(&self, deed: &Deed, because: &str) -> Result<(), String> {
        let on = |target: &Target| self.machines(target);
        let kind = format!("step.{}", deed.name());
        let tell = |text: String| tracing::info!(kind, because, "{text}");
        match deed {
            Deed::PowerOff(target) => {
                let machines = on(target);
                tell(format!("{} without power", are(&machines)));
                self.power_off(&machines);
            }
            Deed::PowerOn(target) => {
                let machines = on(target);
                tell(format!("{} power again", have(&machines)));
                self.power_on(&machines);
            }
            Deed::Kill(target) => {
                let machines = on(target);
                let (programs, is_one) = self.programs(&machines);
                tell(format!("{programs} {} killed", if is_one { "is" } else { "are" }));
                self.kill(&machines);
            }
            Deed::Pause(target, lasts) => {
                let machines = on(target);
                let (programs, is_one) = self.programs(&machines);
                let stand = if is_one { "stands" } else { "stand" };
                tell(format!("{programs} {stand} still for {lasts:?}"));
                self.pause(&machines, *lasts).await;
            }
            Deed::Cut(from, to, one_way, lasts) => {
                let (from, to) = (on(from), on(to));
                let (one, other) = (list(&from), list(&to));
                tell(match one_way {
                    true => format!("{one} no longer reach {other}"),
                    false => format!("{one} and {other} do not reach each other"),
                });
                self.last(cut(&from, &to, *one_way), *lasts).await;
            }
            Deed::SlowLink(from, to, by, lasts) => {
                let (from, to) = (on(from), on(to));
                tell(format!("{by:?} lie between {} and {}", list(&from), list(&to)));
                self.last(slow_link(&from, &to, *by), *lasts).await;
            }
            Deed::SlowDisk(target, by, lasts) => {
                let machines = on(target);
                tell(format!("the disk of {} takes {by:?} longer", list(&machines)));
                let slow = |machine: String| Fault::SlowDisk { machine, by: *by };
                self.last(machines.into_iter().map(slow).collect(), *lasts).await;
            }
            Deed::FullDisk(target, lasts) => {
                let machines = on(target);
                tell(format!("the disk of {} is full", list(&machines)));
                let full = |machine| Fault::FullDisk { machine };
                self.last(machines.into_iter().map(full).collect(), *lasts).await;
            }
            Deed::FailingDisk(target, lasts) => {
                let machines = on(target);
                tell(format!("the disk of {} fails", list(&machines)));
                let failing = |machine| Fault::FailingDisk { machine };
                self.last(machines.into_iter().map(failing).collect(), *lasts).await;
            }
            Deed::Skew(target, by, lasts) => {
                let machines = on(target);
                tell(format!("the clock of {} is {by:?} ahead", list(&machines)));
                let nanos = by.as_nanos() as i64;
                let skew = |machine| Fault::Skew { machine, nanos };
                self.last(machines.into_iter().map(skew).collect(), *lasts).await;
            }
            Deed::Heal => {
                tell("everything is mended".to_owned());
                self.heal();
            }
            Deed::Replace(_)
            | Deed::Silent(_)
            | Deed::Put(_)
            | Deed::Get(..)
            | Deed::Audit
            | Deed::Chaos(_) => return Err(format!("nobody here can {}", deed.name())),
        }
        Ok(())
    }

    /// Takes the power of machines.
    pub fn power_off(&self, machines: &[String]) {
        machines.iter().for_each(|machine| self.world.power_off(machine));
    }

    /// Gives machines power.
    pub fn power_on(&self, machines: &[String]) {
        machines.iter().for_each(|machine| self.world.power_on(machine));
    }

    /// What runs under supervision on a machine.
    fn processes(&self, machine: &str) -> Vec<Process> {
        let member = self.place(machine).and_then(|n| self.etcd.process(n));
        let others = self.others.iter().filter(|other| other.place.name == machine);
        let units = others.flat_map(|other| &other.units);
        member.into_iter().chain(units.filter_map(Unit::process)).collect()
    }

    /// The programs on machines in words, and whether it is one.
    fn programs(&self, machines: &[String]) -> (String, bool) {
        let mut alike: Vec<(Vec<String>, Vec<String>)> = Vec::new();
        for machine in machines {
            let other = self.others.iter().find(|other| other.place.name == *machine);
            let programs: Vec<String> = match other {
                Some(other) => other.units.iter().map(|unit| unit.name().to_owned()).collect(),
                None => vec!["etcd".to_owned()],
            };
            match alike.iter_mut().find(|(known, _)| *known == programs) {
                Some((_, on)) => on.push(machine.clone()),
                None => alike.push((programs, vec![machine.clone()])),
            }
        }
        let told = alike.iter().map(|(programs, on)| format!("{} on {}", list(programs), list(on)));
        let told = told.collect::<Vec<_>>().join("; ");
        match &alike[..] {
            [] if self.others.is_empty() => ("etcd on nobody".to_owned(), true),
            [] => ("nobody".to_owned(), true),
            [(programs, _)] => (told, programs.len() == 1),
            _ => (told, false),
        }
    }

    /// Kills what runs under supervision.
    pub fn kill(&self, machines: &[String]) {
        for process in machines.iter().flat_map(|machine| self.processes(machine)) {
            self.world.kill(&process);
        }
    }

    /// Stops what runs under supervision for so long.
    pub async fn pause(&self, machines: &[String], lasts: Duration) {
        let paused: Vec<_> = machines.iter().flat_map(|machine| self.processes(machine)).collect();
        paused.iter().for_each(|process| self.world.pause(process));
        sleep(lasts).await;
        paused.iter().for_each(|process| self.world.resume(process));
    }

    /// Begins faults, and ends them after so long.
    pub async fn last(&self, faults: Vec<Fault>, lasts: Lasts) {
        let ids: Vec<FaultId> = faults.into_iter().map(|fault| self.world.begin(fault)).collect();
        self.lasting().extend(&ids);
        if let Some(lasts) = lasts {
            sleep(lasts).await;
            ids.iter().for_each(|id| self.world.end(*id));
            self.lasting().retain(|id| !ids.contains(id));
        }
    }

    fn lasting(&self) -> MutexGuard<'_, Vec<FaultId>> {
        self.lasting.lock().expect("no panic with the lock")
    }

    /// Whether a fault lasts, or a machine has no power.
    pub fn any_lasts(&self) -> bool {
        let mut places = self.places();
        !self.lasting().is_empty() || places.any(|place| !self.world.has_power(&place.name))
    }

    /// Ends everything that lasts, and gives every machine power.
    pub fn heal(&self) {
        let lasting = std::mem::take(&mut *self.lasting());
        lasting.into_iter().for_each(|id| self.world.end(id));
        self.places().for_each(|place| self.world.power_on(&place.name));
    }
}

/// Two groups of machines that cannot reach each other.
pub fn cut(from: &[String], to: &[String], one_way: bool) -> Vec<Fault> {
    pairs(from, to).map(|(from, to)| Fault::Partition { from, to, both_ways: !one_way }).collect()
}

/// Two groups of machines between which everything takes so much longer.
pub fn slow_link(from: &[String], to: &[String], by: Duration) -> Vec<Fault> {
    let link = Link::with_latency(by);
    pairs(from, to).map(|(from, to)| Fault::Degrade { from, to, link }).collect()
}

fn pairs(from: &[String], to: &[String]) -> impl Iterator<Item = (Side, Side)> {
    from.iter().flat_map(move |a| {
        let others = to.iter().filter(move |b| *b != a);
        others.map(move |b| (Side::Machine(a.clone()), Side::Machine(b.clone())))
    })
}

/// Machines as people name them.
pub fn list(machines: &[String]) -> String {
    match machines {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn are(machines: &[String]) -> String {
    format!("{} {}", list(machines), if machines.len() == 1 { "is" } else { "are" })
}

fn have(machines: &[String]) -> String {
    format!("{} {}", list(machines), if machines.len() == 1 { "has" } else { "have" })
}

#[cfg(test)]
mod tests {
    use harness_sim::{Config, run};
    use mini_etcd::server;

    use super::super::topology::Topology;
    use super::super::unit::Program;
    use super::*;
    use crate::Scenario;
    use crate::scenario::{self, Action, Source};

    /// An ordinary day on which each of these loses its power.
    fn day(whom: &[&str]) -> Scenario {
        let source = scenario::source("ordinary-day").expect("the built-in text");
        let step =
            "[[step]]\nact = \"afternoon\"\nat = \"+1m\"\nactor = \"chance\"\ndo = \"power-off\"";
        let steps = whom.iter().map(|whom| format!("\n{step}\non = \"{whom}\"\n"));
        let text = source.text.clone() + &steps.collect::<String>();
        let source = Source { text, ..source };
        source.parse().expect("it is right")
    }

    /// The machines of a bank, on which nothing runs but etcd and what waits for ever.
    fn bank(world: World, scenario: &Scenario, topology: &Topology) -> Faults {
        let leaders = Leaders::default();
        let heard = leaders.clone();
        let tune = Arc::new(move |config: &mut server::Config| {
            config.observer = Some(heard.on(&config.name));
        });
        let profile = "3.1.8".parse().expect("a release");
        let etcd = Arc::new(Etcd::start(world, &topology.etcd, 3, profile, tune));
        let idle: Program = Arc::new(|_, _| Box::pin(std::future::pending()));
        let on = |place: &Place, names: &[&str]| {
            let units = names.iter().map(|name| Unit::new(world, &place.name, name, idle.clone()));
            let units: Vec<Unit> = units.collect();
            units.iter().for_each(Unit::start);
            Supervised { place: place.clone(), units }
        };
        let masters = topology.masters.iter().map(|place| on(place, &["apiserver", "scheduler"]));
        let workers = topology.workers.iter().map(|worker| on(&worker.place, &["kubelet"]));
        let (others, zones) = (masters.chain(workers).collect(), &scenario.cluster.zones);
        Faults::new(world, etcd, leaders, others, zones, &scenario.defaults())
    }

    /// Runs `test` with what harm is done to, the topology, and the targets of [`day`].
    fn in_a_bank<F: Future<Output = ()>>(
        whom: &[&str],
        test: impl FnOnce(World, Faults, Topology, Vec<Target>) -> F + Send + 'static,
    ) {
        let scenario = day(whom);
        let target = |step: &scenario::Step| match &step.action {
            Action::Deed(Deed::PowerOff(target)) => target.clone(),
            other => panic!("{other:?}"),
        };
        let targets: Vec<Target> = scenario.main_act().steps.iter().map(target).collect();
        let topology = Topology::of(&scenario, &scenario.defaults());
        let config = topology.machines().into_iter().fold(Config::new(1), Config::machine);
        run(config, move |world| async move {
            let faults = bank(world, &scenario, &topology);
            // Until somebody leads.
            sleep(Duration::from_secs(5)).await;
            test(world, faults, topology, targets).await;
        });
    }

    #[test]
    fn a_machine_that_is_not_there_is_nobody_and_all_are_etcds() {
        let whom = ["node-6", "node-7", "etcd-7", "all", "2 of the rest"];
        in_a_bank(&whom, |_, faults, _, targets| async move {
            let of = |n: usize| faults.machines(&targets[n]);
            assert_eq!(of(0), ["node-6"]);
            assert_eq!(of(1), [""; 0]);
            assert_eq!(of(2), ["etcd-7"]);
            assert_eq!(of(3), ["etcd-1", "etcd-2", "etcd-3"]);
            assert_eq!(of(4), ["etcd-1", "etcd-2"]);
        });
    }

    #[test]
    fn a_zone_is_what_the_cluster_has_there_and_nothing_else() {
        in_a_bank(&["zone a"], |world, faults, topology, targets| async move {
            let zone = ["etcd-1", "master-1", "node-1", "node-4"];
            assert_eq!(faults.machines(&targets[0]), zone);
            faults.power_off(&faults.machines(&targets[0]));
            let dark = faults.places().filter(|place| !world.has_power(&place.name));
            assert_eq!(dark.map(|place| place.name.as_str()).collect::<Vec<_>>(), zone);
            assert_eq!(topology.database.zone, "a");
            assert!(world.has_power(&topology.database.name), "it is not the cluster's");
            assert!(faults.any_lasts());
            faults.heal();
            assert!(!faults.any_lasts());
        });
    }

    #[test]
    fn who_leads_is_known_and_who_leads_after_a_loss() {
        in_a_bank(&["the leader", "a follower"], |_, faults, _, targets| async move {
            let of = |n: usize| faults.machines(&targets[n]);
            let (leader, follower) = (of(0), of(1));
            assert!(leader.len() == 1 && follower.len() == 1 && leader != follower);
            faults.power_off(&leader);
            sleep(Duration::from_secs(10)).await;
            assert!(of(0).len() == 1 && of(0) != leader, "{:?} after {leader:?}", of(0));
        });
    }

    #[test]
    fn a_kill_ends_what_is_supervised_and_a_power_loss_everything() {
        in_a_bank(&["zone a"], |world, faults, _, targets| async move {
            let zone = faults.machines(&targets[0]);
            let told =
                "etcd on etcd-1; apiserver and scheduler on master-1; kubelet on node-1 and node-4";
            assert_eq!(faults.programs(&zone), (told.to_owned(), false));
            assert_eq!(faults.programs(&zone[..1]), ("etcd on etcd-1".to_owned(), true));
            let pod = world.start("node-1", "pod", |_| std::future::pending());
            let running = || -> Vec<Process> {
                let all = zone.iter().flat_map(|machine| faults.processes(machine));
                all.filter(Process::is_alive).collect()
            };
            assert_eq!(running().len(), 5);
            faults.kill(&zone);
            assert_eq!((running().len(), pod.is_alive()), (0, true));
            sleep(Duration::from_secs(2)).await;
            assert_eq!(running().len(), 5, "their supervisor has started them again");
            faults.power_off(&zone);
            assert_eq!((running().len(), pod.is_alive()), (0, false));
            faults.power_on(&zone);
            sleep(Duration::from_secs(3)).await;
            assert_eq!((running().len(), pod.is_alive()), (5, false));
        });
    }
}
