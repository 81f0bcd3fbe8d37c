//! A snapshot of ours in etcd's hands.

use crate::ctl::{Ctl, is_installed};
use crate::process::{Dir, Kind, Member, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn etcd_itself_goes_on_from_a_snapshot_of_ours() {
    if !is_installed("etcdctl") || !is_installed("etcd") {
        return;
    }
    let dir = Dir::new("restore");
    let member = Member::new("m");
    let all = [member.clone()];
    let mut server = Server::start(Kind::Mini, &dir, &member, &all, &[]);
    let ctl = Ctl::new([member.client]);
    ctl.ready().await;
    let large = "x".repeat(9000);
    for i in 0..300 {
        let value = if i % 50 == 0 { large.clone() } else { i.to_string() };
        ctl.run("txn", &format!("\nput k{i} {value}\nput again {i}\n\n\n")).await;
    }
    ctl.run("del k7", "").await;
    ctl.run("compact 100", "").await;
    let lease = ctl.run("lease grant 5000", "").await;
    let lease = lease.split_whitespace().nth(1).unwrap();
    ctl.run(&format!("put leased 1 --lease={lease}"), "").await;
    let before = ctl.run("get \"\" --prefix", "").await;
    let hash = |json: String| json.split("\"hash\":").nth(1).map(|h| h[..6].to_owned());
    let hash_before = hash(ctl.run("endpoint hashkv -w json", "").await);

    let file = dir.path().join("file.db");
    let saved = ctl.run(&format!("snapshot save {}", file.display()), "").await;
    assert!(saved.contains("Snapshot saved at"), "{saved}");
    let status = ctl.run(&format!("snapshot status {} -w json", file.display()), "").await;
    assert!(status.contains("\"revision\":303"), "{status}");
    assert!(server.terminate().await);

    let restored = dir.path().join("restored");
    let peer = format!("http://{}", member.peer);
    let line = format!(
        "snapshot restore {} --name m --data-dir {} --initial-cluster m={peer} \
         --initial-advertise-peer-urls {peer}",
        file.display(),
        restored.display()
    );
    ctl.run(&line, "").await;
    std::fs::remove_dir_all(dir.path().join("m")).unwrap();
    std::fs::rename(&restored, dir.path().join("m")).unwrap();
    let _etcd = Server::start(Kind::Etcd, &dir, &member, &all, &[]);
    ctl.ready().await;
    assert_eq!(ctl.run("get \"\" --prefix", "").await, before);
    assert_eq!(hash(ctl.run("endpoint hashkv -w json", "").await), hash_before);
    assert!(ctl.run("get k5 --rev=99", "").await.contains("compacted"));
    let left = ctl.run(&format!("lease timetolive {lease} --keys"), "").await;
    assert!(left.contains("granted with TTL(5000s)") && left.contains("leased"), "{left}");
    assert_eq!(ctl.run("put new 1", "").await, "OK\n");
}
