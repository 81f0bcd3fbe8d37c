//! One client: who asks, how fast, how patiently.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use harness_env::Env;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::error::Error;
use super::limiter::Limiter;
use super::pool::{Lease, Pool};
use super::watch::WatchStream;

/// How often a request that was answered with `Retry-After` is sent again
/// (client-go `rest/request.go`).
const RETRIES: u32 = 10;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A user or component known by its certificate. Our apiserver speaks plain HTTP, so the name
    /// goes in the header `X-Remote-User`, as behind an authenticating proxy.
    User(String),
    /// A pod, known by the token of its service account.
    ServiceAccount {
        /// The token, as mounted into the pod.
        token: String,
    },
}

/// A client of the apiserver. Clones share connections and rate limit.
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool>,
    host: HeaderValue,
    agent: HeaderValue,
    identity: (header::HeaderName, HeaderValue),
    timeout: Option<Duration>,
    limiter: Option<Arc<Limiter>>,
}

impl Client {
    /// A client named `name` (its user agent) of the apiserver, or of the load balancer before the
    /// apiservers, at `server`. It connects when it is first asked.
    pub fn new(env: &Env, name: &str, server: SocketAddr, identity: Identity) -> Client {
        let value = |text: &str| {
            HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unprintable"))
        };
        let identity = match identity {
            Identity::User(name) => {
                (header::HeaderName::from_static("x-remote-user"), value(&name))
            }
            Identity::ServiceAccount { token } => {
                (header::AUTHORIZATION, value(&format!("Bearer {}", token.trim())))
            }
        };
        Client {
            pool: Pool::new(env, server),
            host: value(&server.to_string()),
            agent: value(name),
            identity,
            timeout: None,
            limiter: None,
        }
    }

    /// The same client with a time-out for each request but watches. There is none otherwise:
    /// client-go of these years set none.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Client {
        Client { timeout: Some(timeout), ..self.clone() }
    }

    /// The same client, held back to `qps` requests a second and bursts of `burst`.
    #[must_use]
    pub fn with_rate_limit(&self, qps: f64, burst: u32) -> Client {
        Client { limiter: Some(Arc::new(Limiter::new(qps, burst))), ..self.clone() }
    }

    /// The client's name.
    pub fn name(&self) -> &str {
        self.agent.to_str().unwrap_or_default()
    }

    /// Reads an object or a list; `path` may have a query.
    ///
    /// # Errors
    /// See [`Error`]; all requests can fail in all these ways.
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.request(Method::GET, path, None).await
    }

    /// Reads a list.
    ///
    /// # Errors
    /// As [`Client::get`], and [`Error::Decode`] where the answer has no `items`.
    pub async fn list(&self, path: &str) -> Result<Value, Error> {
        let list = self.get(path).await?;
        match list.get("items") {
            Some(Value::Array(_) | Value::Null) => Ok(list),
            _ => Err(Error::Decode {
                path: path.to_string(),
                detail: "expected a list with items".to_string(),
            }),
        }
    }

    /// Creates an object in the collection `path`.
    ///
    /// # Errors
    /// As [`Client::get`]; `AlreadyExists` where the name is taken.
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value, Error> {
        self.request(Method::POST, path, Some(("application/json", object))).await
    }

    /// Replaces the object at `path`; its `metadata.resourceVersion` must be the current one.
    ///
    /// # Errors
    /// As [`Client::get`]; `Conflict` where the object changed since it was read.
    pub async fn update(&self, path: &str, object: &Value) -> Result<Value, Error> {
        self.request(Method::PUT, path, Some(("application/json", object))).await
    }

    /// Merges `patch` into the object at `path` (RFC 7386).
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn patch_merge(&self, path: &str, patch: &Value) -> Result<Value, Error> {
        self.request(Method::PATCH, path, Some(("application/merge-patch+json", patch))).await
    }

    /// Deletes the object at `path`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete(&self, path: &str) -> Result<Value, Error> {
        self.request(Method::DELETE, path, None).await
    }

    /// Deletes the object at `path` with `DeleteOptions`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete_with(&self, path: &str, options: &Value) -> Result<Value, Error> {
        self.request(Method::DELETE, path, Some(("application/json", options))).await
    }

    /// Sets the number of pods that a Deployment should have.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn scale(
        &self,
        namespace: &str,
        deployment: &str,
        replicas: u32,
    ) -> Result<Value, Error> {
        let path = format!(
            "/apis/extensions/v1beta1/namespaces/{namespace}/deployments/{deployment}/scale"
        );
        self.patch_merge(&path, &json!({ "spec": { "replicas": replicas } })).await
    }

    /// Opens a watch; `path` has `watch=true` in its query. Returns when the server has begun to
    /// answer, which it may put off for ever.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn watch(&self, path: &str) -> Result<WatchStream, Error> {
        let (response, lease) = self.exchange(&Method::GET, path, None).await?;
        if response.status() == StatusCode::OK {
            return Ok(WatchStream::new(path.to_string(), response.into_body(), lease));
        }
        Err(finish(path, response, lease).await.err().unwrap_or_else(|| Error::Decode {
            path: path.to_string(),
            detail: "expected a watch, got something else".to_string(),
        }))
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Value, Error> {
        let body = body.map(|(kind, value)| (kind, Bytes::from(value.to_string())));
        let exchange = self.insist(method, path, body);
        match self.timeout {
            Some(limit) => {
                tokio::time::timeout(limit, exchange).await.unwrap_or(Err(Error::Timeout))
            }
            None => exchange.await,
        }
    }

    /// Sends a request again as long as the server asks for that: it answers 429 or 5xx and says
    /// when to come back (client-go `checkWait`).
    async fn insist(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Value, Error> {
        let mut retries = 0;
        loop {
            let (response, lease) = self.exchange(&method, path, body.clone()).await?;
            match finish(path, response, lease).await {
                Err(Error::Status { code: 429 | 500.., retry_after: Some(wait), .. })
                    if retries < RETRIES =>
                {
                    retries += 1;
                    tokio::time::sleep(wait).await;
                }
                result => return result,
            }
        }
    }

    /// Sends a request and returns when the head of its answer is there. A request that died with
    /// an idle connection the server had closed is sent again on a new one, where it cannot have
    /// had an effect: as Go's transport does.
    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<(Response<Incoming>, Lease), Error> {
        if let Some(limiter) = &self.limiter {
            limiter.take().await;
        }
        let mut lease = self.pool.lease().await?;
        loop {
            let request = self.build(method, path, body.clone())?;
            match lease.sender.try_send_request(request).await {
                Ok(response) => return Ok((response, lease)),
                Err(mut failure) => {
                    let unsent = failure.take_message().is_some();
                    if lease.reused && (unsent || *method == Method::GET) {
                        lease = self.pool.dial().await?;
                        continue;
                    }
                    return Err(Error::from_hyper(failure.error()));
                }
            }
        }
    }

    fn build(
        &self,
        method: &Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let (name, value) = &self.identity;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::USER_AGENT, &self.agent)
            .header(header::ACCEPT, "application/json")
            .header(name, value);
        if let Some((kind, _)) = &body {
            request = request.header(header::CONTENT_TYPE, *kind);
        }
        let body = body.map(|(_, bytes)| bytes).unwrap_or_default();
        request.body(Full::new(body)).map_err(|error| Error::Decode {
            path: path.to_string(),
            detail: format!("not a path that can be asked for: {error}"),
        })
    }
}

/// Reads an answer to its end and gives the connection back.
async fn finish(path: &str, response: Response<Incoming>, lease: Lease) -> Result<Value, Error> {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| Error::from_hyper(&error))?.to_bytes();
    lease.give_back();
    let value = serde_json::from_slice::<Value>(&body);
    if !status.is_success() {
        let text = || json!({ "message": String::from_utf8_lossy(&body).trim() });
        let object = value.ok().filter(Value::is_object).unwrap_or_else(text);
        return Err(Error::from_status(status.as_u16(), &object, retry_after));
    }
    value.map_err(|error| Error::Decode {
        path: path.to_string(),
        detail: format!("expected JSON: {error}"),
    })
}
