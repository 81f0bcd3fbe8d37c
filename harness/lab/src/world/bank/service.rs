//! A pod of any service.
//!
//! All services do the same thing with different names: compute a little, ask the next service on
//! the request's path through the node's proxy, and say what came of it. A ledger books the payment
//! before it says yes.
//!
//! | request | answer |
//! |---|---|
//! | `POST /<journey>` with a [`Request`] | a [`Reply`]: 200 done, 502 or 504 a later hop failed, 503 not booked |
//! | `GET /healthz` | 200 as long as the program runs |
//! | `GET /metrics` | requests by journey and outcome, of the journeys that begin here |

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use harness_env::Env;
use http::{Method, StatusCode};

use super::database;
use super::http::{Answer, Ask, Asked, Client, Failed, listen, serve, to_json};
use super::metrics::Metrics;
use super::payment::{BOOKING_SERVICES, Booking, Reply, Request};
use crate::scenario::Workload;

/// What a request costs the pod's machine. An estimate.
const CPU: Duration = Duration::from_millis(1);
/// How long a service waits for the next one. Go's `net/http` client waits for ever unless it is
/// told otherwise; that the bank told it ten seconds is an assumption.
const NEXT_HOP: Duration = Duration::from_secs(10);
/// How long a ledger waits for the database: the default `Timeout` of gocql, the Go client of
/// Cassandra.
const DATABASE: Duration = Duration::from_millis(600);

/// One pod.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// The service's name.
    pub name: String,
    /// The port at the pod's own address.
    pub port: u16,
    /// The node's proxy, which finds the next service by the `Host` header.
    pub proxy: SocketAddr,
    /// The database, for those that book.
    pub database: SocketAddr,
    /// The journeys; requests of others are refused.
    pub workload: Arc<Workload>,
}

struct Pod {
    env: Env,
    config: ServiceConfig,
    client: Client,
    metrics: Metrics,
}

/// Serves until dropped.
///
/// # Errors
/// The port is taken.
pub async fn run(env: Env, config: ServiceConfig) -> Result<(), String> {
    let tasks = env.tasks();
    let listener = listen(&env, config.port).await?;
    let begins_here = |path: &Vec<String>| path.first().is_some_and(|first| *first == config.name);
    let journeys = config.workload.journeys.iter().filter(|journey| begins_here(&journey.path));
    let metrics = Metrics::of(journeys.map(|journey| journey.name.as_str()));
    let client = Client::new(&env);
    let pod = Arc::new(Pod { env, config, client, metrics });
    let answer = move |asked| {
        let pod = pod.clone();
        async move { pod.answer(asked).await }
    };
    serve(&tasks, listener, answer).await;
    Ok(())
}

impl Pod {
    async fn answer(&self, asked: Asked) -> Answer {
        match (&asked.method, asked.path.as_str()) {
            (&Method::GET, "/healthz") => Answer::text(StatusCode::OK, "ok"),
            (&Method::GET, "/metrics") => Answer::text(StatusCode::OK, self.metrics.render()),
            (&Method::POST, path) => self.journey(path.trim_start_matches('/'), &asked).await,
            _ => Answer::not_found("POST /<journey>, GET /healthz or GET /metrics"),
        }
    }

    async fn journey(&self, name: &str, asked: &Asked) -> Answer {
        let Some(journey) = self.config.workload.journeys.iter().find(|j| j.name == name) else {
            return Answer::not_found("a journey of the workload");
        };
        let request: Request = match serde_json::from_slice(&asked.body) {
            Ok(request) => request,
            Err(why) => return Answer::text(StatusCode::BAD_REQUEST, why.to_string()),
        };
        let entry = journey.path.first().is_some_and(|first| *first == self.config.name);
        let pending = entry.then(|| self.metrics.begin(name));
        let (status, error) = match self.handle(request).await {
            Ok(()) => (StatusCode::OK, None),
            Err((status, why)) => (status, Some(format!("{}: {why}", self.config.name))),
        };
        let ok = error.is_none();
        if let Some(pending) = pending {
            pending.end(ok);
        }
        Answer::json(status, &Reply { ok, error })
    }

    async fn handle(&self, mut request: Request) -> Result<(), (StatusCode, String)> {
        self.env.work(CPU).await;
        if !request.hops.is_empty() {
            let next = request.hops.remove(0);
            self.ask_next(&next, &request).await?;
        }
        if !BOOKING_SERVICES.contains(&self.config.name.as_str()) {
            return Ok(());
        }
        let Request { id, amount, .. } = request;
        let booking = Booking { book: self.config.name.clone(), id, amount };
        database::book(&self.client, self.config.database, &booking, DATABASE)
            .await
            .map_err(|why| (StatusCode::SERVICE_UNAVAILABLE, format!("not booked: {why}")))
    }

    async fn ask_next(&self, next: &str, request: &Request) -> Result<(), (StatusCode, String)> {
        let ask = Ask {
            method: Method::POST,
            to: self.config.proxy,
            host: next,
            path: &format!("/{}", request.journey),
            body: to_json(request),
            within: NEXT_HOP,
        };
        match self.client.ask(ask).await {
            Ok(answer) if answer.status == StatusCode::OK => Ok(()),
            Ok(answer) => {
                let said = answer.read::<Reply>().ok().and_then(|reply| reply.error);
                let text = || String::from_utf8_lossy(&answer.body).into_owned();
                let said = said.unwrap_or_else(text);
                Err((StatusCode::BAD_GATEWAY, format!("{next} answered {}: {said}", answer.status)))
            }
            Err(why @ Failed::TimedOut(_)) => {
                Err((StatusCode::GATEWAY_TIMEOUT, format!("{next}: {why}")))
            }
            Err(why) => Err((StatusCode::BAD_GATEWAY, format!("{next}: {why}"))),
        }
    }
}
