//! What is followed, once for all controllers.

use harness_env::{Env, Tasks};

use crate::rest_client::Client;
use crate::rest_client::informer::Informer;

/// The informers that the controllers of a process share.
#[derive(Clone)]
pub(super) struct Informers {
    pub(super) daemon_sets: Informer,
    pub(super) deployments: Informer,
    pub(super) endpoints: Informer,
    pub(super) namespaces: Informer,
    pub(super) nodes: Informer,
    pub(super) pods: Informer,
    pub(super) services: Informer,
}

impl Informers {
    /// Follows everything.
    pub(super) fn start(env: &Env, tasks: &Tasks, client: &Client) -> Self {
        let follow = |path: &str| Informer::start(env, tasks, client, path);
        Informers {
            daemon_sets: follow("/apis/extensions/v1beta1/daemonsets"),
            deployments: follow("/apis/extensions/v1beta1/deployments"),
            endpoints: follow("/api/v1/endpoints"),
            namespaces: follow("/api/v1/namespaces"),
            nodes: follow("/api/v1/nodes"),
            pods: follow("/api/v1/pods"),
            services: follow("/api/v1/services"),
        }
    }
}
