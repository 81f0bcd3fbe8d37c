//! Leader election among the controller-managers and among the schedulers.
//!
//! After client-go `tools/leaderelection` as vendored by Kubernetes 1.7. The lock is an annotation on
//! an object in `kube-system`: an Endpoints object by default in those years, a ConfigMap by choice.
//! The holder writes it every 2 s; another may take it when it has seen no change for 15 s.
//!
//! Two properties of that code are kept, because they decide what a stuck apiserver does:
//!
//! * A try is a read and a write without a time-out of their own. The renew deadline of 10 s is looked
//!   at between tries only, so a leader whose request hangs goes on leading until the request comes
//!   back (client-go bounded the try in 2018).
//! * Time is the local clock since the record was last *seen to change*; the times in the record are
//!   for people.

mod record;

use std::time::Duration;

use harness_env::{Env, Rng};
use serde_json::{Value, json};
use tokio::time::Instant;

pub use record::Record;

use crate::rest_client::throttle::Throttle;
use crate::rest_client::{Client, Error, view};

/// `LeaseDuration`, `RenewDeadline` and `RetryPeriod` (defaults of
/// `pkg/client/leaderelection/leaderelection.go`, 1.7).
pub const LEASE: Duration = Duration::from_secs(15);
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(2);
/// A candidate waits between the retry period and this many times more (`JitterFactor`).
const JITTER: f64 = 1.2;
/// Where the record is kept.
const ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";

/// What kind of object holds the lock (`--leader-elect-resource-lock`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaderLock {
    /// A ConfigMap.
    ConfigMaps,
    /// An Endpoints object: the default of 1.7.
    #[default]
    Endpoints,
}

impl LeaderLock {
    fn path(self) -> &'static str {
        match self {
            LeaderLock::ConfigMaps => "/api/v1/namespaces/kube-system/configmaps",
            LeaderLock::Endpoints => "/api/v1/namespaces/kube-system/endpoints",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            LeaderLock::ConfigMaps => "ConfigMap",
            LeaderLock::Endpoints => "Endpoints",
        }
    }
}

/// Whether an object only exists to hold a lock.
pub fn is_lock(object: &Value) -> bool {
    object.pointer("/metadata/annotations").is_some_and(|all| all.get(ANNOTATION).is_some())
}

/// The lease was lost. The real programs exit at this and are started again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{identity} lost the lease {lock}")]
pub struct Lost {
    /// Who lost it.
    pub identity: String,
    /// The name of the lock.
    pub lock: String,
}

/// A candidate.
pub struct Elector {
    env: Env,
    client: Client,
    kind: LeaderLock,
    name: String,
    identity: String,
    rng: Rng,
    observed: Option<(Record, Instant)>,
    throttle: Throttle,
}

impl Elector {
    /// A candidate `identity` for the lock `name`.
    pub fn new(env: &Env, client: Client, kind: LeaderLock, name: &str, identity: &str) -> Self {
        Elector {
            env: env.clone(),
            client,
            kind,
            name: name.to_string(),
            identity: identity.to_string(),
            rng: env.rng(&format!("election {name}")),
            observed: None,
            throttle: Throttle::default(),
        }
    }

    /// Becomes the leader, does `work` as long as it is, and stops it when it no longer is.
    ///
    /// # Errors
    /// [`Lost`]: always, in the end.
    pub async fn lead(mut self, work: impl Future<Output = ()> + Send) -> Result<(), Lost> {
        let (name, identity) = (self.name.clone(), self.identity.clone());
        self.acquire().await;
        tracing::info!(
            kind = "leader.acquired", lock = %name, who = %identity,
            "{identity} leads {name}"
        );
        tokio::select! {
            biased;
            () = self.renew() => {}
            () = work => {}
        }
        tracing::info!(
            kind = "leader.lost", lock = %name, who = %identity,
            "{identity} could not renew its lease and no longer leads {name}"
        );
        Err(Lost { identity, lock: name })
    }

    async fn acquire(&mut self) {
        while !self.attempt().await {
            let jitter = RETRY.mul_f64(JITTER * self.rng.unit());
            tokio::time::sleep(RETRY + jitter).await;
        }
    }

    /// Returns when the lease could not be renewed for the renew deadline: Go's `wait.Poll`, which
    /// tries once more when the time is up.
    async fn renew(&mut self) {
        loop {
            let deadline = Instant::now() + RENEW_DEADLINE;
            let mut tick = Instant::now();
            loop {
                // A tick that came while a try was on is lost, as with a Go ticker nobody waits for.
                while tick <= Instant::now() {
                    tick += RETRY;
                }
                let last = tick >= deadline;
                tokio::time::sleep_until(tick.min(deadline)).await;
                if self.attempt().await {
                    break;
                }
                if last {
                    return;
                }
            }
        }
    }

    async fn attempt(&mut self) -> bool {
        match self.try_acquire_or_renew().await {
            Ok(leads) => leads,
            Err(error) => {
                if let Some(times) = self.throttle.admit("election") {
                    tracing::info!(
                        kind = "leader.try-failed", lock = %self.name, who = %self.identity, times,
                        %error, "{} cannot reach the lock {}: {error}", self.identity, self.name
                    );
                }
                false
            }
        }
    }

    async fn try_acquire_or_renew(&mut self) -> Result<bool, Error> {
        let (now, wall) = (Instant::now(), self.env.wall());
        let path = format!("{}/{}", self.kind.path(), self.name);
        let mut object = match self.client.get(&path).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => {
                let record = Record::first(&self.identity, wall);
                let object = json!({
                    "apiVersion": "v1",
                    "kind": self.kind.kind(),
                    "metadata": {
                        "namespace": "kube-system",
                        "name": self.name,
                        "annotations": { ANNOTATION: record.to_text() },
                    },
                });
                self.client.create(self.kind.path(), &object).await?;
                self.observed = Some((record, now));
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        let annotation =
            object.pointer("/metadata/annotations").and_then(|all| all.get(ANNOTATION));
        let old = Record::from_text(annotation.and_then(Value::as_str).unwrap_or_default());
        let seen_at = match &self.observed {
            Some((seen, at)) if *seen == old => *at,
            _ => {
                self.observed = Some((old.clone(), Instant::now()));
                Instant::now()
            }
        };
        let Some(record) = old.claim(&self.identity, wall, seen_at + LEASE > now) else {
            return Ok(false);
        };
        if !object["metadata"]["annotations"].is_object() {
            object["metadata"]["annotations"] = json!({});
        }
        object["metadata"]["annotations"][ANNOTATION] = record.to_text().into();
        debug_assert!(!view::resource_version(&object).is_empty(), "else it is no lock");
        self.client.update(&path, &object).await?;
        self.observed = Some((record, now));
        Ok(true)
    }
}

/// A point in time as the API writes it: RFC 3339, whole seconds, UTC.
pub(crate) fn stamp(wall: harness_env::Wall) -> String {
    let time = jiff::Timestamp::from_second(wall.unix()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.to_string()
}
