//! Answering.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use harness_env::{Env, Listener, Tasks};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::{Answer, BODY_BYTES_MAX};

/// After `accept` failed, so that a machine without free descriptors is not asked in a loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request with its whole body.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The path, without a query.
    pub path: String,
    /// The `Host` header, empty where there is none.
    pub host: String,
    /// The body.
    pub body: Bytes,
}

/// Listens on a port of the program's own address.
///
/// # Errors
/// The port cannot be had.
pub async fn listen(env: &Env, port: u16) -> Result<Box<dyn Listener>, String> {
    env.listen_port(port).await.map_err(|e| format!("listen on port {port}: {e}"))
}

/// Answers every request on `listener`, for ever. A client that goes away takes its request with
/// it: what answers it is dropped.
pub async fn serve<H, A>(tasks: &Tasks, listener: Box<dyn Listener>, answer: H)
where
    H: Fn(Asked) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(kind = "bank.accept-failed", "accept: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let answer = answer.clone();
        tasks.spawn(async move {
            let service = service_fn(move |request| respond(request, answer.clone()));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // As Go's server: an idle connection stays open, and costs no timer.
                .header_read_timeout(None)
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service);
            // An error is the end of the connection, which its client learns too.
            let _ = connection.await;
        });
    }
}

async fn respond<H, A>(
    request: Request<Incoming>,
    answer: H,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    H: Fn(Asked) -> A,
    A: Future<Output = Answer>,
{
    let (head, body) = request.into_parts();
    let answer = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => {
            let host = head.headers.get(http::header::HOST);
            let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
            let path = head.uri.path().to_owned();
            answer(Asked { method: head.method, path, host, body: body.to_bytes() }).await
        }
        Err(why) => Answer::text(StatusCode::BAD_REQUEST, format!("the body: {why}")),
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    Ok(response)
}
