//! A machine: addresses, a zone, a disk, cores, a clock; and whether it has power.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use turmoil_fs::Fs;
use turmoil_net::HostId;

use crate::disk::DiskFaults;
use crate::record::Digest;

/// What a machine is when the world begins.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    pub(crate) name: String,
    pub(crate) zone: String,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) pod_ips: Vec<IpAddr>,
    pub(crate) cores: usize,
    pub(crate) fsync: Duration,
}

impl MachineSpec {
    /// A machine with one address, two cores, in no zone, whose `fsync` takes 1 ms.
    pub fn new(name: impl Into<String>) -> Self {
        MachineSpec {
            name: name.into(),
            zone: String::new(),
            ip: None,
            pod_ips: Vec::new(),
            cores: 2,
            fsync: Duration::from_millis(1),
        }
    }

    /// In this failure domain.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = zone.into();
        self
    }

    /// With this address. Without, it gets 10.0.x.y in order of declaration.
    #[must_use]
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// With a pool of further addresses for processes that have one of their own. An address that
    /// no process holds swallows packets.
    #[must_use]
    pub fn pod_ips(mut self, ips: impl IntoIterator<Item = IpAddr>) -> Self {
        self.pod_ips = ips.into_iter().collect();
        self
    }

    /// With this many cores.
    #[must_use]
    pub fn cores(mut self, cores: usize) -> Self {
        self.cores = cores.max(1);
        self
    }

    /// With a disk whose `fsync` takes this long.
    #[must_use]
    pub fn fsync(mut self, fsync: Duration) -> Self {
        self.fsync = fsync;
        self
    }

    /// The address of the `n`th machine that asks for none.
    pub(crate) fn default_ip(n: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, (n / 250) as u8, (n % 250 + 1) as u8))
    }
}

/// A machine of a running world.
pub(crate) struct Machine {
    pub name: String,
    pub zone: String,
    pub ip: IpAddr,
    pub net: HostId,
    pub powered: bool,
    /// How often it was switched on, counted from 1.
    pub boot: u64,
    /// How many packets have come in that a reader could notice.
    pub arrivals: u64,
    pub fs: Fs,
    pub fsync: Duration,
    pub disk_faults: DiskFaults,
    /// The names that renames and removals left which are not durable yet.
    pub left: BTreeSet<PathBuf>,
    /// When each core is free again.
    pub cores: Vec<Instant>,
    /// How many times slower than specified the cores are.
    pub slowness: f64,
    /// Wall clock minus true time, in nanoseconds.
    pub skew: i64,
    pub digest: Digest,
}
