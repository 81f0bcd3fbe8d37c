//! Three members.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use crate::ctl::{Ctl, beside_etcd, is_installed, is_known};
use crate::normal::normal;
use crate::process::{Dir, Kind, Member, Server};

struct Cluster {
    dir: Dir,
    kind: Kind,
    members: Vec<Member>,
    servers: Vec<Server>,
}

impl Cluster {
    async fn new(kind: Kind, test: &str) -> Cluster {
        let dir = Dir::new(&format!("{test}-{kind:?}"));
        let members: Vec<Member> = (1..=3).map(|i| Member::new(&format!("m{i}"))).collect();
        let start = |member| Server::start(kind, &dir, member, &members, &[]);
        let servers = members.iter().map(start).collect();
        let cluster = Cluster { kind, members, servers, dir };
        cluster.ctl().ready().await;
        cluster
    }

    fn ctl(&self) -> Ctl {
        Ctl::new(self.members.iter().map(|member| member.client))
    }

    /// What the members say of themselves.
    async fn status(&self) -> Vec<Value> {
        let all = self.ctl().run("endpoint status -w json", "").await;
        let all: Value = serde_json::from_str(&all).unwrap();
        all.as_array().unwrap().iter().map(|one| one["Status"].clone()).collect()
    }

    /// The place of the leader.
    async fn leader(&self) -> usize {
        let status = self.status().await;
        let leads = |one: &Value| one["leader"] == one["header"]["member_id"];
        status.iter().position(leads).expect("somebody leads")
    }

    async fn id(&self, i: usize) -> String {
        format!("{:x}", self.status().await[i]["header"]["member_id"].as_u64().unwrap())
    }
}

async fn transcript(kind: Kind) -> String {
    let mut cluster = Cluster::new(kind, "cluster").await;
    let all = cluster.ctl();
    let mut text = String::new();
    let mut told = |line: &str, printed: String| {
        // Members are listed in the order of their ids, which differ.
        let mut lines: Vec<String> = normal(&printed).lines().map(sorted).collect();
        lines.sort();
        write!(text, "$ {line}\n{}\n", lines.join("\n")).unwrap();
    };
    for line in
        ["endpoint health", "member list", "put a 1", "get a -w json", "defrag", "alarm list"]
    {
        told(line, all.run(line, "").await);
    }
    let one = Ctl::new([cluster.members[0].client]);
    for line in ["endpoint health --cluster", "endpoint hashkv --cluster -w json"] {
        let printed = one.run(line, "").await.replace("},{\"Endpoint", "}\n{\"Endpoint");
        told(line, printed.replace(['[', ']'], ""));
    }

    // The leader hands over, and nobody else can.
    let leader = cluster.leader().await;
    let (next, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let next_id = cluster.id(next).await;
    let follower = Ctl::new([cluster.members[other].client]);
    told(
        "move-leader asked of a follower",
        follower.run(&format!("move-leader {next_id}"), "").await,
    );
    told("move-leader", all.run(&format!("move-leader {next_id}"), "").await);
    assert_eq!(cluster.leader().await, next);

    // A learner joins, catches up and votes.
    let fourth = Member::new("m4");
    let url = format!("http://{}", fourth.peer);
    let line = format!("member add m4 --learner --peer-urls={url}");
    told("member add --learner", all.until(&line, "added to cluster").await);
    let id = learner(&all).await;
    told("member promote too early", all.run(&format!("member promote {id}"), "").await);
    let second = "member add m5 --learner --peer-urls=http://127.0.0.1:1";
    told("member add of a second learner", all.run(second, "").await);
    let mut everybody = cluster.members.clone();
    everybody.push(fourth.clone());
    let existing = ["--initial-cluster-state", "existing"];
    let mut server = Server::start(cluster.kind, &cluster.dir, &fourth, &everybody, &existing);
    let new = Ctl::new([fourth.client]);
    new.until("get a --consistency=s", "a\n").await;
    told("put through a learner", new.run("put a 2 --command-timeout=2s", "").await);
    told("member list", all.run("member list", "").await);
    let promote = format!("member promote {id}");
    told("member promote", all.until(&promote, "promoted in cluster").await);
    told("member promote again", all.run(&promote, "").await);
    told("put through it", new.run("put a 2", "").await);

    // It moves, and it is removed and stops.
    let line = format!("member update {id} --peer-urls={url}");
    told("member update", all.run(&line, "").await);
    told("member remove", all.until(&format!("member remove {id}"), "removed from cluster").await);
    tokio::time::timeout(Duration::from_secs(20), server.ended()).await.expect("it stops");
    told("member remove again", all.run(&format!("member remove {id}"), "").await);
    told("member list", all.run("member list", "").await);

    // Two of three are down: writes and reads by quorum fail, serializable ones do not.
    cluster.servers.truncate(1);
    let alone = Ctl::new([cluster.members[0].client]);
    told("put without a quorum", alone.run("put a 3 --command-timeout=9s", "").await);
    // Whether the client or the server sees first that time is up is a race.
    let refused = alone.run("get a --command-timeout=9s", "").await;
    assert!(refused.ends_with("context deadline exceeded\n"), "{refused}");
    told("get --consistency=s", alone.run("get a --consistency=s", "").await);
    told("member list", alone.run("member list", "").await);
    text
}

/// A list of members is in the order of their ids too.
fn sorted(line: &str) -> String {
    match line.strip_prefix("ETCD_INITIAL_CLUSTER=\"").and_then(|rest| rest.strip_suffix('"')) {
        Some(members) => {
            let mut members: Vec<&str> = members.split(',').collect();
            members.sort_unstable();
            format!("ETCD_INITIAL_CLUSTER=\"{}\"", members.join(","))
        }
        None => line.to_owned(),
    }
}

/// The id of the learner.
async fn learner(ctl: &Ctl) -> String {
    let list = ctl.run("member list -w json", "").await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let members = list["members"].as_array().unwrap();
    let learner = members.iter().find(|member| member["isLearner"] == true).expect("a learner");
    format!("{:x}", learner["ID"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn etcdctl_prints_of_three_members_what_it_prints_of_etcd() {
    if !is_installed("etcdctl") {
        return;
    }
    let ours = beside_etcd(transcript).await;
    if is_known() {
        insta::assert_snapshot!("cluster", ours);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_member_that_is_told_to_stop_ends_well_and_comes_back_with_what_it_had() {
    if !is_installed("etcdctl") {
        return;
    }
    let mut cluster = Cluster::new(Kind::Mini, "stop").await;
    let all = cluster.ctl();
    all.run("put a 1", "").await;
    let leader = cluster.leader().await;
    assert!(cluster.servers[leader].terminate().await);
    let others: Vec<_> = (0..3).filter(|i| *i != leader).collect();
    let rest = Ctl::new(others.iter().map(|i| cluster.members[*i].client));
    assert_eq!(rest.run("put a 2", "").await, "OK\n", "somebody leads at once");
    let member = cluster.members[leader].clone();
    cluster.servers[leader] =
        Server::start(Kind::Mini, &cluster.dir, &member, &cluster.members, &[]);
    let back = Ctl::new([member.client]);
    back.ready().await;
    assert_eq!(back.run("get a --print-value-only", "").await, "2\n");
    let twice = Server::start(Kind::Mini, &cluster.dir, &member, &cluster.members, &[]);
    let mut twice = twice;
    twice.ended().await;
    assert_eq!(back.run("get a --print-value-only", "").await, "2\n", "the second was refused");
}
