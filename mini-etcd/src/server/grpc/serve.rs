//! Connections from clients: gRPC on HTTP/2, and `/health` and `/version` also on HTTP/1.1, on the
//! same port (etcd tells them apart by the first bytes, with cmux).

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anatomy_proto::etcdserverpb::cluster_server::ClusterServer;
use anatomy_proto::etcdserverpb::kv_server::KvServer;
use anatomy_proto::etcdserverpb::lease_server::LeaseServer;
use anatomy_proto::etcdserverpb::maintenance_server::MaintenanceServer;
use anatomy_proto::etcdserverpb::watch_server::WatchServer;
use harness_env::tasks::Executor;
use harness_env::{Env, Listener, Stream, Tasks};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tonic::body::Body;
use tonic::service::Routes;
use tower_service::Service;

use super::Api;
use crate::raft::NONE;
use crate::server::shared::Shared;

/// How every HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves clients once the member is ready, until it stops accepting.
pub(crate) async fn run(
    env: Env,
    shared: Arc<Shared>,
    listener: Box<dyn Listener>,
    connections: Arc<Tasks>,
) {
    shared.ready.wait(|ready| ready).await;
    let api = Api { shared: shared.clone(), wall: env };
    let routes = Routes::new(KvServer::new(api.clone()))
        .add_service(WatchServer::new(api.clone()))
        .add_service(LeaseServer::new(api.clone()))
        .add_service(ClusterServer::new(api.clone()))
        .add_service(MaintenanceServer::new(api.clone()))
        .prepare();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = shared.stopping.wait(|stopping| stopping) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(stream) => {
                let connection = Connection {
                    shared: shared.clone(),
                    routes: routes.clone(),
                    executor: connections.executor(),
                };
                connections.spawn(async move {
                    if let Err(error) = connection.serve(stream).await {
                        tracing::debug!(kind = "etcd.client.closed", %error, "a client is gone");
                    }
                });
            }
            Err(error) => {
                tracing::debug!(kind = "etcd.client.accept", %error, "could not accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Ends when all connections have.
pub(crate) async fn drained(connections: &Tasks) {
    while !connections.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

struct Connection {
    shared: Arc<Shared>,
    routes: Routes,
    /// Not the set of tasks itself: this is one of them, and the set ends with its last owner.
    executor: Executor,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Connection {
    async fn serve(self, mut stream: Box<dyn Stream>) -> Result<(), BoxError> {
        let mut first = [0; PREFACE.len()];
        let mut read = 0;
        // Until the bytes cannot be an HTTP/2 preface any more, or are one.
        while read < first.len() && first[..read] == PREFACE[..read] {
            match stream.read(&mut first[read..]).await? {
                0 => return Ok(()),
                n => read += n,
            }
        }
        let is_http2 = first[..read] == PREFACE[..read];
        let io = TokioIo::new(Rewound { first, at: 0, len: read, stream });
        let (shared, routes) = (self.shared.clone(), self.routes.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (shared, mut routes) = (shared.clone(), routes.clone());
            async move {
                match request.uri().path() {
                    "/health" => Ok(health(&shared).await),
                    "/version" => Ok::<_, Infallible>(version(&shared)),
                    _ => routes.call(request).await,
                }
            }
        });
        let stopping = self.shared.stopping.wait(|stopping| stopping);
        if is_http2 {
            let limit = self.shared.config.profile.sends_stream_limit();
            let connection = hyper::server::conn::http2::Builder::new(self.executor)
                .timer(TokioTimer::new())
                .auto_date_header(false)
                .max_concurrent_streams(limit)
                .serve_connection(io, service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                biased;
                done = connection.as_mut() => return Ok(done?),
                _ = stopping => connection.as_mut().graceful_shutdown(),
            }
            Ok(connection.await?)
        } else {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .auto_date_header(false)
                .serve_connection(io, service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                biased;
                done = connection.as_mut() => return Ok(done?),
                _ = stopping => connection.as_mut().graceful_shutdown(),
            }
            Ok(connection.await?)
        }
    }
}

/// Healthy is a member that knows a leader and gets a read through it within a second (etcd 3.2
/// etcdserver/api/etcdhttp/metrics.go `checkHealth`).
async fn health(shared: &Shared) -> Response<Body> {
    let read = tokio::time::timeout(Duration::from_secs(1), shared.linearize());
    let healthy = shared.leader.get().id != NONE && matches!(read.await, Ok(Ok(())));
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, format!(r#"{{"health":"{healthy}"}}"#))
}

fn version(shared: &Shared) -> Response<Body> {
    let version = shared.config.profile.version();
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    let body = format!(r#"{{"etcdserver":"{version}","etcdcluster":"{minor}.0"}}"#);
    json(StatusCode::OK, body)
}

fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::new(body.into())));
    *response.status_mut() = status;
    let value = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, value);
    response
}

/// A stream whose first bytes were looked at.
struct Rewound {
    first: [u8; PREFACE.len()],
    at: usize,
    len: usize,
    stream: Box<dyn Stream>,
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at < self.len {
            let n = buf.remaining().min(self.len - self.at);
            buf.put_slice(&self.first[self.at..self.at + n]);
            self.at += n;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
