//! The faults of a run: begun, in effect, ended, and how much each of them has touched.
//!
//! A fault of a machine is a property of that machine while it lasts. A fault of a path is kept in
//! a list, because paths are asked for by packets and two faults may lie on one.

use tokio::time::Instant;

use crate::fault::{Fault, FaultId, FaultReport};
use crate::state::State;

/// A fault of a running world.
pub(crate) struct Active {
    pub fault: Fault,
    pub report: FaultReport,
}

impl State {
    /// Begins a fault.
    pub fn begin(&mut self, fault: Fault) -> FaultId {
        let id = self.note(fault.clone(), 0);
        self.apply(id, &fault, true);
        id
    }

    /// Ends a fault, if it has not ended.
    pub fn end(&mut self, id: FaultId) {
        let now = self.now();
        let Some(active) = self.faults.get_mut(&id) else { return };
        if active.report.until.is_some() {
            return;
        }
        active.report.until = Some(now);
        let fault = std::mem::replace(&mut active.fault, Fault::Point(String::new()));
        self.apply(id, &fault, false);
        if matches!(fault, Fault::Hold { .. }) {
            self.fabric.release(Instant::now(), id);
        }
        self.reconsider();
    }

    /// Enters a fault into the report. One that happens at a point has ended with that.
    pub fn note(&mut self, fault: Fault, effects: u64) -> FaultId {
        let id = FaultId(self.faults.len() as u64);
        let now = self.now();
        let until = matches!(fault, Fault::Point(_)).then_some(now);
        let kind = fault.kind().to_owned();
        let report = FaultReport { id, kind, from: now, until, effects };
        self.faults.insert(id, Active { fault, report });
        id
    }

    /// Counts effects of a fault.
    pub fn charge(&mut self, fault: FaultId, effects: u64) {
        if let Some(active) = self.faults.get_mut(&fault) {
            active.report.effects += effects;
        }
    }

    /// Switches a fault on or off where it is a property of a machine.
    fn apply(&mut self, id: FaultId, fault: &Fault, on: bool) {
        match fault {
            Fault::Partition { .. } | Fault::Hold { .. } | Fault::Degrade { .. } => {
                self.cuts.retain(|(cut, _)| *cut != id);
                if on {
                    self.cuts.push((id, fault.clone()));
                }
            }
            Fault::Point(_) => {}
            Fault::Skew { machine, nanos } => {
                let machine = self.machine(machine);
                self.machines[machine].skew += if on { *nanos } else { -*nanos };
                self.charge(id, 1);
            }
            Fault::SlowCores { machine, factor } => {
                let machine = self.machine(machine);
                self.machines[machine].slowness = if on { *factor } else { 1.0 };
                self.charge(id, 1);
            }
            Fault::SlowDisk { machine, by } => {
                let machine = self.machine(machine);
                self.machines[machine].disk_faults.slow = on.then_some((id, *by));
            }
            Fault::FullDisk { machine } => {
                let machine = self.machine(machine);
                self.machines[machine].disk_faults.full = on.then_some(id);
            }
            Fault::FailingDisk { machine } => {
                let machine = self.machine(machine);
                self.machines[machine].disk_faults.failing = on.then_some(id);
            }
        }
    }
}
