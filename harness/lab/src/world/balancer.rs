//! A load balancer for TCP connections, as the cloud's classic one: each connection goes to the next
//! backend that passed its last health check, and stays there.
//!
//! A client of the apiservers has one HTTP/2 connection for all that it asks; ours have a few HTTP/1.1
//! connections each. [`Stick::ToClient`] makes those one: while a client has a connection, its next one
//! goes to the same backend.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::{Env, Stream};
use tokio::time::{sleep, timeout};

/// The health check's interval, its patience, and how many in a row change a verdict (the classic
/// load balancer's documented minimum and its defaults of 2 down and 2 up).
const INTERVAL: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(2);
const IN_A_ROW: i32 = 2;
/// Bytes on their way through, each way. The real one also closes connections that were idle for a
/// configured time; that is not modelled.
const BUFFER: usize = 16 * 1024;

struct Backend {
    address: SocketAddr,
    healthy: bool,
    /// Checks in a row against the verdict.
    against: i32,
}

/// What stays with a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stick {
    /// Each connection by itself.
    Connection,
    /// All connections that a client has at a time.
    ToClient,
}

/// The backends, and who is where.
struct Balance {
    stick: Stick,
    backends: Vec<Backend>,
    next: usize,
    /// By client, its backend and how many connections it has.
    clients: BTreeMap<IpAddr, (usize, usize)>,
}

/// Balances connections to `port` over `backends`, for ever.
///
/// # Errors
/// The port is taken.
pub async fn run(
    env: Env,
    port: u16,
    backends: Vec<SocketAddr>,
    stick: Stick,
) -> Result<(), String> {
    let tasks = env.tasks();
    let backends: Vec<Backend> = backends
        .into_iter()
        .map(|address| Backend { address, healthy: true, against: 0 })
        .collect();
    let clients = BTreeMap::new();
    let balance = Arc::new(Mutex::new(Balance { stick, backends, next: 0, clients }));
    tasks.spawn(check(env.clone(), balance.clone()));
    let listener = env.listen_port(port).await.map_err(|e| e.to_string())?;
    loop {
        let client = listener.accept().await.map_err(|e| e.to_string())?;
        let from = client.peer_addr().ip();
        let (env, balance) = (env.clone(), balance.clone());
        tasks.spawn(async move {
            let chosen = lock(&balance).connected(from);
            let Some(address) = chosen else { return };
            if let Ok(Ok(server)) = timeout(PATIENCE, env.connect(address)).await {
                join(client, server).await;
            }
            lock(&balance).disconnected(from);
        });
    }
}

fn lock(balance: &Mutex<Balance>) -> std::sync::MutexGuard<'_, Balance> {
    balance.lock().expect("no panic while locked")
}

impl Balance {
    /// Chooses the backend of a new connection.
    fn connected(&mut self, client: IpAddr) -> Option<SocketAddr> {
        let place = self.clients.get(&client).map(|(backend, _)| *backend);
        let stays = place
            .filter(|backend| self.stick == Stick::ToClient && self.backends[*backend].healthy);
        let backend = match stays {
            Some(backend) => backend,
            None => self.next_healthy()?,
        };
        let entry = self.clients.entry(client).or_default();
        *entry = (backend, entry.1 + 1);
        Some(self.backends[backend].address)
    }

    fn disconnected(&mut self, client: IpAddr) {
        let Some((_, connections)) = self.clients.get_mut(&client) else { return };
        *connections -= 1;
        if *connections == 0 {
            self.clients.remove(&client);
        }
    }

    fn next_healthy(&mut self) -> Option<usize> {
        let count = self.backends.len();
        let turn = (self.next..self.next + count).map(|n| n % count);
        let chosen = turn.into_iter().find(|n| self.backends[*n].healthy)?;
        self.next = chosen + 1;
        Some(chosen)
    }
}

/// Passes bytes both ways until both ends have closed or one has failed.
async fn join(mut client: Box<dyn Stream>, mut server: Box<dyn Stream>) {
    // The error is the end of the connection, and both ends learn it from the drop.
    let _ =
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await;
}

async fn check(env: Env, balance: Arc<Mutex<Balance>>) {
    let addresses: Vec<SocketAddr> =
        lock(&balance).backends.iter().map(|backend| backend.address).collect();
    loop {
        sleep(INTERVAL).await;
        for (n, address) in addresses.iter().enumerate() {
            let passed = matches!(timeout(PATIENCE, env.connect(*address)).await, Ok(Ok(_)));
            let backend = &mut lock(&balance).backends[n];
            backend.against = if passed == backend.healthy { 0 } else { backend.against + 1 };
            if backend.against >= IN_A_ROW {
                backend.healthy = passed;
                backend.against = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(stick: Stick) -> Balance {
        let backend = |n| Backend {
            address: SocketAddr::from(([10, 0, 0, n], 80)),
            healthy: true,
            against: 0,
        };
        let backends = (0..3).map(backend).collect();
        Balance { stick, backends, next: 0, clients: BTreeMap::new() }
    }

    fn to(balance: &mut Balance, client: u8) -> Option<u8> {
        match balance.connected(IpAddr::from([10, 1, 0, client]))?.ip() {
            IpAddr::V4(ip) => Some(ip.octets()[3]),
            IpAddr::V6(_) => None,
        }
    }

    #[test]
    fn connections_take_turns_and_pass_over_a_sick_backend() {
        let mut balance = balance(Stick::Connection);
        balance.backends[1].healthy = false;
        let chosen: Vec<_> = (0..4).map(|_| to(&mut balance, 9)).collect();
        assert_eq!(chosen, [Some(0), Some(2), Some(0), Some(2)]);
        balance.backends.iter_mut().for_each(|backend| backend.healthy = false);
        assert_eq!(to(&mut balance, 9), None);
    }

    #[test]
    fn a_client_that_sticks_moves_when_its_backend_is_sick_or_its_last_connection_has_gone() {
        let mut balance = balance(Stick::ToClient);
        assert_eq!([1, 1, 2, 1].map(|n| to(&mut balance, n)), [0, 0, 1, 0].map(Some));
        balance.backends[0].healthy = false;
        assert_eq!(to(&mut balance, 1), Some(2));
        (0..4).for_each(|_| balance.disconnected(IpAddr::from([10, 1, 0, 1])));
        assert_eq!(to(&mut balance, 1), Some(1), "the next in turn");
    }
}
