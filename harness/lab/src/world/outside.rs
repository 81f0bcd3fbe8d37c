//! What surrounds the cluster: the database, the data centres, customers, the monitor; and what they
//! lived through.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use harness_sim::{Process, World};
use tokio::time::sleep;

use super::bank::probe::{self, Books, Probe};
use super::bank::{Entries, customers, data_centre, database, health_check, monitor, scheme};
use super::goal::Goal;
use super::manifests::Application;
use super::topology::{Place, Topology, port};
use super::unit::{Program, Unit};
use crate::oracle::payments;
use crate::outcome::{ActSpan, Sample, Severity, Violation};
use crate::scenario::{Calendar, Workload};
use crate::{Scenario, Settings};

/// How long the data centres get to replay what they hold, once nobody asks for anything any more.
const RECONCILIATION: Duration = Duration::from_secs(300);
/// How often it is looked whether they have.
const POLL: Duration = Duration::from_secs(10);

/// Everything around the cluster. Clones share what they note.
#[derive(Clone)]
pub struct Outside {
    workload: Arc<Workload>,
    stand_in: bool,
    stand_in_needed: Arc<AtomicBool>,
    probe: Probe,
    people: Arc<Mutex<Vec<Process>>>,
    books: Arc<Mutex<Result<Books, String>>>,
}

impl Outside {
    /// For a scenario with these settings, and the severity that somebody waits for.
    pub fn new(scenario: &Scenario, settings: &Settings, goal: Option<Severity>) -> Self {
        let goal = goal.map(|goal| Goal::new(scenario, goal));
        Outside {
            workload: Arc::new(scenario.workload.clone()),
            stand_in: settings.level("standin") != "off",
            stand_in_needed: Arc::default(),
            probe: Probe::with_goal(goal),
            people: Arc::default(),
            books: Arc::new(Mutex::new(Err("nobody looked".to_owned()))),
        }
    }

    /// Starts what the bank's pods need.
    pub fn start_inside(&self, world: World, topology: &Topology) {
        unit(world, &topology.database, "database", |env| {
            database::run(env, database::DatabaseConfig { port: port::WEB })
        });
    }

    /// Starts the data centres, the monitor and the people.
    pub fn start_outside(&self, world: World, topology: &Topology, apps: &[Application]) {
        let entry =
            |app: &Application| Some((app.name.clone(), topology.edge_balancer.port(app.entry?)));
        let entries: Entries = apps.iter().filter_map(entry).collect::<BTreeMap<_, _>>();
        for centre in &topology.data_centres {
            let config = data_centre::DataCentreConfig {
                port: port::WEB,
                entries: entries.clone(),
                workload: self.workload.clone(),
                stand_in: self.stand_in,
                needed: self.stand_in_needed.clone(),
            };
            unit(world, centre, "stand-in", move |env| data_centre::run(env, config.clone()));
        }
        let mut targets: Vec<SocketAddr> = vec![topology.health_check.port(port::WEB)];
        for app_port in apps.iter().filter_map(|app| app.entry) {
            targets.extend(topology.workers.iter().map(|worker| worker.place.port(app_port)));
        }
        unit(world, &topology.monitor, "pager", move |env| {
            monitor::run(env, monitor::MonitorConfig { port: port::WEB, targets: targets.clone() })
        });
        let (workload, probe) = (self.workload.clone(), self.probe.clone());
        let health = health_check::HealthCheckConfig {
            port: port::WEB,
            entries: entries.clone(),
            workload: workload.clone(),
            probe: probe.clone(),
        };
        let customers = customers::CustomersConfig {
            entries,
            workload: workload.clone(),
            probe: probe.clone(),
        };
        let data_centres = topology.data_centres.iter().map(|dc| dc.port(port::WEB)).collect();
        let scheme = scheme::SchemeConfig { data_centres, workload, probe };
        let people = vec![
            world.start(&topology.health_check.name, "check", |env| health_check::run(env, health)),
            world
                .start(&topology.customers.name, "customers", |env| customers::run(env, customers)),
            world.start(&topology.scheme.name, "cards", |env| scheme::run(env, scheme)),
        ];
        *self.people.lock().expect("no panic while locked") = people;
    }

    /// Whether a payment came to where the stand-in answers, if there is one.
    pub fn stand_in_was_needed(&self) -> bool {
        self.stand_in_needed.load(Ordering::Relaxed)
    }

    /// Waits until the goal is reached; for ever where there is none.
    pub async fn goal_reached(&self) {
        self.probe.goal_reached().await;
    }

    /// Waits until everybody who asked something has an answer or has lost patience: without that, the
    /// last requests that would fail are missing from what people lived through.
    pub async fn hear_out(&self) {
        sleep(self.workload.patience).await;
    }

    /// Sends everybody home, lets the data centres replay what they hold, and reads the books.
    pub async fn finish(&self, world: World, topology: &Topology) {
        for process in self.people.lock().expect("no panic while locked").drain(..) {
            world.kill(&process);
        }
        let until = world.now() + RECONCILIATION;
        loop {
            sleep(POLL).await;
            let books = self.audit(world, topology).await;
            let done = books.as_ref().is_ok_and(|books| books.advices.is_empty());
            *self.books.lock().expect("no panic while locked") = books;
            if done || world.now() >= until {
                return;
            }
        }
    }

    async fn audit(&self, world: World, topology: &Topology) -> Result<Books, String> {
        let database = topology.database.port(port::WEB);
        let centres: Vec<SocketAddr> =
            topology.data_centres.iter().map(|dc| dc.port(port::WEB)).collect();
        let (send, receive) = tokio::sync::oneshot::channel();
        world.start(&topology.office.name, "auditor", move |env: Env| async move {
            // Nobody is left to tell only if the run is over.
            let _ = send.send(probe::collect(&env, database, &centres).await);
            Ok(())
        });
        receive.await.unwrap_or_else(|_| Err("the audit was not finished".to_owned()))
    }

    /// What people lived through during the acts.
    pub fn samples(&self, calendar: &Calendar, acts: &[ActSpan]) -> Vec<Sample> {
        let mut samples = self.probe.samples(calendar.zero());
        samples
            .retain(|sample| acts.iter().any(|act| act.start <= sample.at && sample.at < act.end));
        samples
    }

    /// What the oracles find, after [`Outside::finish`].
    pub fn violations(&self) -> Vec<Violation> {
        match &*self.books.lock().expect("no panic while locked") {
            Ok(books) => payments::check(&self.probe.acknowledged(), books),
            Err(why) => vec![Violation {
                oracle: payments::NAME.to_owned(),
                text: format!("the books could not be read: {why}"),
                data_loss: false,
            }],
        }
    }
}

/// A program that runs for ever on a machine.
fn unit<F>(
    world: World,
    place: &Place,
    name: &str,
    program: impl Fn(Env) -> F + Send + Sync + 'static,
) where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let program: Program = Arc::new(move |env, _| Box::pin(program(env)));
    Unit::new(world, &place.name, name, program).start();
}
