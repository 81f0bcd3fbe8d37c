//! The member: one future that keeps a log with others and serves clients from what the log says.
//!
//! ```text
//!  client ──gRPC──> grpc ──propose──> node ──> Raft core, log on disk, peer connections
//!                    ^  ^               │ applies
//!        reads/watch │  └───outcome─────┤
//!                    └──── state <──────┘
//! ```
//! One loop ([`node`]) owns Raft and the disk. Everything else is tasks around the shared state,
//! and all of them stop when the future returned by [`run`] is dropped.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`config`] | what a member is told |
//! | `bootstrap` | what it begins with |
//! | [`node`], [`apply`], [`state`] | how the log becomes state |
//! | [`membership`], `reconfigure` | who is in the cluster, and which changes are allowed |
//! | `reads`, `expiry`, `stop` | linearizable reads, the end of leases, the end of the member |
//! | `compactor` | the end of history |
//! | `quota`, `metrics` | how much is stored, and when that is too much; what is counted |
//! | `peer` | how members talk |
//! | `grpc` | how clients are served |
//! | [`observer`] | what somebody who checks the member is told |
//! | [`refusal`] | what clients are told when they are refused |

pub mod apply;
pub mod apply_txn;
mod bootstrap;
mod compactor;
pub mod config;
mod database;
pub mod error;
mod expiry;
mod grpc;
pub mod membership;
mod metrics;
mod node;
pub mod observer;
mod peer;
mod pulse;
mod quota;
mod reads;
mod reconfigure;
pub mod refusal;
mod shared;
mod signal;
pub mod state;
mod stop;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anatomy_proto::etcdserverpb::InternalRaftRequest;
use harness_env::{Env, Listener};
use tokio::sync::mpsc;

pub use config::{Config, InitialState};
pub use error::Error;
pub use refusal::Refusal;

use node::Node;
use shared::{Channels, Shared};

/// Inputs that wait for the node (etcd 3.2 rafthttp `recvBufSize`).
const INPUTS: usize = 4096;
/// A member that learns that it is none any more goes on for this long, so that others learn it
/// (etcd 3.2 etcdserver/server.go `stopWithDelay`).
const FAREWELL: Duration = Duration::from_secs(1);

/// Runs a member until `stop` resolves and it has stopped in its release's way, or until it was
/// removed from the cluster.
///
/// # Errors
/// Where it cannot listen, its disk cannot be worked with, or there is no cluster for it.
pub async fn run(
    env: Env,
    config: Config,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let name = config.name.clone();
    let mut stop = std::pin::pin!(stop);
    // The client port is open from here on, but nothing is accepted before the member is ready:
    // a client's connection is made by the kernel and stays mute (as etcd's `startClientListeners`
    // before `ReadyNotify`).
    let peers = listen(&env, &config.peer_addrs).await?;
    let clients = listen(&env, &config.client_addrs).await?;
    let started = tokio::select! {
        biased;
        () = &mut stop => return Ok(()),
        started = bootstrap::start(&env, &config) => started?,
    };
    let tasks = env.tasks();
    let (inputs, inputs_in) = mpsc::channel(INPUTS);
    let (reads, reads_in) = mpsc::channel(INPUTS);
    let (read_states, read_states_in) = mpsc::unbounded_channel();
    let transport = peer::Transport::new(
        env.clone(),
        peer::dial::Local {
            id: started.id,
            cluster: started.state.membership.id,
            version: config.profile.version().to_owned(),
            url: config::url(config.advertise_peer),
            dial_timeout: config.peer_dial_timeout(),
            inputs: inputs.clone(),
        },
    );
    for (id, member) in &started.known.members {
        if let Some(addr) = membership::peer_addr(member) {
            transport.add(*id, addr);
        }
    }
    let channels = Channels { inputs, reads };
    let shared =
        Arc::new(Shared::new(started.id, config, started.state, transport, channels, env.wall()));
    let node = Node {
        raft: started.raft,
        log: started.log,
        storage: started.storage,
        shared: shared.clone(),
        inputs: inputs_in,
        read_states,
        members: started.members,
        snapshot: started.applied,
        saved: shared.state().store.extent(),
        draft: None,
        writing: None,
        applied: started.applied,
        blocked: VecDeque::new(),
        raising_alarm: false,
    };
    for listener in peers {
        tasks.spawn(peer::accept::run(shared.clone(), listener, env.tasks()));
    }
    tasks.spawn(reads::run(shared.clone(), reads_in, read_states_in));
    tasks.spawn(expiry::run(shared.clone()));
    tasks.spawn(publish(shared.clone()));
    tasks.spawn(compactor::run(shared.clone()));
    let served = Arc::new(env.tasks());
    for listener in clients {
        tasks.spawn(grpc::serve::run(env.clone(), shared.clone(), listener, served.clone()));
    }

    tokio::select! {
        biased;
        error = node.run() => return Err(error),
        () = removed(&shared) => {}
        () = async {
            stop.await;
            stop::stop(&shared, grpc::serve::drained(&served)).await;
        } => {}
    }
    tracing::info!(kind = "etcd.stopped", member = %name, "etcd member {name} stopped");
    Ok(())
}

async fn listen(env: &Env, addrs: &[SocketAddr]) -> Result<Vec<Box<dyn Listener>>, Error> {
    let mut listeners = Vec::new();
    for addr in addrs {
        let listener = env.listen(*addr).await;
        listeners.push(listener.map_err(|source| Error::Listen { addr: *addr, source })?);
    }
    Ok(listeners)
}

async fn removed(shared: &Shared) {
    shared.removed.wait(|removed| removed).await;
    tokio::time::sleep(FAREWELL).await;
}

/// Tells the cluster this member's name and client address, however often it takes; then the
/// member is ready.
async fn publish(shared: Arc<Shared>) {
    let config = &shared.config;
    let urls: Vec<String> = config.advertise_clients.iter().copied().map(config::url).collect();
    loop {
        let v2 = Some(apply::attributes(shared.id, &config.name, &urls));
        let request = InternalRaftRequest { v2, ..InternalRaftRequest::default() };
        match shared.propose(request).await {
            Ok(_) => break,
            Err(error) => tracing::debug!(
                kind = "etcd.publish.failed",
                member = %config.name,
                %error,
                "could not publish to the cluster"
            ),
        }
    }
    shared.ready.set(true);
    let (name, version) = (&config.name, config.profile.version());
    match config.profile.sends_stream_limit() {
        Some(limit) => tracing::info!(
            kind = "etcd.ready", member = %name, version, stream_limit = limit,
            "etcd member {name} ({version}) serves clients and tells them a limit of {limit} streams"
        ),
        None => tracing::info!(
            kind = "etcd.ready", member = %name, version,
            "etcd member {name} ({version}) serves clients"
        ),
    }
}
