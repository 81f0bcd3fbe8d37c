//! What is kept for one service: a balancer over its endpoints, and its retry budget.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use harness_env::Env;
use harness_env::tasks::Executor;
use tokio::time::Instant;

use crate::balance::{Endpoint, P2c, RetryBudget};
use crate::dtab::Path;
use crate::namer::Service;

/// A service as its requests see it.
pub struct Binding {
    env: Env,
    executor: Executor,
    path: Path,
    port: String,
    balancer: Mutex<Balancer>,
    budget: Mutex<RetryBudget>,
}

struct Balancer {
    /// What `p2c` was last set to; the same `Arc` means that nothing changed.
    service: Option<Arc<Service>>,
    p2c: P2c<Arc<Endpoint>>,
}

impl Binding {
    /// A binding of `path` to the port `port` of its service, with no endpoint yet.
    pub fn new(env: &Env, executor: Executor, path: &Path, port: &str) -> Self {
        let p2c = P2c::new(env.rng(&format!("mesh.balance{path}")));
        Binding {
            env: env.clone(),
            executor,
            path: path.clone(),
            port: port.to_owned(),
            balancer: Mutex::new(Balancer { service: None, p2c }),
            budget: Mutex::new(RetryBudget::new(Instant::now())),
        }
    }

    /// The service's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The endpoint for the next request; `None` where the service has no ready one.
    pub fn pick(&self, service: &Arc<Service>) -> Option<Arc<Endpoint>> {
        let mut balancer = self.balancer();
        if !balancer.service.as_ref().is_some_and(|known| Arc::ptr_eq(known, service)) {
            let addresses = service.addresses(&self.port).unwrap_or_default();
            balancer.update(addresses, |address| self.endpoint(address));
            balancer.service = Some(Arc::clone(service));
        }
        balancer.p2c.pick()
    }

    /// The endpoints, in the order of their addresses.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        let mut endpoints: Vec<_> = self.balancer().p2c.nodes().cloned().collect();
        endpoints.sort_by_key(|endpoint| endpoint.address());
        endpoints
    }

    /// The tries that a new request has.
    pub fn requeues(&self) -> Requeues<'_> {
        let now = Instant::now();
        let mut budget = self.budget.lock().expect("no panic with the lock");
        budget.deposit(now);
        Requeues { binding: self, left: budget.per_request(now) }
    }

    fn endpoint(&self, address: SocketAddr) -> Arc<Endpoint> {
        let rng = self.env.rng(&format!("mesh.accrual{}/{address}", self.path));
        Arc::new(Endpoint::new(&self.env, &self.executor, address, rng))
    }

    fn balancer(&self) -> MutexGuard<'_, Balancer> {
        self.balancer.lock().expect("no panic with the lock")
    }
}

impl Balancer {
    /// Keeps the endpoints that stay, with their connections and what is known of them.
    fn update(&mut self, addresses: Vec<SocketAddr>, new: impl Fn(SocketAddr) -> Arc<Endpoint>) {
        let known = |address: &SocketAddr| {
            self.p2c.nodes().find(|endpoint| endpoint.address() == *address).cloned()
        };
        let nodes = addresses.into_iter().map(|address| match known(&address) {
            Some(endpoint) => endpoint,
            None => new(address),
        });
        let nodes = nodes.collect();
        self.p2c.set(nodes);
    }
}

/// The tries that one request has beyond its first.
pub struct Requeues<'a> {
    binding: &'a Binding,
    left: u64,
}

impl Requeues<'_> {
    /// Takes one, if this request and the service have one left.
    pub fn next(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.binding.budget.lock().expect("no panic with the lock").withdraw(Instant::now())
    }
}
