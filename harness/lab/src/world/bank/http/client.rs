//! Asking: one connection for each request under way, and a few idle ones.
//!
//! Shaped after Go's `net/http`, which the bank's services used: two idle connections a host, given
//! up after 90 s (`DefaultMaxIdleConnsPerHost`, `DefaultTransport.IdleConnTimeout`), and a request
//! that finds its kept connection closed goes out once more on a new one. Go does that only for
//! requests that may be repeated; all of the bank's may, for they carry an id.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use harness_env::{Env, Tasks};
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::{Answer, BODY_BYTES_MAX};

const IDLE_MAX: usize = 2;
const IDLE_TIME: Duration = Duration::from_secs(90);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Not in time.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// No connection came about.
    #[error("connect to {0}: {1}")]
    Connect(SocketAddr, io::Error),
    /// The connection ended before the answer did, or what came was no answer.
    #[error("{0}: {1}")]
    Broken(SocketAddr, String),
}

/// What is asked, of whom, and how long the asker waits.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// Where the connection goes: the service itself, or a proxy before it.
    pub to: SocketAddr,
    /// The service that is meant: the `Host` header.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
    /// The body.
    pub body: Bytes,
    /// How long the whole may take.
    pub within: Duration,
}

/// A client with its connections. Clones share them.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    env: Env,
    idle_max: usize,
    tasks: Tasks,
    idle: Mutex<BTreeMap<SocketAddr, Vec<(Instant, Connection)>>>,
}

type Connection = SendRequest<Full<Bytes>>;

impl Client {
    /// A client that keeps connections.
    pub fn new(env: &Env) -> Self {
        Self::keeping(env, IDLE_MAX)
    }

    /// A client that closes each connection after its answer.
    pub fn that_closes(env: &Env) -> Self {
        Self::keeping(env, 0)
    }

    fn keeping(env: &Env, idle_max: usize) -> Self {
        let (env, tasks) = (env.clone(), env.tasks());
        Client(Arc::new(Inner { env, idle_max, tasks, idle: Mutex::default() }))
    }

    /// Asks, and reads the whole answer, whatever its status is.
    ///
    /// # Errors
    /// There is no answer, or none in time.
    pub async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Failed> {
        let within = ask.within;
        match tokio::time::timeout(within, self.exchange(&ask)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failed::TimedOut(within)),
        }
    }

    /// Gets `path` of whoever listens at `to`.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn get(
        &self,
        to: SocketAddr,
        path: &str,
        within: Duration,
    ) -> Result<Answer, Failed> {
        let host = to.to_string();
        self.ask(Ask { method: Method::GET, to, host: &host, path, body: Bytes::new(), within })
            .await
    }

    async fn exchange(&self, ask: &Ask<'_>) -> Result<Answer, Failed> {
        if let Some(kept) = self.kept(ask.to).await
            && let Ok(answer) = self.exchange_on(kept, ask).await
        {
            return Ok(answer);
        }
        let fresh = self.open(ask.to).await?;
        self.exchange_on(fresh, ask).await
    }

    async fn exchange_on(&self, mut on: Connection, ask: &Ask<'_>) -> Result<Answer, Failed> {
        let broken = |why: String| Failed::Broken(ask.to, why);
        let request = Request::builder()
            .method(&ask.method)
            .uri(ask.path)
            .header(header::HOST, ask.host)
            .body(Full::new(ask.body.clone()))
            .map_err(|e| broken(e.to_string()))?;
        let answer = on.send_request(request).await.map_err(|e| broken(e.to_string()))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|e| broken(e.to_string()))?.to_bytes();
        self.keep(ask.to, on);
        Ok(Answer { status: head.status, body })
    }

    async fn open(&self, to: SocketAddr) -> Result<Connection, Failed> {
        let stream = self.0.env.connect(to).await.map_err(|e| Failed::Connect(to, e))?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| Failed::Broken(to, e.to_string()))?;
        self.0.tasks.spawn(async move {
            // Whoever asked on it learns of its end.
            let _ = driver.await;
        });
        Ok(connection)
    }

    /// The connection last used that is still good.
    async fn kept(&self, to: SocketAddr) -> Option<Connection> {
        loop {
            let mut connection = self.newest(to)?;
            // The last answer has been read whole, so this does not wait for the peer.
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    fn newest(&self, to: SocketAddr) -> Option<Connection> {
        let mut idle = self.0.idle.lock().expect("no panic with the lock");
        let idle = idle.get_mut(&to)?;
        let (since, connection) = idle.pop()?;
        if since.elapsed() >= IDLE_TIME {
            // The others are older still.
            idle.clear();
            return None;
        }
        Some(connection)
    }

    fn keep(&self, to: SocketAddr, connection: Connection) {
        let mut idle = self.0.idle.lock().expect("no panic with the lock");
        let idle = idle.entry(to).or_default();
        if idle.len() < self.0.idle_max && !connection.is_closed() {
            idle.push((Instant::now(), connection));
        }
    }
}
