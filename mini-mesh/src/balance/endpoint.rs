//! One endpoint of a service: a pool of connections, a count of requests, a reputation.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use harness_env::Env;
use harness_env::tasks::Executor;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::Instant;

use crate::balance::accrual::{Accrual, Change};
use crate::balance::p2c::Node;
use crate::balance::pool::Pool;
use crate::proxy::BODY_BYTES_MAX;

/// Why a request to an endpoint has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It cannot have reached the service: there was no connection, or nothing was written. Safe to
    /// send again.
    #[error("{address}: {reason}")]
    Unsent {
        /// The endpoint.
        address: SocketAddr,
        /// What the network said.
        reason: String,
    },
    /// The service may have seen it.
    #[error("{address}: {reason}")]
    Lost {
        /// The endpoint.
        address: SocketAddr,
        /// What became of the connection.
        reason: String,
    },
}

/// An endpoint of a service.
pub struct Endpoint {
    address: SocketAddr,
    pool: Pool,
    load: AtomicUsize,
    accrual: Mutex<Accrual>,
}

impl Endpoint {
    /// The endpoint at `address`, of which nothing is known yet. `rng` draws its rests.
    pub fn new(env: &Env, executor: &Executor, address: SocketAddr, rng: harness_env::Rng) -> Self {
        Endpoint {
            address,
            pool: Pool::new(env, executor, address),
            load: AtomicUsize::new(0),
            accrual: Mutex::new(Accrual::new(rng)),
        }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `alive`, `dead` or `probing`.
    pub fn describe(&self) -> &'static str {
        self.accrual().describe(Instant::now())
    }

    /// Sends a request and waits for the whole answer, however long that takes.
    ///
    /// # Errors
    /// There is no answer. An answer of status 5xx is one, and counts as a failure of the endpoint
    /// (linkerd's response classifier `io.l5d.http.nonRetryable5XX`).
    pub async fn call(&self, parts: &Parts, body: &Bytes) -> Result<Response<Bytes>, Failure> {
        let under_way = UnderWay::begin(self);
        let result = self.exchange(parts, body).await;
        let good = result.as_ref().is_ok_and(|response| !response.status().is_server_error());
        under_way.end(good);
        result
    }

    async fn exchange(&self, parts: &Parts, body: &Bytes) -> Result<Response<Bytes>, Failure> {
        let unsent = |reason: String| Failure::Unsent { address: self.address, reason };
        let lost = |reason: String| Failure::Lost { address: self.address, reason };
        let mut connection =
            self.pool.checkout().await.map_err(|error: io::Error| unsent(error.to_string()))?;
        let request = Request::from_parts(parts.clone(), Full::new(body.clone()));
        let response = connection.try_send_request(request).await.map_err(|mut error| {
            let sent = error.take_message().is_none();
            let reason = error.error().to_string();
            if sent { lost(reason) } else { unsent(reason) }
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| lost(format!("answer: {error}")))?.to_bytes();
        self.pool.checkin(connection);
        Ok(Response::from_parts(head, body))
    }

    fn accrual(&self) -> std::sync::MutexGuard<'_, Accrual> {
        self.accrual.lock().expect("no panic with the lock")
    }

    fn tell(&self, change: Change) {
        let address = self.address;
        match change {
            Change::None => {}
            Change::Died(wait) => tracing::debug!(
                kind = "mesh.endpoint.dead", endpoint = %address, seconds = wait.as_secs_f64(),
                "endpoint {address} failed {} times in a row", crate::balance::accrual::FAILURES
            ),
            Change::Revived => tracing::debug!(
                kind = "mesh.endpoint.revived", endpoint = %address,
                "endpoint {address} answers again"
            ),
        }
    }
}

impl Node for std::sync::Arc<Endpoint> {
    fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    fn is_open(&self) -> bool {
        self.accrual().is_open(Instant::now())
    }
}

/// A request under way; one that is dropped was given up by whoever asked.
struct UnderWay<'a> {
    endpoint: &'a Endpoint,
    ended: bool,
}

impl<'a> UnderWay<'a> {
    fn begin(endpoint: &'a Endpoint) -> Self {
        endpoint.load.fetch_add(1, Ordering::Relaxed);
        endpoint.accrual().begin(Instant::now());
        UnderWay { endpoint, ended: false }
    }

    fn end(mut self, good: bool) {
        self.ended = true;
        let change = {
            let mut accrual = self.endpoint.accrual();
            if good { accrual.succeed() } else { accrual.fail(Instant::now()) }
        };
        self.endpoint.tell(change);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.endpoint.load.fetch_sub(1, Ordering::Relaxed);
        if !self.ended {
            self.endpoint.accrual().abandon();
        }
    }
}
