//! tonic's generated clients over one hyper connection.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use harness_env::{Env, Tasks};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tonic::body::Body;

/// One connection.
#[derive(Clone)]
pub struct Channel {
    sender: SendRequest<Body>,
    pub origin: Uri,
}

impl Channel {
    pub async fn connect(env: &Env, tasks: &Tasks, addr: SocketAddr) -> Option<Channel> {
        let stream = env.connect(addr).await.ok()?;
        let (sender, connection) = handshake(tasks.executor(), TokioIo::new(stream)).await.ok()?;
        tasks.spawn(async move { drop(connection.await) });
        Some(Channel { sender, origin: format!("http://{addr}").parse().unwrap() })
    }
}

impl tower_service::Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}
