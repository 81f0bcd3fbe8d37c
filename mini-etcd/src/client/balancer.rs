//! Which endpoint a call goes to: clientv3's `simpleBalancer` (etcd 3.1.5 `clientv3/balancer.go`).
//!
//! All endpoints are kept connected and the first that is up is *pinned*: every call goes there. The
//! pin moves only when the pinned connection goes down, to any other that is up. When the last goes
//! down the pin stays as it is, and callers that wait look at it again only when something is up: a
//! call that fails fast and one that waits therefore see different things in the same moment.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use harness_env::Rng;
use tokio::sync::Notify;

pub(super) struct Balancer {
    client: Arc<str>,
    inner: Mutex<Inner>,
    changed: Notify,
}

struct Inner {
    up: BTreeSet<SocketAddr>,
    pin: Option<SocketAddr>,
    rng: Rng,
}

impl Balancer {
    /// `rng` chooses the next pin, as the iteration order of a Go map does.
    pub fn new(client: Arc<str>, rng: Rng) -> Self {
        let inner = Inner { up: BTreeSet::new(), pin: None, rng };
        Balancer { client, inner: Mutex::new(inner), changed: Notify::new() }
    }

    /// A connection to `endpoint` is up.
    pub fn up(&self, endpoint: SocketAddr) {
        let mut inner = self.lock();
        if inner.up.is_empty() {
            inner.pin = Some(endpoint);
            self.tell(endpoint, "the first that is up");
        }
        inner.up.insert(endpoint);
        drop(inner);
        self.changed.notify_waiters();
    }

    /// The connection to `endpoint` is down.
    pub fn down(&self, endpoint: SocketAddr) {
        let mut inner = self.lock();
        inner.up.remove(&endpoint);
        if inner.pin == Some(endpoint) {
            let others: Vec<_> = inner.up.iter().copied().collect();
            if let Some(other) = inner.rng.pick(&others).copied() {
                inner.pin = Some(other);
                self.tell(other, "the pinned one went down");
            }
        }
    }

    /// The pinned endpoint, for a call that fails fast.
    pub fn get(&self) -> Option<SocketAddr> {
        let inner = self.lock();
        inner.pin.filter(|_| !inner.up.is_empty())
    }

    /// The pinned endpoint, for a call that waits until there is one.
    pub async fn get_blocking(&self) -> SocketAddr {
        loop {
            self.connected().await;
            // Another look: what was up when the wait ended may be down by now.
            if let Some(pin) = self.get() {
                return pin;
            }
        }
    }

    /// Returns when something is up (`ConnectNotify`).
    pub async fn connected(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.lock().up.is_empty() {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of the lock panics")
    }

    fn tell(&self, endpoint: SocketAddr, why: &'static str) {
        let client = &self.client;
        tracing::debug!(
            kind = "etcd-client.pinned",
            client = %client,
            endpoint = %endpoint,
            why,
            "the etcd client for {client} talks to {endpoint} now: {why}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(n: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, n], 2379))
    }

    fn balancer() -> Balancer {
        Balancer::new("pods".into(), Rng::from_key(1))
    }

    #[test]
    fn the_first_endpoint_that_is_up_is_pinned_and_stays_so() {
        let balancer = balancer();
        assert_eq!(balancer.get(), None);
        balancer.up(endpoint(2));
        balancer.up(endpoint(1));
        assert_eq!(balancer.get(), Some(endpoint(2)));
        balancer.down(endpoint(1));
        assert_eq!(balancer.get(), Some(endpoint(2)));
    }

    #[test]
    fn a_pinned_endpoint_that_goes_down_hands_over_to_one_that_is_up() {
        let balancer = balancer();
        (1..=3).for_each(|n| balancer.up(endpoint(n)));
        balancer.down(endpoint(1));
        let pin = balancer.get().unwrap();
        assert!([endpoint(2), endpoint(3)].contains(&pin));
        balancer.down(endpoint(2));
        balancer.down(endpoint(3));
        assert_eq!(balancer.get(), None, "calls that fail fast get no stale pin");
        balancer.up(endpoint(1));
        assert_eq!(balancer.get(), Some(endpoint(1)));
    }

    #[tokio::test]
    async fn a_call_that_waits_gets_the_endpoint_that_comes_up() {
        let balancer = balancer();
        let (pin, ()) = tokio::join!(balancer.get_blocking(), async {
            tokio::task::yield_now().await;
            balancer.up(endpoint(3));
        });
        assert_eq!(pin, endpoint(3));
    }
}
