//! What a member begins with: its own log, a new cluster, or a cluster that it was added to.
//!
//! The members of a new cluster all begin with the same committed entries, one membership change
//! for each of them, so that the cluster's beginning is replayed like everything else.

use anatomy_proto::raftpb::{
    ConfChange, ConfChangeType, ConfState, Entry, EntryType, HardState, Snapshot,
};
use bytes::Bytes;
use harness_env::{Env, Rng};
use prost::Message;

use super::config::{Config, InitialState};
use super::error::Error;
use super::membership::{ChangeContext, Membership, peer_addr};
use super::peer::join::join;
use super::state::State;
use crate::raft::{self, Jitter, MemStorage, RawNode};
use crate::storage::record::Identity;
use crate::storage::snap::Saved;
use crate::storage::{Opened, Storage};

/// A member that can run.
pub(super) struct Started {
    pub id: u64,
    pub state: State,
    pub storage: Storage,
    pub log: MemStorage,
    pub raft: RawNode<MemStorage>,
    pub members: ConfState,
    /// The last entry that the state holds.
    pub applied: u64,
    /// The members to connect to from the start. Those that the state names are only known once
    /// the log is applied.
    pub known: Membership,
}

/// Election time-outs from the member's own stream of random numbers.
struct Lot(Rng);

impl Jitter for Lot {
    fn election_timeout(&mut self, base: u32) -> u32 {
        base + self.0.below(u64::from(base)) as u32
    }
}

pub(super) async fn start(env: &Env, config: &Config) -> Result<Started, Error> {
    let disk = env.disk();
    let found = Storage::open(disk.clone(), &config.data_dir, config.defects).await?;
    let (storage, opened, known) = match found {
        Some((mut storage, mut opened)) => {
            if never_began(&opened) && config.initial_state == InitialState::New {
                opened = record(&mut storage, begin(config)?.2, opened.identity).await?;
            }
            (storage, opened, Membership::default())
        }
        None => {
            let (known, id, entries) = match config.initial_state {
                InitialState::New => begin(config)?,
                InitialState::Existing => {
                    let (known, id) = join(env, config).await?;
                    (known, id, Vec::new())
                }
            };
            let identity = Identity { member: id, cluster: known.id };
            let mut storage = Storage::create(disk, &config.data_dir, identity.clone()).await?;
            let opened = record(&mut storage, entries, identity).await?;
            (storage, opened, known)
        }
    };
    assemble(env, config, storage, opened, known)
}

/// Whether a crash came between the log's first record and the cluster's beginning: the member
/// has heard and said nothing yet.
fn never_began(opened: &Opened) -> bool {
    opened.snapshot.is_none() && opened.state == HardState::default()
}

/// Writes what a log begins with.
async fn record(
    storage: &mut Storage,
    entries: Vec<Entry>,
    identity: Identity,
) -> Result<Opened, Error> {
    let state = match entries.len() {
        0 => HardState::default(),
        n => HardState { term: 1, vote: 0, commit: n as u64 },
    };
    storage.wal.save(Some(&state), &entries, true).await?;
    Ok(Opened { identity, snapshot: None, state, entries })
}

/// The entries that a new cluster begins with.
fn begin(config: &Config) -> Result<(Membership, u64, Vec<Entry>), Error> {
    let cluster = Membership::initial(&config.initial_cluster, &config.token);
    let mine = |(name, addr): &(String, _)| *name == config.name && *addr == config.advertise_peer;
    let me = config.initial_cluster.iter().any(mine);
    let id = cluster.members.values().find(|m| peer_addr(m) == Some(config.advertise_peer));
    let (true, Some(id)) = (me, id.map(|member| member.id)) else {
        let (name, addr) = (config.name.clone(), config.advertise_peer);
        return Err(Error::NotInCluster { name, addr });
    };
    let entry = |(i, member): (usize, &anatomy_proto::etcdserverpb::Member)| {
        let context = ChangeContext { member: member.clone(), promote: false };
        let change = ConfChange {
            id: 0,
            r#type: ConfChangeType::ConfChangeAddNode.into(),
            node_id: member.id,
            context: context.encode_to_vec().into(),
        };
        Entry {
            term: 1,
            index: i as u64 + 1,
            r#type: EntryType::EntryConfChange.into(),
            data: change.encode_to_vec().into(),
        }
    };
    let entries = cluster.members.values().enumerate().map(entry).collect();
    Ok((cluster, id, entries))
}

fn assemble(
    env: &Env,
    config: &Config,
    storage: Storage,
    opened: Opened,
    mut known: Membership,
) -> Result<Started, Error> {
    let id = opened.identity.member;
    let nobody = Membership { id: opened.identity.cluster, ..Membership::default() };
    let mut state = State::new(nobody, config.election);
    state.plant(config.defects);
    state.lessor.set_checkpoints(config.lease_checkpoints);
    let log = MemStorage::default();
    let (mut applied, mut members) = (0, ConfState::default());
    if let Some(Saved { metadata, parts }) = opened.snapshot {
        applied = metadata.index;
        let undecodable = Error::Undecodable { index: applied, what: "expected a state" };
        state.restore(&parts).map_err(|_| undecodable)?;
        members = metadata.conf_state.clone().unwrap_or_default();
        let snapshot = Snapshot { data: Bytes::new(), metadata: Some(metadata) };
        log.apply_snapshot(snapshot).expect("the log is empty");
        known = state.membership.clone();
    }
    log.set_hard_state(opened.state);
    log.append(&opened.entries);
    let settings = raft::Config {
        election_tick: config.election_ticks(),
        heartbeat_tick: 1,
        pre_vote: config.pre_vote,
        applied,
        defects: config.defects,
        ..raft::Config::new(id)
    };
    let raft = RawNode::new(settings, log.clone(), Box::new(Lot(env.rng("election"))));
    known.members.remove(&id);
    Ok(Started { id, state, storage, log, raft, members, applied, known })
}
