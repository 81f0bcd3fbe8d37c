//! Members, the links between them, and what can happen to both.

use std::collections::{BTreeMap, VecDeque};

use anatomy_proto::raftpb::{ConfChange, ConfChangeType, Message, MessageType};
use bytes::Bytes;
use mini_etcd::raft::{Config, Status};

use super::action::Action;

/// A member under test: ours alone, or two implementations side by side.
pub trait Node: Sized {
    type Disk: Clone;
    fn blank(conf: &[u64]) -> Self::Disk;
    fn start(config: &Config, disk: Self::Disk, seed: u64) -> Self;
    fn tick(&mut self);
    fn campaign(&mut self);
    fn propose(&mut self, data: Bytes) -> bool;
    fn propose_change(&mut self, change: &ConfChange) -> bool;
    fn step(&mut self, message: Message);
    fn read(&mut self, ctx: Bytes);
    fn transfer(&mut self, to: u64);
    fn unreachable(&mut self, peer: u64);
    fn snapshot_report(&mut self, peer: u64, ok: bool);
    fn compact(&mut self, keep: u64);
    fn work(&mut self) -> Vec<Message>;
    fn take(&mut self) -> Vec<Message>;
    fn finish(&mut self) -> Vec<Message>;
    fn status(&self) -> Status;
    fn removed(&self) -> bool;
}

pub struct Slot<N: Node> {
    pub disk: N::Disk,
    pub node: Option<N>,
}

/// Called with a member after everything that happened to it.
pub type Observer<N> = Box<dyn FnMut(u64, &mut N)>;

pub struct Cluster<N: Node> {
    pub slots: BTreeMap<u64, Slot<N>>,
    pub links: BTreeMap<(u64, u64), VecDeque<Message>>,
    /// Work is done as soon as it comes up; otherwise by [`Action::Take`] and [`Action::Finish`].
    pub prompt: bool,
    pub after: Observer<N>,
    /// Called before a read is asked for, with its context.
    pub before_read: Box<dyn FnMut(u64)>,
    config: Config,
    first_members: Vec<u64>,
    side: u8,
    seed: u64,
    next_id: u64,
    counter: u64,
}

/// More members than this are not added.
const MAX_MEMBERS: u64 = 7;
/// Deliveries after which a round ends even if messages are left.
const FUSE: u32 = 600;

impl<N: Node> Cluster<N> {
    pub fn new(size: u64, config: Config, seed: u64, after: Observer<N>) -> Self {
        let mut cluster = Self {
            slots: BTreeMap::new(),
            links: BTreeMap::new(),
            prompt: true,
            after,
            before_read: Box::new(|_| {}),
            config,
            first_members: (1..=size).collect(),
            side: 0,
            seed,
            next_id: size + 1,
            counter: 0,
        };
        for id in 1..=size {
            cluster.join(id);
        }
        cluster
    }

    /// A member that joins later starts from the first membership too, and learns from the log how
    /// it changed.
    pub fn join(&mut self, id: u64) {
        self.slots.insert(id, Slot { disk: N::blank(&self.first_members), node: None });
        self.start(id);
    }

    pub fn start(&mut self, id: u64) {
        self.seed += 1;
        let config = Config { id, ..self.config.clone() };
        let slot = self.slots.get_mut(&id).unwrap();
        slot.node = Some(N::start(&config, slot.disk.clone(), self.seed));
        (self.after)(id, slot.node.as_mut().unwrap());
    }

    pub fn crash(&mut self, id: u64) {
        self.slots.get_mut(&id).unwrap().node = None;
    }

    pub fn node(&mut self, id: u64) -> &mut N {
        self.slots.get_mut(&id).unwrap().node.as_mut().expect("the member runs")
    }

    pub fn alive(&self) -> Vec<u64> {
        self.slots.iter().filter(|(_, s)| s.node.is_some()).map(|(&id, _)| id).collect()
    }

    /// The member that leads the latest term, if any does.
    pub fn leader(&self) -> Option<u64> {
        let status = |s: &Slot<N>| s.node.as_ref().map(Node::status);
        let leading = |s: &Status| s.leader == s.id;
        let all = self.slots.values().filter_map(status).filter(leading);
        all.max_by_key(|s| s.term).map(|s| s.id)
    }

    /// Does something to a running member, and then its work if that is prompt.
    pub fn with<R>(&mut self, id: u64, what: impl FnOnce(&mut N) -> R) -> Option<R> {
        let node = self.slots.get_mut(&id)?.node.as_mut()?;
        let result = what(node);
        let sent = if self.prompt { node.work() } else { Vec::new() };
        self.settle(id, sent);
        Some(result)
    }

    fn settle(&mut self, id: u64, sent: Vec<Message>) {
        let Some(node) = self.slots.get_mut(&id).and_then(|s| s.node.as_mut()) else { return };
        (self.after)(id, node);
        if node.removed() {
            self.slots.remove(&id); // a removed member stops and its id is never used again
        }
        for message in sent {
            self.links.entry((id, message.to)).or_default().push_back(message);
        }
    }

    fn work(&mut self, id: u64, what: impl FnOnce(&mut N) -> Vec<Message>) {
        if let Some(node) = self.slots.get_mut(&id).and_then(|s| s.node.as_mut()) {
            let sent = what(node);
            self.settle(id, sent);
        }
    }

    pub fn cut(&mut self, side: u8) {
        self.side = side;
    }

    fn connected(&self, from: u64, to: u64) -> bool {
        let side = |id: u64| (self.side >> (id % 8)) & 1;
        side(from) == side(to)
    }

    /// The message arrives, unless there is nobody there or the link is cut. True if it did.
    pub fn arrive(&mut self, from: u64, to: u64, message: Message) -> bool {
        self.connected(from, to) && self.with(to, |n| n.step(message)).is_some()
    }

    fn full_links(&self) -> Vec<(u64, u64)> {
        self.links.iter().filter(|(_, q)| !q.is_empty()).map(|(&link, _)| link).collect()
    }

    fn pick(&mut self, link: u8, skip: u8) -> Option<((u64, u64), Message)> {
        let links = self.full_links();
        let link = *links.get(usize::from(link) % links.len().max(1))?;
        let queue = self.links.get_mut(&link)?;
        let message = queue.remove(usize::from(skip) % queue.len())?;
        Some((link, message))
    }

    /// Delivers everything, in order, until no message is left or the fuse burns out.
    pub fn deliver_all(&mut self) {
        let mut fuse = FUSE;
        while fuse > 0 {
            let links = self.full_links();
            if links.is_empty() {
                return;
            }
            for link in links {
                let Some(message) = self.links.get_mut(&link).and_then(VecDeque::pop_front) else {
                    continue;
                };
                fuse = fuse.saturating_sub(1);
                let is_snapshot = message.r#type() == MessageType::MsgSnap;
                let arrived = self.arrive(link.0, link.1, message);
                self.work(link.1, N::work);
                if is_snapshot {
                    self.with(link.0, |n| n.snapshot_report(link.1, arrived));
                    self.work(link.0, N::work);
                }
            }
        }
    }

    /// Everybody ticks, then everything is delivered.
    pub fn round(&mut self) {
        for id in self.alive() {
            self.with(id, N::tick);
            self.work(id, N::work);
        }
        self.deliver_all();
    }

    fn change(&mut self, id: u64, kind: ConfChangeType, node_id: u64) -> bool {
        self.counter += 1;
        let change =
            ConfChange { id: self.counter, r#type: kind.into(), node_id, context: Bytes::new() };
        self.with(id, |n| n.propose_change(&change)).unwrap_or(false)
    }

    pub fn run(&mut self, action: Action) {
        let alive = self.alive();
        let Some(&first) = alive.first() else {
            if let Action::Start { member } = action {
                self.start_one_of(member);
            }
            return;
        };
        let some = |n: u8| alive.get(usize::from(n) % alive.len()).copied().unwrap_or(first);
        let any = |n: u8| 1 + u64::from(n) % MAX_MEMBERS;
        match action {
            Action::Round => self.round(),
            Action::Tick { member } => {
                self.with(some(member), N::tick);
            }
            Action::Deliver { link, skip } => {
                if let Some(((from, to), message)) = self.pick(link, skip) {
                    self.arrive(from, to, message);
                }
            }
            Action::Duplicate { link, skip } => {
                if let Some((link, message)) = self.pick(link, skip) {
                    self.links.entry(link).or_default().push_back(message.clone());
                    self.arrive(link.0, link.1, message);
                }
            }
            Action::Drop { link, skip } => {
                self.pick(link, skip);
            }
            Action::Propose { member, size } => {
                self.counter += 1;
                let data = [&self.counter.to_be_bytes()[..], &vec![0; size.into()]].concat();
                self.with(some(member), |n| n.propose(data.into()));
            }
            Action::Campaign { member } => {
                self.with(some(member), N::campaign);
            }
            Action::Read { member } => {
                self.counter += 1;
                let ctx = self.counter;
                (self.before_read)(ctx);
                self.with(some(member), |n| n.read(Bytes::copy_from_slice(&ctx.to_be_bytes())));
            }
            Action::Transfer { member, to } => {
                self.with(some(member), |n| n.transfer(any(to)));
            }
            Action::Partition { side } => self.cut(side),
            Action::Heal => self.cut(0),
            Action::Crash { member } => self.crash(some(member)),
            Action::Start { member } => self.start_one_of(member),
            Action::Compact { member, keep } => {
                self.with(some(member), |n| n.compact(keep.into()));
            }
            Action::Unreachable { member, peer } => {
                self.with(some(member), |n| n.unreachable(any(peer)));
            }
            Action::SnapshotReport { member, peer, ok } => {
                self.with(some(member), |n| n.snapshot_report(any(peer), ok));
            }
            Action::Add { member, voter } => self.add(some(member), voter),
            Action::Promote { member } => {
                let id = some(member);
                let learners = self.node(id).status().learners;
                if let Some(&learner) = learners.first() {
                    self.change(id, ConfChangeType::ConfChangeAddNode, learner);
                }
            }
            Action::Remove { member, peer } => {
                let id = some(member);
                let Status { voters, learners, .. } = self.node(id).status();
                let members: Vec<u64> = voters.into_iter().chain(learners).collect();
                if let Some(&gone) = members.get(usize::from(peer) % members.len().max(1)) {
                    self.change(id, ConfChangeType::ConfChangeRemoveNode, gone);
                }
            }
            Action::Take { member } => self.work(some(member), N::take),
            Action::Finish { member } => self.work(some(member), N::finish),
        }
    }

    fn start_one_of(&mut self, n: u8) {
        let down = |(_, s): &(&u64, &Slot<N>)| s.node.is_none();
        let down: Vec<u64> = self.slots.iter().filter(down).map(|(&id, _)| id).collect();
        if let Some(&id) = down.get(usize::from(n) % down.len().max(1)) {
            self.start(id);
        }
    }

    fn add(&mut self, id: u64, voter: bool) {
        let new = self.next_id;
        if new > MAX_MEMBERS {
            return;
        }
        let kind = match voter {
            true => ConfChangeType::ConfChangeAddNode,
            false => ConfChangeType::ConfChangeAddLearnerNode,
        };
        if self.change(id, kind, new) {
            self.next_id += 1;
            self.join(new);
        }
    }
}
