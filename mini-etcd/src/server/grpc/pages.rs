//! What is not gRPC: `/health`, `/version` and `/metrics` (etcd 3.4 etcdserver/api/etcdhttp).

use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tonic::body::Body;

use crate::raft::NONE;
use crate::server::shared::Shared;

/// The page that a request asks for; `None` where it is a gRPC call.
pub(super) async fn answer<B>(shared: &Shared, request: &Request<B>) -> Option<Response<Body>> {
    let is_grpc = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc");
    if request.headers().get(CONTENT_TYPE).is_some_and(is_grpc) {
        return None;
    }
    let path = request.uri().path();
    if !matches!(path, "/health" | "/version" | "/metrics") {
        return Some(text(StatusCode::NOT_FOUND, "404 page not found\n".into()));
    }
    if request.method() != Method::GET && path != "/metrics" {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n".into());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return Some(response);
    }
    Some(match path {
        "/health" => health(shared).await,
        "/version" => version(shared),
        _ => text(StatusCode::OK, shared.metrics_page()),
    })
}

/// Healthy is a member without an alarm that knows a leader and gets a read through it within a
/// second (`checkHealth`).
async fn health(shared: &Shared) -> Response<Body> {
    let read = tokio::time::timeout(Duration::from_secs(1), shared.linearize());
    let healthy = shared.state().alarms.is_empty()
        && shared.leader.get().id != NONE
        && matches!(read.await, Ok(Ok(())));
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, format!(r#"{{"health":"{healthy}"}}"#))
}

fn version(shared: &Shared) -> Response<Body> {
    let profile = shared.config.profile;
    let (version, cluster) = (profile.version(), profile.cluster_version());
    json(StatusCode::OK, format!(r#"{{"etcdserver":"{version}","etcdcluster":"{cluster}"}}"#))
}

fn json(status: StatusCode, body: String) -> Response<Body> {
    page(status, HeaderValue::from_static("application/json"), body)
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    page(status, HeaderValue::from_static("text/plain; charset=utf-8"), body)
}

fn page(status: StatusCode, kind: HeaderValue, body: String) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
