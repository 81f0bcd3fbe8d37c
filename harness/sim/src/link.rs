//! What lies between two machines.

use std::time::Duration;

/// The properties of one direction of a path. The simulator's clock has a grain of 1 ms, so an
/// arrival is rounded up to the next millisecond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The least one-way delay.
    pub latency: Duration,
    /// The most that is added to it: uniform, drawn per packet from the flow's own stream.
    pub jitter: Duration,
    /// Bytes per second; `None` is unlimited.
    pub bandwidth: Option<u64>,
    /// How likely a packet is lost. The sender's retransmission carries it, so loss is delay.
    pub loss: f64,
}

impl Link {
    /// Between machines of one availability zone. Cloud providers state "under 1 ms" within a zone
    /// and "single-digit milliseconds" between zones of a region; both are halved here, the figures
    /// being round-trip times.
    pub const WITHIN_ZONE: Link = Link {
        latency: Duration::from_micros(400),
        jitter: Duration::from_micros(200),
        bandwidth: None,
        loss: 0.0,
    };

    /// Between zones of one region.
    pub const BETWEEN_ZONES: Link = Link {
        latency: Duration::from_micros(700),
        jitter: Duration::from_micros(400),
        bandwidth: None,
        loss: 0.0,
    };

    /// The given delay and nothing else.
    pub const fn with_latency(latency: Duration) -> Self {
        Link { latency, jitter: Duration::ZERO, bandwidth: None, loss: 0.0 }
    }
}
