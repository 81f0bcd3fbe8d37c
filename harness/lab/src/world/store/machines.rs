//! The machines of a world of etcd alone.

use std::net::{IpAddr, Ipv4Addr};

use harness_sim::MachineSpec;

use crate::scenario::{Scenario, Settings};
use crate::world::topology::Place;

/// Machines for members: nine, and as many again to replace them.
const MEMBERS_MAX: usize = 18;

/// Who is where.
#[derive(Clone, Debug)]
pub struct Machines {
    /// Where members may run: dealt to the zones in turn.
    pub etcd: Vec<Place>,
    /// Where clients run.
    pub clients: Place,
    /// Where people work.
    pub office: Place,
}

impl Machines {
    /// The machines that a scenario has.
    pub fn of(scenario: &Scenario) -> Self {
        let zones = &scenario.cluster.zones;
        let place = |name: String, zone: &str, group: u8, n: usize| Place {
            name,
            zone: zone.to_owned(),
            ip: IpAddr::V4(Ipv4Addr::new(10, group, 0, n as u8 + 1)),
        };
        let member = |n: usize| place(format!("etcd-{}", n + 1), &zones[n % zones.len()], 1, n);
        Machines {
            etcd: (0..MEMBERS_MAX).map(member).collect(),
            clients: place("clients".to_owned(), "outside", 9, 0),
            office: place("office".to_owned(), "outside", 9, 1),
        }
    }

    /// The machines as the simulator wants them.
    pub fn specs(&self) -> impl Iterator<Item = MachineSpec> {
        let all = self.etcd.iter().chain([&self.clients, &self.office]);
        all.map(|place| MachineSpec::new(&place.name).zone(&place.zone).ip(place.ip).cores(2))
    }
}

/// How many members a run with these settings begins with.
pub fn members(scenario: &Scenario, settings: &Settings, seed: u64) -> usize {
    if !scenario.factors.iter().any(|factor| factor.name == "members") {
        return scenario.cluster.etcd_members as usize;
    }
    match settings.level("members").parse() {
        Ok(members) => members,
        // Drawn: as the cases that people run.
        Err(_) => {
            let mut rng = harness_env::Rng::from_key(harness_env::rng::derive(seed, "members"));
            *rng.pick(&[1, 3, 3, 5, 5, 9]).unwrap_or(&3)
        }
    }
}
