//! Cores: work queues for the first one that is free.
//!
//! The clock's grain is 1 ms and most work is shorter. So a core keeps a precise account of when it
//! is free, and a program sleeps only once it is a grain or more behind: short work costs nothing
//! until it adds up, and overload makes everybody wait.

use std::time::Duration;

use tokio::time::Instant;

use crate::machine::Machine;

const GRAIN: Duration = Duration::from_millis(1);

/// Books `cpu` on the machine's earliest free core; returns until when the caller has to wait.
pub(crate) fn book(machine: &mut Machine, now: Instant, cpu: Duration) -> Option<Instant> {
    let cost = cpu.mul_f64(machine.slowness);
    let core = machine.cores.iter_mut().min().expect("a machine has a core");
    *core = (*core).max(now) + cost;
    let done = *core;
    (done >= now + GRAIN).then_some(done)
}
