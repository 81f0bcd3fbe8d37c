//! Classic `turmoil::Sim`.

use std::sync::Arc;
use std::time::Duration;

use anatomy_tests::rpc::Service;
use harness_classic::{Settings, Sim};
use tokio::sync::watch;

use crate::Load;
use crate::clock::{Measured, cpu};
use crate::load::{PORT, assert_carried, follow, lead_from};

/// Simulated time between looks at the clock.
const CHUNK: Duration = Duration::from_millis(500);

pub fn run(n: usize, load: Load, budget: Duration, tick_ms: u64) -> Measured {
    let mut sim = Sim::new(Settings::new(1).tick(Duration::from_millis(tick_ms)));
    let service = Service::default();
    let (ready, is_ready) = watch::channel(false);
    let ready = Arc::new(ready);
    let followers: Vec<_> = (1..n).map(|i| (sim.ip(&format!("m{i}")), PORT).into()).collect();
    for i in 1..n {
        let service = service.clone();
        sim.start(&format!("m{i}"), "", "follower", move |env| follow(env, service.clone()));
    }
    sim.start("m0", "", "leader", move |env| {
        lead_from(env, followers.clone(), load, ready.clone())
    });
    let connected = sim.run_until(Duration::from_secs(600), || *is_ready.borrow());
    assert_eq!(connected, Ok(true));
    let (began, at) = (cpu(), sim.elapsed());
    while cpu() - began < budget {
        sim.run_for(CHUNK).expect("no program fails");
    }
    let measured = Measured { simulated: sim.elapsed() - at, cpu: cpu() - began };
    assert_carried(&service.counters, n, load, measured.simulated);
    measured
}
