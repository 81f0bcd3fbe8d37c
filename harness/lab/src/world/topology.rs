//! The machines of a run and their addresses.
//!
//! Everything is an IP address: there is no name service, as there was none between the bank's
//! programs and linkerd. Machines of a kind are dealt to the zones in turn.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use harness_sim::MachineSpec;

use crate::scenario::{Scenario, Settings};

/// The most members that a scenario may grow etcd to.
const ETCD_MAX: usize = 9;
/// Addresses for pods on each worker.
const PODS: u8 = 120;
/// One address in so many is left free: a rollout has both versions for a while, and an address is not
/// used again at once.
const SPARE: usize = 10;

/// Ports of the programs.
pub mod port {
    /// etcd, for clients and for members (etcd's defaults).
    pub const ETCD_CLIENT: u16 = 2379;
    /// See [`ETCD_CLIENT`].
    pub const ETCD_PEER: u16 = 2380;
    /// The apiserver (`--insecure-port`).
    pub const APISERVER: u16 = 8080;
    /// linkerd, for requests and for operators.
    pub const MESH: u16 = 4140;
    /// See [`MESH`].
    pub const MESH_ADMIN: u16 = 9990;
    /// What a service's pod listens on at its own address.
    pub const SERVICE: u16 = 8000;
    /// The first port of entry services at the node's address.
    pub const ENTRY: u16 = 30_000;
    /// Everything else that is alone on its machine.
    pub const WEB: u16 = 80;
}

/// A machine by name and address.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// Its address.
    pub ip: IpAddr,
}

impl Place {
    /// A port of it.
    pub fn port(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }
}

/// A machine that runs pods.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The machine.
    pub place: Place,
    /// Its addresses for pods.
    pub pod_ips: Vec<IpAddr>,
}

/// The machines of a run.
#[derive(Clone, Debug)]
pub struct Topology {
    /// As many as etcd may grow to; the first ones have a member from the beginning.
    pub etcd: Vec<Place>,
    /// One apiserver, controller-manager and scheduler each.
    pub masters: Vec<Place>,
    /// What runs pods.
    pub workers: Vec<Worker>,
    /// The load balancer before the apiservers.
    pub api_balancer: Place,
    /// The load balancer before the services that are reached from outside.
    pub edge_balancer: Place,
    /// The store that the ledgers write to.
    pub database: Place,
    /// The bank's physical data centres.
    pub data_centres: Vec<Place>,
    /// The card scheme's network.
    pub scheme: Place,
    /// Customers' telephones.
    pub customers: Place,
    /// The monitor and the pager.
    pub monitor: Place,
    /// The check from outside.
    pub health_check: Place,
    /// Where people work.
    pub office: Place,
}

/// Whether a bank with so many pods finds addresses on so many workers.
///
/// # Errors
/// What would have to be set.
pub fn room(pods: usize, workers: usize) -> Result<(), String> {
    let each = usize::from(PODS) - usize::from(PODS) / SPARE;
    if pods <= workers * each {
        return Ok(());
    }
    let enough = pods.div_ceil(each);
    Err(format!("{pods} pods need {enough} workers, {each} on each: there are {workers}"))
}

impl Topology {
    /// The machines that a scenario with these settings has.
    pub fn of(scenario: &Scenario, settings: &Settings) -> Self {
        let zones = &scenario.cluster.zones;
        let dealt = |kind: &str, group: u8, count: usize| -> Vec<Place> {
            (0..count)
                .map(|n| Place {
                    name: format!("{kind}-{}", n + 1),
                    zone: zones[n % zones.len()].clone(),
                    ip: address(group, 0, n as u8 + 1),
                })
                .collect()
        };
        let outside = |name: &str, n: u8| Place {
            name: name.to_owned(),
            zone: name.to_owned(),
            ip: address(9, 0, n),
        };
        let inside = |name: &str, n: u8| Place {
            name: name.to_owned(),
            zone: zones[n as usize % zones.len()].clone(),
            ip: address(8, 0, n),
        };
        let workers = settings.number("workers") as usize;
        let worker = |n: usize| Worker {
            place: Place {
                name: format!("node-{}", n + 1),
                zone: zones[n % zones.len()].clone(),
                ip: address(3, (n / 200) as u8, (n % 200) as u8 + 1),
            },
            pod_ips: (0..PODS)
                .map(|pod| {
                    IpAddr::V4(Ipv4Addr::new(100, 64 + (n / 250) as u8, (n % 250) as u8, pod + 1))
                })
                .collect(),
        };
        Topology {
            etcd: dealt("etcd", 1, ETCD_MAX.max(scenario.cluster.etcd_members as usize)),
            masters: dealt("master", 2, scenario.cluster.apiservers as usize),
            workers: (0..workers).map(worker).collect(),
            api_balancer: inside("elb-api", 1),
            edge_balancer: inside("elb-edge", 2),
            database: inside("database", 3),
            data_centres: vec![outside("dc-1", 1), outside("dc-2", 2)],
            scheme: outside("mastercard", 3),
            customers: outside("customers", 4),
            monitor: outside("monitor", 5),
            health_check: outside("pingdom", 6),
            office: outside("office", 7),
        }
    }

    /// The machines as the simulator wants them.
    pub fn machines(&self) -> Vec<MachineSpec> {
        let plain =
            |place: &Place| MachineSpec::new(&place.name).zone(&place.zone).ip(place.ip).cores(2);
        let worker =
            |worker: &Worker| plain(&worker.place).cores(8).pod_ips(worker.pod_ips.iter().copied());
        let mut machines: Vec<MachineSpec> = Vec::new();
        machines.extend(self.etcd.iter().map(plain));
        machines.extend(self.masters.iter().map(|place| plain(place).cores(4)));
        machines.extend(self.workers.iter().map(worker));
        let others = [
            &self.api_balancer,
            &self.edge_balancer,
            &self.database,
            &self.scheme,
            &self.customers,
            &self.monitor,
            &self.health_check,
            &self.office,
        ];
        machines.extend(others.into_iter().map(plain));
        machines.extend(self.data_centres.iter().map(plain));
        machines
    }

    /// Where programs find an apiserver.
    pub fn api(&self) -> SocketAddr {
        self.api_balancer.port(port::APISERVER)
    }

    /// The client address of the `n`th etcd machine.
    pub fn etcd_client(&self, n: usize) -> SocketAddr {
        self.etcd[n].port(port::ETCD_CLIENT)
    }
}

fn address(group: u8, high: u8, low: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, group, high, low))
}
