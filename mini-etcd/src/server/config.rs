//! What a member is told when it starts; the names and defaults are etcd's flags.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::observer::Observer;
use crate::Profile;
use crate::defects::Defects;

/// Whether a member begins a cluster or joins one. Without meaning once it has a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialState {
    /// All members of `initial_cluster` start together.
    New,
    /// The member was added to a running cluster.
    Existing,
}

/// The settings of a member.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name, unique in the cluster.
    pub name: String,
    /// Where its log and snapshots are.
    pub data_dir: PathBuf,
    /// Where it listens for clients. The unspecified address stands for the machine's own.
    pub client_addrs: Vec<SocketAddr>,
    /// Where it listens for members.
    pub peer_addrs: Vec<SocketAddr>,
    /// The addresses that it tells clients.
    pub advertise_clients: Vec<SocketAddr>,
    /// The address that it tells members.
    pub advertise_peer: SocketAddr,
    /// Names and peer addresses of all members, this one included.
    pub initial_cluster: Vec<(String, SocketAddr)>,
    /// Begin or join.
    pub initial_state: InitialState,
    /// Keeps the ids of clusters with the same addresses apart.
    pub token: String,
    /// Which etcd this is.
    pub profile: Profile,
    /// The time between heartbeats, which is Raft's tick.
    pub heartbeat: Duration,
    /// How long without a leader until an election; up to twice as long, by lot.
    pub election: Duration,
    /// Entries between snapshots.
    pub snapshot_count: u64,
    /// So many bytes of a snapshot are made before others have their turn. The default, 128 KiB, is a
    /// fraction of a millisecond's work.
    pub snapshot_portion: usize,
    /// Entries kept behind a snapshot for slow followers (etcd: 5,000).
    pub catch_up_entries: u64,
    /// Whether a membership change that could cost the quorum is refused.
    pub strict_reconfig_check: bool,
    /// Who is told what the member does.
    pub observer: Option<Arc<dyn Observer>>,
    /// What is wrong with it on purpose.
    pub defects: Defects,
    /// Whether an election is asked about before it is held.
    pub pre_vote: bool,
    /// Operations in a transaction.
    pub max_txn_ops: usize,
    /// The largest request in bytes.
    pub max_request_bytes: usize,
    /// The store's size in bytes from which on nothing more is put in; `None`: there is no limit.
    pub quota_bytes: Option<u64>,
    /// Every so often the log notes how much time long leases have left.
    pub lease_checkpoints: Option<Duration>,
    /// How history goes away by itself.
    pub auto_compaction: Option<AutoCompaction>,
}

/// How much history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCompaction {
    /// That of the last hours, minutes or seconds.
    Periodic(Duration),
    /// That of the last revisions.
    Revisions(i64),
}

impl Config {
    /// A member with etcd's defaults: heartbeat 100 ms, election 1 s, a snapshot every 10,000
    /// entries, transactions of 128 operations, requests of 1.5 MiB, a store of 2 GiB (etcd 3.2
    /// embed/config.go, etcdserver/server.go, etcdserver/quota.go). It advertises where it listens.
    ///
    /// Two options of etcd 3.4 that are off there are on here under that profile: asking before an
    /// election (3.5 turned it on) and lease checkpoints every 5 minutes (lease/lessor.go
    /// `defaultLeaseCheckpointInterval`), without which a lease lives anew with each leader.
    pub fn new(name: &str, client: SocketAddr, peer: SocketAddr, profile: Profile) -> Self {
        Config {
            name: name.to_owned(),
            data_dir: format!("{name}.etcd").into(),
            client_addrs: vec![client],
            peer_addrs: vec![peer],
            advertise_clients: vec![client],
            advertise_peer: peer,
            initial_cluster: vec![(name.to_owned(), peer)],
            initial_state: InitialState::New,
            token: "etcd-cluster".to_owned(),
            profile,
            heartbeat: Duration::from_millis(100),
            election: Duration::from_secs(1),
            snapshot_count: 10_000,
            snapshot_portion: 128 << 10,
            catch_up_entries: 5_000,
            strict_reconfig_check: true,
            observer: None,
            defects: Defects::default(),
            pre_vote: profile >= Profile::V3_4,
            max_txn_ops: 128,
            max_request_bytes: 1536 << 10,
            quota_bytes: Some(2 << 30),
            lease_checkpoints: (profile >= Profile::V3_4).then_some(Duration::from_secs(300)),
            auto_compaction: None,
        }
    }

    /// How long a request may take: 5 s for the disk, two elections for the leader (etcd 3.2
    /// etcdserver/config.go `ReqTimeout`).
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(5) + 2 * self.election
    }

    /// How long a connection to a member may take (etcd 3.2 etcdserver/config.go
    /// `peerDialTimeout`).
    pub fn peer_dial_timeout(&self) -> Duration {
        Duration::from_secs(1) + self.election / 5
    }

    /// Whether it begins a cluster of its own.
    pub(crate) fn is_alone(&self) -> bool {
        self.initial_state == InitialState::New && self.initial_cluster.len() == 1
    }

    /// An election in ticks.
    pub(crate) fn election_ticks(&self) -> u32 {
        (self.election.as_millis() / self.heartbeat.as_millis().max(1)).max(2) as u32
    }
}

/// An address as a URL.
pub fn url(addr: SocketAddr) -> String {
    format!("http://{addr}")
}

/// The address in a URL. There is no name service: hosts are IP addresses, or `localhost`.
pub fn parse_url(url: &str) -> Option<SocketAddr> {
    let rest = url.strip_prefix("http://")?.trim_end_matches('/');
    match rest.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => rest.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_take_seven_seconds_and_a_dial_one_point_two() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 2379));
        let config = Config::new("a", addr, addr, Profile::V3_2_9);
        assert_eq!(config.request_timeout(), Duration::from_secs(7));
        assert_eq!(config.peer_dial_timeout(), Duration::from_millis(1200));
        assert_eq!(config.election_ticks(), 10);
    }

    #[test]
    fn an_address_reads_back_from_its_url() {
        let addr = SocketAddr::from(([10, 0, 0, 1], 2380));
        assert_eq!(parse_url(&url(addr)), Some(addr));
        assert_eq!(parse_url("http://localhost:1/"), Some(([127, 0, 0, 1], 1).into()));
        assert_eq!(parse_url("https://10.0.0.1:2380"), None);
        assert_eq!(parse_url("http://etcd-1:2380"), None);
    }
}
