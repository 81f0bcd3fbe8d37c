//! What a client shares: its endpoints, its pin, and how a call finds its connection (grpc-go 1.0.4
//! `clientconn.go`, `call.go`).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harness_env::{Env, Preemption, Rng};
use prost::Message;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::addr_conn::{AddrConn, Unavailable};
use super::balancer::Balancer;
use super::channel::failure;
use super::error::Error;
use super::quota::{Label, Life};
use super::transport::{Failure, Opened, Transport};
use super::{Config, Generation};

/// What one lap of a retry loop costs. Inferred: Go spins here, and does so at the speed of its
/// machine; a lap that took no time at all would stop the clock of a simulation.
const LAP: Duration = Duration::from_millis(10);

/// Whether a call fails where there is no connection (`grpc.FailFast`), or waits for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    FailFast,
    Wait,
}

pub(super) struct Conn {
    env: Env,
    name: Arc<str>,
    generation: Generation,
    balancer: Balancer,
    addr_conns: BTreeMap<SocketAddr, Arc<AddrConn>>,
    calls: AtomicU64,
}

impl Conn {
    pub fn new(env: &Env, name: &str, config: &Config) -> Self {
        let name: Arc<str> = name.into();
        let addr_conns = config.endpoints.iter().map(|e| (*e, Arc::new(AddrConn::new(*e))));
        Conn {
            env: env.clone(),
            balancer: Balancer::new(name.clone(), env.rng(&format!("etcd-client {name} pin"))),
            name,
            generation: config.generation,
            addr_conns: addr_conns.collect(),
            calls: AtomicU64::new(0),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn balancer(&self) -> &Balancer {
        &self.balancer
    }

    pub fn addr_conns(&self) -> impl Iterator<Item = &Arc<AddrConn>> {
        self.addr_conns.values()
    }

    /// The client's random stream for `what`.
    pub fn rng(&self, what: &str) -> Rng {
        self.env.rng(&format!("etcd-client {} {what}", self.name))
    }

    /// The client's scheduling points for `what`.
    pub fn points(&self, what: &str) -> Preemption {
        self.env.preemption(&format!("etcd-client {} {what}", self.name))
    }

    /// The scheduling points of the next call. Calls overlap, so each has its own.
    pub fn next_points(&self) -> Preemption {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        self.points(&format!("call {call}"))
    }

    pub async fn dial(
        &self,
        endpoint: SocketAddr,
        settings: Preemption,
    ) -> io::Result<Arc<Transport>> {
        let label = Label { client: self.name.clone(), endpoint };
        Transport::dial(&self.env, label, self.generation, settings).await
    }

    /// Makes a unary call. One that waits is tried again for as long as it meets no answer; one that
    /// fails fast is not.
    pub async fn unary<Q, A>(
        &self,
        patience: Patience,
        path: &'static str,
        request: &Q,
    ) -> Result<A, Status>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        loop {
            let transport = self.transport(patience).await?;
            let mut points = self.next_points();
            match (unary(&transport, path, request.clone(), &mut points).await, patience) {
                (Ok(answer), _) => return Ok(answer),
                (Err(failure @ Failure::Status(_)), _) | (Err(failure), Patience::FailFast) => {
                    return Err(Error::status_of(failure));
                }
                (Err(_), Patience::Wait) => tokio::time::sleep(LAP).await,
            }
        }
    }

    /// Opens a stream, waiting for a connection and trying again for as long as it takes.
    pub async fn open(&self, life: Life) -> Result<Opened, Status> {
        loop {
            let transport = self.transport(Patience::Wait).await?;
            match transport.open(life, &mut self.next_points()).await {
                Ok(opened) => return Ok(opened),
                Err(Failure::Status(status)) => return Err(status),
                Err(Failure::Lost | Failure::Draining) => tokio::time::sleep(LAP).await,
            }
        }
    }

    /// The pinned connection (`getTransport`).
    async fn transport(&self, patience: Patience) -> Result<Arc<Transport>, Status> {
        loop {
            let pin = match patience {
                Patience::Wait => self.balancer.get_blocking().await,
                Patience::FailFast => self
                    .balancer
                    .get()
                    .ok_or_else(|| Status::unavailable("there is no address available"))?,
            };
            // The pin may have moved on since it was looked up; the call goes where it was.
            match (self.addr_conns[&pin].ready().await, patience) {
                (Ok(transport), _) => return Ok(transport),
                (Err(Unavailable), Patience::FailFast) => {
                    return Err(Status::unavailable("grpc: the connection is unavailable"));
                }
                (Err(Unavailable), Patience::Wait) => tokio::time::sleep(LAP).await,
            }
        }
    }

    /// Pauses before another lap of a caller's loop.
    pub async fn lap(&self) {
        tokio::time::sleep(LAP).await;
    }
}

/// One unary call on one connection.
pub(super) async fn unary<Q, A>(
    transport: &Arc<Transport>,
    path: &'static str,
    request: Q,
    points: &mut Preemption,
) -> Result<A, Failure>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let stream = transport.open(Life::Short, points).await?;
    let mut grpc = transport.grpc();
    let path = http::uri::PathAndQuery::from_static(path);
    let answer = tokio::select! {
        biased;
        answer = grpc.unary(Request::new(request), path, ProstCodec::<Q, A>::default()) => answer,
        () = transport.signals.closed.wait() => return Err(Failure::Lost),
    };
    // Between receiving the answer and CloseStream.
    points.point().await;
    drop(stream);
    answer.map(tonic::Response::into_inner).map_err(failure)
}
