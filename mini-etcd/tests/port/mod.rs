//! Ports for servers that are told where to listen.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that Linux gives to whoever asks for any or connects somewhere (from 32768 on): a port
/// that was asked for like that and let go may be somebody else's when a server wants it.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// An address that nobody listens on, and that this process has not given to anybody before.
pub fn free() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Processes that run beside each other begin far apart.
    let begin = (std::process::id() % 220) as u16 * 100;
    loop {
        let n = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, FIRST + n)) {
            return listener.local_addr().expect("it was just bound");
        }
    }
}
