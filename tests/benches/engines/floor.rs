//! The same streams over pipes in memory on a bare paused runtime: no network, no engine.

use std::time::Duration;

use anatomy_tests::rpc::{Exec, Service, connect, serve};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::Load;
use crate::clock::{Measured, cpu};
use crate::load::{assert_carried, lead};

/// Simulated time between looks at the clock.
const CHUNK: Duration = Duration::from_secs(5);
/// As much as a socket's buffers.
const PIPE: usize = 64 * 1024;

#[expect(clippy::disallowed_methods, reason = "there is no engine here")]
pub fn run(n: usize, load: Load, budget: Duration) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing of the system");
    runtime.block_on(async {
        let service = Service::default();
        let mut channels = Vec::new();
        for _ in 1..n {
            let (near, far) = tokio::io::duplex(PIPE);
            tokio::spawn(serve(far, Exec::Runtime, service.clone()));
            channels.push(connect(near, Exec::Runtime).await.expect("nobody closes the pipe"));
        }
        let (ready, mut is_ready) = watch::channel(false);
        tokio::spawn(async move { lead(channels, load, &ready).await });
        is_ready.wait_for(|ready| *ready).await.expect("the leader lives");
        let (began, at) = (cpu(), Instant::now());
        while cpu() - began < budget {
            sleep(CHUNK).await;
        }
        let measured = Measured { simulated: at.elapsed(), cpu: cpu() - began };
        assert_carried(&service.counters, n, load, measured.simulated);
        measured
    })
}
