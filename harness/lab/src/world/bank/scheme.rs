//! The card scheme's network (Mastercard's): cards are used in shops, and the bank is asked.
//!
//! The network is connected to two data centres of the bank and takes turns. One that does not
//! answer is left alone for a while, and the card is taken to the other: the bank sees one
//! authorisation twice then, under the same id.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use http::{Method, StatusCode};
use tokio::time::Instant;

use super::customers::Arrivals;
use super::http::{Ask, Client, to_json};
use super::payment::{Authorisation, Request};
use super::probe::Probe;
use crate::scenario::{Entry, Workload};

/// How long the network waits for one data centre: longer than a data centre waits for the cluster.
/// An assumption, as are the next two.
const ONE_CENTRE: Duration = Duration::from_secs(5);
/// How long a data centre that did not answer is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(30);
/// Cards in people's hands.
const CARDS: u64 = 20_000;

/// Who is asked.
#[derive(Clone)]
pub struct SchemeConfig {
    /// The bank's data centres.
    pub data_centres: Vec<SocketAddr>,
    /// The journeys, and how long a shop waits.
    pub workload: Arc<Workload>,
    /// Where what becomes of the cards is noted.
    pub probe: Probe,
}

/// Lives until dropped.
///
/// # Errors
/// There is no data centre.
pub async fn run(env: Env, config: SchemeConfig) -> Result<(), String> {
    if config.data_centres.is_empty() {
        return Err("the scheme's network is connected to no data centre".to_owned());
    }
    let centre = |address: &SocketAddr| Centre { address: *address, left_until: Instant::now() };
    let network = Network {
        env: env.clone(),
        client: Client::new(&env),
        probe: config.probe,
        patience: config.workload.patience,
        lines: Arc::new(Mutex::new(Lines {
            centres: config.data_centres.iter().map(centre).collect(),
            turn: 0,
        })),
    };
    let tasks = env.tasks();
    let cards = config.workload.journeys.iter().filter(|j| j.entry == Entry::DataCentre);
    for journey in cards {
        let (name, network): (Arc<str>, _) = (journey.name.as_str().into(), network.clone());
        let arrivals = Arrivals::of(&env, &Arc::new(journey.clone()));
        let mut drawn = env.rng(&format!("card/{name}"));
        let each = env.tasks();
        tasks.spawn(async move {
            let begin = |request| {
                let card = Some(drawn.below(CARDS) as u32);
                each.spawn(network.clone().use_card(name.clone(), Request { card, ..request }));
            };
            arrivals.each(begin).await;
        });
    }
    std::future::pending().await
}

#[derive(Clone)]
struct Network {
    env: Env,
    client: Client,
    probe: Probe,
    patience: Duration,
    lines: Arc<Mutex<Lines>>,
}

struct Lines {
    centres: Vec<Centre>,
    turn: usize,
}

struct Centre {
    address: SocketAddr,
    left_until: Instant,
}

impl Network {
    async fn use_card(self, name: Arc<str>, request: Request) {
        let began = self.env.wall();
        let asked = tokio::time::timeout(self.patience, self.authorise(&request)).await;
        let approved = asked.ok().flatten().filter(|authorisation| authorisation.approved);
        if let Some(authorisation) = &approved {
            self.probe.acknowledge(&request.id, authorisation.by, request.amount);
        }
        self.probe.sample(&name, began, self.env.wall(), approved.is_some());
    }

    async fn authorise(&self, request: &Request) -> Option<Authorisation> {
        let order = self.lines.lock().expect("no panic with the lock").order(Instant::now());
        for to in order {
            let path = format!("/{}", request.journey);
            let (method, host, body) = (Method::POST, "data-centre", to_json(request));
            let ask = Ask { method, to, host, path: &path, body, within: ONE_CENTRE };
            match self.client.ask(ask).await {
                Ok(answer) if answer.status == StatusCode::OK => return answer.read().ok(),
                _ => self.lines.lock().expect("no panic with the lock").leave(to, Instant::now()),
            }
        }
        None
    }
}

impl Lines {
    /// The data centres in the order in which they are tried: the next one first, those that are
    /// left alone last.
    fn order(&mut self, now: Instant) -> Vec<SocketAddr> {
        let n = self.centres.len();
        let mut order: Vec<&Centre> = (0..n).map(|i| &self.centres[(self.turn + i) % n]).collect();
        self.turn = (self.turn + 1) % n;
        order.sort_by_key(|centre| centre.left_until > now);
        order.into_iter().map(|centre| centre.address).collect()
    }

    fn leave(&mut self, address: SocketAddr, now: Instant) {
        for centre in self.centres.iter_mut().filter(|centre| centre.address == address) {
            centre.left_until = now + LEFT_ALONE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn centres_take_turns_and_one_that_failed_comes_last_for_a_while() {
        let [a, b]: [SocketAddr; 2] = ["10.0.0.1:1", "10.0.0.2:1"].map(|s| s.parse().unwrap());
        let now = Instant::now();
        let centres = [a, b].map(|address| Centre { address, left_until: now }).into();
        let mut lines = Lines { centres, turn: 0 };
        assert_eq!(lines.order(now), [a, b]);
        assert_eq!(lines.order(now), [b, a]);
        lines.leave(a, now);
        assert_eq!(lines.order(now), [b, a]);
        assert_eq!(lines.order(now), [b, a]);
        assert_eq!(lines.order(now + LEFT_ALONE), [a, b]);
    }
}
