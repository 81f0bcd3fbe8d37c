//! The network below: the kernels of `turmoil-net`, the connections that they have, and the word that
//! they may have something to send.
//!
//! It lives in a thread-local of its own, apart from the state of the run: a call into a kernel can
//! wake tasks and drop sockets, and those look at the state.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;

use turmoil_net::{EnterGuard, Net, NetstatState, Packet, TcpFlags, TcpSegment, Transport};

use crate::state::with_state;

thread_local! {
    static NET: RefCell<Option<EnterGuard>> = const { RefCell::new(None) };
    static DIRTY: Cell<bool> = const { Cell::new(false) };
    static DRIVER: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Makes this the network of this thread.
pub(crate) fn install(net: Net) {
    NET.with(|slot| *slot.borrow_mut() = Some(net.enter()));
}

/// Takes the network away, after everything that used it.
pub(crate) fn forget_net() {
    NET.with(|slot| *slot.borrow_mut() = None);
}

pub(crate) fn with_net<R>(f: impl FnOnce(&EnterGuard) -> R) -> Option<R> {
    NET.with(|net| net.borrow().as_ref().map(f))
}

/// A socket may have produced packets: have the driver look.
pub(crate) fn kick() {
    if !DIRTY.replace(true) {
        DRIVER.with(|driver| {
            if let Some(driver) = driver.borrow().as_ref() {
                driver.wake_by_ref();
            }
        });
    }
}

pub(crate) fn clear_dirty() {
    DIRTY.set(false);
}

pub(crate) fn is_dirty() -> bool {
    DIRTY.get()
}

pub(crate) fn set_driver(waker: &Waker) {
    DRIVER.with(|driver| {
        let mut driver = driver.borrow_mut();
        if !driver.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    });
}

/// There is nobody to wake any more.
pub(crate) fn forget_driver() {
    DRIVER.with(|driver| *driver.borrow_mut() = None);
}

/// Whether the kernel at `local` still has this connection.
pub(crate) fn socket_exists(local: SocketAddr, peer: SocketAddr) -> bool {
    let entries = turmoil_net::netstat(local.ip()).entries;
    entries.iter().any(|entry| entry.local == local && entry.peer == Some(peer))
}

/// Ends every connection that a host's kernel still has on one of `ips`, without a word on the wire.
///
/// A half-open one is its listener's: the kernel forgets it when the listener closes, but would keep
/// it, and its port, for ever if it were reset before.
pub(crate) fn purge_connections(ips: &[IpAddr]) {
    let Some(first) = ips.first() else { return };
    for entry in turmoil_net::netstat(*first).entries {
        if let Some(peer) = entry.peer
            && entry.state != Some(NetstatState::SynReceived)
            && ips.contains(&entry.local.ip())
        {
            reset_connection(peer, entry.local);
        }
    }
}

/// Has the kernel at `local` hear a reset from `peer`.
pub(crate) fn reset_connection(peer: SocketAddr, local: SocketAddr) {
    with_state(|state| {
        if let Some(machine) = state.by_ip.get(&local.ip()) {
            state.machines[*machine].arrivals += 1;
        }
        state.fabric.ends(local, peer);
    });
    abort(peer, local);
}

/// Takes a connection from the kernel at `local`. What it has sent is on its way.
pub(crate) fn abort(peer: SocketAddr, local: SocketAddr) {
    with_net(|net| net.deliver(reset(peer, local)));
}

/// Whether the kernel is to hear of a packet.
///
/// A reset that meets a half-open connection (whoever asked for it has given up) is not for it: Linux
/// drops the request then, but the kernels below would keep it, and its port, for ever. Left
/// alone, it goes when its listener closes.
pub(crate) fn is_heard(packet: &Packet) -> bool {
    let Transport::Tcp(segment) = &packet.payload else { return true };
    if !segment.flags.rst {
        return true;
    }
    let local = SocketAddr::new(packet.dst, segment.dst_port);
    let peer = SocketAddr::new(packet.src, segment.src_port);
    !turmoil_net::netstat(packet.dst).entries.iter().any(|entry| {
        entry.state == Some(NetstatState::SynReceived)
            && (entry.local, entry.peer) == (local, Some(peer))
    })
}

/// A reset from `from` to `to`.
fn reset(from: SocketAddr, to: SocketAddr) -> Packet {
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
