//! A check from outside, as Pingdom does it: asks for one journey again and again, from a network
//! that has nothing to do with the bank's.
//!
//! It counts what it finds at `GET /metrics`, and the pager reads that. (The real one calls the pager
//! by itself; here alarms come about in one place.)

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use harness_env::Env;
use http::{Method, StatusCode};
use tokio::time::{MissedTickBehavior, interval};

use super::http::{Answer, Ask, Asked, Client, listen, serve, to_json};
use super::metrics::Metrics;
use super::payment::Request;
use super::probe::Probe;
use super::{Entries, journeys_from};
use crate::scenario::{Entry, Journey, Workload};

/// What is checked, and where the result is read.
#[derive(Clone)]
pub struct HealthCheckConfig {
    /// The port of `/metrics`.
    pub port: u16,
    /// Where the first services of the journeys are reached.
    pub entries: Entries,
    /// The journeys, and how long a check waits.
    pub workload: Arc<Workload>,
    /// Where the checks are noted.
    pub probe: Probe,
}

/// Checks every journey of entry `health-check` at its rate, evenly, until dropped.
///
/// # Errors
/// The port is taken, or a journey begins at a service that has no address outside.
pub async fn run(env: Env, config: HealthCheckConfig) -> Result<(), String> {
    let tasks = env.tasks();
    let client = Client::that_closes(&env);
    let journeys = journeys_from(&config.workload, Entry::HealthCheck, &config.entries)?;
    let metrics = Metrics::of(journeys.iter().map(|(journey, _)| journey.name.as_str()));
    for (journey, to) in journeys {
        let check = Check {
            env: env.clone(),
            client: client.clone(),
            metrics: metrics.clone(),
            probe: config.probe.clone(),
            patience: config.workload.patience,
            journey,
            to,
        };
        tasks.spawn(check.run());
    }
    let listener = listen(&env, config.port).await?;
    let answer = move |asked: Asked| {
        let metrics = metrics.clone();
        async move {
            match (asked.method, asked.path.as_str()) {
                (Method::GET, "/metrics") => Answer::text(StatusCode::OK, metrics.render()),
                _ => Answer::not_found("GET /metrics"),
            }
        }
    };
    serve(&tasks, listener, answer).await;
    Ok(())
}

struct Check {
    env: Env,
    client: Client,
    metrics: Metrics,
    probe: Probe,
    patience: Duration,
    journey: Arc<Journey>,
    to: SocketAddr,
}

impl Check {
    async fn run(self) {
        if self.journey.rate <= 0.0 {
            return;
        }
        let name: Arc<str> = self.journey.name.as_str().into();
        let mut ticks = interval(Duration::from_secs_f64(1.0 / self.journey.rate));
        // One check at a time: one that waits long takes the place of those it runs into.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut n = env_first(&self.env);
        loop {
            ticks.tick().await;
            let (journey, id) = (self.journey.name.clone(), format!("{name}-{n}"));
            n += 1;
            let request = Request { id, journey, amount: 0, card: None, hops: Vec::new() };
            let began = self.env.wall();
            let ask = Ask {
                method: Method::POST,
                to: self.to,
                host: &self.journey.path[0],
                path: &format!("/{name}"),
                body: to_json(&request.at_entry(&self.journey)),
                within: self.patience,
            };
            let answer = self.client.ask(ask).await;
            let ok = answer.is_ok_and(|answer| answer.status == StatusCode::OK);
            self.metrics.count(&name, ok);
            self.probe.sample(&name, began, self.env.wall(), ok);
        }
    }
}

/// The number of the first check of this life of the program.
fn env_first(env: &Env) -> u64 {
    env.identity().incarnation * super::customers::PER_LIFE + 1
}
