//! `harness-sim`, every machine 1 ms from every other.

use std::sync::Arc;
use std::time::Duration;

use anatomy_tests::rpc::Service;
use harness_sim::{Config, Link, MachineSpec};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::Load;
use crate::clock::{Measured, cpu};
use crate::load::{PORT, assert_carried, follow, lead_from};

/// Simulated time between looks at the clock.
const CHUNK: Duration = Duration::from_secs(5);

pub fn run(n: usize, load: Load, budget: Duration) -> Measured {
    let config = (0..n).fold(Config::new(1), |c, i| c.machine(MachineSpec::new(format!("m{i}"))));
    harness_sim::run(config, move |world| async move {
        let link = Link::with_latency(Duration::from_millis(1));
        world.set_links(link, link);
        let service = Service::default();
        for i in 1..n {
            let service = service.clone();
            world.start(&format!("m{i}"), "follower", |env| follow(env, service));
        }
        let followers = (1..n).map(|i| (world.ip(&format!("m{i}")), PORT).into()).collect();
        let (ready, mut is_ready) = watch::channel(false);
        let ready = Arc::new(ready);
        world.start("m0", "leader", move |env| lead_from(env, followers, load, ready));
        is_ready.wait_for(|ready| *ready).await.expect("the leader lives");
        let (began, at) = (cpu(), world.now());
        while cpu() - began < budget {
            sleep(CHUNK).await;
        }
        let measured = Measured { simulated: world.now() - at, cpu: cpu() - began };
        assert_carried(&service.counters, n, load, measured.simulated);
        measured
    })
    .result
}
