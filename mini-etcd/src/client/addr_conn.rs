//! One endpoint of a client: dialled for ever, up or not (grpc-go 1.0.4 `clientconn.go`, `addrConn`).
//!
//! The machine is `Connecting → Ready → Connecting …`, with `TransientFailure` while it waits between
//! two dials. When the server says GOAWAY, grpc-go makes a second `addrConn` for the same address and
//! lets the first drain; one machine that starts over without waiting does the same.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use harness_env::{Preemption, Rng};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::conn::Conn;
use super::transport::Transport;

/// grpc-go 1.0.4 `clientconn.go`: a dial gets at least this long.
pub(super) const MIN_CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// grpc-go 1.0.4 `backoff.go`, `DefaultBackoffConfig`.
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(120);
const BACKOFF_FACTOR: f64 = 1.6;
const BACKOFF_JITTER: f64 = 0.2;

pub(super) struct AddrConn {
    pub endpoint: SocketAddr,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone)]
enum State {
    Connecting,
    Ready(Arc<Transport>),
    TransientFailure,
}

/// The endpoint cannot take a call now (`errConnUnavailable`).
#[derive(Debug)]
pub(super) struct Unavailable;

impl AddrConn {
    pub fn new(endpoint: SocketAddr) -> Self {
        AddrConn { endpoint, state: Mutex::new(State::Connecting), changed: Notify::new() }
    }

    /// The connection, waiting while one is being dialled (`addrConn.wait`).
    pub async fn ready(&self) -> Result<Arc<Transport>, Unavailable> {
        loop {
            let changed = self.changed.notified();
            match self.lock().clone() {
                State::Ready(transport) => return Ok(transport),
                State::TransientFailure => return Err(Unavailable),
                State::Connecting => {}
            }
            changed.await;
        }
    }

    /// The connection, if there is one.
    pub fn transport(&self) -> Option<Arc<Transport>> {
        match &*self.lock() {
            State::Ready(transport) => Some(transport.clone()),
            State::Connecting | State::TransientFailure => None,
        }
    }

    /// Keeps the endpoint connected for as long as the future is polled.
    pub async fn run(&self, conn: &Conn) {
        let mut jitter = conn.rng(&format!("backoff {}", self.endpoint));
        let mut points = conn.points(&format!("monitor {}", self.endpoint));
        let mut failures = 0;
        for dial in 0u64.. {
            self.set(State::Connecting);
            let (start, pause) = (Instant::now(), backoff(failures, &mut jitter));
            match self.dial(conn, dial, pause.max(MIN_CONNECT_TIMEOUT)).await {
                Ok(transport) => {
                    failures = 0;
                    self.serve(conn, transport, &mut points).await;
                }
                Err(why) => {
                    failures += 1;
                    self.set(State::TransientFailure);
                    tracing::debug!(
                        kind = "etcd-client.dial.failed",
                        client = %conn.name(),
                        endpoint = %self.endpoint,
                        "the etcd client for {} cannot reach {}: {why}",
                        conn.name(),
                        self.endpoint
                    );
                    tokio::time::sleep_until(start + pause).await;
                }
            }
        }
    }

    async fn dial(
        &self,
        conn: &Conn,
        dial: u64,
        timeout: Duration,
    ) -> Result<Arc<Transport>, String> {
        let points = conn.points(&format!("settings {} {dial}", self.endpoint));
        match tokio::time::timeout(timeout, conn.dial(self.endpoint, points)).await {
            Ok(Ok(transport)) => Ok(transport),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("not connected after {timeout:?}")),
        }
    }

    /// From up to down (`transportMonitor`).
    async fn serve(&self, conn: &Conn, transport: Arc<Transport>, points: &mut Preemption) {
        self.set(State::Ready(transport.clone()));
        conn.balancer().up(self.endpoint);
        let goaway = tokio::select! {
            biased;
            () = transport.signals.goaway.wait() => true,
            () = transport.signals.broken.wait() => false,
        };
        // The monitor is a goroutine among others: until it runs, calls still come here.
        points.point().await;
        if goaway {
            self.set(State::Connecting);
            conn.balancer().down(self.endpoint);
            transport.drain();
        } else {
            self.set(State::TransientFailure);
            conn.balancer().down(self.endpoint);
            transport.close();
        }
        tracing::debug!(
            kind = "etcd-client.disconnected",
            client = %conn.name(),
            endpoint = %self.endpoint,
            goaway,
            "the etcd client for {} lost its connection to {}",
            conn.name(),
            self.endpoint
        );
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

/// How long from the start of one dial to the next (grpc-go 1.0.4 `backoff.go`). The first is not
/// jittered.
fn backoff(failures: u32, jitter: &mut Rng) -> Duration {
    if failures == 0 {
        return BACKOFF_BASE;
    }
    let grown = BACKOFF_BASE.as_secs_f64() * BACKOFF_FACTOR.powi(failures.min(100) as i32);
    let bounded = grown.min(BACKOFF_MAX.as_secs_f64());
    Duration::from_secs_f64(bounded * (1.0 + BACKOFF_JITTER * (jitter.unit() * 2.0 - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_between_dials_grow_from_one_second_to_two_minutes_and_a_fifth() {
        let mut jitter = Rng::from_key(1);
        assert_eq!(backoff(0, &mut jitter), Duration::from_secs(1));
        for failures in 1..200 {
            let expected = 1.6f64.powi(failures).min(120.0);
            let pause = backoff(failures as u32, &mut jitter).as_secs_f64();
            assert!((expected * 0.8..=expected * 1.2).contains(&pause), "{failures}: {pause}");
        }
    }
}
