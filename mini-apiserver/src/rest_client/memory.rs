//! An apiserver in memory, for tests of its clients: objects, versions, watches and nothing else.

use std::collections::BTreeMap;

use harness_env::Env;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::fake::{Fake, Reply, serve};
use super::view;

/// Serves an empty cluster.
pub(crate) async fn memory(env: &Env) -> Fake {
    let mut memory = Memory::default();
    serve(env, move |line, body| memory.answer(line, body)).await
}

#[derive(Default)]
struct Memory {
    version: u64,
    objects: BTreeMap<Key, Value>,
    log: Vec<(u64, String, Value)>,
    watchers: Vec<(Target, mpsc::UnboundedSender<String>)>,
}

type Key = (String, String, String);

/// What a request is about.
#[derive(Clone, Default)]
struct Target {
    resource: String,
    namespace: String,
    name: String,
    sub: String,
    node: Option<String>,
}

impl Target {
    fn parse(path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut parts = path.trim_matches('/').split('/').peekable();
        let skip = if parts.next() == Some("api") { 1 } else { 2 };
        let mut parts = parts.skip(skip).map(str::to_string).collect::<Vec<_>>();
        let mut target = Target::default();
        if parts.len() > 2 && parts[0] == "namespaces" {
            target.namespace = parts.remove(1);
            parts.remove(0);
        }
        let mut parts = parts.into_iter();
        target.resource = parts.next().unwrap_or_default();
        target.name = parts.next().unwrap_or_default();
        target.sub = parts.next().unwrap_or_default();
        let mut fields = query.split('&');
        target.node = fields
            .find_map(|field| field.strip_prefix("fieldSelector=spec.nodeName%3D"))
            .map(str::to_string);
        target
    }

    fn key(&self) -> Key {
        (self.resource.clone(), self.namespace.clone(), self.name.clone())
    }

    fn selects(&self, resource: &str, object: &Value) -> bool {
        let node = self.node.as_deref();
        self.resource == resource
            && (self.namespace.is_empty() || self.namespace == view::namespace(object))
            && node.is_none_or(|node| node == view::text(object, "/spec/nodeName"))
    }
}

impl Memory {
    fn answer(&mut self, line: &str, body: &str) -> Reply {
        let (method, path) = line.split_once(' ').expect("a request line");
        let target = Target::parse(path);
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        match method {
            "GET" if path.contains("watch=true") => self.watch(target, path),
            "GET" if target.name.is_empty() => self.list(&target),
            "GET" => self.get(&target),
            "POST" if target.sub == "binding" => {
                let node = view::text(&body, "/target/name").to_string();
                self.change(&target, |pod| pod["spec"]["nodeName"] = node.into())
            }
            "POST" => self.create(target, body),
            "PUT" => {
                let stored = self.objects.get(&target.key());
                let stale = stored.is_some_and(|stored| {
                    view::resource_version(stored) != view::resource_version(&body)
                });
                if stale { refuse(409, "Conflict") } else { self.put(&target, &body) }
            }
            "PATCH" => self.change(&target, |object| merge(object, &body)),
            "DELETE" => self.delete(&target, &body),
            _ => refuse(405, "MethodNotAllowed"),
        }
    }

    fn put(&mut self, target: &Target, body: &Value) -> Reply {
        let status = target.sub == "status";
        self.change(target, |object| {
            let kept = object.clone();
            object.clone_from(body);
            if status {
                object["spec"] = kept["spec"].clone();
            } else {
                object["status"] = kept["status"].clone();
            }
        })
    }

    fn get(&self, target: &Target) -> Reply {
        match self.objects.get(&target.key()) {
            Some(object) => Reply::Json(200, "", object.clone()),
            None => refuse(404, "NotFound"),
        }
    }

    fn list(&self, target: &Target) -> Reply {
        let items =
            self.objects.iter().filter(|((resource, ..), object)| target.selects(resource, object));
        let items: Vec<_> = items.map(|(_, object)| object).collect();
        let version = self.version.to_string();
        Reply::Json(200, "", json!({"metadata": {"resourceVersion": version}, "items": items}))
    }

    fn watch(&mut self, target: Target, path: &str) -> Reply {
        let version = path.split("resourceVersion=").nth(1).unwrap_or_default();
        let version: u64 = version.split('&').next().unwrap_or_default().parse().unwrap_or(0);
        let (sender, receiver) = mpsc::unbounded_channel();
        for (at, resource, event) in &self.log {
            if *at > version && target.selects(resource, &event["object"]) {
                let _ = sender.send(format!("{event}\n"));
            }
        }
        self.watchers.push((target, sender));
        Reply::Stream(receiver)
    }

    fn create(&mut self, mut target: Target, mut object: Value) -> Reply {
        target.name = view::name(&object).to_string();
        if self.objects.contains_key(&target.key()) {
            return refuse(409, "AlreadyExists");
        }
        object["metadata"]["namespace"] = target.namespace.clone().into();
        object["metadata"]["uid"] = format!("uid-{}", self.version).into();
        object["metadata"]["generation"] = 1.into();
        self.store(&target, "ADDED", object)
    }

    fn change(&mut self, target: &Target, change: impl FnOnce(&mut Value)) -> Reply {
        let Some(mut object) = self.objects.get(&target.key()).cloned() else {
            return refuse(404, "NotFound");
        };
        change(&mut object);
        self.store(target, "MODIFIED", object)
    }

    fn delete(&mut self, target: &Target, options: &Value) -> Reply {
        let Some(object) = self.objects.get(&target.key()).cloned() else {
            return refuse(404, "NotFound");
        };
        let graceful = target.resource == "pods"
            && !view::text(&object, "/spec/nodeName").is_empty()
            && view::number(options, "/gracePeriodSeconds") != Some(0);
        if graceful {
            return self.change(target, |pod| {
                pod["metadata"]["deletionTimestamp"] = "2017-10-27T13:10:00Z".into();
                pod["metadata"]["deletionGracePeriodSeconds"] = 1.into();
            });
        }
        self.store(target, "DELETED", object)
    }

    fn store(&mut self, target: &Target, kind: &str, mut object: Value) -> Reply {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if kind == "DELETED" {
            self.objects.remove(&target.key());
        } else {
            self.objects.insert(target.key(), object.clone());
        }
        let event = json!({"type": kind, "object": object});
        self.watchers.retain(|(watched, sender)| {
            !watched.selects(&target.resource, &object) || sender.send(format!("{event}\n")).is_ok()
        });
        self.log.push((self.version, target.resource.clone(), event));
        Reply::Json(200, "", object)
    }
}

fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        object.clone_from(patch);
        return;
    };
    for (key, value) in patch {
        merge(&mut object[key], value);
    }
}

fn refuse(code: u16, reason: &str) -> Reply {
    Reply::Json(code, "", json!({"kind": "Status", "reason": reason, "message": reason}))
}
