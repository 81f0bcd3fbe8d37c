//! tonic's view of a connection: a service that sends a request with hyper, and what its errors mean.

use std::error::Error as _;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use http_body_util::combinators::MapErr;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use tonic::body::Body;
use tonic::{Code, Status};
use tower_service::Service;

use super::transport::Failure;

/// Sends requests on one connection.
pub(super) struct Channel(pub SendRequest<Body>);

type Response = http::Response<MapErr<Incoming, fn(hyper::Error) -> Broken>>;

impl Service<http::Request<Body>> for Channel {
    type Response = Response;
    type Error = Broken;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Broken>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.0.poll_ready(cx).map_err(Broken::from)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let sent = self.0.send_request(request);
        Box::pin(async move {
            let response = sent.await.map_err(Broken::from)?;
            Ok(response.map(|body| body.map_err(Broken::from as fn(hyper::Error) -> Broken)))
        })
    }
}

/// A request that ended without an answer. It hides hyper's error from tonic, which would turn it
/// into a status of its own, so that [`failure`] can tell a broken connection from an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// The server reset this stream.
    Stream(h2::Reason),
    /// The server opens no more streams.
    GoAway,
    /// The connection is gone.
    Connection,
}

impl From<hyper::Error> for Broken {
    fn from(error: hyper::Error) -> Self {
        match error.source().and_then(|source| source.downcast_ref::<h2::Error>()) {
            Some(h2) if h2.is_go_away() && h2.is_remote() => Broken::GoAway,
            Some(h2) if h2.is_reset() && h2.is_remote() => {
                Broken::Stream(h2.reason().unwrap_or(h2::Reason::INTERNAL_ERROR))
            }
            _ => Broken::Connection,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Stream(reason) => write!(f, "stream reset by the server: {reason}"),
            Broken::GoAway => f.write_str("the server stops accepting new RPCs"),
            Broken::Connection => f.write_str("transport is closing"),
        }
    }
}

impl std::error::Error for Broken {}

/// What a status that tonic made means for the connection.
pub(super) fn failure(status: Status) -> Failure {
    match status.source().and_then(|source| source.downcast_ref::<Broken>()) {
        None => Failure::Status(status),
        Some(Broken::Connection) => Failure::Lost,
        Some(Broken::GoAway) => Failure::Draining,
        Some(broken @ Broken::Stream(reason)) => {
            Failure::Status(Status::new(code_of(*reason), broken.to_string()))
        }
    }
}

/// grpc-go 1.0.4 `transport/http_util.go`, `http2ErrConvTab`.
fn code_of(reason: h2::Reason) -> Code {
    match reason {
        h2::Reason::REFUSED_STREAM => Code::Unavailable,
        h2::Reason::CANCEL => Code::Cancelled,
        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Internal,
    }
}
