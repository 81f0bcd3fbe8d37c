//! The driver: carries packets when they are due.
//!
//! It is one task. A poll of a socket marks the world dirty and wakes it; it then collects what the
//! kernels produced, asks the fabric for each packet's fate, and sleeps until the earliest arrival.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};
use turmoil_net::{Packet, Transport};
use xxhash_rust::xxh3::xxh3_64;

use crate::fabric::{Due, Fate};
use crate::world::{State, clear_dirty, is_dirty, set_driver, with_net, with_state};

/// The driver's task. It never ends; the run drops it.
pub(crate) struct Driver {
    sleep: Pin<Box<Sleep>>,
    outbound: Vec<Packet>,
}

impl Driver {
    pub fn new() -> Self {
        Driver { sleep: Box::pin(tokio::time::sleep_until(Instant::now())), outbound: Vec::new() }
    }

    /// Delivers what is due and collects what was sent, until neither is left at this instant.
    fn pass(&mut self) -> Option<Instant> {
        let now = Instant::now();
        loop {
            while let Some(Some(due)) = with_state(|state| state.fabric.pop_due(now)) {
                carry(now, due);
            }
            clear_dirty();
            with_net(|net| net.egress_all(&mut self.outbound));
            with_state(|state| {
                for packet in self.outbound.drain(..) {
                    admit(state, now, packet);
                }
            });
            let next = with_state(|state| state.fabric.next_due()).flatten();
            if next.is_none_or(|next| next > now) && !is_dirty() {
                return next;
            }
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        set_driver(cx.waker());
        loop {
            let Some(next) = this.pass() else { return Poll::Pending };
            if this.sleep.deadline() != next {
                this.sleep.as_mut().reset(next);
            }
            if this.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
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
