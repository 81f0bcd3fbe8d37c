//! Doing harm, and undoing it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_sim::{Fault, FaultId, Link, Side, World};
use tokio::time::sleep;

use super::ears::Ears;
use crate::scenario::{Lasts, Settings, Target, Who};
use crate::world::etcd::Etcd;
use crate::world::topology::Place;

/// What harm is done to. Clones are the same.
#[derive(Clone)]
pub struct Faults {
    world: World,
    etcd: Arc<Etcd>,
    ears: Ears,
    zones: Arc<[String]>,
    settings: Settings,
    lasting: Arc<Mutex<Vec<FaultId>>>,
}

impl Faults {
    /// Harm to these members.
    pub fn new(
        world: World,
        etcd: Arc<Etcd>,
        ears: Ears,
        zones: &[String],
        settings: &Settings,
    ) -> Self {
        let (zones, settings) = (zones.into(), settings.clone());
        Faults { world, etcd, ears, zones, settings, lasting: Arc::default() }
    }

    fn members(&self) -> Vec<&Place> {
        self.etcd.members().into_iter().map(|n| &self.etcd.places()[n]).collect()
    }

    /// The machines that a target stands for at this moment: none where nobody answers to it.
    pub fn machines(&self, target: &Target) -> Vec<String> {
        let members = self.members();
        let powered = |place: &&&Place| self.world.has_power(&place.name);
        let all_of = |zone: &str| {
            let in_zone = members.iter().filter(|place| place.zone == zone);
            in_zone.map(|place| place.name.clone()).collect::<Vec<_>>()
        };
        let leader = self.ears.leader();
        match target.who(&self.settings, &self.zones) {
            Who::All => members.iter().map(|place| place.name.clone()).collect(),
            Who::Zone(zone) => all_of(&zone),
            Who::FullestZone => {
                let fullest = self.zones.iter().rev().max_by_key(|zone| all_of(zone).len());
                fullest.map(|zone| all_of(zone)).unwrap_or_default()
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
        self.ears.leader()
    }

    /// The member's place at a machine.
    pub fn place(&self, machine: &str) -> Option<usize> {
        self.etcd.members().into_iter().find(|n| self.etcd.places()[*n].name == machine)
    }

    /// Takes the power of machines.
    pub fn power_off(&self, machines: &[String]) {
        machines.iter().for_each(|machine| self.world.power_off(machine));
    }

    /// Gives machines power.
    pub fn power_on(&self, machines: &[String]) {
        machines.iter().for_each(|machine| self.world.power_on(machine));
    }

    /// Kills members.
    pub fn kill(&self, machines: &[String]) {
        for process in machines.iter().filter_map(|m| self.etcd.process(self.place(m)?)) {
            self.world.kill(&process);
        }
    }

    /// Stops members for so long.
    pub async fn pause(&self, machines: &[String], lasts: Duration) {
        let process = |machine: &String| self.etcd.process(self.place(machine)?);
        let paused: Vec<_> = machines.iter().filter_map(process).collect();
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

    fn lasting(&self) -> std::sync::MutexGuard<'_, Vec<FaultId>> {
        self.lasting.lock().expect("no panic with the lock")
    }

    /// Ends everything that lasts, and gives every machine power.
    pub fn heal(&self) {
        let lasting = std::mem::take(&mut *self.lasting());
        lasting.into_iter().for_each(|id| self.world.end(id));
        for place in self.etcd.places() {
            self.world.power_on(&place.name);
        }
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
