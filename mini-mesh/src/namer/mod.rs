//! The Kubernetes namer: from a service's name to the addresses of its pods.
//!
//! One cache per namespace, made at the first lookup and watched for ever (linkerd 0.9.1 `Ns.scala`).
//! So one object that cannot be read takes the whole namespace with it: that is the blast radius
//! that releases from 1.2.0 on cut down to a service, by watching one object each.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`exception`] | what a null reference is here, and where it is caught |
//! | [`service`] | what is read out of an Endpoints object |
//! | [`cache`] | what the namespace looks like, and how events change it |
//! | [`namespace`] | how lookups wait for a cache, and what operators see of it |
//! | [`watch`] | how a cache is filled and kept up to date |

pub mod cache;
pub mod exception;
pub mod namespace;
pub mod service;
pub mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use harness_env::{Env, Tasks};

pub use cache::NsCache;
pub use exception::Exception;
pub use namespace::Namespace;
pub use service::Service;

use crate::Version;
use crate::k8s::Api;

/// All namespaces that were ever looked up.
pub struct Namer {
    env: Env,
    tasks: Tasks,
    apiserver: SocketAddr,
    token: Option<String>,
    version: Version,
    namespaces: Mutex<BTreeMap<String, Arc<Namespace>>>,
}

impl Namer {
    /// A namer that asks `apiserver`, and has asked nothing yet.
    pub fn new(env: &Env, apiserver: SocketAddr, token: Option<String>, version: Version) -> Self {
        Namer {
            env: env.clone(),
            tasks: env.tasks(),
            apiserver,
            token,
            version,
            namespaces: Mutex::default(),
        }
    }

    /// The namespace `name`; watched from the first call on.
    pub fn namespace(&self, name: &str) -> Arc<Namespace> {
        let mut namespaces = self.namespaces.lock().expect("no panic with the lock");
        if let Some(namespace) = namespaces.get(name) {
            return Arc::clone(namespace);
        }
        let namespace = Arc::new(Namespace::new(name, self.version));
        namespaces.insert(name.to_owned(), Arc::clone(&namespace));
        let api = Api::new(&self.env, self.apiserver, self.token.clone(), name);
        self.tasks.spawn(watch::keep(self.env.clone(), api, Arc::clone(&namespace)));
        namespace
    }

    /// The namespaces looked up so far, by name.
    pub fn namespaces(&self) -> Vec<Arc<Namespace>> {
        self.namespaces.lock().expect("no panic with the lock").values().cloned().collect()
    }
}
