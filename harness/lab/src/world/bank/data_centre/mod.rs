//! A physical data centre of the bank: where the card scheme's lines end.
//!
//! It asks the card processor in the cluster. If no answer comes in time, or a bad one, it stands
//! in; without stand-in it declines. What it approved on its own it replays once the ledger answers
//! again, until every payment is acknowledged there: the id makes that safe however often it is
//! done.
//!
//! | request | answer |
//! |---|---|
//! | `POST /<journey>` with a [`Request`] | an [`Authorisation`] |
//! | `GET /advices` | what is held for the ledger |
//! | `GET /healthz` | 200 as long as the program runs |

mod breaker;
mod standin;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use http::{Method, StatusCode};
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::{Instant, sleep};

use self::breaker::Breaker;
use self::standin::StandIn;
use super::http::{Answer, Ask, Asked, Client, listen, serve, to_json};
use super::payment::{Authorisation, Booking, By, Request};
use super::{Entries, journeys_from};
use crate::scenario::{Entry, Journey, Workload};

pub use standin::{AMOUNT_MAX, CARD_MAX};

/// How long a card waits for the cluster. Monzo has not said; a shop's terminal waits some 15 s in
/// all.
pub const CLUSTER: Duration = Duration::from_secs(3);
/// How long a replayed advice waits. Nobody stands in a shop.
const REPLAY: Duration = Duration::from_secs(15);
/// Between two replays, where the first one failed.
const REPLAY_PAUSE: Duration = Duration::from_secs(5);

/// One data centre.
#[derive(Clone, Debug)]
pub struct DataCentreConfig {
    /// The port that the scheme's lines end at.
    pub port: u16,
    /// Where the first services of the journeys are reached: the load balancer before the card
    /// processors.
    pub entries: Entries,
    /// The journeys.
    pub workload: Arc<Workload>,
    /// Whether it may answer on its own.
    pub stand_in: bool,
    /// Set as soon as the cluster has failed to answer a card: before that, it makes no difference
    /// whether it may. Nobody in the world reads it.
    pub needed: Arc<AtomicBool>,
}

/// Lives until dropped.
///
/// # Errors
/// The port is taken, the disk fails at the start, or a journey begins at a service that has no
/// address outside.
pub async fn run(env: Env, config: DataCentreConfig) -> Result<(), String> {
    let standin = StandIn::open(&env).await.map_err(|e| format!("advices: {e}"))?;
    let held = standin.advices().len();
    let centre = Arc::new(Centre {
        journeys: journeys_from(&config.workload, Entry::DataCentre, &config.entries)?,
        client: Client::that_closes(&env),
        stands_in: config.stand_in,
        needed: config.needed,
        breaker: Mutex::default(),
        standin: AsyncMutex::new(standin),
        wake: Notify::new(),
        env: env.clone(),
    });
    let tasks = env.tasks();
    let reconciling = centre.clone();
    tasks.spawn(async move { reconciling.reconcile(held > 0).await });
    let listener = listen(&env, config.port).await?;
    let answer = move |asked| {
        let centre = centre.clone();
        async move { centre.answer(asked).await }
    };
    serve(&tasks, listener, answer).await;
    Ok(())
}

struct Centre {
    env: Env,
    client: Client,
    journeys: Vec<(Arc<Journey>, SocketAddr)>,
    stands_in: bool,
    needed: Arc<AtomicBool>,
    breaker: Mutex<Breaker>,
    standin: AsyncMutex<StandIn>,
    /// There may be something to replay.
    wake: Notify,
}

impl Centre {
    async fn answer(&self, asked: Asked) -> Answer {
        match (&asked.method, asked.path.as_str()) {
            (&Method::POST, path) => match serde_json::from_slice::<Request>(&asked.body) {
                Ok(request) if path.strip_prefix('/') == Some(&request.journey) => {
                    self.authorise(request).await
                }
                Ok(_) => Answer::not_found("POST /<the request's journey>"),
                Err(why) => Answer::text(StatusCode::BAD_REQUEST, why.to_string()),
            },
            (&Method::GET, "/advices") => {
                let book = &self.env.identity().machine;
                let standin = self.standin.lock().await;
                let held = standin.advices().map(|advice| Booking {
                    book: book.clone(),
                    id: advice.id.clone(),
                    amount: advice.amount,
                });
                Answer::json(StatusCode::OK, &held.collect::<Vec<_>>())
            }
            (&Method::GET, "/healthz") => Answer::text(StatusCode::OK, "ok"),
            _ => Answer::not_found("POST /<journey>, GET /advices or GET /healthz"),
        }
    }

    async fn authorise(&self, request: Request) -> Answer {
        let admitted = !self.stands_in || self.breaker().admits(Instant::now());
        if admitted {
            let asked = self.ask_cluster(&request, CLUSTER).await;
            if asked.is_err() {
                self.needed.store(true, Ordering::Relaxed);
            }
            self.learn(asked.is_ok()).await;
            if asked.is_ok() {
                let yes = Authorisation { approved: true, by: By::Cluster };
                return Answer::json(StatusCode::OK, &yes);
            }
        }
        let approved = match self.stands_in {
            true => self.standin.lock().await.decide(&request).await,
            false => Ok(false),
        };
        match approved {
            Ok(approved) => {
                self.wake.notify_one();
                let by = if self.stands_in { By::StandIn } else { By::Cluster };
                Answer::json(StatusCode::OK, &Authorisation { approved, by })
            }
            Err(why) => Answer::text(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()),
        }
    }

    async fn ask_cluster(&self, request: &Request, within: Duration) -> Result<(), String> {
        let journey = self.journeys.iter().find(|(journey, _)| journey.name == request.journey);
        let (journey, to) = journey.ok_or(format!("{} is no card payment", request.journey))?;
        let ask = Ask {
            method: Method::POST,
            to: *to,
            host: &journey.path[0],
            path: &format!("/{}", journey.name),
            body: to_json(&request.clone().at_entry(journey)),
            within,
        };
        let answer = self.client.ask(ask).await.map_err(|e| e.to_string())?;
        (answer.status == StatusCode::OK).then_some(()).ok_or_else(|| answer.status.to_string())
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().expect("no panic with the lock")
    }

    /// Tells the breaker how the cluster did.
    async fn learn(&self, ok: bool) {
        if !self.stands_in {
            return;
        }
        let turned = match ok {
            true => self.breaker().succeeded(),
            false => self.breaker().failed(Instant::now()),
        };
        if !turned {
            return;
        }
        let machine = &self.env.identity().machine;
        if ok {
            let held = self.standin.lock().await.advices().len();
            let text = format!("{machine}: the ledger answers again, {held} payments to replay");
            tracing::info!(kind = "standin.off", advices = held, "{text}");
            self.wake.notify_one();
        } else {
            let text =
                format!("{machine}: the ledger does not answer, stand-in takes card payments");
            tracing::info!(kind = "standin.on", "{text}");
        }
    }

    /// Replays what is held whenever the cluster answers. `behind`: there was something to replay
    /// from the beginning.
    async fn reconcile(&self, mut behind: bool) {
        let mut replayed = 0u64;
        loop {
            let open = self.breaker().is_open();
            behind |= open;
            let oldest = match open {
                true => None,
                false => self.standin.lock().await.oldest().cloned(),
            };
            let Some(advice) = oldest else {
                self.wake.notified().await;
                continue;
            };
            let done = match self.ask_cluster(&advice, REPLAY).await {
                Ok(()) => self.standin.lock().await.booked(&advice.id).await.is_ok(),
                Err(_) => false,
            };
            if !done {
                sleep(REPLAY_PAUSE).await;
                continue;
            }
            replayed += 1;
            if self.standin.lock().await.oldest().is_none() {
                if std::mem::take(&mut behind) {
                    let machine = &self.env.identity().machine;
                    let text = format!("{machine}: {replayed} payments replayed, none is left");
                    tracing::info!(kind = "reconciled", payments = replayed, "{text}");
                }
                replayed = 0;
            }
        }
    }
}
