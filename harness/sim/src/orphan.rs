//! Connections that outlive their process, and who listens where they were.
//!
//! A connection whose program has closed it, or has died, stays with the kernel until the other side
//! has acknowledged its end. On Linux a program that sets `SO_REUSEADDR` (as Go and tokio do for
//! every listener) may listen on its port all the same. The kernels below know no such option: they
//! would refuse the port for as long as the path to any client is cut. So such connections are taken
//! from the kernel when somebody wants to listen where they are. What they have still to say is with
//! the fabric and arrives when the path is whole.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use turmoil_net::{HostId, NetstatEntry, NetstatState};

use crate::net::{abort, kick};
use crate::process::ProcessId;
use crate::socket::Socket;
use crate::state::{State, with_state};

/// Until the kernels have been looked at: the driver does so before time goes on.
const AT_ONCE: Duration = Duration::from_nanos(1);

/// Takes the connections that nobody has any more from `addr`'s port. Whether there were any.
pub(crate) async fn make_way(process: ProcessId, host: HostId, addr: SocketAddr) -> bool {
    // Who was killed this instant has not sent its end yet.
    settle().await;
    let Some(ip) = with_state(|state| state.process(process).map(|process| process.ip)).flatten()
    else {
        return false;
    };
    let is_there = |entry: &NetstatEntry| {
        let at = entry.local;
        at.port() == addr.port() && (addr.ip().is_unspecified() || at.ip() == addr.ip())
    };
    let closes = |entry: &NetstatEntry| {
        use NetstatState::{Closing, FinWait1, FinWait2, LastAck};
        matches!(entry.state, Some(FinWait1 | FinWait2 | LastAck | Closing))
    };
    let entries = turmoil_net::netstat(ip).entries;
    let held = with_state(|state| held(state, process, host)).unwrap_or_default();
    let mut any = false;
    for entry in entries.iter().filter(|entry| is_there(entry) && closes(entry)) {
        let Some(peer) = entry.peer else { continue };
        let connection = (entry.local, peer);
        if !held.contains(&connection) {
            with_state(|state| state.orphans.insert(connection));
            abort(peer, entry.local);
            any = true;
        }
    }
    if any {
        settle().await;
    }
    any
}

/// Returns when the kernels have sent what they had to.
async fn settle() {
    kick();
    tokio::time::sleep(AT_ONCE).await;
}

/// The connections that programs on the machine of `process` still have.
fn held(state: &State, process: ProcessId, host: HostId) -> Vec<(SocketAddr, SocketAddr)> {
    let Some(machine) = state.process(process).map(|process| process.machine) else {
        return Vec::new();
    };
    let here = state.processes.iter().filter(|process| process.machine == machine);
    let slots =
        here.flat_map(|process| process.sockets.values()).filter_map(std::sync::Weak::upgrade);
    turmoil_net::set_current(host);
    let ends = |socket: &Socket| -> io::Result<_> {
        match socket {
            Socket::Stream(stream) => Ok((stream.local_addr()?, stream.peer_addr()?)),
            Socket::Listener(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    };
    let of_slot = |slot: std::sync::Arc<crate::socket::Slot>| {
        slot.socket.lock().expect("no panic while locked").as_ref().and_then(|s| ends(s).ok())
    };
    slots.filter_map(of_slot).collect()
}
