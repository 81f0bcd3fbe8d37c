//! What a zone costs a cluster, by its size.

mod support;

use std::time::Duration;

use harness_env::Env;
use harness_sim::{Config, MachineSpec, World};
use mini_etcd::server::InitialState;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use support::{Member, Session, config, members, run_member};

/// What the director has the client do.
enum Ask {
    /// Make a key, through whoever can.
    Create(String),
    /// Put through this member, once.
    Put(&'static str),
    /// Read everything from this member, whether or not it is the newest.
    Read(&'static str, bool),
    /// Add a member at this peer address.
    Add(String),
}

/// The client's program: does what it is asked and says what came of it.
async fn client(
    env: Env,
    members: Vec<Member>,
    mut asks: mpsc::Receiver<(Ask, oneshot::Sender<String>)>,
) -> Result<(), String> {
    let mut session = Session::new(&env, &members);
    while let Some((ask, answer)) = asks.recv().await {
        let began = Instant::now();
        let text = match ask {
            Ask::Create(key) => format!("revision {}", session.create(&key, "").await),
            Ask::Put(member) => match session.put(member, "x").await {
                Ok(revision) => format!("revision {revision}"),
                Err(error) => format!("{error} after {} s", began.elapsed().as_secs()),
            },
            Ask::Read(member, serializable) => match session.pairs(member, serializable).await {
                Ok(pairs) => {
                    pairs.iter().map(|(key, ..)| key.as_str()).collect::<Vec<_>>().join(" ")
                }
                Err(error) => error,
            },
            Ask::Add(url) => match session.client("a1").member_add(vec![url]).await {
                Ok(answer) => format!("{} members", answer.members.len()),
                Err(error) => error.to_string(),
            },
        };
        let _ = answer.send(text);
    }
    Ok(())
}

/// The cluster as its director sees it.
struct Cluster {
    world: World,
    members: Vec<Member>,
    asks: mpsc::Sender<(Ask, oneshot::Sender<String>)>,
    told: Vec<String>,
}

impl Cluster {
    fn start(&self, name: &str, state: InitialState, among: &[Member]) {
        let member = among.iter().find(|m| m.name == name).expect("it is a member");
        let mut config = config(member, among);
        config.initial_state = state;
        self.world.start(name, "etcd", |env| run_member(env, config));
    }

    async fn ask(&mut self, what: &str, ask: Ask) {
        let (send, answer) = oneshot::channel();
        assert!(self.asks.send((ask, send)).await.is_ok(), "the client lives");
        let answer = answer.await.expect("the client answers");
        self.told.push(format!("{what}: {answer}"));
    }

    fn off(&self, names: &[&str]) {
        names.iter().for_each(|name| self.world.power_off(name));
    }

    fn on(&self, names: &[&str]) {
        for name in names {
            self.world.power_on(name);
            self.start(name, InitialState::New, &self.members);
        }
    }
}

/// Runs `story` on a cluster of which the first `begin` members begin together.
fn told<F>(zones: &'static str, begin: usize, story: fn(Cluster) -> F) -> String
where
    F: Future<Output = Cluster> + 'static,
{
    let mut config = Config::new(7).machine(MachineSpec::new("client"));
    for member in members(zones, |_| [0, 0, 0, 0].into()) {
        config = config.machine(MachineSpec::new(member.name).zone(member.zone));
    }
    let direct = async move |world: World| {
        let members = members(zones, |name| world.ip(name));
        let (asks, receiver) = mpsc::channel(1);
        let all = members.clone();
        world.start("client", "client", move |env| client(env, all, receiver));
        let cluster = Cluster { world, members, asks, told: Vec::new() };
        for member in &cluster.members[..begin] {
            cluster.start(&member.name, InitialState::New, &cluster.members[..begin]);
        }
        story(cluster).await.told.join("\n")
    };
    let report = harness_sim::run(config.clone(), direct);
    let again = harness_sim::run(config, direct);
    assert_eq!(report.digest, again.digest, "the same seed gives the same run");
    report.result
}

#[test]
fn nine_members_in_three_zones_survive_a_zone_and_a_machine_but_not_three_machines_more() {
    let told = told("aaabbbccc", 9, |mut cluster| async move {
        cluster.ask("nine of nine, a write", Ask::Create("first".into())).await;
        cluster.off(&["a1", "a2", "a3"]);
        cluster.ask("zone a lost, a write", Ask::Create("second".into())).await;
        cluster.off(&["b1"]);
        cluster.ask("b1 lost too, a write", Ask::Create("third".into())).await;
        cluster.off(&["b2", "b3"]);
        // Who led may not have noticed yet.
        sleep(Duration::from_secs(5)).await;
        cluster.ask("three of nine, a write", Ask::Put("c1")).await;
        cluster.ask("three of nine, a read of the newest", Ask::Read("c1", false)).await;
        cluster.ask("three of nine, a read of what is there", Ask::Read("c1", true)).await;
        cluster.on(&["a1", "a2", "a3", "b1", "b2", "b3"]);
        cluster.ask("all back, a write", Ask::Create("fourth".into())).await;
        // The client waits up to two minutes between its attempts to connect (grpc-go 1.0).
        sleep(Duration::from_secs(180)).await;
        for member in ["a1", "b1", "c1"] {
            cluster.ask(&format!("{member} reads"), Ask::Read(member, false)).await;
        }
        cluster
    });
    insta::assert_snapshot!(told, @r"
    nine of nine, a write: revision 2
    zone a lost, a write: revision 3
    b1 lost too, a write: revision 4
    three of nine, a write: etcdserver: request timed out (Unavailable) after 7 s
    three of nine, a read of the newest: no answer
    three of nine, a read of what is there: first second third
    all back, a write: revision 5
    a1 reads: first fourth second third
    b1 reads: first fourth second third
    c1 reads: first fourth second third
    ");
}

#[test]
fn with_four_members_the_zone_of_two_is_the_quorum() {
    let told = told("abca", 3, |mut cluster| async move {
        cluster.ask("three of three, a write", Ask::Create("first".into())).await;
        // A change needs members that have been connected for 5 s.
        sleep(Duration::from_secs(10)).await;
        let url = format!("http://{}", cluster.members[3].peer_addr());
        cluster.ask("a2 is added", Ask::Add(url)).await;
        cluster.start("a2", InitialState::Existing, &cluster.members);
        sleep(Duration::from_secs(10)).await;
        cluster.ask("four of four, a write", Ask::Create("second".into())).await;
        cluster.off(&["a1", "a2"]);
        sleep(Duration::from_secs(5)).await;
        cluster.ask("zone a lost, a write", Ask::Put("b1")).await;
        cluster.on(&["a1", "a2"]);
        cluster.ask("zone a back, a write", Ask::Create("third".into())).await;
        cluster.ask("b1 reads", Ask::Read("b1", false)).await;
        cluster
    });
    insta::assert_snapshot!(told, @r"
    three of three, a write: revision 2
    a2 is added: 4 members
    four of four, a write: revision 3
    zone a lost, a write: etcdserver: request timed out (Unavailable) after 7 s
    zone a back, a write: revision 4
    b1 reads: first second third
    ");
}

#[test]
fn with_three_members_in_three_zones_a_zone_is_not_missed() {
    let told = told("abc", 3, |mut cluster| async move {
        cluster.ask("three of three, a write", Ask::Create("first".into())).await;
        cluster.off(&["a1"]);
        cluster.ask("zone a lost, a write", Ask::Create("second".into())).await;
        cluster.off(&["b1"]);
        sleep(Duration::from_secs(5)).await;
        cluster.ask("zone b lost too, a write", Ask::Put("c1")).await;
        cluster.on(&["a1", "b1"]);
        cluster.ask("both back, a write", Ask::Create("third".into())).await;
        sleep(Duration::from_secs(180)).await;
        cluster.ask("a1 reads", Ask::Read("a1", false)).await;
        cluster
    });
    insta::assert_snapshot!(told, @r"
    three of three, a write: revision 2
    zone a lost, a write: revision 3
    zone b lost too, a write: etcdserver: request timed out (Unavailable) after 7 s
    both back, a write: revision 4
    a1 reads: first second third
    ");
}
