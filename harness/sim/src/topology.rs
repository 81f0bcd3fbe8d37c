//! What lies between an address and another now: a link, a fault, or nothing that answers.
//!
//! The fabric asks for the path of every packet; this is all that it sees of the world.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::fault::{Fault, FaultId, Side};
use crate::link::Link;
use crate::machine::Machine;
use crate::process::ProcessId;

/// Whether and how a packet may travel now.
pub(crate) enum Path {
    /// Over this link; the fault to charge, if one has made it what it is.
    Open(Link, Option<FaultId>),
    /// Something on the way refuses it; the fault to charge, if it is one.
    Blocked(Option<FaultId>),
    /// This hold keeps it on the link.
    Held(FaultId),
    /// The sender has no power: the packet never was.
    SourceOff,
}

/// What the fabric asks of the world.
pub(crate) trait Topology {
    /// Whose address this is. That never changes.
    fn machine(&self, ip: IpAddr) -> Option<usize>;
    /// The path from one machine to an address of another.
    fn path(&self, from: usize, to: Option<usize>, dst: IpAddr) -> Path;
    /// The same for a packet that is on the link already: its sender need not be there.
    fn onward(&self, from: usize, to: Option<usize>, dst: IpAddr) -> Path;
}

/// Between whom which link lies.
#[derive(Default)]
pub(crate) struct Links {
    pub within_zone: Option<Link>,
    pub between_zones: Option<Link>,
    pub pairs: BTreeMap<(usize, usize), Link>,
}

/// The state as the fabric sees it.
pub(crate) struct View<'a> {
    pub machines: &'a [Machine],
    pub by_ip: &'a BTreeMap<IpAddr, usize>,
    pub holders: &'a BTreeMap<IpAddr, ProcessId>,
    pub links: &'a Links,
    pub cuts: &'a [(FaultId, Fault)],
}

impl Topology for View<'_> {
    fn machine(&self, ip: IpAddr) -> Option<usize> {
        self.by_ip.get(&ip).copied()
    }

    fn path(&self, source: usize, destination: Option<usize>, dst: IpAddr) -> Path {
        if self.machines[source].powered {
            self.onward(source, destination, dst)
        } else {
            Path::SourceOff
        }
    }

    fn onward(&self, source: usize, destination: Option<usize>, dst: IpAddr) -> Path {
        let from = &self.machines[source];
        let Some(destination) = destination else { return Path::Blocked(None) };
        let to = &self.machines[destination];
        if !to.powered || (to.ip != dst && !self.holders.contains_key(&dst)) {
            return Path::Blocked(None);
        }
        let (mut held, mut link) = (None, None);
        for (id, fault) in self.cuts {
            let joins =
                |a: &Side, b: &Side| a.has(&from.name, &from.zone) && b.has(&to.name, &to.zone);
            match fault {
                Fault::Partition { from, to, both_ways }
                    if joins(from, to) || (*both_ways && joins(to, from)) =>
                {
                    return Path::Blocked(Some(*id));
                }
                Fault::Hold { from, to, both_ways }
                    if joins(from, to) || (*both_ways && joins(to, from)) =>
                {
                    held = held.or(Some(*id));
                }
                Fault::Degrade { from, to, link: worse } if joins(from, to) || joins(to, from) => {
                    link = Some((*worse, Some(*id)));
                }
                _ => {}
            }
        }
        if let Some(hold) = held {
            return Path::Held(hold);
        }
        let (link, fault) = link.unwrap_or_else(|| (self.link(source, destination), None));
        Path::Open(link, fault)
    }
}

impl View<'_> {
    fn link(&self, from: usize, to: usize) -> Link {
        if let Some(link) = self.links.pairs.get(&(from, to)) {
            *link
        } else if self.machines[from].zone == self.machines[to].zone {
            self.links.within_zone.unwrap_or(Link::WITHIN_ZONE)
        } else {
            self.links.between_zones.unwrap_or(Link::BETWEEN_ZONES)
        }
    }
}
