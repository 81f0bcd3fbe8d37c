//! The bank's customers, with the app in their hands.
//!
//! An open loop: people do not wait for each other, so each journey is a Poisson process of its own,
//! from a random stream of its own. Every request has a connection of its own, as if from a telephone
//! of its own: the load balancer deals connections, so requests reach every machine of the bank.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use harness_env::{Env, Rng};
use http::{Method, StatusCode};
use tokio::time::{Instant, sleep_until};

use super::http::{Ask, Client, to_json};
use super::payment::{self, By, Request};
use super::probe::Probe;
use super::{Entries, journeys_from};
use crate::scenario::{Entry, Journey, Workload};

/// The dearest thing that is bought, in pence. An assumption.
const AMOUNT_MAX: u64 = 6_000;
/// How many requests of a journey one life of a program may make: ids of the next life begin there.
pub(super) const PER_LIFE: u64 = 1_000_000_000;

/// Who asks whom.
#[derive(Clone)]
pub struct CustomersConfig {
    /// Where the first services of the journeys are reached.
    pub entries: Entries,
    /// The journeys, and how long people wait.
    pub workload: Arc<Workload>,
    /// Where what they live through is noted.
    pub probe: Probe,
}

/// Lives until dropped.
///
/// # Errors
/// A journey begins at a service that has no address outside.
pub async fn run(env: Env, config: CustomersConfig) -> Result<(), String> {
    let tasks = env.tasks();
    let client = Client::that_closes(&env);
    for (journey, to) in journeys_from(&config.workload, Entry::App, &config.entries)? {
        let person = Person {
            env: env.clone(),
            client: client.clone(),
            probe: config.probe.clone(),
            patience: config.workload.patience,
            to,
            name: journey.name.as_str().into(),
            journey,
        };
        let arrivals = Arrivals::of(&env, &person.journey);
        let each = env.tasks();
        tasks.spawn(async move {
            arrivals.each(|request| each.spawn(person.clone().ask(request))).await
        });
    }
    std::future::pending().await
}

/// Requests of a journey as they come about.
pub(super) struct Arrivals {
    journey: Arc<Journey>,
    rng: Rng,
    amounts: Rng,
    next: u64,
}

impl Arrivals {
    /// The arrivals of a journey at this program.
    pub fn of(env: &Env, journey: &Arc<Journey>) -> Self {
        Arrivals {
            rng: env.rng(&format!("journey/{}", journey.name)),
            amounts: env.rng(&format!("amount/{}", journey.name)),
            journey: journey.clone(),
            next: env.identity().incarnation * PER_LIFE + 1,
        }
    }

    /// Calls `begin` with each request when it is due, for ever.
    pub async fn each(mut self, mut begin: impl FnMut(Request)) {
        if self.journey.rate <= 0.0 {
            return;
        }
        let mean = Duration::from_secs_f64(1.0 / self.journey.rate);
        let mut due = Instant::now();
        loop {
            due += self.rng.exponential(mean);
            sleep_until(due).await;
            begin(self.request());
        }
    }

    fn request(&mut self) -> Request {
        let id = format!("{}-{}", self.journey.name, self.next);
        self.next += 1;
        let paid = payment::books(&self.journey);
        Request {
            id,
            journey: self.journey.name.clone(),
            amount: if paid { 1 + self.amounts.below(AMOUNT_MAX) } else { 0 },
            card: None,
            hops: Vec::new(),
        }
        .at_entry(&self.journey)
    }
}

/// Somebody with a telephone and a wish.
#[derive(Clone)]
struct Person {
    env: Env,
    client: Client,
    probe: Probe,
    patience: Duration,
    to: SocketAddr,
    name: Arc<str>,
    journey: Arc<Journey>,
}

impl Person {
    async fn ask(self, request: Request) {
        let began = self.env.wall();
        let ask = Ask {
            method: Method::POST,
            to: self.to,
            host: &self.journey.path[0],
            path: &format!("/{}", request.journey),
            body: to_json(&request),
            within: self.patience,
        };
        let answer = self.client.ask(ask).await;
        let ok = answer.is_ok_and(|answer| answer.status == StatusCode::OK);
        if ok && payment::books(&self.journey) {
            self.probe.acknowledge(&request.id, By::Cluster, request.amount);
        }
        self.probe.sample(&self.name, began, self.env.wall(), ok);
    }
}
