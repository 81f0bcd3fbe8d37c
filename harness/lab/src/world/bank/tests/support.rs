//! A bank of one machine that runs all services behind a proxy that always knows where they are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::{Env, Wall};
use harness_sim::{Config, Link, MachineSpec, Process, World};
use tokio::time::sleep;

use crate::outcome::Violation;
use crate::scenario::{Scenario, Workload};
use crate::world::bank::http::{Answer, Ask, Client, listen, serve};
use crate::world::bank::probe::{Books, Probe, collect};
use crate::world::bank::{
    Entries, customers, data_centre, database, health_check, monitor, scheme, service,
};

const PROXY: u16 = 4140;
const WEB: u16 = 80;
const MACHINES: [&str; 8] =
    ["cluster", "database", "dc-1", "dc-2", "mastercard", "customers", "monitor", "pingdom"];

/// The machines, ten milliseconds from each other.
pub fn machines(seed: u64) -> Config {
    MACHINES.iter().fold(Config::new(seed), |config, name| config.machine(MachineSpec::new(*name)))
}

/// What the built-in scenario's people do, twice as often: there is something to count after a minute.
pub fn workload() -> Arc<Workload> {
    let text = include_str!("../../../../scenarios/monzo-2017.toml");
    let scenario = Scenario::parse("monzo-2017", "monzo-2017.toml", text);
    let mut workload = scenario.expect("the built-in scenario is good").workload;
    workload.journeys.iter_mut().for_each(|journey| journey.rate *= 2.0);
    Arc::new(workload)
}

/// A running bank.
#[derive(Clone)]
pub struct Bank {
    pub world: World,
    pub probe: Probe,
    pub stand_in: bool,
    workload: Arc<Workload>,
    services: Vec<String>,
    running: Arc<Mutex<BTreeMap<String, Process>>>,
}

impl Bank {
    /// A bank without customers: start those with [`Bank::open_doors`].
    pub fn start(world: World, stand_in: bool) -> Self {
        let link = Link::with_latency(Duration::from_millis(10));
        world.set_links(link, link);
        let workload = workload();
        let mut services: Vec<String> = Vec::new();
        for name in workload.journeys.iter().flat_map(|journey| &journey.path) {
            if !services.contains(name) {
                services.push(name.clone());
            }
        }
        let (probe, running) = (Probe::default(), Arc::default());
        let bank = Bank { world, probe, stand_in, workload, services, running };
        bank.start_database();
        let routes = bank.entries();
        world.start("cluster", "proxy", move |env| proxy(env, routes));
        for name in &bank.services {
            bank.start_service(name);
        }
        bank.start_centre("dc-1");
        bank.start_centre("dc-2");
        let targets =
            vec![bank.address("edge"), bank.address("card-processor"), bank.web("pingdom")];
        let config = monitor::MonitorConfig { port: WEB, targets };
        world.start("monitor", "monitor", |env| monitor::run(env, config));
        bank
    }

    /// People, shops and the check from outside begin to ask.
    pub fn open_doors(&self) -> Vec<Process> {
        let Bank { world, probe, workload, .. } = self.clone();
        let data_centres = vec![self.web("dc-1"), self.web("dc-2")];
        let (entries, doors) = (self.entries(), self.entries());
        let people = customers::CustomersConfig {
            entries,
            workload: workload.clone(),
            probe: probe.clone(),
        };
        let shops =
            scheme::SchemeConfig { data_centres, workload: workload.clone(), probe: probe.clone() };
        let check = health_check::HealthCheckConfig { port: WEB, entries: doors, workload, probe };
        vec![
            world.start("customers", "app", |env| customers::run(env, people)),
            world.start("mastercard", "scheme", |env| scheme::run(env, shops)),
            world.start("pingdom", "check", |env| health_check::run(env, check)),
        ]
    }

    /// Nobody asks any more; waits until all is settled, and says where payments are.
    pub async fn close_doors(&self, doors: Vec<Process>) -> Books {
        for process in &doors {
            self.world.kill(process);
        }
        sleep(Duration::from_secs(30)).await;
        let (database, centres) = (self.web("database"), [self.web("dc-1"), self.web("dc-2")]);
        on(self.world, "monitor", move |env| async move {
            collect(&env, database, &centres).await.expect("all of them answer")
        })
        .await
    }

    /// What the oracle says.
    pub fn violations(&self, books: &Books) -> Vec<Violation> {
        crate::oracle::payments::check(&self.probe.acknowledged(), books)
    }

    pub fn start_database(&self) -> Process {
        let config = database::DatabaseConfig { port: WEB };
        self.world.start("database", "database", move |env| database::run(env, config))
    }

    pub fn start_centre(&self, machine: &str) -> Process {
        let config = data_centre::DataCentreConfig {
            port: WEB,
            entries: self.entries(),
            workload: self.workload.clone(),
            stand_in: self.stand_in,
            needed: Arc::default(),
        };
        self.world.start(machine, "centre", |env| data_centre::run(env, config))
    }

    pub fn start_service(&self, name: &str) {
        let config = service::ServiceConfig {
            name: name.to_owned(),
            port: self.address(name).port(),
            proxy: SocketAddr::new(self.world.ip("cluster"), PROXY),
            database: self.web("database"),
            workload: self.workload.clone(),
        };
        let process = self.world.start("cluster", name, |env| service::run(env, config));
        self.running.lock().unwrap().insert(name.to_owned(), process);
    }

    /// The process of a service.
    pub fn service(&self, name: &str) -> Process {
        self.running.lock().unwrap()[name].clone()
    }

    /// Kills a service: connections to it are refused.
    pub fn kill(&self, name: &str) {
        self.world.kill(&self.service(name));
    }

    /// Where a service listens.
    pub fn address(&self, service: &str) -> SocketAddr {
        let n = self.services.iter().position(|name| name == service).expect("a known service");
        SocketAddr::new(self.world.ip("cluster"), 8000 + n as u16)
    }

    /// Where the only program of a machine listens.
    pub fn web(&self, machine: &str) -> SocketAddr {
        SocketAddr::new(self.world.ip(machine), WEB)
    }

    /// (asked, succeeded) of a journey between two moments, in seconds of the run.
    pub fn fared(&self, journey: &str, from: u64, to: u64) -> (usize, usize) {
        let began = Wall(self.world.wall().0 - self.world.now().as_nanos() as i64);
        let samples = self.probe.samples(began);
        let within = |at: f64| (from as f64..to as f64).contains(&at);
        let asked = samples.iter().filter(|s| *s.journey == *journey && within(s.at));
        let (ok, failed): (Vec<_>, Vec<_>) = asked.partition(|sample| sample.ok);
        (ok.len() + failed.len(), ok.len())
    }

    fn entries(&self) -> Entries {
        self.services.iter().map(|name| (name.clone(), self.address(name))).collect()
    }
}

/// Sends each request on to the service that its `Host` names.
async fn proxy(env: Env, routes: BTreeMap<String, SocketAddr>) -> Result<(), String> {
    let (tasks, client) = (env.tasks(), Client::new(&env));
    let listener = listen(&env, PROXY).await?;
    serve(&tasks, listener, move |asked| {
        let (client, to) = (client.clone(), routes[&asked.host]);
        async move {
            let within = Duration::from_secs(3600);
            let (host, path) = (asked.host.as_str(), asked.path.as_str());
            let ask = Ask { method: asked.method, to, host, path, body: asked.body, within };
            let answer = client.ask(ask).await;
            answer
                .unwrap_or_else(|why| Answer::text(http::StatusCode::BAD_GATEWAY, why.to_string()))
        }
    })
    .await;
    Ok(())
}

/// What a program on `machine` makes of a future, handed back to the director.
pub async fn on<T, F>(
    world: World,
    machine: &str,
    program: impl FnOnce(Env) -> F + Send + 'static,
) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (send, receive) = tokio::sync::oneshot::channel();
    world.start(machine, "test", |env| async move {
        let _ = send.send(program(env).await);
        Ok(())
    });
    receive.await.expect("the program ran to its end")
}
