//! The command line: etcd's flags, with its defaults and its refusals (etcd 3.4 etcdmain/config.go,
//! embed/config.go).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};
use mini_etcd::Profile;
use mini_etcd::server::config::{AutoCompaction, parse_url};
use mini_etcd::server::{Config, InitialState};

/// A small etcd. The flags are etcd's; URLs hold IP addresses (or `localhost`), without TLS.
#[derive(Parser)]
#[command(version)]
pub struct Flags {
    /// Human-readable name of this member
    #[arg(long, default_value = "default")]
    name: String,
    /// Path to the data directory [default: NAME.etcd]
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// URLs to listen on for clients
    #[arg(long, default_value = "http://localhost:2379", value_delimiter = ',', value_parser = url)]
    listen_client_urls: Vec<SocketAddr>,
    /// URLs to listen on for members
    #[arg(long, default_value = "http://localhost:2380", value_delimiter = ',', value_parser = url)]
    listen_peer_urls: Vec<SocketAddr>,
    /// Client URLs to tell others [default: http://localhost:2379]
    #[arg(long, value_delimiter = ',', value_parser = url)]
    advertise_client_urls: Vec<SocketAddr>,
    /// Peer URL to tell others
    #[arg(long, default_value = "http://localhost:2380", value_parser = url)]
    initial_advertise_peer_urls: SocketAddr,
    /// All members: NAME=URL,NAME=URL [default: this one]
    #[arg(long, value_delimiter = ',', value_parser = member)]
    initial_cluster: Vec<(String, SocketAddr)>,
    /// Begin a cluster, or join one that this member was added to
    #[arg(long, value_enum, default_value_t = State::New)]
    initial_cluster_state: State,
    /// Keeps clusters with the same addresses apart
    #[arg(long, default_value = "etcd-cluster")]
    initial_cluster_token: String,
    /// Which etcd to be: 3.1.8, 3.2.9 or 3.4
    #[arg(long, default_value = "3.4")]
    version_profile: Profile,
    /// Time between heartbeats in milliseconds
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    heartbeat_interval: u64,
    /// Time to an election in milliseconds
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=50_000))]
    election_timeout: u64,
    /// Ask whether an election could be won before it is held [default: true from 3.4 on]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pre_vote: Option<bool>,
    /// Entries between snapshots
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    snapshot_count: u64,
    /// Refuse changes of the members that would cost the quorum
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    strict_reconfig_check: bool,
    /// Size of the store in bytes from which on it takes nothing more: 0 for 2 GiB, below 0 for none
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    quota_backend_bytes: i64,
    /// History to keep: hours or a duration such as 10m, or a number of revisions; 0 for all
    #[arg(long, default_value = "0")]
    auto_compaction_retention: String,
    /// What `--auto-compaction-retention` counts
    #[arg(long, value_enum, default_value_t = Mode::Periodic)]
    auto_compaction_mode: Mode,
    /// Operations in a transaction
    #[arg(long, default_value_t = 128)]
    max_txn_ops: usize,
    /// The largest request in bytes
    #[arg(long, default_value_t = 1536 << 10)]
    max_request_bytes: usize,
    /// Note in the log how much time long leases have left [default: true from 3.4 on]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    experimental_enable_lease_checkpoint: Option<bool>,
    /// Lines of text, or of JSON
    #[arg(long, value_enum, default_value_t = Logger::Capnslog)]
    pub logger: Logger,
    /// What is worth a line
    #[arg(long, value_enum, default_value_t = Level::Info)]
    pub log_level: Level,
    /// Be wrong on purpose in this way (may be given several times)
    #[cfg(feature = "defects")]
    #[arg(long)]
    defect: Vec<mini_etcd::defects::Defect>,
    /// Not offered: may be given as false alone
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    enable_pprof: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    New,
    Existing,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Mode {
    Periodic,
    Revision,
}

/// How lines are written.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Logger {
    /// Text.
    Capnslog,
    /// JSON.
    Zap,
}

/// What is worth a line.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Level {
    /// Everything.
    Debug,
    /// What happens once in a while.
    Info,
    /// What should not be.
    Warn,
    /// What failed.
    Error,
    /// As error.
    Panic,
    /// As error.
    Fatal,
}

fn url(text: &str) -> Result<SocketAddr, String> {
    parse_url(text).ok_or_else(|| format!("`{text}`: expected http://ADDRESS:PORT"))
}

fn member(text: &str) -> Result<(String, SocketAddr), String> {
    let (name, peer) =
        text.split_once('=').ok_or_else(|| format!("`{text}`: expected NAME=URL"))?;
    Ok((name.to_owned(), url(peer)?))
}

/// A duration as Go writes it: `1h30m`, `10s`, `1.5h`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, after) = rest[digits..].split_at(unit.unwrap_or(rest.len() - digits));
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

impl Flags {
    /// The settings of the member, if they make sense together.
    pub fn config(&self) -> Result<Config, String> {
        let (heartbeat, election) = (self.heartbeat_interval, self.election_timeout);
        if 5 * heartbeat > election {
            return Err(format!(
                "--election-timeout[{election}ms] should be at least as 5 times as \
                 --heartbeat-interval[{heartbeat}ms]"
            ));
        }
        if self.enable_pprof {
            return Err("--enable-pprof: there is no profile of a Go program to be had".into());
        }
        let default_client = SocketAddr::from(([127, 0, 0, 1], 2379));
        let advertised = match &self.advertise_client_urls[..] {
            [] if self.listen_client_urls == [default_client] => vec![default_client],
            [] => {
                return Err(
                    "--advertise-client-urls is required when --listen-client-urls is set \
                            explicitly"
                        .into(),
                );
            }
            given => given.to_vec(),
        };
        let peer = self.initial_advertise_peer_urls;
        let mut config = Config::new(&self.name, default_client, peer, self.version_profile);
        config.client_addrs.clone_from(&self.listen_client_urls);
        config.peer_addrs.clone_from(&self.listen_peer_urls);
        config.advertise_clients = advertised;
        if let Some(dir) = &self.data_dir {
            config.data_dir.clone_from(dir);
        }
        if !self.initial_cluster.is_empty() {
            config.initial_cluster.clone_from(&self.initial_cluster);
        }
        config.initial_state = match self.initial_cluster_state {
            State::New => InitialState::New,
            State::Existing => InitialState::Existing,
        };
        config.token.clone_from(&self.initial_cluster_token);
        config.heartbeat = Duration::from_millis(heartbeat);
        config.election = Duration::from_millis(election);
        config.pre_vote = self.pre_vote.unwrap_or(config.pre_vote);
        config.snapshot_count = self.snapshot_count;
        config.strict_reconfig_check = self.strict_reconfig_check;
        config.quota_bytes = match self.quota_backend_bytes {
            0 => config.quota_bytes,
            bytes => u64::try_from(bytes).ok(),
        };
        config.auto_compaction = self.auto_compaction()?;
        config.max_txn_ops = self.max_txn_ops;
        config.max_request_bytes = self.max_request_bytes;
        match self.experimental_enable_lease_checkpoint {
            Some(false) => config.lease_checkpoints = None,
            Some(true) if config.lease_checkpoints.is_none() => {
                return Err("--experimental-enable-lease-checkpoint exists from 3.4 on".into());
            }
            _ => {}
        }
        #[cfg(feature = "defects")]
        {
            config.defects = self.defect.iter().copied().collect();
        }
        Ok(config)
    }

    fn auto_compaction(&self) -> Result<Option<AutoCompaction>, String> {
        let text = &self.auto_compaction_retention;
        let count = text.parse::<u32>().ok();
        let wrong = |expected| format!("--auto-compaction-retention `{text}`: expected {expected}");
        Ok(match (self.auto_compaction_mode, count) {
            (_, Some(0)) => None,
            (Mode::Periodic, Some(hours)) => {
                Some(AutoCompaction::Periodic(Duration::from_secs(3600) * hours))
            }
            (Mode::Periodic, None) => {
                let period =
                    duration(text).ok_or_else(|| wrong("hours, or a duration such as 10m"))?;
                (!period.is_zero()).then_some(AutoCompaction::Periodic(period))
            }
            (Mode::Revision, Some(kept)) => Some(AutoCompaction::Revisions(kept.into())),
            (Mode::Revision, None) => return Err(wrong("a number of revisions")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(flags: &str) -> Result<Config, String> {
        let all = std::iter::once("mini-etcd").chain(flags.split_whitespace());
        Flags::try_parse_from(all).map_err(|e| e.to_string())?.config()
    }

    #[test]
    fn the_defaults_are_etcds() {
        let config = config("").unwrap();
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(
            (config.client_addrs, config.advertise_clients),
            (vec![local(2379)], vec![local(2379)])
        );
        assert_eq!((config.peer_addrs, config.advertise_peer), (vec![local(2380)], local(2380)));
        assert_eq!(config.initial_cluster, [("default".to_owned(), local(2380))]);
        assert_eq!(config.data_dir, PathBuf::from("default.etcd"));
        assert_eq!((config.snapshot_count, config.max_txn_ops), (10_000, 128));
        assert_eq!((config.quota_bytes, config.auto_compaction), (Some(2 << 30), None));
        assert!(config.pre_vote && config.strict_reconfig_check);
    }

    #[test]
    fn every_flag_of_a_usual_unit_file_is_taken() {
        let config = config(
            "--name=m1 --data-dir /var/lib/etcd --listen-client-urls \
             http://127.0.0.1:2379,http://10.0.0.1:2379 --advertise-client-urls=http://10.0.0.1:2379 \
             --listen-peer-urls http://10.0.0.1:2380 --initial-advertise-peer-urls http://10.0.0.1:2380 \
             --initial-cluster m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380 \
             --initial-cluster-state=existing --initial-cluster-token t --logger zap --log-level debug \
             --strict-reconfig-check=false --enable-pprof=false --heartbeat-interval=50 \
             --election-timeout 500 --snapshot-count=5000 --quota-backend-bytes -1 \
             --auto-compaction-retention=1h30m --max-txn-ops=256 --max-request-bytes 1000 \
             --version-profile 3.1.8",
        );
        let config = config.unwrap();
        assert_eq!((config.client_addrs.len(), config.initial_cluster.len()), (2, 2));
        assert_eq!(config.quota_bytes, None);
        let period = Duration::from_secs(5400);
        assert_eq!(config.auto_compaction, Some(AutoCompaction::Periodic(period)));
        assert!(!config.strict_reconfig_check && !config.pre_vote);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let cases = [
            ("--nonsense", "unexpected argument"),
            ("--listen-client-urls https://10.0.0.1:1", "expected http://ADDRESS:PORT"),
            ("--listen-client-urls http://10.0.0.1:1", "--advertise-client-urls is required"),
            ("--initial-cluster http://10.0.0.1:1", "expected NAME=URL"),
            ("--heartbeat-interval 300", "at least as 5 times"),
            ("--heartbeat-interval 0", "0 is not in 1.."),
            ("--election-timeout 60000", "60000 is not in 1..=50000"),
            ("--auto-compaction-retention soon", "a duration such as 10m"),
            (
                "--auto-compaction-mode revision --auto-compaction-retention 1h",
                "a number of revisions",
            ),
            ("--initial-cluster-state old", "possible values: new, existing"),
            ("--version-profile 2.3", "expected 3.1.8, 3.2.9 or 3.4"),
            ("--enable-pprof", "no profile"),
            ("--version-profile 3.2.9 --experimental-enable-lease-checkpoint", "from 3.4 on"),
        ];
        for (flags, expected) in cases {
            let error = config(flags).err().unwrap_or_default();
            assert!(error.contains(expected), "{flags}: {error}");
        }
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("1h30m", Some(5400)),
            ("90s", Some(90)),
            ("1.5m", Some(90)),
            ("h", None),
            ("", None),
            ("5", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(duration(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
