//! The retransmission timers of a sender: when it tries again, and when it gives up.
//!
//! They are Linux's: 200 ms doubling to 120 s, 15 retries (`tcp_retries2`), so 924.6 s with data in
//! flight; for a handshake 1 s doubling, 6 retries (`tcp_syn_retries`), so 127 s.

use std::time::Duration;

use harness_env::rng;
use tokio::time::Instant;

/// When a connection attempt that nobody answers ends.
pub(crate) const SYN_GIVE_UP: Duration = Duration::from_secs(127);
const SYN_RTO: Duration = Duration::from_secs(1);
const SYN_RETRIES: u32 = 6;
const DATA_RTO: Duration = Duration::from_millis(200);
const DATA_RETRIES: u32 = 15;
const MAX_RTO: Duration = Duration::from_secs(120);

/// The sum of all data retransmission time-outs.
pub(crate) fn data_give_up() -> Duration {
    let mut rto = DATA_RTO;
    let mut total = Duration::ZERO;
    for _ in 0..=DATA_RETRIES {
        total += rto;
        rto = (rto * 2).min(MAX_RTO);
    }
    total
}

/// The first instant at or after `now` at which a timer started at `since` fires.
pub(crate) fn next_retransmission(since: Instant, now: Instant, handshake: bool) -> Instant {
    let mut rto = if handshake { SYN_RTO } else { DATA_RTO };
    let mut at = since + rto;
    while at < now {
        rto = (rto * 2).min(MAX_RTO);
        at += rto;
    }
    at
}

/// How long losses hold a packet up: each costs the sender's retransmission timer once more. The
/// stream is drawn from only where the link is lossy, and a lossy link's draws are its own packets'
/// alone.
pub(crate) fn retransmissions(draws: &mut rng::Rng, loss: f64, handshake: bool) -> Duration {
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
