//! One member.

use std::fmt::Write;

use crate::ctl::{Ctl, beside_etcd, is_installed, is_known};
use crate::normal::normal;
use crate::process::{Dir, Kind, Member, Server};

/// Commands, and what they read.
const COMMANDS: &[(&str, &str)] = &[
    ("version", ""),
    ("endpoint health", ""),
    ("endpoint status -w json", ""),
    ("endpoint hashkv -w json", ""),
    ("member list", ""),
    ("member list -w json", ""),
    ("get a -w json", ""),
    ("put a 1 -w json", ""),
    ("put a 2 --prev-kv -w json", ""),
    ("put a 3 --ignore-lease", ""),
    ("put a --ignore-value -w json", ""),
    ("put absent --ignore-value", ""),
    ("put b x --lease=77", ""),
    ("put \"\" 1", ""),
    ("put b from-stdin", "not read"),
    ("put c", "of several\nlines"),
    ("put k1 v7", ""),
    ("put k2 v6", ""),
    ("put k3 v5", ""),
    ("put k4 v4", ""),
    ("put k5 v3", ""),
    ("get a -w fields", ""),
    ("get a --hex", ""),
    ("get a --print-value-only", ""),
    ("get k --prefix --limit 3 -w json", ""),
    ("get k3 --from-key -w json", ""),
    ("get k1 k3 -w json", ""),
    ("get \"\" --prefix --keys-only", ""),
    ("get \"\"", ""),
    ("get k --prefix --keys-only --order DESCEND --sort-by MODIFY", ""),
    ("get k --prefix --order ASCEND --sort-by VALUE --limit 2 -w json", ""),
    ("get k --prefix --order DESCEND --sort-by KEY --limit 2 -w json", ""),
    ("get k --prefix --sort-by CREATE --limit 2 -w json", ""),
    ("get k --prefix --order DESCEND --sort-by VERSION -w json", ""),
    ("get k --prefix --count-only -w fields", ""),
    ("get a --rev 2 -w json", ""),
    ("get a --rev 200 -w json", ""),
    ("get a --consistency=s -w json", ""),
    ("endpoint hashkv -w json", ""),
    ("endpoint hashkv --rev 4 -w json", ""),
    ("endpoint hashkv --rev 400", ""),
    ("del k1 -w json", ""),
    ("del k2 k4 --prev-kv -w json", ""),
    ("del absent -w json", ""),
    ("del k --prefix", ""),
    (
        "txn -w json",
        "mod(\"a\") > \"0\"\nver(\"a\") = \"4\"\nval(\"a\") = \"3\"\n\nput x 1\nget x\nget a\ndel absent\n\nput y 1\n\n",
    ),
    ("txn -w json", "val(\"q\") = \"0\"\n\nget a\n\nput y 1\nget y\n\n"),
    ("txn -w json", "create(\"q\") = \"0\"\n\nget \"\" --prefix\n\n\n"),
    ("txn -w json", "c(\"a\") < \"9\"\nc(\"a\") > \"1\"\n\n\nput n 1\n\n"),
    ("txn", "\nput a 1\nput a 2\n\n\n"),
    ("txn", "\nput a 1\ndel a\n\n\n"),
    ("txn", "\ndel a --from-key\nput b 1\n\n\n"),
    ("txn", "\nget a --rev=1000\n\n\n"),
    ("txn", "\nput n 1 --lease=99\n\n\n"),
    ("lease grant 100", ""),
    ("lease grant 9000000001", ""),
    ("lease grant 1", ""),
    ("lease revoke 7b", ""),
    ("lease timetolive 7b --keys", ""),
    ("lease keep-alive --once 7b", ""),
    ("compact 5", ""),
    ("compact 5", ""),
    ("compact 500", ""),
    ("compaction --physical 8", ""),
    ("get a --rev 5", ""),
    ("endpoint hashkv -w json", ""),
    ("endpoint hashkv --rev 12 -w json", ""),
    ("endpoint hashkv --rev 8", ""),
    ("watch a --rev 3", ""),
    ("alarm list", ""),
    ("alarm disarm", ""),
    ("defrag", ""),
    ("move-leader 1234", ""),
    ("member add x", ""),
    ("member add x --peer-urls=bad", ""),
    ("member remove 1234", ""),
    ("member promote 1234", ""),
    ("member update 1234 --peer-urls=http://127.0.0.1:1", ""),
    ("auth enable", ""),
    ("auth disable", ""),
    ("user list", ""),
    ("user get x", ""),
    ("user delete x", ""),
    ("user grant-role x y", ""),
    ("user revoke-role x y", ""),
    ("role list", ""),
    ("role get x", ""),
    ("role delete x", ""),
    ("role grant-permission x read a", ""),
    ("--user a:b get a", ""),
    ("lock l echo held", ""),
    ("get l/ --prefix", ""),
    ("get /registry/health", ""),
];

/// What `etcdctl` prints for all of this against one server.
async fn transcript(kind: Kind) -> String {
    let dir = Dir::new(&format!("single-{kind:?}"));
    let member = Member::new("default");
    let all = [member.clone()];
    let _server = Server::start(kind, &dir, &member, &all, &[]);
    let ctl = Ctl::new([member.client]);
    ctl.ready().await;
    let mut text = String::new();
    let mut told = |line: &str, printed: String| {
        write!(text, "$ {line}\n{}", normal(&printed)).unwrap();
    };
    for (line, stdin) in COMMANDS {
        told(line, ctl.run(line, stdin).await);
    }
    own_address(&ctl, &member, &mut told).await;
    leases(&ctl, &mut told).await;
    watches(&ctl, &mut told).await;
    elections(&ctl, &mut told).await;
    text
}

async fn own_address(ctl: &Ctl, member: &Member, told: &mut impl FnMut(&str, String)) {
    let line = format!("member add x --peer-urls=http://{}", member.peer);
    told("member add with a peer URL that is taken", ctl.run(&line, "").await);
}

/// The id in what `lease grant` prints.
fn granted(printed: &str) -> String {
    printed.split_whitespace().nth(1).unwrap().to_owned()
}

async fn leases(ctl: &Ctl, told: &mut impl FnMut(&str, String)) {
    let lease = granted(&ctl.run("lease grant 500", "").await);
    told("put with a lease", ctl.run(&format!("put leased 1 --lease={lease}"), "").await);
    told("put once more", ctl.run(&format!("put leased --ignore-value --lease={lease}"), "").await);
    told("get it", ctl.run("get leased -w json", "").await);
    let left = ctl.run(&format!("lease timetolive {lease} --keys"), "").await;
    // How much is left depends on the time.
    let (before, after) = left.split_once("remaining(").unwrap();
    let (seconds, after) = after.split_once("s)").unwrap();
    assert!((400..=500).contains(&seconds.parse::<u32>().unwrap()), "{left}");
    told("lease timetolive --keys", format!("{before}remaining(TIME){after}"));
    told("lease keep-alive --once", ctl.run(&format!("lease keep-alive --once {lease}"), "").await);
    let line = format!("lease keep-alive {lease}");
    told("lease keep-alive", ctl.first_lines(&line, 1, async || {}).await);
    let detach = ctl.run("put leased 2", "").await;
    told("put without the lease", detach);
    told("put another with it", ctl.run(&format!("put other 1 --lease={lease}"), "").await);
    told("lease revoke", ctl.run(&format!("lease revoke {lease}"), "").await);
    told("what is left", ctl.run("get leased other", "").await);
    let short = granted(&ctl.run("lease grant 2", "").await);
    ctl.run(&format!("put short 1 --lease={short}"), "").await;
    told(
        "watch a key until its lease runs out",
        ctl.first_lines("watch short", 2, async || {}).await,
    );
    told("lease timetolive of it", ctl.run(&format!("lease timetolive {short}"), "").await);
}

async fn watches(ctl: &Ctl, told: &mut impl FnMut(&str, String)) {
    for i in 0..4 {
        ctl.run(&format!("put w{i} {i}"), "").await;
    }
    ctl.run("del w1", "").await;
    let at = ctl.run("get w0 -w json", "").await;
    let json: serde_json::Value = serde_json::from_str(&at).unwrap();
    let from = json["kvs"][0]["create_revision"].as_i64().unwrap();
    let history = format!("watch w --prefix --rev={from} --prev-kv");
    told("watch --prefix --rev --prev-kv", ctl.first_lines(&history, 16, async || {}).await);
    let range = format!("watch w1 w3 --rev={from} -w json");
    told("watch of a range", ctl.first_lines(&range, 1, async || {}).await);
    let txn = format!("watch \"\" --from-key --rev={} -w json", from + 5);
    let put = async || {
        drop(ctl.run("txn", "\nput w5 5\nput w6 6\ndel w2\n\n\n").await);
    };
    told("watch of a transaction", ctl.first_lines(&txn, 1, put).await);
    let exec = format!(
        "watch w --prefix --rev={from} -- sh -c \"echo $ETCD_WATCH_KEY $ETCD_WATCH_EVENT_TYPE\""
    );
    told("watch with a command", ctl.first_lines(&exec, 5, async || {}).await);
}

async fn elections(ctl: &Ctl, told: &mut impl FnMut(&str, String)) {
    let stand = async || {
        let observed = ctl.first_lines("elect e -l", 2, async || {}).await;
        assert!(observed.ends_with("me\n"), "{observed}");
    };
    told("elect", ctl.first_lines("elect e me", 2, stand).await);
    // It resigned, or its session runs out; a lock is waited for in line.
    let second = async || drop(ctl.run("get nothing", "").await);
    told("lock", ctl.first_lines("lock m", 1, second).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn etcdctl_prints_of_one_member_what_it_prints_of_etcd() {
    if !is_installed("etcdctl") {
        return;
    }
    let ours = beside_etcd(transcript).await;
    if is_known() {
        insta::assert_snapshot!("single", ours);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_mirror_is_made_from_one_member_to_another() {
    if !is_installed("etcdctl") {
        return;
    }
    let dir = Dir::new("mirror");
    let members = [Member::new("from"), Member::new("to")];
    let _servers =
        members.clone().map(|m| Server::start(Kind::Mini, &dir, &m, std::slice::from_ref(&m), &[]));
    let [from, to] = members.map(|m| Ctl::new([m.client]));
    from.ready().await;
    to.ready().await;
    for i in 0..3 {
        from.run(&format!("put m{i} {i}"), "").await;
    }
    let line = format!("make-mirror {}", to.endpoints[0]);
    let mirrored = async || {
        from.run("put m3 3", "").await;
        from.run("del m0", "").await;
        while to.run("get m --prefix --print-value-only", "").await != "1\n2\n3\n" {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    from.first_lines(&line, 0, mirrored).await;
}
