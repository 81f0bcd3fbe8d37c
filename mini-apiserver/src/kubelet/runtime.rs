//! What a kubelet asks of a container runtime.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use harness_env::host::BoxFuture;

/// Runs sandboxes. It outlives the kubelet, as a container engine does.
pub trait Runtime: Send + Sync {
    /// Starts a sandbox; returns when its program is up.
    ///
    /// # Errors
    /// A sentence that says why it could not be started.
    fn start(&self, sandbox: Sandbox) -> BoxFuture<'static, Result<(), String>>;

    /// Stops a sandbox and returns when it is gone: asks, and after `grace` kills.
    fn stop(&self, uid: &str, grace: Duration) -> BoxFuture<'static, ()>;

    /// The uids of the sandboxes that run.
    fn running(&self) -> Vec<String>;
}

/// A pod as its runtime sees it. A pod here runs one program: that of its first container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// The pod's uid.
    pub uid: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// What to run.
    pub image: String,
    /// The pod's own address, or the node's with `hostNetwork`.
    pub ip: IpAddr,
    /// The environment, of all containers; the first one's wins.
    pub env: BTreeMap<String, String>,
    /// The mounted ConfigMaps and Secrets: content by path. Bytes that are no UTF-8 are replaced.
    pub files: BTreeMap<String, String>,
    /// The ports that the containers declare.
    pub ports: Vec<Port>,
}

/// A declared port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name; empty where it has none.
    pub name: String,
    /// The port at the pod's address.
    pub port: u16,
    /// The port at the node's address, where there is one.
    pub host_port: Option<u16>,
}
