//! What can be drawn.
//!
//! What a world has can be written as steps of a scenario, so a kind of trouble is a way to draw such
//! steps. Operations that people do every week are among them: most outages begin with one.

use harness_env::Rng;
use toml::{Table, Value};

use crate::Scenario;

/// Steps as a scenario file has them, each with the seconds after which it comes, the first mostly 0.
pub type Steps = Vec<(f64, Table)>;

/// A kind of trouble.
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    draw: fn(&mut Rng, &Scenario) -> Option<Steps>,
}

impl Kind {
    /// Draws one of it; none where the scenario has nothing that it could happen to.
    pub fn draw(&self, rng: &mut Rng, scenario: &Scenario) -> Option<Steps> {
        (self.draw)(rng, scenario)
    }
}

/// The kinds that a scenario's world has.
pub fn of(_scenario: &Scenario) -> &'static [Kind] {
    BANK
}

/// What happens to a bank on its cluster. The numbers are estimates of what is usual.
const BANK: &[Kind] = &[
    Kind {
        name: "deploy",
        draw: |rng, scenario| {
            let version = format!("v{}", 2 + rng.below(8));
            let given = [("service", service(rng, scenario)?), ("version", version.into())];
            Some(vec![(0.0, step("deploy", given))])
        },
    },
    Kind {
        name: "rollback",
        draw: |rng, scenario| {
            Some(vec![(0.0, step("rollback", [("service", service(rng, scenario)?)]))])
        },
    },
    Kind {
        name: "scale",
        draw: |rng, scenario| {
            let replicas = Value::Integer(1 + rng.below(4) as i64);
            let given = [("service", service(rng, scenario)?), ("replicas", replicas)];
            Some(vec![(0.0, step("scale", given))])
        },
    },
    Kind {
        name: "withdrawn service",
        draw: |rng, _| {
            // Nobody depends on it yet. That what somebody depends on must not be scaled to nothing,
            // everybody knows.
            let service = || Value::String("trial".to_owned());
            let made = [("service", service()), ("version", "v1".into())];
            let gone = [("service", service()), ("replicas", Value::Integer(0))];
            let later = 120.0 + rng.below(180) as f64;
            Some(vec![(0.0, step("deploy", made)), (later, step("scale", gone))])
        },
    },
    Kind {
        name: "mesh restart",
        draw: |rng, _| {
            let within = format!("{}m", 1 + rng.below(5));
            Some(vec![(0.0, step("restart-mesh", [("within", within.into())]))])
        },
    },
    Kind { name: "apiserver restart", draw: |_, _| Some(vec![(0.0, plain("restart-apiservers"))]) },
    Kind { name: "etcd restart", draw: |_, _| Some(vec![(0.0, plain("etcd-rolling-restart"))]) },
    Kind {
        name: "etcd upgrade",
        draw: |_, _| {
            // Whoever replaces the binaries restarts the members with it.
            Some(vec![(0.0, step("etcd-upgrade", [("version", "3.2.9".into())]))])
        },
    },
    Kind {
        name: "etcd growth",
        draw: |rng, scenario| {
            let from = u64::from(scenario.cluster.etcd_members);
            let members = (from + 1 + rng.below(4)).min(9) as i64;
            Some(vec![(0.0, step("etcd-grow", [("members", Value::Integer(members))]))])
        },
    },
    Kind { name: "hygiene", draw: |_, _| Some(vec![(0.0, plain("delete-empty-services"))]) },
];

fn service(rng: &mut Rng, scenario: &Scenario) -> Option<Value> {
    rng.pick(&scenario.services).map(|service| Value::String(service.name.clone()))
}

fn plain(action: &str) -> Table {
    step(action, [])
}

fn step<const N: usize>(action: &str, given: [(&str, Value); N]) -> Table {
    let mut step = Table::from_iter([("do".to_owned(), Value::String(action.to_owned()))]);
    step.extend(given.map(|(key, value)| (key.to_owned(), value)));
    step
}
