//! Connections from clients: gRPC on HTTP/2, and pages on HTTP/2 and HTTP/1.1, on the same port.

use std::sync::Arc;
use std::time::Duration;

use anatomy_proto::etcdserverpb::auth_server::AuthServer;
use anatomy_proto::etcdserverpb::cluster_server::ClusterServer;
use anatomy_proto::etcdserverpb::kv_server::KvServer;
use anatomy_proto::etcdserverpb::lease_server::LeaseServer;
use anatomy_proto::etcdserverpb::maintenance_server::MaintenanceServer;
use anatomy_proto::etcdserverpb::watch_server::WatchServer;
use anatomy_proto::reflection::server_reflection_server::ServerReflectionServer;
use harness_env::tasks::Executor;
use harness_env::{Env, Listener, Stream, Tasks};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tonic::service::Routes;
use tower_service::Service;

use super::authority::Authorities;
use super::reflection::Reflection;
use super::rewound::peek;
use super::{Api, limits, pages};
use crate::server::shared::Shared;

/// What reflection tells.
const SERVICES: &[&str] = &[
    "etcdserverpb.Auth",
    "etcdserverpb.Cluster",
    "etcdserverpb.KV",
    "etcdserverpb.Lease",
    "etcdserverpb.Maintenance",
    "etcdserverpb.Watch",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
];

/// Serves clients once the member is ready, until it stops accepting.
pub(crate) async fn run(
    env: Env,
    shared: Arc<Shared>,
    listener: Box<dyn Listener>,
    connections: Arc<Tasks>,
) {
    shared.ready.wait(|ready| ready).await;
    let api = Api { shared: shared.clone(), wall: env };
    let largest = limits::message_bytes(shared.config.max_request_bytes);
    // Healthy from the moment it serves, whatever it can do, as etcd's.
    let (_, health) = tonic_health::server::health_reporter();
    let routes = Routes::new(KvServer::new(api.clone()).max_decoding_message_size(largest))
        .add_service(WatchServer::new(api.clone()).max_decoding_message_size(largest))
        .add_service(LeaseServer::new(api.clone()).max_decoding_message_size(largest))
        .add_service(ClusterServer::new(api.clone()).max_decoding_message_size(largest))
        .add_service(MaintenanceServer::new(api.clone()).max_decoding_message_size(largest))
        .add_service(AuthServer::new(api.clone()).max_decoding_message_size(largest))
        .add_service(health)
        .add_service(ServerReflectionServer::new(Reflection::new(SERVICES)))
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
    async fn serve(self, stream: Box<dyn Stream>) -> Result<(), BoxError> {
        let Some((stream, is_http2)) = peek(stream).await? else { return Ok(()) };
        let (shared, routes) = (self.shared.clone(), self.routes.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (shared, mut routes) = (shared.clone(), routes.clone());
            async move {
                match pages::answer(&shared, &request).await {
                    Some(page) => Ok(page),
                    None => routes.call(request).await.map(limits::as_in_go),
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
                .serve_connection(TokioIo::new(Authorities::new(stream)), service);
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
                .serve_connection(TokioIo::new(stream), service);
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
