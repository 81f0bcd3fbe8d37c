//! Requests to the apiserver, one connection each.
//!
//! As in linkerd, there is no time-out but that of connecting: an apiserver that accepts and stays
//! silent is waited for without end. A list that fails is an error; a watch whose reading fails has
//! ended (linkerd#619: errors in reading are taken for the end of the stream).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use harness_env::{Env, Task, Tasks};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::k8s::{EndpointsList, Event, EventParser, Malformed};

/// How long a connection may take to come about (finagle's `Transporter.ConnectTimeout` default).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The largest list that is read, in bytes.
const LIST_BYTES_MAX: usize = 64 << 20;

/// What went wrong between the proxy and the apiserver.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No connection.
    #[error("cannot connect to the apiserver: {0}")]
    Connect(io::Error),
    /// The connection failed before the answer began, or in the middle of a list.
    #[error("no answer from the apiserver: {0}")]
    Exchange(#[from] hyper::Error),
    /// A list's body was cut off, or too long.
    #[error("list of endpoints: {0}")]
    Body(String),
    /// An answer that is not what was asked for.
    #[error("the apiserver answered {0}")]
    Status(StatusCode),
    /// A list that is not one of Endpoints.
    #[error("list of endpoints: {0}")]
    List(serde_json::Error),
    /// A watch that is not one of Endpoints.
    #[error(transparent)]
    Watch(#[from] Malformed),
}

impl ApiError {
    /// Whether the watch's retry filter tries again: on 5xx and on whatever is no answer at all
    /// (linkerd 0.9.1 `Watchable.infiniteRetryFilter`).
    pub fn is_retried(&self) -> bool {
        match self {
            ApiError::Connect(_) | ApiError::Exchange(_) => true,
            ApiError::Status(status) => status.is_server_error(),
            ApiError::Body(_) | ApiError::List(_) | ApiError::Watch(_) => false,
        }
    }
}

/// The Endpoints of one namespace, at the apiserver.
pub struct Api {
    env: Env,
    tasks: Tasks,
    address: SocketAddr,
    token: Option<String>,
    path: String,
}

/// How a watch began.
pub enum Watching {
    /// Events will come.
    Stream(Box<Watch>),
    /// Status 410: the asked version is too old to watch from.
    Gone,
}

impl Api {
    /// Endpoints of `namespace` at the apiserver at `address`.
    pub fn new(env: &Env, address: SocketAddr, token: Option<String>, namespace: &str) -> Self {
        Api {
            env: env.clone(),
            tasks: env.tasks(),
            address,
            token,
            path: format!("/api/v1/namespaces/{namespace}/endpoints"),
        }
    }

    /// All Endpoints of the namespace, as the store has them now.
    ///
    /// # Errors
    /// The apiserver is not there, answers something else than 200, or not with a list.
    pub async fn list(&self) -> Result<EndpointsList, ApiError> {
        let (status, exchange) = self.get(&self.path).await?;
        if status != StatusCode::OK {
            return Err(ApiError::Status(status));
        }
        let body =
            Limited::new(exchange.body, LIST_BYTES_MAX).collect().await.map_err(|error| {
                ApiError::Body(match error.downcast_ref::<LengthLimitError>() {
                    Some(_) => format!("longer than {LIST_BYTES_MAX} bytes"),
                    None => error.to_string(),
                })
            })?;
        serde_json::from_slice(&body.to_bytes()).map_err(ApiError::List)
    }

    /// Watches from after `version`, or from now on where there is none.
    ///
    /// # Errors
    /// The apiserver is not there, or refuses with a status other than 410.
    pub async fn watch(&self, version: Option<&str>) -> Result<Watching, ApiError> {
        let mut target = format!("{}?watch=true", self.path);
        if let Some(version) = version {
            target.push_str("&resourceVersion=");
            // A version is digits. Whatever else a server sent must not end up in the request.
            target.extend(version.chars().filter(char::is_ascii_alphanumeric));
        }
        match self.get(&target).await? {
            (StatusCode::OK, exchange) => {
                Ok(Watching::Stream(Box::new(Watch { exchange, parser: EventParser::default() })))
            }
            (StatusCode::GONE, _) => Ok(Watching::Gone),
            (status, _) => Err(ApiError::Status(status)),
        }
    }

    async fn get(&self, target: &str) -> Result<(StatusCode, Exchange), ApiError> {
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, self.env.connect(self.address))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))
            .flatten()
            .map_err(ApiError::Connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let task = self.tasks.spawn_owned(async move {
            let _ = connection.await;
        });
        let mut request = Request::get(target)
            .header(header::HOST, self.address.to_string())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "linkerd");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::<Bytes>::new()).expect("the parts were checked");
        let response = sender.send_request(request).await?;
        let status = response.status();
        Ok((status, Exchange { body: response.into_body(), _sender: sender, _task: task }))
    }
}

/// An answer being read, with the connection that it comes over.
struct Exchange {
    body: Incoming,
    _sender: http1::SendRequest<Empty<Bytes>>,
    _task: Task,
}

/// The events of a watch.
pub struct Watch {
    exchange: Exchange,
    parser: EventParser,
}

impl Watch {
    /// The events of the next chunk, possibly none; `None` at the end. No time-out.
    ///
    /// # Errors
    /// What came is not a stream of events.
    pub async fn next(&mut self) -> Result<Option<Vec<Event>>, ApiError> {
        while let Some(Ok(frame)) = self.exchange.body.frame().await {
            if let Ok(chunk) = frame.into_data() {
                return Ok(Some(self.parser.push(&chunk)?));
            }
        }
        Ok(None)
    }
}
