//! tonic's generated clients over one hyper connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;

use super::Exec;

/// One connection; clones share it.
#[derive(Clone)]
pub struct Channel {
    sender: SendRequest<Body>,
}

impl Channel {
    /// What requests name as their server. Nobody looks at it.
    pub fn origin() -> Uri {
        Uri::from_static("http://test")
    }
}

/// Opens an HTTP/2 connection over `io`. It closes when the last clone of the channel is dropped.
///
/// # Errors
/// Where the handshake fails.
pub async fn connect<S>(io: S, exec: Exec) -> hyper::Result<Channel>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = Builder::new(exec.clone())
        .timer(TokioTimer::new())
        .handshake::<_, Body>(TokioIo::new(io))
        .await?;
    exec.execute(async move { drop(connection.await) });
    Ok(Channel { sender })
}

impl tower_service::Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}
