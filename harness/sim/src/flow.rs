//! One direction of a connection: who sends to whom, what has been sent, and what waits to be.
//!
//! The order of a flow is kept here: a packet never arrives before an earlier one of its flow.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use harness_env::rng;
use tokio::time::Instant;
use turmoil_net::{Packet, TcpFlags, TcpSegment, Transport};

use crate::fault::FaultId;
use crate::link::Link;
use crate::retransmission::retransmissions;

/// One direction of a connection: source and destination address and port, packed into 96 bits so
/// that comparing two is one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowKey(u128);

impl FlowKey {
    pub fn new(src: SocketAddr, dst: SocketAddr) -> Self {
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
    pub fn reversed(self) -> Self {
        FlowKey(self.0 >> 48 | (self.0 & ((1 << 48) - 1)) << 48)
    }

    pub fn src(self) -> SocketAddr {
        Self::unpack(self.0 >> 48)
    }

    pub fn dst(self) -> SocketAddr {
        Self::unpack(self.0 & ((1 << 48) - 1))
    }
}

pub(crate) struct Flow {
    /// Whose the two addresses are.
    pub from: usize,
    pub to: Option<usize>,
    /// The key of the flow's jitter stream.
    pub stream: u64,
    pub sent: u64,
    /// The sequence number behind the last that was sent.
    pub end: u32,
    /// The one behind the last that the other side takes, as the sender has heard. `None` where
    /// that cannot be relied on: before the first acknowledgement, and once the connection ends.
    pub edge: Option<u32>,
    pub has_ended: bool,
    pub last_arrival: Instant,
    pub waiting: Option<Waiting>,
}

impl Flow {
    /// Keeps account of what is sent.
    pub fn notes(&mut self, segment: &TcpSegment) {
        let flags = segment.flags;
        let numbers = segment.payload.len() as u32 + u32::from(flags.syn) + u32::from(flags.fin);
        self.end = segment.seq.wrapping_add(numbers);
        if flags.syn {
            (self.has_ended, self.edge) = (false, None);
        }
        self.has_ended |= flags.fin || flags.rst;
    }

    /// When a packet that leaves now arrives: behind the flow's earlier ones.
    pub fn arrival(
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

/// Packets that the path refuses, or that a hold keeps on the link.
pub(crate) struct Waiting {
    pub since: Instant,
    pub generation: u64,
    pub handshake: bool,
    /// The hold that keeps them. `None`: they are their sender's to retransmit.
    pub kept_by: Option<FaultId>,
    /// Whether nobody waits (any more) for an answer to what a hold keeps.
    pub unawaited: bool,
    pub packets: VecDeque<Packet>,
}

impl Waiting {
    /// Whether what waits is on the link, whatever has become of its sender. A SYN is an exception:
    /// the kernels below never forget a half-open connection that is answered by a reset.
    pub fn has_left(&self) -> bool {
        let is_attempt = |packet: &Packet| matches!(&packet.payload, Transport::Tcp(s) if s.flags.syn && !s.flags.ack);
        self.kept_by.is_some() && !self.packets.front().is_some_and(is_attempt)
    }
}

pub(crate) fn flow_stream(seed: u64, key: FlowKey) -> u64 {
    rng::derive_n(rng::derive_n(seed, (key.0 >> 48) as u64), (key.0 & ((1 << 48) - 1)) as u64)
}

pub(crate) fn key_of(packet: &Packet, segment: &TcpSegment) -> FlowKey {
    FlowKey::new(
        SocketAddr::new(packet.src, segment.src_port),
        SocketAddr::new(packet.dst, segment.dst_port),
    )
}

/// Whether this refuses a SYN: the kernel numbers it 0 and acknowledges the SYN with it.
pub(crate) fn is_refusal(segment: &TcpSegment) -> bool {
    segment.flags.rst && segment.flags.ack && segment.seq == 0
}

/// Whether this is what a SYN is answered with.
pub(crate) fn answers_syn(packet: &Packet) -> bool {
    matches!(&packet.payload, Transport::Tcp(s) if (s.flags.syn && s.flags.ack) || is_refusal(s))
}

/// What the SYN that this packet answers gets from a kernel where nobody listens any more.
pub(crate) fn refusal(answer: &Packet) -> Option<Packet> {
    let Transport::Tcp(answered) = &answer.payload else { return None };
    answers_syn(answer).then(|| {
        let flags = TcpFlags { rst: true, ack: true, ..TcpFlags::default() };
        let refuses = TcpSegment { seq: 0, flags, window: 0, ..answered.clone() };
        Packet { payload: Transport::Tcp(refuses), ..answer.clone() }
    })
}

pub(crate) fn is_handshake(packet: &Packet) -> bool {
    matches!(&packet.payload, Transport::Tcp(segment) if segment.flags.syn)
}
