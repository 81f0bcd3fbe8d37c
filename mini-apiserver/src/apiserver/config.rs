//! Settings, with the defaults of the real server.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mini_etcd::client::Generation;

use crate::Version;

/// Settings of an apiserver.
#[derive(Clone, Debug)]
pub struct Config {
    /// `--insecure-port`.
    pub port: u16,
    /// `--etcd-servers`. Fixed for the life of the process: a cluster that grows is not noticed.
    pub etcd: Vec<SocketAddr>,
    /// Which client of etcd the release was linked with.
    pub etcd_client: Generation,
    /// The release.
    pub version: Version,
    /// `--max-requests-inflight`: reads at once; 0 for no limit.
    pub max_in_flight: usize,
    /// `--max-mutating-requests-inflight`: writes at once; 0 for no limit.
    pub max_mutating_in_flight: usize,
    /// `--service-account-lookup`: whether a token is checked against its Secret in etcd.
    pub service_account_lookup: bool,
    /// `--min-request-timeout`: the least life of a watch that does not say how long it wants to
    /// live; it gets up to twice as much.
    pub min_request_timeout: Duration,
    /// CPU time that one request takes. An estimate, not a measurement.
    pub request_cpu: Duration,
}

impl Config {
    /// The defaults of 1.7 (kubernetes 1.7.8 pkg/server/config.go).
    pub fn new(
        port: u16,
        etcd: Vec<SocketAddr>,
        etcd_client: Generation,
        version: Version,
    ) -> Self {
        Config {
            port,
            etcd,
            etcd_client,
            version,
            max_in_flight: 400,
            max_mutating_in_flight: 200,
            service_account_lookup: true,
            min_request_timeout: Duration::from_secs(1800),
            request_cpu: Duration::from_micros(300),
        }
    }
}

/// Why an apiserver ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken, or the machine has no such address.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
}
