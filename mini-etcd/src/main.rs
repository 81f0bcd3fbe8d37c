//! A member on a real machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use harness_env::real::Machine;
use mini_etcd::Profile;
use mini_etcd::server::{Config, InitialState, run};

/// A small etcd. The flags are etcd's; URLs hold IP addresses (or `localhost`), without TLS.
#[derive(Parser)]
#[command(version)]
struct Flags {
    /// Human-readable name of this member
    #[arg(long, default_value = "default")]
    name: String,
    /// Path to the data directory [default: NAME.etcd]
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// URL to listen on for clients
    #[arg(long, default_value = "http://localhost:2379", value_parser = url)]
    listen_client_urls: SocketAddr,
    /// URL to listen on for members
    #[arg(long, default_value = "http://localhost:2380", value_parser = url)]
    listen_peer_urls: SocketAddr,
    /// Client URL to tell others [default: the one listened on]
    #[arg(long, value_parser = url)]
    advertise_client_urls: Option<SocketAddr>,
    /// Peer URL to tell others [default: the one listened on]
    #[arg(long, value_parser = url)]
    initial_advertise_peer_urls: Option<SocketAddr>,
    /// All members: NAME=URL,NAME=URL [default: this one]
    #[arg(long, value_parser = cluster)]
    initial_cluster: Option<Cluster>,
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
    #[arg(long, default_value_t = 100)]
    heartbeat_interval: u64,
    /// Time to an election in milliseconds
    #[arg(long, default_value_t = 1000)]
    election_timeout: u64,
    /// Entries between snapshots
    #[arg(long, default_value_t = 10_000)]
    snapshot_count: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    New,
    Existing,
}

#[derive(Clone)]
struct Cluster(Vec<(String, SocketAddr)>);

fn url(text: &str) -> Result<SocketAddr, String> {
    mini_etcd::server::config::parse_url(text)
        .ok_or_else(|| format!("`{text}`: expected http://ADDRESS:PORT"))
}

fn cluster(text: &str) -> Result<Cluster, String> {
    let member = |part: &str| {
        let (name, peer) =
            part.split_once('=').ok_or_else(|| format!("`{part}`: expected NAME=URL"))?;
        Ok((name.to_owned(), url(peer)?))
    };
    text.split(',').map(member).collect::<Result<_, String>>().map(Cluster)
}

impl Flags {
    fn config(self) -> Config {
        let (client, peer) = (self.listen_client_urls, self.listen_peer_urls);
        let mut config = Config::new(&self.name, client, peer, self.version_profile);
        config.advertise_client = self.advertise_client_urls.unwrap_or(client);
        config.advertise_peer = self.initial_advertise_peer_urls.unwrap_or(peer);
        config.data_dir = self.data_dir.unwrap_or(config.data_dir);
        config.initial_cluster = match self.initial_cluster {
            Some(Cluster(members)) => members,
            None => vec![(self.name, config.advertise_peer)],
        };
        config.initial_state = match self.initial_cluster_state {
            State::New => InitialState::New,
            State::Existing => InitialState::Existing,
        };
        config.token = self.initial_cluster_token;
        config.heartbeat = std::time::Duration::from_millis(self.heartbeat_interval);
        config.election = std::time::Duration::from_millis(self.election_timeout);
        config.snapshot_count = self.snapshot_count;
        config
    }
}

/// Prints what the member tells to standard error.
struct Lines;

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        let verbose = std::env::var_os("MINI_ETCD_DEBUG").is_some();
        let own = metadata.target().starts_with("mini_etcd");
        own && (verbose || *metadata.level() <= tracing::Level::INFO)
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl tracing::field::Visit for Line {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                use std::fmt::Write;
                let result = match field.name() {
                    "message" => write!(self.0, "{value:?}"),
                    name => write!(self.0, " {name}={value:?}"),
                };
                result.expect("a string grows");
            }
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        eprintln!("{}", line.0);
    }
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn main() -> std::process::ExitCode {
    let config = Flags::parse().config();
    tracing::subscriber::set_global_default(Lines).expect("nobody else sets one");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(|e| e.to_string()).and_then(|runtime| {
        runtime.block_on(async {
            let env = Machine::new("etcd", ".").env();
            run(env, config, stopped()).await.map_err(|e| e.to_string())
        })
    });
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mini-etcd: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
