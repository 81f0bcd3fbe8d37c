//! What can be drawn.
//!
//! What a world has can be written as steps of a scenario, so a kind of trouble is a way to draw such
//! steps. Operations that people do every week are among them: most outages begin with one.

use harness_env::Rng;
use toml::{Table, Value};

use crate::Scenario;
use crate::scenario::World;

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
pub fn of(scenario: &Scenario) -> Vec<&'static Kind> {
    match scenario.world {
        World::Bank => BANK.iter().chain(MACHINES).collect(),
        World::Etcd => MACHINES.iter().chain(ETCD).collect(),
    }
}

/// What people do to a bank on its cluster. The numbers are estimates of what is usual.
const BANK: &[Kind] = &[
    Kind {
        name: "deploy",
        draw: |rng, scenario| {
            let version = format!("v{}", 2 + rng.below(8));
            let given = [("service", service(rng, scenario)?), ("version", version.into())];
            Some(once(step("deploy", given)))
        },
    },
    Kind {
        name: "rollback",
        draw: |rng, scenario| Some(once(step("rollback", [("service", service(rng, scenario)?)]))),
    },
    Kind {
        name: "scale",
        draw: |rng, scenario| {
            let replicas = Value::Integer(1 + rng.below(4) as i64);
            let given = [("service", service(rng, scenario)?), ("replicas", replicas)];
            Some(once(step("scale", given)))
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
            Some(once(step("restart-mesh", [("within", within.into())])))
        },
    },
    Kind { name: "apiserver restart", draw: |_, _| Some(once(plain("restart-apiservers"))) },
    Kind { name: "etcd restart", draw: |_, _| Some(once(plain("etcd-rolling-restart"))) },
    Kind {
        name: "etcd upgrade",
        draw: |_, _| {
            // Whoever replaces the binaries restarts the members with it.
            Some(once(step("etcd-upgrade", [("version", "3.2.9".into())])))
        },
    },
    Kind {
        name: "etcd growth",
        draw: |rng, scenario| {
            let from = u64::from(scenario.cluster.etcd_members);
            let members = (from + 1 + rng.below(4)).min(9) as i64;
            Some(once(step("etcd-grow", [("members", Value::Integer(members))])))
        },
    },
    Kind { name: "hygiene", draw: |_, _| Some(once(plain("delete-empty-services"))) },
];

/// What befalls machines. Nothing here lasts longer than two minutes.
const MACHINES: &[Kind] = &[
    Kind {
        name: "kill",
        draw: |rng, scenario| Some(once(step("kill", [("on", machine(rng, scenario))]))),
    },
    Kind {
        name: "power loss",
        draw: |rng, scenario| {
            let on = machine(rng, scenario);
            let off = step("power-off", [("on", on.clone())]);
            Some(vec![(0.0, off), (seconds(rng) as f64, step("power-on", [("on", on)]))])
        },
    },
    Kind {
        name: "pause",
        draw: |rng, scenario| {
            Some(once(step("pause", [("on", machine(rng, scenario)), lasts(rng)])))
        },
    },
    Kind {
        name: "isolation",
        draw: |rng, scenario| {
            let (from, lasts) = (machine(rng, scenario), lasts(rng));
            let cut = |to| step("cut", [("from", from.clone()), ("to", to), lasts.clone()]);
            Some(everybody(scenario).into_iter().map(|to| (0.0, cut(to))).collect())
        },
    },
    Kind {
        name: "cut",
        draw: |rng, scenario| {
            let (from, to) = (machine(rng, scenario), machine(rng, scenario));
            let one_way = Value::Boolean(rng.chance(0.5));
            let given = [("from", from), ("to", to), ("one-way", one_way), lasts(rng)];
            Some(once(step("cut", given)))
        },
    },
    Kind {
        name: "slow link",
        draw: |rng, scenario| {
            let by = millis(rng, 500);
            let (from, lasts) = (machine(rng, scenario), lasts(rng));
            let slow = |to| {
                let given = [("from", from.clone()), ("to", to), ("by", by.clone()), lasts.clone()];
                step("slow-link", given)
            };
            Some(everybody(scenario).into_iter().map(|to| (0.0, slow(to))).collect())
        },
    },
    Kind {
        name: "slow disk",
        draw: |rng, scenario| {
            let given = [("on", member(rng, scenario)), ("by", millis(rng, 1500)), lasts(rng)];
            Some(once(step("slow-disk", given)))
        },
    },
    Kind { name: "full disk", draw: |rng, scenario| Some(once(disk(rng, scenario, "full-disk"))) },
    Kind {
        name: "failing disk",
        draw: |rng, scenario| Some(once(disk(rng, scenario, "failing-disk"))),
    },
    Kind {
        name: "skew",
        draw: |rng, scenario| {
            let by = format!("{}s", 1 + rng.below(600));
            let given = [("on", machine(rng, scenario)), ("by", by.into()), lasts(rng)];
            Some(once(step("skew", given)))
        },
    },
];

/// What people do to etcd alone.
const ETCD: &[Kind] = &[
    Kind {
        name: "replacement",
        draw: |rng, scenario| Some(once(step("etcd-replace", [("on", member(rng, scenario))]))),
    },
    Kind { name: "rolling restart", draw: |_, _| Some(once(plain("etcd-rolling-restart"))) },
];

fn once(step: Table) -> Steps {
    vec![(0.0, step)]
}

/// The machine of a member of the beginning.
fn member(rng: &mut Rng, scenario: &Scenario) -> Value {
    let n = 1 + rng.below(u64::from(scenario.cluster.etcd_members));
    format!("member {n}").into()
}

/// A machine of the cluster: a member's, or in a bank any.
fn machine(rng: &mut Rng, scenario: &Scenario) -> Value {
    if scenario.world == World::Etcd {
        return member(rng, scenario);
    }
    let cluster = &scenario.cluster;
    let workers = scenario.defaults().number("workers") as u32;
    let kinds = [("etcd", cluster.etcd_members), ("master", cluster.apiservers), ("node", workers)];
    let named =
        |(kind, count): (&'static str, u32)| (1..=count).map(move |n| format!("{kind}-{n}"));
    let all: Vec<String> = kinds.into_iter().flat_map(named).collect();
    rng.pick(&all).expect("a cluster has members").as_str().into()
}

/// All machines of the cluster, by as many targets as that takes.
fn everybody(scenario: &Scenario) -> Vec<Value> {
    match scenario.world {
        World::Etcd => vec!["all".into()],
        World::Bank => {
            let zones = scenario.cluster.zones.iter();
            zones.map(|zone| format!("zone {zone}").into()).collect()
        }
    }
}

/// Something is wrong with a disk: a member's, since nobody else keeps anything on one.
fn disk(rng: &mut Rng, scenario: &Scenario, action: &str) -> Table {
    step(action, [("on", member(rng, scenario)), lasts(rng)])
}

fn lasts(rng: &mut Rng) -> (&'static str, Value) {
    ("lasts", format!("{}s", seconds(rng)).into())
}

fn seconds(rng: &mut Rng) -> u64 {
    1 + rng.below(120)
}

fn millis(rng: &mut Rng, most: u64) -> Value {
    format!("{}ms", 1 + rng.below(most)).into()
}

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
