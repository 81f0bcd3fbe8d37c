//! The state of the server, and the filters that a request passes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use harness_env::tasks::Executor;
use harness_env::{Env, Rng, Tasks};
use http::{Request, Response};

use super::body::Body;
use super::config::Config;
use super::in_flight::Places;
use super::patience::Patience;
use super::request::{Asked, Path, Sub, Verb};
use super::tally::Tally;
use super::{auth, inspect, reads, respond, scale, watching, writes};
use crate::Version;
use crate::objects::Kind;
use crate::registry::etcd::Etcd;
use crate::registry::resource::Resource;
use crate::status::Status;

/// How long a request that does not watch may take (kubernetes 1.7.8 pkg/server/config.go,
/// `RequestTimeout`).
const REQUEST: Duration = Duration::from_secs(60);

/// An apiserver.
pub struct Server {
    env: Env,
    config: Config,
    executor: Executor,
    resources: BTreeMap<Kind, Resource>,
    reads: Places,
    writes: Places,
    patience: Patience,
    timeouts: Tally,
    refusals: Tally,
    lifetimes: Mutex<Rng>,
}

impl Server {
    /// A server whose resources are where `etcd` says.
    pub fn new(
        env: &Env,
        tasks: &Tasks,
        config: Config,
        etcd: impl Fn(Kind) -> Arc<dyn Etcd>,
    ) -> Self {
        let start = |kind| (kind, Resource::start(env, tasks, etcd(kind), kind, config.version));
        Server {
            env: env.clone(),
            executor: tasks.executor(),
            resources: Kind::ALL.into_iter().map(start).collect(),
            reads: Places::new(config.max_in_flight),
            writes: Places::new(config.max_mutating_in_flight),
            patience: Patience::new(tasks.executor()),
            timeouts: Tally::default(),
            refusals: Tally::default(),
            lifetimes: Mutex::new(env.rng("lifetimes of watches")),
            config,
        }
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The release.
    pub fn version(&self) -> Version {
        self.config.version
    }

    /// Where the server's tasks run.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// How the server gives up on work.
    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    /// The resource of a kind.
    pub fn resource(&self, kind: Kind) -> &Resource {
        &self.resources[&kind]
    }

    /// How many reads and how many writes are at work.
    pub fn in_flight(&self) -> (usize, usize) {
        (self.reads.taken(), self.writes.taken())
    }

    /// How long a watch that does not say so lives.
    pub fn lifetime(&self) -> Duration {
        let least = self.config.min_request_timeout;
        self.lifetimes.lock().expect("no task panics with the lock").duration(least..least * 2)
    }

    /// Answers a request: the filters, from the outside in.
    pub async fn handle(self: &Arc<Self>, request: Request<Bytes>) -> Response<Body> {
        let asked = match Asked::read(request.method(), request.uri(), self.version()) {
            Ok(asked) => asked,
            Err(status) => return respond::failure(&status),
        };
        let (resource, verb) = (asked.resource(), asked.verb);
        if verb == Verb::Watch {
            // Long-running: neither counted nor limited.
            return self.clone().admitted(asked, request).await;
        }
        let places = if verb.mutates() { &self.writes } else { &self.reads };
        let Some(_place) = places.take() else {
            self.refused(resource, verb);
            return respond::too_many_requests();
        };
        let work = Box::pin(self.clone().admitted(asked, request));
        match self.patience.within(REQUEST, work).await {
            Some(response) => response,
            None => {
                self.timed_out(resource, verb, REQUEST);
                respond::failure(&match self.version() {
                    Version::V1_10 => Status::timeout("request did not complete within 60s"),
                    _ => Status::server_timeout(verb.name(), resource),
                })
            }
        }
    }

    /// Tells the timeline of a request that was given up.
    pub fn timed_out(&self, resource: &'static str, verb: Verb, limit: Duration) {
        let (verb, seconds) = (verb.name(), limit.as_secs());
        let count = self.timeouts.count(resource, verb);
        if count > 0 {
            tracing::info!(
                kind = "apiserver.timeout",
                resource,
                verb,
                count,
                "{verb} {resource} timed out after {seconds} s ({count}×)"
            );
        }
    }

    fn refused(&self, resource: &'static str, verb: Verb) {
        let verb = verb.name();
        let count = self.refusals.count(resource, verb);
        if count > 0 {
            let (reads, writes) = self.in_flight();
            tracing::info!(
                kind = "apiserver.too-many-requests",
                resource,
                verb,
                count,
                "{verb} {resource} refused ({count}×): {reads} reads and {writes} writes are in \
                 flight"
            );
        }
    }

    async fn admitted(self: Arc<Self>, asked: Asked, request: Request<Bytes>) -> Response<Body> {
        let user = match auth::authenticate(&self, request.headers()).await {
            Ok(user) => user,
            Err(status) => return respond::failure(&status),
        };
        tracing::debug!(
            kind = "apiserver.request",
            user,
            verb = asked.verb.name(),
            path = asked.raw_path,
            "{} {}",
            asked.verb.name(),
            asked.raw_path
        );
        self.env.work(self.config.request_cpu).await;
        let answer = self.dispatch(asked, request).await;
        answer.unwrap_or_else(|status| respond::failure(&status))
    }

    async fn dispatch(
        self: &Arc<Self>,
        asked: Asked,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, Status> {
        let target = match &asked.path {
            Path::Object(target) => target.clone(),
            Path::Other(path) => return inspect::answer(self, path),
        };
        match (asked.verb, target.sub) {
            (Verb::Get, Some(Sub::Scale)) => scale::get(self, &target).await,
            (Verb::Update | Verb::Patch, Some(Sub::Scale)) => {
                scale::set(self, target, &asked, request).await
            }
            (Verb::Create, Some(Sub::Binding)) => writes::bind(self, target, &asked, request).await,
            (_, Some(Sub::Scale | Sub::Binding)) => {
                Err(Status::method_not_allowed(request.method().as_str()))
            }
            (Verb::Get, _) => reads::get(self, &target, &asked).await,
            (Verb::List, _) => reads::list(self, &target, &asked).await,
            (Verb::Watch, _) => watching::watch(self, &target, &asked).await,
            (Verb::Create, _) => writes::create(self, target, &asked, request).await,
            (Verb::Update, _) => writes::update(self, target, &asked, request).await,
            (Verb::Patch, _) => writes::patch(self, target, &asked, request).await,
            (Verb::Delete, _) => writes::delete(self, target, &asked, request).await,
            (Verb::DeleteCollection, _) => {
                writes::delete_collection(self, target, &asked, request).await
            }
        }
    }
}
