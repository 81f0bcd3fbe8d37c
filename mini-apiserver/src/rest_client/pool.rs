//! Keep-alive connections to the apiserver.
//!
//! A lease is a connection with nobody else on it: an HTTP/1.1 connection carries one request at a
//! time. Given back it is idle and will be used again, the oldest first, so that a client with
//! little to ask stays on one connection, and behind a load balancer on one apiserver.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use harness_env::{Env, Tasks};
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::error::Error;

/// How long opening a connection may take: client-go's dialer of 1.7 (`transport/cache.go`).
const DIAL: Duration = Duration::from_secs(30);
/// How long a connection may be idle before it is closed: `IdleConnTimeout` of Go's transport.
const IDLE: Duration = Duration::from_secs(90);

pub(crate) struct Pool {
    env: Env,
    server: SocketAddr,
    tasks: Tasks,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    idle: BTreeMap<u64, Idle>,
}

struct Idle {
    sender: SendRequest<Full<Bytes>>,
    since: Instant,
}

/// A connection for one exchange.
pub(crate) struct Lease {
    id: u64,
    /// Whether it was used before: the server may have closed it meanwhile.
    pub(crate) reused: bool,
    pub(crate) sender: SendRequest<Full<Bytes>>,
    pool: Weak<Pool>,
}

impl Pool {
    pub(crate) fn new(env: &Env, server: SocketAddr) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Pool { env: env.clone(), server, tasks: env.tasks(), state })
    }

    /// The oldest idle connection, or a new one.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease, Error> {
        while let Some((id, mut sender)) = self.idle() {
            // An answer that was read to its end may leave the connection a moment from ready.
            if sender.ready().await.is_ok() {
                let pool = Arc::downgrade(self);
                return Ok(Lease { id, reused: true, sender, pool });
            }
        }
        self.dial().await
    }

    /// A new connection, for when an idle one has just proved dead.
    pub(crate) async fn dial(self: &Arc<Self>) -> Result<Lease, Error> {
        let stream = tokio::time::timeout(DIAL, self.env.connect(self.server))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "dial: i/o timeout"))??;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| Error::from_hyper(&error))?;
        self.tasks.spawn(async move {
            // Whoever uses the connection gets the error too.
            let _ = connection.await;
        });
        let mut state = self.state.lock().expect("no panic with the lock");
        let id = state.next;
        state.next += 1;
        Ok(Lease { id, reused: false, sender, pool: Arc::downgrade(self) })
    }

    fn idle(&self) -> Option<(u64, SendRequest<Full<Bytes>>)> {
        let now = Instant::now();
        let mut state = self.state.lock().expect("no panic with the lock");
        state
            .idle
            .retain(|_, idle| !idle.sender.is_closed() && now.duration_since(idle.since) < IDLE);
        state.idle.pop_first().map(|(id, idle)| (id, idle.sender))
    }
}

impl Lease {
    /// Ends the exchange in good order: the answer was read to its end.
    pub(crate) fn give_back(self) {
        if let Some(pool) = self.pool.upgrade()
            && !self.sender.is_closed()
        {
            let idle = Idle { sender: self.sender, since: Instant::now() };
            pool.state.lock().expect("no panic with the lock").idle.insert(self.id, idle);
        }
    }
}
