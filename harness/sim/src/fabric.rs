//! The fate of a packet.
//!
//! `turmoil-net` counts retransmissions in passes of its driver, not in time, and drops what comes
//! out of order, so it must never see a loss: its own retransmission is off, and loss is lived here
//! the way TCP would live it. A packet that the path refuses waits at its sender; when the path is
//! open again, the flow goes on at the next instant at which the sender's timer would have fired,
//! in order. A sender whose timer fires too often gives up and its connection ends; a connection
//! with nothing in flight never notices.
//!
//! What a hold keeps waits in the same place and its sender loses patience in the same way, but it
//! is on the link already: it goes on at the instant at which the hold ends. A sender that was
//! waiting before the hold began has to put its packets on the link first, when its timer fires.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use harness_env::rng;
use tokio::time::Instant;
use turmoil_net::{Packet, TcpSegment, Transport};

use crate::fault::FaultId;
use crate::flow::{Flow, FlowKey, Waiting, answers_syn, flow_stream, is_refusal, key_of, refusal};
use crate::queue::Queue;
use crate::retransmission::{SYN_GIVE_UP, data_give_up, next_retransmission};
use crate::topology::{Path, Topology};

/// What happens at an instant.
#[derive(Debug)]
pub(crate) enum Due {
    /// Hand this packet to its destination, an address of this machine.
    Deliver(Packet, usize),
    /// Try a waiting flow again.
    Retry(FlowKey, u64),
    /// A waiting flow's sender gives up.
    GiveUp(FlowKey, u64),
}

/// What became of a packet, for the record, and the fault that had a hand in it.
pub(crate) enum Fate {
    Arrives(Instant, Option<FaultId>),
    Waits(Option<FaultId>),
}

/// The packets on their way, and those that wait.
pub(crate) struct Fabric {
    seed: u64,
    queue: Queue<Due>,
    flows: BTreeMap<FlowKey, Flow>,
    /// At how many flows the finished ones are swept out.
    sweep_at: usize,
    /// When each link is free again, where bandwidth is limited.
    busy: BTreeMap<(usize, usize), Instant>,
    /// (local, peer) of connections that ended by giving up.
    gave_up: BTreeSet<(SocketAddr, SocketAddr)>,
}

impl Fabric {
    pub fn new(seed: u64) -> Self {
        Fabric {
            seed: rng::derive(seed, "fabric"),
            queue: Queue::new(),
            flows: BTreeMap::new(),
            sweep_at: 1024,
            busy: BTreeMap::new(),
            gave_up: BTreeSet::new(),
        }
    }

    /// The instant of the next thing that happens.
    pub fn next_due(&self) -> Option<Instant> {
        self.queue.next()
    }

    /// The next thing that happens at or before `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<Due> {
        self.queue.pop(now)
    }

    /// Takes a packet that a machine has sent (or that found its destination gone on arrival), and
    /// says which machine that is. `None`: the packet is no more.
    pub fn admit(
        &mut self,
        now: Instant,
        packet: Packet,
        topology: &impl Topology,
    ) -> Option<(usize, Fate)> {
        let Transport::Tcp(segment) = &packet.payload else { return None };
        let key = key_of(&packet, segment);
        self.sweep(now);
        if segment.flags.fin || segment.flags.rst {
            self.ends(key.dst(), key.src());
        }
        let (flow, path) = match self.flows.entry(key) {
            Entry::Occupied(known) => {
                let flow = known.into_mut();
                let path = topology.path(flow.from, flow.to, packet.dst);
                (flow, path)
            }
            Entry::Vacant(place) => {
                let from = topology.machine(packet.src)?;
                let to = topology.machine(packet.dst);
                let path = topology.path(from, to, packet.dst);
                if matches!(path, Path::SourceOff) {
                    return None;
                }
                let stream = flow_stream(self.seed, key);
                let flow = Flow {
                    from,
                    to,
                    stream,
                    sent: 0,
                    end: 0,
                    edge: None,
                    has_ended: false,
                    last_arrival: now,
                    waiting: None,
                };
                (place.insert(flow), path)
            }
        };
        let from = flow.from;
        flow.notes(segment);
        if let Some(waiting) = &mut flow.waiting {
            let fault = match path {
                Path::Open(..) => None,
                Path::Blocked(fault) => fault,
                Path::Held(fault) => Some(fault),
                Path::SourceOff => return None,
            };
            if waiting.unawaited
                && let Some(patience) = patience(segment)
            {
                waiting.unawaited = false;
                self.queue.push(now + patience, Due::GiveUp(key, waiting.generation));
            }
            waiting.packets.push_back(packet);
            return Some((from, Fate::Waits(fault)));
        }
        match path {
            Path::Open(link, fault) => {
                let to = flow.to?;
                let at = flow.arrival(now, &packet, &link, &mut self.busy);
                self.queue.push(at, Due::Deliver(packet, to));
                Some((from, Fate::Arrives(at, fault)))
            }
            // Nobody retransmits a reset; but a SYN is, and each is refused anew.
            Path::Blocked(_) if segment.flags.rst && !is_refusal(segment) => None,
            Path::Blocked(fault) => {
                self.wait(now, key, packet, None);
                Some((from, Fate::Waits(fault)))
            }
            Path::Held(hold) => {
                self.wait(now, key, packet, Some(hold));
                Some((from, Fate::Waits(Some(hold))))
            }
            Path::SourceOff => None,
        }
    }

    fn wait(&mut self, now: Instant, key: FlowKey, packet: Packet, kept_by: Option<FaultId>) {
        let Transport::Tcp(segment) = &packet.payload else { return };
        let patience = patience(segment);
        let generation = self.queue.entered();
        let flow = self.flows.get_mut(&key).expect("the caller made it");
        flow.waiting = Some(Waiting {
            since: now,
            generation,
            handshake: patience == Some(SYN_GIVE_UP),
            kept_by,
            unawaited: patience.is_none(),
            packets: VecDeque::from([packet]),
        });
        if let Some(patience) = patience {
            self.queue.push(now + patience, Due::GiveUp(key, generation));
        }
    }

    /// The topology has changed for the better: every sender that waits and could now put its
    /// packets on the link tries again when its timer fires next.
    pub fn reconsider(&mut self, now: Instant, topology: &impl Topology) {
        let mut retries = Vec::new();
        for (key, flow) in &self.flows {
            if let Some(waiting) = &flow.waiting
                && waiting.kept_by.is_none()
                && let Path::Open(..) | Path::Held(_) =
                    topology.path(flow.from, flow.to, key.dst().ip())
            {
                let at = next_retransmission(waiting.since, now, waiting.handshake);
                retries.push((at, Due::Retry(*key, waiting.generation)));
            }
        }
        for (at, due) in retries {
            self.queue.push(at, due);
        }
    }

    /// A hold has ended: what it has kept goes on now.
    pub fn release(&mut self, now: Instant, hold: FaultId) {
        for (key, flow) in &self.flows {
            if let Some(waiting) = &flow.waiting
                && waiting.kept_by == Some(hold)
            {
                self.queue.push(now, Due::Retry(*key, waiting.generation));
            }
        }
    }

    /// Sends what a flow has waiting, if its path lets it.
    pub fn retry(&mut self, now: Instant, key: FlowKey, generation: u64, topology: &impl Topology) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        let Some(mut waiting) = flow.waiting.take_if(|waiting| waiting.generation == generation)
        else {
            return;
        };
        let dst = key.dst().ip();
        let path = match waiting.kept_by {
            None => topology.path(flow.from, flow.to, dst),
            Some(_) => topology.onward(flow.from, flow.to, dst),
        };
        match (path, flow.to) {
            (Path::Open(link, _), Some(to)) => {
                for packet in waiting.packets {
                    let at = flow.arrival(now, &packet, &link, &mut self.busy);
                    self.queue.push(at, Due::Deliver(packet, to));
                }
            }
            (path, _) => {
                waiting.kept_by = if let Path::Held(hold) = path { Some(hold) } else { None };
                flow.waiting = Some(waiting);
            }
        }
    }

    /// Whether what a flow has waiting is no longer its sender's.
    pub fn has_left(&self, key: FlowKey) -> bool {
        let waiting = self.flows.get(&key).and_then(|flow| flow.waiting.as_ref());
        waiting.is_some_and(Waiting::has_left)
    }

    /// The sender's kernel has forgotten the connection: drops what the flow has waiting. Where that
    /// was the answer to a SYN, the next SYN is refused. Returns whether anything is left to send.
    pub fn forget(&mut self, key: FlowKey) -> bool {
        let Some(flow) = self.flows.get_mut(&key) else { return false };
        if let Some(waiting) = &mut flow.waiting
            && let Some(refusal) = waiting.packets.front().and_then(refusal)
        {
            waiting.packets = VecDeque::from([refusal]);
            return true;
        }
        flow.waiting = None;
        false
    }

    /// The patience of a waiting flow is at an end: returns (peer, local) of the connections whose
    /// kernels retransmitted in vain.
    ///
    /// Data, SYN and FIN are their sender's to retransmit. Where an acknowledgement waits, it is
    /// the other side's data that stays unacknowledged.
    pub fn give_up(&mut self, key: FlowKey, generation: u64) -> Vec<(SocketAddr, SocketAddr)> {
        let Some(flow) = self.flows.get_mut(&key) else { return Vec::new() };
        let Some(mut waiting) = flow.waiting.take_if(|waiting| waiting.generation == generation)
        else {
            return Vec::new();
        };
        let retransmits = |packet: &Packet| match &packet.payload {
            Transport::Tcp(s) => {
                !s.payload.is_empty() || s.flags.fin || (s.flags.syn && !s.flags.ack)
            }
            Transport::Udp(_) => false,
        };
        let mut resets = Vec::new();
        for (local, peer, tried) in [
            (key.src(), key.dst(), waiting.packets.iter().any(retransmits)),
            (key.dst(), key.src(), !waiting.packets.iter().all(retransmits)),
        ] {
            if tried {
                self.gave_up.insert((local, peer));
                resets.push((peer, local));
            }
        }
        if waiting.kept_by.is_some() && !waiting.handshake {
            waiting.unawaited = true;
            flow.waiting = Some(waiting);
        }
        resets
    }

    /// Takes note of what an arriving packet tells its receiver. Returns whether that could let the
    /// receiver's kernel send something: if it had filled the window, or is past the connection.
    pub fn hears(&mut self, packet: &Packet) -> bool {
        let Transport::Tcp(segment) = &packet.payload else { return true };
        let key = key_of(packet, segment).reversed();
        match self.flows.get_mut(&key) {
            Some(flow) if !flow.has_ended && segment.flags.ack => {
                let edge = segment.ack.wrapping_add(u32::from(segment.window));
                let before = flow.edge.replace(edge);
                before.is_none_or(|before| flow.end.wrapping_sub(before) as i32 >= 0)
            }
            _ => true,
        }
    }

    /// One side of a connection has gone, or will.
    pub fn ends(&mut self, local: SocketAddr, peer: SocketAddr) {
        if let Some(flow) = self.flows.get_mut(&FlowKey::new(local, peer)) {
            flow.has_ended = true;
        }
    }

    /// Whether this direction of a connection has sent more than its first packet.
    pub fn has_spoken(&self, src: SocketAddr, dst: SocketAddr) -> bool {
        self.flows.get(&FlowKey::new(src, dst)).is_some_and(|flow| flow.sent > 1)
    }

    /// Whether this connection ended by giving up.
    pub fn gave_up(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        self.gave_up.contains(&(local, peer))
    }

    /// Forgets what machine addresses had waiting to be retransmitted: their kernel is gone. What
    /// is on the link is not theirs any more, and a SYN that they have not answered is its sender's.
    pub fn forget_senders(&mut self, is_gone: impl Fn(IpAddr) -> bool) {
        for (key, flow) in &mut self.flows {
            if is_gone(key.src().ip()) {
                flow.has_ended = true;
                flow.waiting.take_if(|waiting| {
                    waiting.kept_by.is_none() && !waiting.packets.front().is_some_and(answers_syn)
                });
            }
        }
    }

    /// Drops finished flows now and then, so that the table stays as large as what is alive.
    fn sweep(&mut self, now: Instant) {
        if self.flows.len() >= self.sweep_at {
            // A flow whose last packet arrived long ago needs no ordering any more. Its jitter
            // stream begins again if it sends more, which is as good a stream as any.
            self.flows.retain(|_, flow| {
                flow.waiting.is_some() || flow.last_arrival + Duration::from_secs(600) > now
            });
            self.sweep_at = (self.flows.len() * 2).max(1024);
        }
    }
}

/// How long somebody waits for an answer to this segment: its sender, or where it is itself an
/// answer, the receiver. `None`: nobody does.
fn patience(segment: &TcpSegment) -> Option<Duration> {
    let flags = segment.flags;
    if flags.syn || is_refusal(segment) {
        Some(SYN_GIVE_UP)
    } else if flags.rst && flags.ack {
        None
    } else {
        Some(data_give_up())
    }
}
