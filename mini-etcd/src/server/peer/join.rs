//! How a new member learns who is in the cluster that it was added to: it asks those that it was
//! told of, one after the other (etcd: `GET /members` on the peer addresses).

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anatomy_proto::etcdserverpb::Member;
use harness_env::Env;
use tokio::time::timeout;

use super::wire::{self, Hello, Verdict, Welcome};
use crate::server::config::Config;
use crate::server::error::Error;
use crate::server::membership::{Membership, peer_addr};

/// Asks for the members and checks that they are those of `initial_cluster`. Returns them and this
/// member's id.
pub(crate) async fn join(env: &Env, config: &Config) -> Result<(Membership, u64), Error> {
    let mut last = String::from("there are no others");
    for (name, addr) in &config.initial_cluster {
        if *addr == config.advertise_peer {
            continue;
        }
        match ask(env, *addr, config.peer_dial_timeout()).await {
            Ok(welcome) => return check(config, welcome),
            Err(error) => last = format!("{name} at {addr}: {error}"),
        }
    }
    Err(Error::NoPeerAnswered(last))
}

async fn ask(env: &Env, addr: SocketAddr, within: Duration) -> io::Result<Welcome> {
    let asking = async {
        let mut stream = env.connect(addr).await?;
        wire::write(&mut stream, &Hello::default()).await?;
        let welcome: Welcome = wire::read(&mut stream).await?;
        match welcome.verdict() {
            Verdict::Welcome => Ok(welcome),
            other => Err(io::Error::other(format!("refused: {other:?}"))),
        }
    };
    timeout(within, asking).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn check(config: &Config, welcome: Welcome) -> Result<(Membership, u64), Error> {
    let there: BTreeSet<SocketAddr> = welcome.members.iter().filter_map(peer_addr).collect();
    let here: BTreeSet<SocketAddr> = config.initial_cluster.iter().map(|(_, addr)| *addr).collect();
    if there != here {
        let list = |addrs: &BTreeSet<SocketAddr>| {
            addrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        return Err(Error::ClusterMismatch { expected: list(&there), found: list(&here) });
    }
    let mine = |member: &&Member| peer_addr(member) == Some(config.advertise_peer);
    let Some(id) = welcome.members.iter().find(mine).map(|member| member.id) else {
        let (name, addr) = (config.name.clone(), config.advertise_peer);
        return Err(Error::NotInCluster { name, addr });
    };
    let members = welcome.members.into_iter().map(|member| (member.id, member)).collect();
    Ok((Membership { id: welcome.cluster, members, removed: BTreeSet::new() }, id))
}
