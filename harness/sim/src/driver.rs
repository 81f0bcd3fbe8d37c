//! The driver: carries packets when they are due.
//!
//! It is one task. Whatever polls a socket marks the world dirty and wakes it. It then waits, at the
//! same instant, until every task that has something to do has done it, and only then collects what
//! the kernels produced: collecting looks at every socket of every host, so it is done once for all
//! of them. An acknowledgement that a later segment of its flow carries as well is not sent: that is
//! what a real kernel's delayed acknowledgements come to (RFC 1122, 4.2.3.2).

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};
use turmoil_net::{Packet, Transport};
use xxhash_rust::xxh3::xxh3_64;

use crate::fabric::{Due, Fate};
use crate::scope;
use crate::world::{State, clear_dirty, is_dirty, kick, set_driver, with_net, with_state};

/// How many rounds of the runtime's queue the driver lets pass before it collects all the same: a
/// program that never rests at an instant cannot stop the network.
const ROUNDS_MAX: u32 = 100;

/// The driver's task. It never ends; the run drops it.
pub(crate) struct Driver {
    sleep: Pin<Box<Sleep>>,
    outbound: Vec<Packet>,
    /// The count of polls when it last looked, and how often it has looked in vain.
    seen: u64,
    rounds: u32,
}

impl Driver {
    pub fn new() -> Self {
        Driver {
            sleep: Box::pin(tokio::time::sleep_until(Instant::now())),
            outbound: Vec::new(),
            seen: 0,
            rounds: 0,
        }
    }

    /// Whether tasks have run since the driver last looked, and may again.
    fn others_are_busy(&mut self) -> bool {
        let polls = scope::polls();
        let busy = polls != self.seen && self.rounds < ROUNDS_MAX;
        self.seen = polls;
        self.rounds = if busy { self.rounds + 1 } else { 0 };
        busy
    }

    /// Hands what the kernels produced to the fabric.
    fn collect(&mut self, now: Instant) {
        clear_dirty();
        with_net(|net| net.egress_all(&mut self.outbound));
        with_state(|state| {
            let redundant = redundant_acknowledgements(state, &self.outbound);
            for (packet, redundant) in self.outbound.drain(..).zip(redundant) {
                if !redundant {
                    admit(state, now, packet);
                }
            }
        });
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        set_driver(cx.waker());
        let now = Instant::now();
        loop {
            let mut delivered = false;
            while let Some(Some(due)) = with_state(|state| state.fabric.pop_due(now)) {
                carry(now, due);
                delivered = true;
            }
            if delivered {
                // The kernels may want to answer even if no task does.
                kick();
            }
            if is_dirty() {
                if delivered || this.others_are_busy() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                this.collect(now);
                continue;
            }
            let Some(next) = with_state(|state| state.fabric.next_due()).flatten() else {
                return Poll::Pending;
            };
            if this.sleep.deadline() != next {
                this.sleep.as_mut().reset(next);
            }
            if next > now {
                if this.sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                return self.poll(cx);
            }
        }
    }
}

/// For each packet, whether it is a bare acknowledgement that a later one of its flow repeats. The
/// one that ends a handshake is never redundant: the kernel takes no data before it.
fn redundant_acknowledgements(state: &State, packets: &[Packet]) -> Vec<bool> {
    let mut later: Vec<(SocketAddr, SocketAddr)> = Vec::new();
    let mut redundant = vec![false; packets.len()];
    for (n, packet) in packets.iter().enumerate().rev() {
        let Transport::Tcp(segment) = &packet.payload else { continue };
        let flags = segment.flags;
        let flow = (
            SocketAddr::new(packet.src, segment.src_port),
            SocketAddr::new(packet.dst, segment.dst_port),
        );
        let bare = flags.ack && !flags.syn && !flags.fin && !flags.rst && segment.payload.is_empty();
        if bare && later.contains(&flow) && state.fabric.has_spoken(flow.0, flow.1) {
            redundant[n] = true;
        } else if flags.ack && !later.contains(&flow) {
            later.push(flow);
        }
    }
    redundant
}

fn carry(now: Instant, due: Due) {
    match due {
        Due::Deliver(packet) => {
            // The destination may have gone while the packet was under way.
            let arrives = with_state(|state| state.is_up(packet.dst)) == Some(true);
            if arrives {
                with_net(|net| net.deliver(packet));
            } else {
                with_state(|state| admit(state, now, packet));
            }
        }
        Due::Retry(flow, generation) => {
            // Who gave up connecting no longer sends SYNs.
            if !socket_exists(flow.src(), flow.dst()) {
                with_state(|state| state.fabric.forget(flow));
                return;
            }
            with_state(|state| {
                let (fabric, topology) = state.split();
                fabric.retry(now, flow, generation, &topology);
            });
        }
        Due::GiveUp(flow, generation) => {
            let resets = with_state(|state| state.fabric.give_up(flow, generation));
            for reset in resets.unwrap_or_default() {
                with_net(|net| net.deliver(reset));
            }
        }
    }
}

/// Whether the kernel at `local` still has this connection.
fn socket_exists(local: SocketAddr, peer: SocketAddr) -> bool {
    let entries = turmoil_net::netstat(local.ip()).entries;
    entries.iter().any(|entry| entry.local == local && entry.peer == Some(peer))
}

/// Lets the fabric decide over a packet, and records it.
fn admit(state: &mut State, now: Instant, packet: Packet) {
    let facts = Facts::of(&packet);
    let source = packet.src;
    let (fabric, topology) = state.split();
    let fate = fabric.admit(now, packet, &topology);
    let (at, fault) = match fate {
        Fate::Arrives(at) => (at, None),
        Fate::Waits(fault) => (now, fault),
        Fate::Vanishes => return,
    };
    if let Some(fault) = fault {
        state.charge(fault, 1);
    }
    let elapsed = state.elapsed(now);
    let mut bytes = facts.bytes;
    bytes[..8].copy_from_slice(&(elapsed.as_nanos() as u64).to_le_bytes());
    bytes[8..16].copy_from_slice(&(state.elapsed(at).as_nanos() as u64).to_le_bytes());
    if let Some(machine) = state.by_ip.get(&source).copied() {
        let name = state.machines[machine].name.clone();
        let digest = &mut state.machines[machine].digest;
        state
            .record
            .step(digest, &bytes, || format!("{elapsed:?} {name}: packet {}", facts.text()));
    }
}

/// What of a packet goes into the record.
struct Facts {
    bytes: [u8; 64],
    src: std::net::SocketAddr,
    dst: std::net::SocketAddr,
    flags: u8,
    len: usize,
    seq: u32,
}

impl Facts {
    fn of(packet: &Packet) -> Self {
        let mut bytes = [0u8; 64];
        let (sport, dport, flags, seq, ack, window, payload) = match &packet.payload {
            Transport::Tcp(s) => {
                let f = s.flags;
                let flags = u8::from(f.syn)
                    | u8::from(f.ack) << 1
                    | u8::from(f.fin) << 2
                    | u8::from(f.rst) << 3;
                (s.src_port, s.dst_port, flags, s.seq, s.ack, s.window, &s.payload)
            }
            Transport::Udp(d) => (d.src_port, d.dst_port, 0, 0, 0, 0, &d.payload),
        };
        let src = std::net::SocketAddr::new(packet.src, sport);
        let dst = std::net::SocketAddr::new(packet.dst, dport);
        for (at, addr) in [(16, src), (22, dst)] {
            if let std::net::IpAddr::V4(ip) = addr.ip() {
                bytes[at..at + 4].copy_from_slice(&ip.octets());
            }
            bytes[at + 4..at + 6].copy_from_slice(&addr.port().to_le_bytes());
        }
        bytes[28] = flags;
        bytes[29..33].copy_from_slice(&seq.to_le_bytes());
        bytes[33..37].copy_from_slice(&ack.to_le_bytes());
        bytes[37..39].copy_from_slice(&window.to_le_bytes());
        bytes[39..47].copy_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes[47..55].copy_from_slice(&xxh3_64(payload).to_le_bytes());
        Facts { bytes, src, dst, flags, len: payload.len(), seq }
    }

    fn text(&self) -> String {
        let names: Vec<&str> = [(1, "SYN"), (2, "ACK"), (4, "FIN"), (8, "RST")]
            .iter()
            .filter(|(bit, _)| self.flags & bit != 0)
            .map(|(_, name)| *name)
            .collect();
        format!(
            "{} → {} {} seq {} with {} bytes",
            self.src,
            self.dst,
            names.join("+"),
            self.seq,
            self.len
        )
    }
}
