//! The verbs on one resource.

use std::sync::{Arc, Mutex};

use harness_env::{Env, Tasks};
use serde_json::{Value, json};

use super::defaults;
use super::etcd::Etcd;
use super::names::Names;
use super::patch::{self, Format};
use super::rules::{self, Part};
use super::selector::Selector;
use super::store::{Listed, Store};
use crate::Version;
use crate::cacher::Cacher;
use crate::cacher::watcher::Watcher;
use crate::objects::pod_status::PodCondition;
use crate::objects::values::Time;
use crate::objects::{Kind, Object};
use crate::status::Status;

/// One resource: its storage and its watch cache.
pub struct Resource {
    kind: Kind,
    version: Version,
    env: Env,
    store: Store,
    cacher: Cacher,
    names: Mutex<Names>,
}

/// What a deletion asks for.
#[derive(Clone, Debug, Default)]
pub struct Deletion {
    /// Seconds of grace; the object's own where absent.
    pub grace: Option<i64>,
    /// Only the object with this uid.
    pub uid: Option<String>,
}

/// What a deletion did.
pub enum Deleted {
    /// The object is gone.
    Gone(Object),
    /// The object has been asked to go.
    Going(Object),
}

impl Resource {
    /// The resource of `kind` in what `etcd` leads to.
    pub fn start(
        env: &Env,
        tasks: &Tasks,
        etcd: Arc<dyn Etcd>,
        kind: Kind,
        version: Version,
    ) -> Self {
        let store = Store::new(etcd, kind, version);
        let cacher = Cacher::start(tasks, store.clone(), version);
        let names = Mutex::new(Names::new(env, kind.resource()));
        Resource { kind, version, env: env.clone(), store, cacher, names }
    }

    /// The storage.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The watch cache.
    pub fn cacher(&self) -> &Cacher {
        &self.cacher
    }

    /// Whether the watch cache can answer for `revision`. Since 1.8 a read that takes any version
    /// goes past a cache that has nothing yet (inferred for 1.8; the source of 1.9 says so).
    fn cached(&self, revision: Option<i64>) -> Option<i64> {
        match revision {
            Some(0) if self.version >= Version::V1_8 && !self.cacher.is_ready() => None,
            revision => revision,
        }
    }

    /// Reads one object: from etcd where no revision is given, else from the watch cache.
    ///
    /// # Errors
    /// 404, 500, 504.
    pub async fn get(
        &self,
        namespace: &str,
        name: &str,
        revision: Option<i64>,
    ) -> Result<Arc<Object>, Status> {
        let key = self.kind.key(namespace, name);
        let object = match self.cached(revision) {
            None => self.store.get(&key).await?.map(Arc::new),
            Some(revision) => self.cacher.get(&key, revision).await?,
        };
        object.ok_or_else(|| Status::not_found(self.kind, name))
    }

    fn prefix(&self, namespace: Option<&str>) -> String {
        match namespace {
            Some(namespace) => self.kind.key(namespace, ""),
            None => self.kind.prefix(),
        }
    }

    /// Reads all objects that are selected: from etcd where no revision is given, else from the
    /// watch cache.
    ///
    /// # Errors
    /// 500, 504.
    pub async fn list(
        &self,
        namespace: Option<&str>,
        selector: &Selector,
        revision: Option<i64>,
    ) -> Result<Listed, Status> {
        let prefix = self.prefix(namespace);
        let mut listed = match self.cached(revision) {
            None => self.store.list(&prefix).await?,
            Some(revision) => self.cacher.list(&prefix, revision).await?,
        };
        listed.items.retain(|object| selector.matches(object));
        Ok(listed)
    }

    /// Follows all objects that are selected.
    ///
    /// # Errors
    /// 410, to be sent as an event.
    pub async fn watch(
        &self,
        namespace: Option<&str>,
        selector: Selector,
        revision: i64,
    ) -> Result<Watcher, Status> {
        self.cacher.watch(self.prefix(namespace), selector, revision).await
    }

    /// Writes a new object.
    ///
    /// # Errors
    /// 400, 409, 422, 500.
    pub async fn create(
        &self,
        namespace: &str,
        mut object: Object,
        group_version: &str,
    ) -> Result<Object, Status> {
        self.place(namespace, &mut object)?;
        defaults::fill(&mut object, group_version);
        let uid = {
            let mut names = self.names.lock().expect("no task panics with the lock");
            let meta = object.meta_mut();
            if meta.name.is_empty() && !meta.generate_name.is_empty() {
                meta.name = names.generate(&meta.generate_name);
            }
            names.uid()
        };
        rules::create(&mut object, uid, self.env.wall().unix())?;
        self.store.create(&object).await
    }

    /// Puts the object into the namespace of the path.
    fn place(&self, namespace: &str, object: &mut Object) -> Result<(), Status> {
        let meta = object.meta_mut();
        if !self.kind.namespaced() {
            meta.namespace.clear();
            return Ok(());
        }
        if meta.namespace.is_empty() {
            meta.namespace = namespace.to_string();
        }
        if meta.namespace != namespace {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
        Ok(())
    }

    /// Replaces an object, or its status.
    ///
    /// # Errors
    /// 400, 404, 409, 422, 500.
    pub async fn replace(
        &self,
        namespace: &str,
        name: &str,
        mut object: Object,
        part: Part,
        group_version: &str,
    ) -> Result<Object, Status> {
        self.place(namespace, &mut object)?;
        if object.meta().name != name {
            return Err(Status::bad_request(format!(
                "the name of the object ({}) does not match the name on the URL ({name})",
                object.meta().name
            )));
        }
        defaults::fill(&mut object, group_version);
        self.change(namespace, name, move |old| {
            let mut new = object.clone();
            rules::update(old, &mut new, part)?;
            Ok(new)
        })
        .await
    }

    /// Patches an object, or its status.
    ///
    /// # Errors
    /// 400, 404, 409, 422, 500.
    pub async fn patch(
        &self,
        namespace: &str,
        name: &str,
        (format, patch): (Format, Value),
        part: Part,
        group_version: &str,
    ) -> Result<Object, Status> {
        let (kind, version) = (self.kind, self.version);
        self.change(namespace, name, move |old| {
            let mut document = old.to_value(group_version, version);
            patch::apply(format, &mut document, &patch)?;
            let mut new = Object::read(kind, document)
                .map_err(|error| Status::bad_request(error.to_string()))?;
            if new.meta().name != old.meta().name || new.meta().namespace != old.meta().namespace {
                return Err(Status::bad_request("a patch cannot change name or namespace"));
            }
            defaults::fill(&mut new, group_version);
            rules::update(old, &mut new, part)?;
            Ok(new)
        })
        .await
    }

    /// Changes an object, beginning with what the watch cache has.
    ///
    /// # Errors
    /// 404, 500, and what `change` returns.
    pub async fn change(
        &self,
        namespace: &str,
        name: &str,
        change: impl FnMut(&Object) -> Result<Object, Status> + Send,
    ) -> Result<Object, Status> {
        let key = self.kind.key(namespace, name);
        self.store.update(&key, self.cacher.peek(&key), change).await
    }

    /// Removes an object; a running pod is asked to go first.
    ///
    /// # Errors
    /// 404, 409, 500.
    pub async fn delete(
        &self,
        namespace: &str,
        name: &str,
        deletion: &Deletion,
    ) -> Result<Deleted, Status> {
        let kind = self.kind;
        let allowed = |object: &Object| match &deletion.uid {
            Some(uid) if *uid != object.meta().uid => {
                let found = &object.meta().uid;
                let why = format!(
                    "the UID in the precondition ({uid}) does not match the UID in record ({found})"
                );
                Err(Status::conflict(kind, name, why))
            }
            _ => Ok(()),
        };
        let key = kind.key(namespace, name);
        let current = self.get(namespace, name, None).await?;
        allowed(&current)?;
        let grace = grace(&current, deletion);
        if grace == 0 {
            return self.store.delete(&key, allowed).await.map(Deleted::Gone);
        }
        let now = self.env.wall().unix();
        let going = self.change(namespace, name, |old| {
            allowed(old)?;
            let mut new = old.clone();
            let meta = new.meta_mut();
            let deadline = Time::from_unix(now + grace);
            if meta.deletion_timestamp.0.is_none() || deadline < meta.deletion_timestamp {
                meta.deletion_timestamp = deadline;
                meta.deletion_grace_period_seconds = Some(grace);
            }
            Ok(new)
        });
        going.await.map(Deleted::Going)
    }

    /// Gives a pod its node (`pods/binding`).
    ///
    /// # Errors
    /// 404, 409 where it has one, 500.
    pub async fn bind(&self, namespace: &str, name: &str, node: &str) -> Result<Object, Status> {
        let now = self.env.wall().unix();
        self.change(namespace, name, |old| {
            let mut new = old.clone();
            let Object::Pod(pod) = &mut new else { return Err(Status::no_such_path()) };
            if !pod.spec.node_name.is_empty() {
                let why =
                    format!("pod {name} is already assigned to node {:?}", pod.spec.node_name);
                return Err(Status::conflict(Kind::Pod, name, why));
            }
            if pod.metadata.deletion_timestamp.0.is_some() {
                let why = format!("pod {name} is being deleted, cannot be assigned to a host");
                return Err(Status::conflict(Kind::Pod, name, why));
            }
            pod.spec.node_name = node.to_string();
            let conditions = pod.status.conditions.get_or_insert_default();
            conditions.retain(|condition| condition.r#type != "PodScheduled");
            conditions.push(PodCondition {
                r#type: "PodScheduled".into(),
                status: "True".into(),
                last_transition_time: Time::from_unix(now),
                ..Default::default()
            });
            Ok(new)
        })
        .await
    }

    /// The state of the resource's client of etcd and of its cache, for operators.
    pub fn inspect(&self) -> Value {
        json!({ "pools": self.store.etcd().pools(), "watchCacheReady": self.cacher.is_ready() })
    }
}

/// How many seconds a deletion waits: none, except for pods that run somewhere.
fn grace(object: &Object, deletion: &Deletion) -> i64 {
    let Object::Pod(pod) = object else { return 0 };
    if pod.spec.node_name.is_empty() || matches!(&*pod.status.phase, "Succeeded" | "Failed") {
        return 0;
    }
    let own = pod.spec.termination_grace_period_seconds.unwrap_or(30);
    deletion.grace.unwrap_or(own).max(0)
}
