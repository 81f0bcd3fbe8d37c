//! Connections to one endpoint, kept for the next request.
//!
//! HTTP/1.1 carries one request at a time, so there is one connection for each request under way and
//! a few idle ones. linkerd bounds neither; here at most [`IDLE_MAX`] idle ones are kept.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use harness_env::Env;
use harness_env::tasks::Executor;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::Executor as _;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

/// How long a connection may take to come about (finagle's `Transporter.ConnectTimeout` default).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Idle connections kept per endpoint.
pub const IDLE_MAX: usize = 16;
/// An idle connection is not used again after this long: as long as a binding may idle (inferred).
const IDLE_TIME: Duration = Duration::from_secs(600);

/// A connection that can take a request.
pub type Connection = SendRequest<Full<Bytes>>;

/// The connections to one endpoint.
pub struct Pool {
    env: Env,
    executor: Executor,
    address: SocketAddr,
    idle: Mutex<Vec<(Instant, Connection)>>,
}

impl Pool {
    /// No connection yet.
    pub fn new(env: &Env, executor: &Executor, address: SocketAddr) -> Self {
        let (env, executor) = (env.clone(), executor.clone());
        Pool { env, executor, address, idle: Mutex::default() }
    }

    /// The connection last used that is still good, or a new one.
    ///
    /// # Errors
    /// There is none, and a new one cannot be had within [`CONNECT_TIMEOUT`].
    pub async fn checkout(&self) -> io::Result<Connection> {
        while let Some(mut connection) = self.newest() {
            // The last answer has been read whole, so this does not wait for the peer.
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let connecting = self.env.connect(self.address);
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "connection timed out"))??;
        let (connection, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        self.executor.execute(async move {
            let _ = driver.await;
        });
        Ok(connection)
    }

    /// Gives a connection back whose answer has been read whole.
    pub fn checkin(&self, connection: Connection) {
        let mut idle = self.idle.lock().expect("no panic with the lock");
        if idle.len() < IDLE_MAX && !connection.is_closed() {
            idle.push((Instant::now(), connection));
        }
    }

    fn newest(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().expect("no panic with the lock");
        let (since, connection) = idle.pop()?;
        if since.elapsed() >= IDLE_TIME {
            // The others are older still.
            idle.clear();
            return None;
        }
        Some(connection)
    }
}
