//! How members talk to each other.
//!
//! etcd's rafthttp keeps two long-lived HTTP streams between each pair of members and sends what is
//! too large, or comes while a stream is down, in requests of its own. Modelled here is what others
//! can notice of it: one TCP connection for each direction, dialled by the sender, with rafthttp's
//! limits (dial time-out, 5 s without a byte ends it, queue of 4,096 messages, a new try after
//! 100 ms). The bytes on it are our own: a handshake, then length-prefixed messages, so that a
//! heartbeat costs one small write. Snapshots travel on the same connection.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`wire`] | what is on the connection |
//! | [`dial`] | how messages leave |
//! | [`accept`] | how messages arrive, and who is let in |
//! | [`ask`] | how a follower asks the leader about a lease or a learner |
//! | [`join`] | how a new member learns who is in the cluster |

pub(super) mod accept;
pub(super) mod ask;
pub(super) mod dial;
pub(super) mod join;
pub(super) mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anatomy_proto::raftpb::{Message, MessageType};
use harness_env::{Env, Task, Tasks};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use wire::Frame;

/// Without a byte for this long a connection is given up (etcd 3.2 rafthttp
/// `DefaultConnReadTimeout`).
pub(super) const IDLE_MAX: Duration = Duration::from_secs(5);
/// Messages that wait for one member (etcd 3.2 rafthttp/peer.go `streamBufSize`).
const QUEUE: usize = 4096;

/// The connections to all other members.
pub(super) struct Transport {
    env: Env,
    tasks: Tasks,
    local: dial::Local,
    peers: Mutex<BTreeMap<u64, Peer>>,
}

struct Peer {
    addr: SocketAddr,
    outbox: mpsc::Sender<Frame>,
    link: Arc<Link>,
    _task: Task,
}

/// A connection: since when it stands, and whether it is to be made anew.
pub(super) struct Link {
    since: Mutex<Option<Instant>>,
    anew: watch::Sender<()>,
}

impl Link {
    fn new() -> Self {
        Link { since: Mutex::default(), anew: watch::Sender::new(()) }
    }

    fn set(&self, since: Option<Instant>) {
        *self.since.lock().expect("no task panics with the lock") = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.since.lock().expect("no task panics with the lock")
    }
}

/// What did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Undelivered {
    /// To whom.
    pub to: u64,
    /// Whether it was a snapshot.
    pub snapshot: bool,
}

impl Transport {
    pub fn new(env: Env, local: dial::Local) -> Self {
        Transport { tasks: env.tasks(), env, local, peers: Mutex::default() }
    }

    fn peers(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Peer>> {
        self.peers.lock().expect("no task panics with the lock")
    }

    /// Connects to a member, or to its new address.
    pub fn add(&self, id: u64, addr: SocketAddr) {
        let mut peers = self.peers();
        if id == self.local.id || peers.get(&id).is_some_and(|peer| peer.addr == addr) {
            return;
        }
        let (outbox, inbox) = mpsc::channel(QUEUE);
        let link = Arc::new(Link::new());
        let dialler = dial::Dialler {
            env: self.env.clone(),
            local: self.local.clone(),
            to: id,
            addr,
            link: link.clone(),
            inbox,
        };
        let task = self.tasks.spawn_owned(dialler.run());
        peers.insert(id, Peer { addr, outbox, link, _task: task });
    }

    /// Connects to somebody who is at this address, unless there is a connection.
    pub fn meet(&self, id: u64, addr: SocketAddr) {
        if self.active_since(id).is_none() {
            self.add(id, addr);
        }
    }

    /// Closes the connection to a member.
    pub fn remove(&self, id: u64) {
        self.peers().remove(&id);
    }

    /// Closes the connections to all members that `keep` refuses.
    pub fn retain(&self, keep: impl Fn(u64) -> bool) {
        self.peers().retain(|id, _| keep(*id));
    }

    /// Queues Raft messages. Returns what found no connection or no room: Raft sends it again.
    pub fn send(&self, messages: Vec<Message>) -> Vec<Undelivered> {
        let peers = self.peers();
        let mut undelivered = Vec::new();
        for message in messages {
            let (to, snapshot) = (message.to, message.r#type() == MessageType::MsgSnap);
            let sent = peers.get(&to).is_some_and(|peer| {
                peer.link.since().is_some() && peer.outbox.try_send(Frame::raft(message)).is_ok()
            });
            if !sent {
                undelivered.push(Undelivered { to, snapshot });
            }
        }
        undelivered
    }

    /// Queues something for one member. Whether there was a connection and room.
    pub fn send_frame(&self, to: u64, frame: Frame) -> bool {
        self.peers()
            .get(&to)
            .is_some_and(|peer| peer.link.since().is_some() && peer.outbox.try_send(frame).is_ok())
    }

    /// Nothing has come from a member for [`IDLE_MAX`]: the connection to it is made anew, unless it
    /// is younger than the silence.
    ///
    /// Whoever reads dials in rafthttp, so a silence ends both streams between two members there.
    /// Whoever writes dials here, and writing into a dead connection goes well for a long time: the
    /// kernel tries again at ever longer intervals, up to two minutes after the path is whole.
    pub fn silent(&self, id: u64) {
        let peers = self.peers();
        let Some(link) = peers.get(&id).map(|peer| &peer.link) else { return };
        if link.since().is_some_and(|since| since.elapsed() >= IDLE_MAX) {
            link.anew.send_replace(());
        }
    }

    /// Since when there is a connection to a member.
    pub fn active_since(&self, id: u64) -> Option<Instant> {
        self.peers().get(&id).and_then(|peer| peer.link.since())
    }
}
