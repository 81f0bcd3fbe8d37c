//! The director of a run: builds the cluster, plays the acts, looks back.

use std::sync::Arc;
use std::time::Duration;

use harness_env::host::BoxFuture;
use harness_sim::World;
use mini_apiserver::controllers::LeaderLock;
use mini_apiserver::{Version, apiserver};
use mini_etcd::server;
use tokio::time::{Instant, sleep, sleep_until};

use super::balancer::Stick;
use super::control_plane::{self, ControlPlane};
use super::due::{Decided, Due, Ledger};
use super::etcd::Etcd;
use super::faults::Faults;
use super::images::Images;
use super::leaders::Leaders;
use super::operators::{Machines, Office};
use super::outside::Outside;
use super::topology::{Topology, port};
use super::{balancer, manifests, nodes};
use crate::outcome::{ActSpan, StepOutcome};
use crate::scenario::{Act, Action, End, Step};
use crate::{Request, Scenario};

/// How long the bank runs before the first act, so that nothing is new when it begins.
const SETTLING: Duration = Duration::from_secs(30);

/// What the director knows at the end.
#[derive(Default)]
pub struct Played {
    /// The acts that were played.
    pub acts: Vec<ActSpan>,
    /// When each ended, in virtual time.
    pub ends: Vec<(String, Duration)>,
    /// The steps whose time came.
    pub steps: Vec<StepOutcome>,
    /// Whether the goal was reached and the rest left out.
    pub stopped: bool,
}

impl Played {
    /// Notes that an act has just ended.
    pub(super) fn ended(&mut self, world: World, scenario: &Scenario, act: &Act) {
        let calendar = &scenario.calendar;
        self.acts.push(ActSpan {
            name: act.name.clone(),
            start: calendar.offset_of(act.starts),
            end: calendar.offset_of(world.wall()),
        });
        self.ends.push((act.name.clone(), world.now()));
    }
}

/// Plays a request in this world.
///
/// # Errors
/// Why the cluster could not be built.
pub async fn play(
    world: World,
    request: &Request,
    topology: Arc<Topology>,
    outside: Outside,
) -> Result<Played, String> {
    let (scenario, settings) = (&request.scenario, &request.settings);
    let parse = |component: &str| scenario.version(settings, component);
    let members = scenario.cluster.etcd_members as usize;
    let profile = parse("etcd").parse().map_err(|_| format!("etcd {}", parse("etcd")))?;
    let version: Version =
        parse("kubernetes").parse().map_err(|_| format!("kubernetes {}", parse("kubernetes")))?;
    let generation = parse("etcd-client")
        .parse()
        .map_err(|_| format!("etcd-client {}", parse("etcd-client")))?;
    let mesh = parse("linkerd").to_owned();

    let leaders = Leaders::default();
    let tune = {
        // Whom harm is meant for matters where harm is done; listening costs a little.
        let is_deed = |step: &Step| matches!(step.action, Action::Deed(_));
        let listens = scenario.acts.iter().any(|act| act.steps.iter().any(is_deed));
        let leaders = listens.then(|| leaders.clone());
        Arc::new(move |config: &mut server::Config| {
            config.observer = leaders.as_ref().map(|leaders| leaders.on(&config.name));
        })
    };
    let etcd = Arc::new(Etcd::start(world, &topology.etcd, members, profile, tune));
    let listed = (0..members).map(|n| topology.etcd_client(n)).collect();
    let config = control_plane::Config {
        apiserver: apiserver::Config::new(port::APISERVER, listed, generation, version),
        leader_lock: match settings.level("leader-lock") {
            "endpoints" => LeaderLock::Endpoints,
            _ => LeaderLock::ConfigMaps,
        },
    };
    let control_plane = ControlPlane::start(world, &topology, &config);
    let applications =
        Arc::new(manifests::applications(scenario, settings.number("services") as usize));
    balance(world, &topology, &applications);
    let images = Arc::new(Images::new(&topology, scenario, &applications));
    outside.start_inside(world, &topology);
    let workers = nodes::start(world, &topology, &images);
    let (others, zones) =
        ([control_plane.masters.clone(), workers].concat(), &scenario.cluster.zones);
    let faults = Faults::new(world, etcd.clone(), leaders, others, zones, settings);

    let office = Office {
        world,
        topology: topology.clone(),
        machines: Arc::new(Machines { etcd, control_plane }),
        faults,
        namespace: scenario.cluster.namespace.clone(),
        alarms: topology.monitor.port(port::WEB),
        listed_members: members,
        applications: applications.clone(),
        ledger: Ledger {
            world,
            machine: topology.office.name.clone(),
            calendar: scenario.calendar,
            decided: Decided::default(),
        },
    };
    office.build(&mesh).await?;
    outside.start_outside(world, &topology, &applications);
    sleep(SETTLING).await;

    let mut played = Played::default();
    for act in &scenario.acts {
        world.jump_wall(act.starts);
        let take = |due: Due| Box::pin(office.clone().take(due)) as BoxFuture<'static, ()>;
        tokio::select! {
            biased;
            () = outside.goal_reached() => played.stopped = true,
            () = perform(world, request, act, take) => {}
        }
        played.ended(world, scenario, act);
        if played.stopped || request.until.as_ref() == Some(&act.name) {
            outside.hear_out().await;
            return Ok(Played { steps: office.ledger.decided.all(), ..played });
        }
    }
    outside.hear_out().await;
    // What data centres hold is replayed through the cluster.
    if office.faults.any_lasts() {
        office.faults.heal();
    }
    outside.finish(world, &topology).await;
    Ok(Played { steps: office.ledger.decided.all(), ..played })
}

/// The two load balancers.
fn balance(world: World, topology: &Topology, applications: &[manifests::Application]) {
    let apiservers = topology.masters.iter().map(|m| m.port(port::APISERVER)).collect();
    world.start(&topology.api_balancer.name, "elb", move |env| {
        balancer::run(env, port::APISERVER, apiservers, Stick::ToClient)
    });
    for entry in applications.iter().filter_map(|app| app.entry) {
        let nodes = topology.workers.iter().map(|worker| worker.place.port(entry)).collect();
        let name = format!("elb-{entry}");
        world.start(&topology.edge_balancer.name, &name, move |env| {
            balancer::run(env, entry, nodes, Stick::Connection)
        });
    }
}

/// Plays an act to its end. `take` has somebody take a step.
pub(super) async fn perform(
    world: World,
    request: &Request,
    act: &Act,
    take: impl Fn(Due) -> BoxFuture<'static, ()>,
) {
    let began = Instant::now();
    let until = match act.end {
        End::At(end) => began + end.since(act.starts),
        End::Settled { limit, .. } => began + limit,
    };
    let (done, mut steps) = tokio::sync::mpsc::channel::<()>(1);
    for index in 0..act.steps.len() {
        let due = Due::of(world, request, act, index);
        let (at, done) = (began + due.at, done.clone());
        let taken = take(due);
        world.spawn(async move {
            sleep_until(at).await;
            taken.await;
            drop(done);
        });
    }
    drop(done);
    match act.end {
        End::At(_) => sleep_until(until).await,
        End::Settled { quiet, .. } => {
            let settled = async {
                // Nothing is ever sent: the channel closes when the last step is done.
                steps.recv().await;
                let done = world.now();
                loop {
                    let calm_since = world.last_event().max(done);
                    let calm = world.now().saturating_sub(calm_since);
                    if calm >= quiet {
                        break;
                    }
                    sleep(quiet - calm).await;
                }
            };
            tokio::select! {
                biased;
                () = settled => {}
                () = sleep_until(until) => {}
            }
        }
    }
}
