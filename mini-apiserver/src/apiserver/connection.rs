//! HTTP/1.1 over the connections of clients.
//!
//! Each request is handled by a task of its own, not by the connection: a Go handler that hangs
//! goes on when its client has left, and so does ours. Idle connections are kept for ever, as the
//! Go server of that time does without a read time-out.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use harness_env::{Listener, Stream, Tasks};
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;

use super::body::Body;
use super::config::Error;
use super::respond;
use super::server::Server;
use crate::status::Status;

/// The largest body that is read. An object in etcd has 1.5 MB at most.
const BODY_MAX: usize = 3 << 20;

/// Serves whoever connects, for ever.
pub(super) async fn accept(
    server: Arc<Server>,
    tasks: &Tasks,
    listener: &dyn Listener,
) -> Result<(), Error> {
    loop {
        match listener.accept().await {
            Ok(stream) => tasks.spawn(serve(server.clone(), stream)),
            Err(error) => {
                tracing::debug!(kind = "apiserver.accept-failed", %error, "accept: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    }
}

async fn serve(server: Arc<Server>, stream: Box<dyn Stream>) {
    let service = service_fn(move |request| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(answer(server, request).await) }
    });
    // What ends a connection is the client's business or the network's; both see it.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(server: Arc<Server>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            return respond::failure(&Status::bad_request(format!("body of the request: {error}")));
        }
    };
    let request: Request<Bytes> = Request::from_parts(head, body);
    let (sender, receiver) = oneshot::channel();
    server.executor().execute({
        let server = server.clone();
        async move {
            let response = server.handle(request).await;
            // The client may have left.
            let _ = sender.send(response);
        }
    });
    match receiver.await {
        Ok(response) => response,
        Err(_) => respond::failure(&Status::internal("the server is stopping")),
    }
}
