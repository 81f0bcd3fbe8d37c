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
use turmoil_net::{Packet, TcpSegment, Transport};

use crate::fabric::{Due, Fate};
use crate::facts::Facts;
use crate::net::{
    clear_dirty, is_dirty, is_heard, kick, reset_connection, set_driver, socket_exists, with_net,
};
use crate::record::{What, When};
use crate::scope;
use crate::state::{State, with_state};

/// How many rounds of the runtime's queue the driver lets pass before it collects all the same: a
/// program that never rests at an instant cannot stop the network.
const ROUNDS_MAX: u32 = 100;

/// The driver's task. It never ends; the run drops it.
pub(crate) struct Driver {
    sleep: Pin<Box<Sleep>>,
    /// Packets that arrive now, and whether a kernel may want to send something because of them.
    inbound: Vec<Packet>,
    answerable: bool,
    outbound: Vec<Packet>,
    /// Which of them need not be sent.
    redundant: Vec<bool>,
    /// The count of polls when it last looked, and how often it has looked in vain.
    seen: u64,
    rounds: u32,
}

impl Driver {
    pub fn new() -> Self {
        Driver {
            sleep: Box::pin(tokio::time::sleep_until(Instant::now())),
            inbound: Vec::new(),
            answerable: false,
            outbound: Vec::new(),
            redundant: Vec::new(),
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

    /// Takes the packets that are due now and puts those that arrive into `inbound`, until there is
    /// something else to do, which it returns.
    fn sort_out(&mut self, state: &mut State, now: Instant) -> Option<Due> {
        loop {
            match state.fabric.pop_due(now)? {
                Due::Deliver(packet, machine) if state.is_up(machine, packet.dst) => {
                    let bare = acknowledges_only(&packet);
                    state.machines[machine].arrivals += u64::from(!bare);
                    self.answerable |= state.fabric.hears(&packet) || !bare;
                    self.inbound.push(packet);
                }
                // The destination has gone while the packet was under way.
                Due::Deliver(packet, _) => {
                    admit(state, now, packet);
                    self.answerable = true;
                }
                other => return Some(other),
            }
        }
    }

    fn hand_over(&mut self) {
        // Whether a packet is heard depends on those before it.
        for packet in self.inbound.drain(..) {
            if is_heard(&packet) {
                with_net(|net| net.deliver(packet));
            }
        }
    }

    /// Hands what the kernels produced to the fabric.
    fn collect(&mut self, now: Instant) {
        clear_dirty();
        with_net(|net| net.egress_all(&mut self.outbound));
        with_state(|state| {
            mark_redundant(state, &self.outbound, &mut self.redundant);
            for (packet, redundant) in self.outbound.drain(..).zip(&self.redundant) {
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
            // Most of what is due are packets: they are looked at together and handed over together.
            while let Some(Some(other)) = with_state(|state| this.sort_out(state, now)) {
                this.hand_over();
                carry(now, other);
                delivered = true;
            }
            this.hand_over();
            delivered |= std::mem::take(&mut this.answerable);
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

/// Marks each packet that is a bare acknowledgement and that a later one of its flow repeats. The
/// one that ends a handshake is never redundant: the kernel takes no data before it.
///
/// Packets of one host are next to each other.
fn mark_redundant(state: &State, packets: &[Packet], redundant: &mut Vec<bool>) {
    redundant.clear();
    redundant.extend(packets.iter().enumerate().map(|(n, packet)| {
        let Transport::Tcp(segment) = &packet.payload else { return false };
        acknowledges_only(packet)
            && packets[n + 1..]
                .iter()
                .take_while(|later| later.src == packet.src)
                .any(|later| repeats(later, packet, segment))
            && state.fabric.has_spoken(
                SocketAddr::new(packet.src, segment.src_port),
                SocketAddr::new(packet.dst, segment.dst_port),
            )
    }));
}

/// An acknowledgement and nothing else.
fn acknowledges_only(packet: &Packet) -> bool {
    let Transport::Tcp(segment) = &packet.payload else { return false };
    let flags = segment.flags;
    flags.ack && !flags.syn && !flags.fin && !flags.rst && segment.payload.is_empty()
}

fn repeats(later: &Packet, packet: &Packet, segment: &TcpSegment) -> bool {
    let Transport::Tcp(other) = &later.payload else { return false };
    other.flags.ack
        && (other.src_port, other.dst_port, later.dst)
            == (segment.src_port, segment.dst_port, packet.dst)
}

/// Does what is due and is no delivery.
fn carry(now: Instant, due: Due) {
    match due {
        Due::Deliver(..) => unreachable!("deliveries are sorted out before"),
        Due::Retry(flow, generation) => {
            // Who gave up connecting no longer sends SYNs. What a hold has kept was sent long ago.
            // Who was taken from its kernel has still to say that it is over.
            let ends = (flow.src(), flow.dst());
            let is_orphan = with_state(|state| state.orphans.contains(&ends)).unwrap_or(false);
            let exists = is_orphan || socket_exists(flow.src(), flow.dst());
            with_state(|state| {
                let (fabric, topology) = state.split();
                if exists || fabric.has_left(flow) || fabric.forget(flow) {
                    fabric.retry(now, flow, generation, &topology);
                }
            });
        }
        Due::GiveUp(flow, generation) => {
            let resets = with_state(|state| state.fabric.give_up(flow, generation));
            for (peer, local) in resets.unwrap_or_default() {
                reset_connection(peer, local);
            }
        }
    }
}

/// Lets the fabric decide over a packet, and records it.
fn admit(state: &mut State, now: Instant, packet: Packet) {
    let facts = Facts::of(&packet);
    let (fabric, topology) = state.split();
    let Some((machine, fate)) = fabric.admit(now, packet, &topology) else { return };
    let (at, fault) = match fate {
        Fate::Arrives(at, fault) => (at, fault),
        Fate::Waits(fault) => (now, fault),
    };
    if let Some(fault) = fault {
        state.charge(fault, 1);
    }
    let elapsed = state.elapsed(now);
    let facts = facts.at(elapsed, elapsed + at.saturating_duration_since(now));
    let when = When { at: elapsed, wall: state.wall_at(elapsed, 0).0 };
    let machine = &mut state.machines[machine];
    state.record.step(&mut machine.digest, facts.bytes(), when, || What {
        machine: machine.name.clone(),
        kind: "packet".to_owned(),
        text: facts.text(),
        ..What::default()
    });
}
