//! Accepting connections and answering requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use harness_env::{Env, Listener, Tasks};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::proxy::{BODY_BYTES_MAX, admin, message};
use crate::router::Router;
use crate::{Config, Error};

/// After `accept` failed, so that a machine without free descriptors is not asked in a loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Answer = Response<Full<Bytes>>;

/// A proxy that listens.
pub struct Server {
    env: Env,
    router: Arc<Router>,
    proxy: Box<dyn Listener>,
    admin: Option<Box<dyn Listener>>,
}

/// Listens and serves until dropped.
///
/// # Errors
/// The settings are of no use, or a port cannot be had.
pub async fn run(env: Env, config: Config) -> Result<(), Error> {
    Server::bind(env, &config).await?.serve().await;
    Ok(())
}

impl Server {
    /// Listens. The apiserver is asked at the first request, as in linkerd.
    ///
    /// # Errors
    /// The settings are of no use, or a port cannot be had.
    pub async fn bind(env: Env, config: &Config) -> Result<Self, Error> {
        config.check()?;
        let listen = async |port| {
            env.listen_port(port).await.map_err(|source| Error::Listen { port, source })
        };
        let proxy = listen(config.listen_port).await?;
        let admin = match config.admin_port {
            Some(port) => Some(listen(port).await?),
            None => None,
        };
        tracing::debug!(kind = "mesh.started", version = %config.version, "linkerd listens");
        let router = Arc::new(Router::new(&env, config));
        Ok(Server { env, router, proxy, admin })
    }

    /// Where services send their requests.
    pub fn proxy_addr(&self) -> SocketAddr {
        self.proxy.local_addr()
    }

    /// Where operators look.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|admin| admin.local_addr())
    }

    /// Serves until dropped.
    pub async fn serve(self) {
        let tasks = self.env.tasks();
        if let Some(admin) = self.admin {
            let (env, router) = (self.env.clone(), Arc::clone(&self.router));
            tasks.spawn(async move {
                let tasks = env.tasks();
                accept(&tasks, admin, router, operator).await;
            });
        }
        accept(&tasks, self.proxy, self.router, client).await;
    }
}

/// Serves every connection with `answer`, in a task of its own.
async fn accept<F, A>(tasks: &Tasks, listener: Box<dyn Listener>, router: Arc<Router>, answer: F)
where
    F: Fn(Arc<Router>, Request<Incoming>) -> A + Copy + Send + 'static,
    A: Future<Output = Answer> + Send,
{
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(kind = "mesh.accept-failed", "accept: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let router = Arc::clone(&router);
        tasks.spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(Arc::clone(&router), request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // An idle connection stays open, and costs no timer.
                .header_read_timeout(None)
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::trace!("connection: {error}");
            }
        });
    }
}

async fn operator(router: Arc<Router>, request: Request<Incoming>) -> Answer {
    admin::answer(&router, request.method(), request.uri().path())
}

async fn client(router: Arc<Router>, request: Request<Incoming>) -> Answer {
    let (mut parts, body) = request.into_parts();
    if parts.method == Method::CONNECT {
        return message::refuse(StatusCode::METHOD_NOT_ALLOWED, "tunnels are not supported");
    }
    let Some(path) = message::path_of(&parts) else {
        return message::refuse(StatusCode::BAD_REQUEST, "no Host header to route by");
    };
    let too_long = || {
        let reason = format!("body longer than {BODY_BYTES_MAX} bytes");
        message::refuse(StatusCode::PAYLOAD_TOO_LARGE, &reason)
    };
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return too_long();
    }
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return too_long(),
        Err(error) => return message::refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    message::forward(&mut parts);
    match router.route(&path, &parts, &body).await {
        Ok(response) => message::back(response),
        Err(error) => {
            let reason = error.to_string();
            tracing::debug!(kind = "mesh.request.failed", service = %path, "{reason}");
            message::refuse(StatusCode::BAD_GATEWAY, &reason)
        }
    }
}
