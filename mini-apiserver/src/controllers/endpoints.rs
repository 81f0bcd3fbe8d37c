//! The endpoints controller: who can be reached behind which Service.
//!
//! After `pkg/controller/endpoint/endpoints_controller.go`, 1.5 to 1.8:
//!
//! * Five workers (`--concurrent-endpoint-syncs`); a Service that fails is tried again after 5 ms,
//!   doubled each time, 15 times, and then forgotten until it or a pod of it changes.
//! * A Service without pods has an Endpoints object with an empty list of subsets. The object goes when
//!   the Service goes.
//! * Up to 1.7 it asks the apiserver for the Endpoints object at each sync, and syncs every Service
//!   every 30 s: a burst of direct reads, and silence until the next. kubernetes#47731 and
//!   kubernetes#47788 (June 2017, after the branch for 1.7 was cut) made it look at its informer, every
//!   12 to 24 hours. The first one's author wrote on 10 November 2017 that 1.7 still lacked it.
//! * Until 1.8 it compared subsets literally, an absent list with an empty one: see
//!   [`super::subsets::equal`].

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use serde_json::{Value, json};

use super::informers::Informers;
use super::queue::Queue;
use super::subsets::{self, Subset};
use crate::Version;
use crate::election;
use crate::rest_client::informer::{Change, DEFAULT_RESYNC, Store};
use crate::rest_client::throttle::Throttle;
use crate::rest_client::{Client, Error, view};

const WORKERS: usize = 5;
/// `maxRetries`.
const RETRIES: u32 = 15;
/// `FullServiceResyncPeriod`, until 1.7.
const FULL_RESYNC: Duration = Duration::from_secs(30);

struct Controller {
    client: Client,
    version: Version,
    services: Store,
    pods: Store,
    endpoints: Store,
    throttle: Mutex<Throttle>,
}

/// Runs the controller, for ever.
pub(super) async fn run((env, informers): (Env, Informers), client: Client, version: Version) {
    let tasks = env.tasks();
    let queue = Arc::new(Queue::default());
    let resync = if reads_live(version) { FULL_RESYNC..FULL_RESYNC } else { DEFAULT_RESYNC };
    let Informers { services, pods, endpoints, .. } = informers;
    services.subscribe_and_resync(&tasks, resync, {
        let queue = queue.clone();
        move |change| queue.add(&view::key(change.object()))
    });
    pods.subscribe({
        let (queue, services) = (queue.clone(), services.store.clone());
        move |change| add_services_of(change, &services, &queue)
    });
    services.synced().await;
    pods.synced().await;
    endpoints.synced().await;
    let controller = Arc::new(Controller {
        client: client.clone(),
        version,
        services: services.store,
        pods: pods.store,
        endpoints: endpoints.store,
        throttle: Mutex::default(),
    });
    for _ in 0..WORKERS {
        let (controller, queue) = (controller.clone(), queue.clone());
        tasks.spawn(async move {
            loop {
                let key = queue.next().await;
                let result = controller.sync(&key).await;
                controller.tell(&key, &result, queue.failures(&key) >= RETRIES);
                queue.finish(&key, &result, RETRIES);
            }
        });
    }
    tasks.spawn(async move { check_leftovers(&client, &queue).await });
    std::future::pending().await
}

/// Whether the controller asks the apiserver for an Endpoints object, not its informer.
fn reads_live(version: Version) -> bool {
    version <= Version::V1_7
}

/// Adds the Services that a changed pod is behind, or was.
fn add_services_of(change: &Change, services: &Store, queue: &Queue) {
    let (old, new) = match change {
        Change::Updated(old, new) if view::resource_version(old) == view::resource_version(new) => {
            return;
        }
        Change::Updated(old, new) => (old, new),
        Change::Added(pod) | Change::Deleted(pod) => (pod, pod),
    };
    for service in services.namespace(view::namespace(new)) {
        let selector = view::map(&service, "/spec/selector");
        let behind = !selector.is_empty()
            && (view::selected(new, &selector) || view::selected(old, &selector));
        if behind {
            queue.add(&view::key(&service));
        }
    }
}

/// Looks, once, at Endpoints whose Service may have gone while no controller was running
/// (`checkLeftoverEndpoints`). Objects that hold a leader's lock have no Service and stay.
async fn check_leftovers(client: &Client, queue: &Queue) {
    match client.list("/api/v1/endpoints").await {
        Ok(list) => {
            let left = view::items(&list, "/items").iter().filter(|item| !election::is_lock(item));
            left.for_each(|item| queue.add(&view::key(item)));
        }
        Err(error) => tracing::debug!(
            kind = "endpoints.leftovers-unknown", %error,
            "cannot list Endpoints for leftovers: {error}"
        ),
    }
}

impl Controller {
    async fn sync(&self, key: &str) -> Result<(), Error> {
        let (namespace, name) = view::split(key);
        let collection = format!("/api/v1/namespaces/{namespace}/endpoints");
        let path = format!("{collection}/{name}");
        let Some(service) = self.services.get(key) else {
            return match self.client.delete(&path).await {
                Err(error) if !error.is_not_found() => Err(error),
                _ => Ok(()),
            };
        };
        let selector = view::map(&service, "/spec/selector");
        if selector.is_empty() {
            // Somebody else looks after these.
            return Ok(());
        }
        let pods = self.pods.namespace(namespace);
        let behind = pods.iter().filter(|pod| view::selected(pod, &selector));
        let computed = subsets::compute(&service, behind.map(|pod| &**pod));
        let current = self.current(key, &path).await?;
        if current.as_ref().is_some_and(|current| self.is_right(current, &service, &computed)) {
            return Ok(());
        }
        let written = wanted(current.as_ref(), &service, &computed);
        match current {
            Some(_) => self.client.update(&path, &written).await?,
            None => self.client.create(&collection, &written).await?,
        };
        let addresses: usize = computed.iter().map(|subset| subset.addresses.len()).sum();
        tracing::debug!(
            kind = "endpoints.updated", service = %key, addresses,
            "{key} has {addresses} ready addresses"
        );
        Ok(())
    }

    /// The Endpoints object as it is, as far as this version looks. The controller-manager asks for
    /// protobuf (`--kube-api-content-type`), in which an empty list is no list, however the
    /// apiserver converted it; that is why Services without pods were written again at each sync
    /// (kubernetes#42798).
    async fn current(&self, key: &str, path: &str) -> Result<Option<Value>, Error> {
        if !reads_live(self.version) {
            return Ok(self.endpoints.get(key).map(|object| (*object).clone()));
        }
        match self.client.get(path).await {
            Ok(mut object) => {
                if view::items(&object, "/subsets").is_empty() {
                    object["subsets"] = Value::Null;
                }
                Ok(Some(object))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_right(&self, current: &Value, service: &Value, computed: &[Subset]) -> bool {
        let by_meaning = self.version >= Version::V1_8;
        subsets::equal(current.get("subsets"), computed, by_meaning)
            && view::labels(current) == view::labels(service)
    }

    fn tell(&self, key: &str, result: &Result<(), Error>, given_up: bool) {
        let mut throttle = self.throttle.lock().expect("no panic with the lock");
        match result {
            Ok(()) => throttle.clear(key),
            Err(error) if error.is_conflict() || error.is_already_exists() => {}
            Err(error) => {
                if let Some(times) = throttle.admit(key) {
                    tracing::info!(
                        kind = "endpoints.update-failed", service = %key, times, given_up, %error,
                        "cannot bring the Endpoints of {key} up to date: {error}"
                    );
                }
            }
        }
        if given_up && result.is_err() {
            tracing::info!(
                kind = "endpoints.given-up", service = %key,
                "gave up on the Endpoints of {key} until something about it changes"
            );
        }
    }
}

/// The Endpoints object to write: what there is, with the Service's labels and these subsets.
fn wanted(current: Option<&Value>, service: &Value, computed: &[Subset]) -> Value {
    let mut object = current.cloned().unwrap_or_else(|| {
        json!({
            "metadata": { "namespace": view::namespace(service), "name": view::name(service) },
        })
    });
    object["apiVersion"] = "v1".into();
    object["kind"] = "Endpoints".into();
    object["metadata"]["labels"] = json!(view::labels(service));
    object["subsets"] = subsets::to_json(computed);
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_keeps_the_version_it_was_decided_on() {
        let service = json!({"metadata": {"namespace": "n", "name": "s", "labels": {"app": "s"}}});
        let current = json!({"metadata": {"namespace": "n", "name": "s", "resourceVersion": "7"}});
        let written = wanted(Some(&current), &service, &[]);
        assert_eq!(view::resource_version(&written), "7");
        assert_eq!(view::labels(&written)["app"], "s");
        assert_eq!(written["subsets"], json!([]), "an empty list, not null");
    }

    #[test]
    fn a_pod_that_changes_its_labels_concerns_the_old_service_and_the_new_one() {
        let (services, queue) = (Store::default(), Queue::default());
        for app in ["a", "b", "c"] {
            services.apply(crate::rest_client::reflector::Delta::Upsert(json!({
                "metadata": {"namespace": "n", "name": app},
                "spec": {"selector": {"app": app}},
            })));
        }
        let pod = |app: &str, version: &str| {
            Arc::new(json!({"metadata": {
                "namespace": "n", "name": "p", "labels": {"app": app}, "resourceVersion": version,
            }}))
        };
        add_services_of(&Change::Updated(pod("a", "1"), pod("b", "2")), &services, &queue);
        let next = || futures_util::FutureExt::now_or_never(queue.next());
        assert_eq!([next(), next(), next()], [Some("n/a".into()), Some("n/b".into()), None]);
    }
}
