//! From a request to an answer: name, binding, balancer, and what is said when one of them fails.
//!
//! A binding holds what is kept for one service (its balancer, its retry budget). linkerd caches a
//! hundred of them and lets them go after ten idle minutes; a service that comes back later begins
//! with a clean slate.

mod binding;
mod cache;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use harness_env::{Env, Tasks};
use http::Response;
use http::request::Parts;
use tokio::time::Instant;

pub use binding::Binding;
pub use cache::{BindingCache, CAPACITY, IDLE_TIME};

use crate::Config;
use crate::balance::Failure;
use crate::dtab::{Dtab, Path};
use crate::namer::namespace::{Namespace, Resolution};
use crate::namer::{Namer, Service};

/// How long a name may take to resolve (linkerd's `bindingTimeoutMs` default).
pub const BINDING_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a request has no answer of its service.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// The namer had no state for [`BINDING_TIMEOUT`].
    #[error("exceeded 10.seconds to unspecified while binding {0}")]
    BindingTimeout(Path),
    /// No such service, no such port, or no ready pod.
    #[error("No hosts are available for {path}, Dtab.base=[{dtab}]")]
    NoHosts {
        /// The asked name.
        path: Path,
        /// The rule that it was resolved by.
        dtab: Dtab,
    },
    /// An endpoint was chosen and gave no answer, and no other could be tried.
    #[error(transparent)]
    Endpoint(#[from] Failure),
}

/// The router.
pub struct Router {
    env: Env,
    tasks: Tasks,
    dtab: Dtab,
    namer: Namer,
    bindings: Mutex<BindingCache<Binding>>,
}

impl Router {
    /// A router that knows no service yet.
    pub fn new(env: &Env, config: &Config) -> Self {
        Router {
            env: env.clone(),
            tasks: env.tasks(),
            dtab: Dtab::new(&config.namespace, &config.port_name),
            namer: Namer::new(env, config.apiserver, config.token.clone(), config.version),
            bindings: Mutex::default(),
        }
    }

    /// The namer, for operators.
    pub fn namer(&self) -> &Namer {
        &self.namer
    }

    /// The cached bindings, for operators.
    pub fn bindings(&self) -> Vec<Arc<Binding>> {
        self.cache().all()
    }

    /// Sends a request to the service `path` and waits for the answer. There is no time-out but
    /// those of binding and connecting, which is linkerd's default.
    ///
    /// # Errors
    /// There is no answer of the service.
    pub async fn route(
        &self,
        path: &Path,
        parts: &Parts,
        body: &Bytes,
    ) -> Result<Response<Bytes>, RouteError> {
        let no_hosts = || RouteError::NoHosts { path: path.clone(), dtab: self.dtab.clone() };
        let target = self.dtab.delegate(path).ok_or_else(no_hosts)?;
        let namespace = self.namer.namespace(&target.namespace);
        let mut service = bind(&namespace, path, &target.service).await?.ok_or_else(no_hosts)?;

        let binding = self.cache().lease(path, Instant::now(), || {
            Binding::new(&self.env, self.tasks.executor(), path, &target.port)
        });
        let _lease = Lease { router: self, path, binding: &binding };
        let mut requeues = binding.requeues();
        loop {
            let endpoint = binding.pick(&service).ok_or_else(no_hosts)?;
            match endpoint.call(parts, body).await {
                Ok(response) => return Ok(response),
                Err(Failure::Unsent { .. }) if requeues.next() => {}
                Err(failure) => return Err(failure.into()),
            }
            if let Some(resolution) = namespace.lookup(&target.service) {
                service = bound(resolution).ok_or_else(no_hosts)?;
            }
        }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, BindingCache<Binding>> {
        self.bindings.lock().expect("no panic with the lock")
    }
}

async fn bind(
    namespace: &Namespace,
    path: &Path,
    service: &str,
) -> Result<Option<Arc<Service>>, RouteError> {
    if let Some(resolution) = namespace.lookup(service) {
        return Ok(bound(resolution));
    }
    let resolution = tokio::time::timeout(BINDING_TIMEOUT, namespace.resolve(service)).await;
    resolution.map(bound).map_err(|_| RouteError::BindingTimeout(path.clone()))
}

fn bound(resolution: Resolution) -> Option<Arc<Service>> {
    match resolution {
        Resolution::Neg => None,
        Resolution::Bound(service) => Some(service),
    }
}

/// Gives a binding back when its request has ended, however it did.
struct Lease<'a> {
    router: &'a Router,
    path: &'a Path,
    binding: &'a Arc<Binding>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.router.cache().release(self.path, self.binding, Instant::now());
    }
}
