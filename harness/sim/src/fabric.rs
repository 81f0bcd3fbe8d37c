//! The fate of a packet.
//!
//! `turmoil-net` counts retransmissions in passes of its driver, not in time, and drops what comes
//! out of order, so it must never see a loss: its own retransmission is off, and loss is lived here
//! the way TCP would live it. A packet that the path refuses waits at its sender; when the path is
//! open again, the flow goes on at the next instant at which the sender's timer would have fired,
//! in order. A sender whose timer fires too often gives up and its connection ends; a connection
//! with nothing in flight never notices.
//!
//! Timers are Linux's: 200 ms doubling to 120 s, 15 retries (`tcp_retries2`), so 924.6 s with data
//! in flight; for a handshake 1 s doubling, 6 retries (`tcp_syn_retries`), so 127 s.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use harness_env::rng;
use tokio::time::Instant;
use turmoil_net::{Packet, TcpFlags, TcpSegment, Transport};

use crate::fault::FaultId;
use crate::link::Link;
use crate::queue::Queue;

/// When a connection attempt that nobody answers ends.
pub(crate) const SYN_GIVE_UP: Duration = Duration::from_secs(127);
const SYN_RTO: Duration = Duration::from_secs(1);
const SYN_RETRIES: u32 = 6;
const DATA_RTO: Duration = Duration::from_millis(200);
const DATA_RETRIES: u32 = 15;
const MAX_RTO: Duration = Duration::from_secs(120);

/// Whether and how a packet may travel now.
pub(crate) enum Path {
    Open(Link),
    /// Something on the way refuses it; the fault to charge, if it is one.
    Blocked(Option<FaultId>),
    /// The sender has no power: the packet never was.
    SourceOff,
}

/// What the fabric asks of the world.
pub(crate) trait Topology {
    /// Whose address this is. That never changes.
    fn machine(&self, ip: IpAddr) -> Option<usize>;
    /// The path from one machine to an address of another.
    fn path(&self, from: usize, to: Option<usize>, dst: IpAddr) -> Path;
}

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

/// One direction of a connection: source and destination address and port, packed into 96 bits so
/// that comparing two is one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowKey(u128);

impl FlowKey {
    fn new(src: SocketAddr, dst: SocketAddr) -> Self {
        let pack = |addr: SocketAddr| match addr.ip() {
            IpAddr::V4(ip) => u128::from(u32::from(ip)) << 16 | u128::from(addr.port()),
            IpAddr::V6(ip) => panic!("the world's addresses are IPv4, not {ip}"),
        };
        FlowKey(pack(src) << 48 | pack(dst))
    }

    fn unpack(bits: u128) -> SocketAddr {
        let ip = Ipv4Addr::from((bits >> 16) as u32);
        SocketAddr::new(ip.into(), bits as u16)
    }

    /// The other direction of the same connection.
    fn reversed(self) -> Self {
        FlowKey(self.0 >> 48 | (self.0 & ((1 << 48) - 1)) << 48)
    }

    pub fn src(self) -> SocketAddr {
        Self::unpack(self.0 >> 48)
    }

    pub fn dst(self) -> SocketAddr {
        Self::unpack(self.0 & ((1 << 48) - 1))
    }
}

struct Flow {
    /// Whose the two addresses are.
    from: usize,
    to: Option<usize>,
    /// The key of the flow's jitter stream.
    stream: u64,
    sent: u64,
    /// The sequence number behind the last that was sent.
    end: u32,
    /// The one behind the last that the other side takes, as the sender has heard. `None` where
    /// that cannot be relied on: before the first acknowledgement, and once the connection ends.
    edge: Option<u32>,
    has_ended: bool,
    last_arrival: Instant,
    waiting: Option<Waiting>,
}

impl Flow {
    /// Keeps account of what is sent.
    fn notes(&mut self, segment: &TcpSegment) {
        let flags = segment.flags;
        let numbers = segment.payload.len() as u32 + u32::from(flags.syn) + u32::from(flags.fin);
        self.end = segment.seq.wrapping_add(numbers);
        if flags.syn {
            (self.has_ended, self.edge) = (false, None);
        }
        self.has_ended |= flags.fin || flags.rst;
    }

    /// When a packet that leaves now arrives: behind the flow's earlier ones.
    fn arrival(
        &mut self,
        now: Instant,
        packet: &Packet,
        link: &Link,
        busy: &mut BTreeMap<(usize, usize), Instant>,
    ) -> Instant {
        let nth = self.sent;
        self.sent += 1;
        let mut at = now + link.latency;
        if !link.jitter.is_zero() || link.loss > 0.0 {
            let mut draws = rng::Rng::from_key(rng::derive_n(self.stream, nth));
            at += draws.duration(Duration::ZERO..link.jitter);
            if link.loss > 0.0 {
                at += retransmissions(&mut draws, link.loss, is_handshake(packet));
            }
        }
        if let (Some(bandwidth), Some(to)) = (link.bandwidth, self.to) {
            let busy = busy.entry((self.from, to)).or_insert(now);
            let seconds = f64::from(packet.size()) / bandwidth.max(1) as f64;
            *busy = (*busy).max(now) + Duration::from_secs_f64(seconds);
            at += *busy - now;
        }
        self.last_arrival = self.last_arrival.max(at);
        self.last_arrival
    }
}

/// How long losses hold a packet up: each costs the sender's retransmission timer once more. The
/// stream is drawn from only where the link is lossy, and a lossy link's draws are its own packets'
/// alone.
fn retransmissions(draws: &mut rng::Rng, loss: f64, handshake: bool) -> Duration {
    let mut rto = if handshake { SYN_RTO } else { DATA_RTO };
    let retries = if handshake { SYN_RETRIES } else { DATA_RETRIES };
    let mut late = Duration::ZERO;
    for _ in 0..retries {
        if !draws.chance(loss) {
            break;
        }
        late += rto;
        rto = (rto * 2).min(MAX_RTO);
    }
    late
}

/// Packets that the path refuses.
struct Waiting {
    since: Instant,
    generation: u64,
    handshake: bool,
    packets: VecDeque<Packet>,
}

/// What became of a packet, for the record.
pub(crate) enum Fate {
    Arrives(Instant),
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
                Path::Open(_) => None,
                Path::Blocked(fault) => fault,
                Path::SourceOff => return None,
            };
            waiting.packets.push_back(packet);
            return Some((from, Fate::Waits(fault)));
        }
        match path {
            Path::Open(link) => {
                let to = flow.to?;
                let at = flow.arrival(now, &packet, &link, &mut self.busy);
                self.queue.push(at, Due::Deliver(packet, to));
                Some((from, Fate::Arrives(at)))
            }
            // Nobody retransmits a reset.
            Path::Blocked(_) if segment.flags.rst => None,
            Path::Blocked(fault) => {
                self.wait(now, key, packet);
                Some((from, Fate::Waits(fault)))
            }
            Path::SourceOff => None,
        }
    }

    fn wait(&mut self, now: Instant, key: FlowKey, packet: Packet) {
        let handshake = is_handshake(&packet);
        let generation = self.queue.entered();
        let flow = self.flows.get_mut(&key).expect("the caller made it");
        flow.waiting =
            Some(Waiting { since: now, generation, handshake, packets: VecDeque::from([packet]) });
        let patience = if handshake { SYN_GIVE_UP } else { data_give_up() };
        self.queue.push(now + patience, Due::GiveUp(key, generation));
    }

    /// The topology has changed for the better: every waiting flow whose path is open tries again
    /// when its sender's timer fires next.
    pub fn reconsider(&mut self, now: Instant, topology: &impl Topology) {
        let mut retries = Vec::new();
        for (key, flow) in &self.flows {
            if let Some(waiting) = &flow.waiting
                && matches!(topology.path(flow.from, flow.to, key.dst().ip()), Path::Open(_))
            {
                let at = next_retransmission(waiting.since, now, waiting.handshake);
                retries.push((at, Due::Retry(*key, waiting.generation)));
            }
        }
        for (at, due) in retries {
            self.queue.push(at, due);
        }
    }

    /// Sends what a flow has waiting, if its path is still open.
    pub fn retry(&mut self, now: Instant, key: FlowKey, generation: u64, topology: &impl Topology) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        let Path::Open(link) = topology.path(flow.from, flow.to, key.dst().ip()) else { return };
        let Some(to) = flow.to else { return };
        if let Some(waiting) = flow.waiting.take_if(|waiting| waiting.generation == generation) {
            for packet in waiting.packets {
                let at = flow.arrival(now, &packet, &link, &mut self.busy);
                self.queue.push(at, Due::Deliver(packet, to));
            }
        }
    }

    /// Drops what a flow has waiting: its sender's kernel has forgotten the connection.
    pub fn forget(&mut self, key: FlowKey) {
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.waiting = None;
        }
    }

    /// The patience of a waiting flow is at an end: returns (peer, local) of the connections whose
    /// kernels retransmitted in vain.
    ///
    /// Data, SYN and FIN are their sender's to retransmit. Where an acknowledgement waits, it is
    /// the other side's data that stays unacknowledged.
    pub fn give_up(&mut self, key: FlowKey, generation: u64) -> Vec<(SocketAddr, SocketAddr)> {
        let Some(flow) = self.flows.get_mut(&key) else { return Vec::new() };
        let Some(waiting) = flow.waiting.take_if(|waiting| waiting.generation == generation) else {
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

    /// Forgets what machine addresses had waiting to be retransmitted: their kernel is gone.
    pub fn forget_senders(&mut self, is_gone: impl Fn(IpAddr) -> bool) {
        for (key, flow) in &mut self.flows {
            if is_gone(key.src().ip()) {
                flow.has_ended = true;
                flow.waiting = None;
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

fn flow_stream(seed: u64, key: FlowKey) -> u64 {
    rng::derive_n(rng::derive_n(seed, (key.0 >> 48) as u64), (key.0 & ((1 << 48) - 1)) as u64)
}

fn key_of(packet: &Packet, segment: &TcpSegment) -> FlowKey {
    FlowKey::new(
        SocketAddr::new(packet.src, segment.src_port),
        SocketAddr::new(packet.dst, segment.dst_port),
    )
}

fn is_handshake(packet: &Packet) -> bool {
    matches!(&packet.payload, Transport::Tcp(segment) if segment.flags.syn)
}

/// The sum of all data retransmission time-outs.
fn data_give_up() -> Duration {
    let mut rto = DATA_RTO;
    let mut total = Duration::ZERO;
    for _ in 0..=DATA_RETRIES {
        total += rto;
        rto = (rto * 2).min(MAX_RTO);
    }
    total
}

/// The first instant at or after `now` at which a timer started at `since` fires.
fn next_retransmission(since: Instant, now: Instant, handshake: bool) -> Instant {
    let mut rto = if handshake { SYN_RTO } else { DATA_RTO };
    let mut at = since + rto;
    while at < now {
        rto = (rto * 2).min(MAX_RTO);
        at += rto;
    }
    at
}

/// A reset from `from` to `to`.
pub(crate) fn reset(from: SocketAddr, to: SocketAddr) -> Packet {
    Packet {
        src: from.ip(),
        dst: to.ip(),
        ttl: 64,
        payload: Transport::Tcp(TcpSegment {
            src_port: from.port(),
            dst_port: to.port(),
            seq: 0,
            ack: 0,
            flags: TcpFlags { rst: true, ..TcpFlags::default() },
            window: 0,
            payload: bytes::Bytes::new(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_gives_up_after_924_seconds_with_data_in_flight() {
        assert_eq!(data_give_up(), Duration::from_millis(924_600));
    }

    #[tokio::test(start_paused = true)]
    async fn a_retransmission_timer_doubles() {
        let since = Instant::now();
        let fires = |after_ms: u64| {
            let now = since + Duration::from_millis(after_ms);
            (next_retransmission(since, now, false) - since).as_millis()
        };
        assert_eq!(
            [fires(0), fires(100), fires(201), fires(601), fires(1401)],
            [200, 200, 600, 1400, 3000]
        );
        let syn = next_retransmission(since, since + Duration::from_secs(10), true) - since;
        assert_eq!(syn, Duration::from_secs(15));
    }
}
