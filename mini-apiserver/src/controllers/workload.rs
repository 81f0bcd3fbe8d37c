//! The loop around the plans of Deployments and DaemonSets.
//!
//! Both own pods and differ only in what they want of them. Here is what they share: follow owners and
//! pods, plan when either changes, carry the plan out, report the status. An owner that is gone takes
//! its pods with it; in Kubernetes the garbage collector does that.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use harness_env::{Env, Rng};
use serde_json::{Value, json};

use super::expectations::Expectations;
use super::informers::Informers;
use super::queue::Queue;
use super::template;
use super::{daemonset, deployment};
use crate::rest_client::informer::{Change, DEFAULT_RESYNC, Store};
use crate::rest_client::throttle::Throttle;
use crate::rest_client::{Client, Error, view};

/// Failures in a row after which an owner is left alone until something changes (`maxRetries` of the
/// deployment controller of 1.7). The daemon-set controller of 1.7 never gives up; nor does this one
/// for its sake: 5 ms doubled 15 times is followed by the resync or the next event.
const RETRIES: u32 = 15;

/// What to do for an owner.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) create: Vec<NewPod>,
    /// Names of pods.
    pub(super) delete: Vec<String>,
    /// The owner's status as it should be.
    pub(super) status: Value,
}

/// A pod to make.
#[derive(Debug, PartialEq)]
pub(super) struct NewPod {
    /// What its name begins with.
    pub(super) prefix: String,
    /// The node it is for, where the owner decides that.
    pub(super) node: Option<String>,
}

/// What kind of owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    DaemonSet,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Deployment => "Deployment",
            Kind::DaemonSet => "DaemonSet",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Kind::Deployment => "deployments",
            Kind::DaemonSet => "daemonsets",
        }
    }

    /// `--concurrent-deployment-syncs` is 5, `--concurrent-daemonset-syncs` 2.
    fn workers(self) -> usize {
        match self {
            Kind::Deployment => 5,
            Kind::DaemonSet => 2,
        }
    }

    /// The key of the owner that a pod names.
    fn owner_of(self, pod: &Value) -> Option<String> {
        let owner = view::items(pod, "/metadata/ownerReferences").iter().find(|owner| {
            view::text(owner, "/kind") == self.name()
                && owner.get("controller").and_then(Value::as_bool) == Some(true)
        })?;
        Some(view::join(view::namespace(pod), view::text(owner, "/name")))
    }
}

struct Workload {
    kind: Kind,
    client: Client,
    owners: Store,
    pods: Store,
    nodes: Store,
    expectations: Arc<Expectations>,
    names: Mutex<Rng>,
    throttle: Mutex<Throttle>,
}

/// Runs the controller of one kind of owner, for ever.
pub(super) async fn run((env, informers): (Env, Informers), client: Client, kind: Kind) {
    let tasks = env.tasks();
    let queue = Arc::new(Queue::default());
    let expectations = Arc::new(Expectations::default());
    let Informers { pods, nodes, deployments, daemon_sets, .. } = informers;
    let owners = match kind {
        Kind::Deployment => deployments,
        Kind::DaemonSet => daemon_sets,
    };
    owners.subscribe_and_resync(&tasks, DEFAULT_RESYNC, {
        let queue = queue.clone();
        move |change| queue.add(&view::key(change.object()))
    });
    pods.subscribe({
        let (queue, expectations) = (queue.clone(), expectations.clone());
        move |change| {
            let pod = change.object();
            let Some(owner) = kind.owner_of(pod) else { return };
            expectations.created(&owner, &view::key(pod));
            if view::is_terminating(pod) || matches!(change, Change::Deleted(_)) {
                expectations.deleted(&owner, &view::key(pod));
            }
            queue.add(&owner);
        }
    });
    if kind == Kind::DaemonSet {
        nodes.subscribe({
            let (queue, owners) = (queue.clone(), owners.store.clone());
            move |change| add_all_if_it_matters(change, &owners, &queue)
        });
    }
    owners.synced().await;
    pods.synced().await;
    nodes.synced().await;
    let workload = Arc::new(Workload {
        kind,
        client,
        owners: owners.store,
        pods: pods.store,
        nodes: nodes.store,
        expectations,
        names: Mutex::new(env.rng(&format!("names of {} pods", kind.name()))),
        throttle: Mutex::default(),
    });
    for _ in 0..kind.workers() {
        let (workload, queue) = (workload.clone(), queue.clone());
        tasks.spawn(async move {
            loop {
                let key = queue.next().await;
                let result = workload.sync(&key).await;
                workload.tell(&key, &result);
                queue.finish(&key, &result, RETRIES);
            }
        });
    }
    std::future::pending().await
}

/// A change of a node concerns every DaemonSet, unless it is a mere heartbeat.
fn add_all_if_it_matters(change: &Change, owners: &Store, queue: &Queue) {
    if let Change::Updated(old, new) = change
        && view::labels(old) == view::labels(new)
    {
        return;
    }
    owners.all().iter().for_each(|owner| queue.add(&view::key(owner)));
}

impl Workload {
    async fn sync(&self, key: &str) -> Result<(), Error> {
        let (namespace, name) = view::split(key);
        let pods = self.pods.namespace(namespace);
        let pods = pods.iter().filter(|pod| self.kind.owner_of(pod).as_deref() == Some(key));
        let owner = self.owners.get(key);
        let (own, orphans): (Vec<&Value>, Vec<&Value>) = pods.map(|pod| &**pod).partition(|pod| {
            owner.as_ref().is_some_and(|owner| view::controller_uid(pod) == view::uid(owner))
        });
        let settled = self.expectations.satisfied(key);
        let orphans = orphans.iter().filter(|pod| !view::is_terminating(pod));
        let mut delete: Vec<String> = orphans.map(|pod| view::name(pod).to_string()).collect();
        let Some(owner) = owner else {
            return if settled { self.carry_out(key, Vec::new(), delete).await } else { Ok(()) };
        };
        let nodes = self.nodes.all();
        let plan = match self.kind {
            Kind::Deployment => deployment::plan(&owner, &own),
            Kind::DaemonSet => {
                daemonset::plan(&owner, &own, &nodes.iter().map(|node| &**node).collect::<Vec<_>>())
            }
        };
        let mut done = Ok(());
        if settled && !view::is_terminating(&owner) {
            delete.extend(plan.delete);
            done = self.carry_out(key, self.make(&owner, plan.create), delete).await;
        }
        if owner.get("status").is_none_or(|status| differs(status, &plan.status)) {
            let plural = self.kind.plural();
            let path =
                format!("/apis/extensions/v1beta1/namespaces/{namespace}/{plural}/{name}/status");
            let mut updated = (*owner).clone();
            updated["status"] = plan.status;
            self.client.update(&path, &updated).await?;
        }
        done
    }

    fn make(&self, owner: &Value, pods: Vec<NewPod>) -> Vec<Value> {
        let mut names = self.names.lock().expect("no panic with the lock");
        let make = |new: NewPod| {
            let name = template::name(&new.prefix, &mut names);
            template::pod(owner, self.kind.name(), &name, new.node.as_deref())
        };
        pods.into_iter().map(make).collect()
    }

    /// Creates and deletes, all at once. What fails is no longer expected and is tried again.
    async fn carry_out(
        &self,
        owner: &str,
        create: Vec<Value>,
        delete: Vec<String>,
    ) -> Result<(), Error> {
        let (namespace, _) = view::split(owner);
        let collection = format!("/api/v1/namespaces/{namespace}/pods");
        let created: Vec<String> = create.iter().map(view::key).collect();
        let deleted: Vec<String> = delete.iter().map(|name| view::join(namespace, name)).collect();
        self.expectations.expect(owner, &created, &deleted);
        let creations = join_all(create.iter().zip(&created).map(async |(pod, key)| {
            let result = self.client.create(&collection, pod).await;
            if result.is_err() {
                self.expectations.created(owner, key);
            }
            result.map(drop)
        }));
        let deletions = join_all(delete.iter().zip(&deleted).map(async |(name, key)| {
            let result = self.client.delete(&format!("{collection}/{name}")).await;
            if result.is_err() {
                self.expectations.deleted(owner, key);
            }
            match result {
                Err(error) if error.is_not_found() => Ok(()),
                result => result.map(drop),
            }
        }));
        let (creations, deletions) = tokio::join!(biased; creations, deletions);
        creations.into_iter().chain(deletions).collect()
    }

    fn tell(&self, key: &str, result: &Result<(), Error>) {
        let mut throttle = self.throttle.lock().expect("no panic with the lock");
        match result {
            Ok(()) => throttle.clear(key),
            // Somebody else changed it meanwhile: part of the day's work.
            Err(error) if error.is_conflict() => {}
            Err(error) => {
                if let Some(times) = throttle.admit(key) {
                    let kind = self.kind.name();
                    tracing::info!(
                        kind = "workload.sync-failed", owner = %key, times, %error,
                        "cannot bring {kind} {key} about: {error}"
                    );
                }
            }
        }
    }
}

/// Whether a status says something else than it should; what is absent counts as 0.
fn differs(is: &Value, should: &Value) -> bool {
    let number = |status: &Value, field: &str| status.get(field).and_then(Value::as_i64);
    let fields = json!(should).as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
    fields.unwrap_or_default().iter().any(|field| {
        number(is, field).unwrap_or_default() != number(should, field).unwrap_or_default()
    })
}
