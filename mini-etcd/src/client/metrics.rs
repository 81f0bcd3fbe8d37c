//! What a debugger would show of a client's connections.

use std::net::SocketAddr;

use super::addr_conn::AddrConn;

/// One endpoint's connection and the quota pool on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// The member's client address.
    pub endpoint: SocketAddr,
    /// Whether there is a connection.
    pub connected: bool,
    /// The stream limit that is in effect (at most 2³¹ − 1): `None` where the server named none, or
    /// its settings are not applied yet. There is no pool then and nothing waits for one.
    pub limit: Option<u32>,
    /// What lies on the pool's channel: what the next stream may take.
    pub channel: Option<i64>,
    /// What lies in the pool's integer: what it may not.
    pub field: i64,
    /// Open streams.
    pub active: usize,
    /// Streams that wait for the quota.
    pub waiting: usize,
    /// Whether calls go here.
    pub pinned: bool,
}

impl PoolState {
    /// Whether there is quota that nobody can take (grpc-go#1005). For the moment between taking the
    /// quota and putting back the rest that is so in passing; where it stays so, every new stream
    /// waits for ever.
    pub fn is_stuck(&self) -> bool {
        self.channel.is_none() && self.field > 0
    }

    pub(super) fn of(addr_conn: &AddrConn, pin: Option<SocketAddr>) -> Self {
        let endpoint = addr_conn.endpoint;
        let look = addr_conn.transport().map(|transport| transport.look());
        let quota = look.as_ref().and_then(|look| look.quota);
        let (channel, field, waiting) = quota.unwrap_or_default();
        PoolState {
            endpoint,
            connected: look.is_some(),
            limit: look.as_ref().and_then(|look| look.limit),
            channel,
            field,
            active: look.as_ref().map_or(0, |look| look.active),
            waiting,
            pinned: pin == Some(endpoint),
        }
    }
}
