//! The node's addresses for pods.
//!
//! Given out in turn, as `host-local` IPAM does: an address that was just given back is used again
//! last. Somebody who still sends to it meanwhile sends to nobody, which is what stale endpoints do.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// The free addresses, the next first.
#[derive(Debug)]
pub(super) struct Addresses {
    free: Mutex<VecDeque<IpAddr>>,
}

/// An address in use. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Address {
    ip: IpAddr,
    /// None for the node's own.
    pool: Option<Arc<Addresses>>,
}

impl Addresses {
    pub(super) fn new(all: Vec<IpAddr>) -> Arc<Self> {
        Arc::new(Addresses { free: Mutex::new(all.into()) })
    }

    /// The next address; `None` where all are in use.
    pub(super) fn take(self: &Arc<Self>) -> Option<Address> {
        let ip = self.free.lock().expect("no panic with the lock").pop_front()?;
        Some(Address { ip, pool: Some(self.clone()) })
    }

    /// This address, for a pod that has it already; `None` where it is not free.
    pub(super) fn claim(self: &Arc<Self>, ip: IpAddr) -> Option<Address> {
        let mut free = self.free.lock().expect("no panic with the lock");
        let at = free.iter().position(|other| *other == ip)?;
        free.remove(at);
        Some(Address { ip, pool: Some(self.clone()) })
    }
}

impl Address {
    /// The node's own address, which any number of pods may use.
    pub(super) fn of_the_node(ip: IpAddr) -> Self {
        Address { ip, pool: None }
    }

    pub(super) fn ip(&self) -> IpAddr {
        self.ip
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.free.lock().expect("no panic with the lock").push_back(self.ip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_used_again_last() {
        let ips: Vec<IpAddr> = (1..=3).map(|n| IpAddr::from([10, 0, 0, n])).collect();
        let pool = Addresses::new(ips.clone());
        let first = pool.take().expect("free");
        assert_eq!(first.ip(), ips[0]);
        drop(first);
        let taken: Vec<_> = (0..3).map(|_| pool.take().expect("free")).collect();
        assert_eq!(taken.iter().map(Address::ip).collect::<Vec<_>>(), [ips[1], ips[2], ips[0]]);
        assert!(pool.take().is_none());
        assert!(pool.claim(ips[1]).is_none());
        drop(taken);
        assert_eq!(pool.claim(ips[2]).map(|address| address.ip()), Some(ips[2]));
    }
}
