//! A stock kube-apiserver 1.20 with a member as its store. There is no Debian package of it (the
//! source package `kubernetes` 1.20.2 makes one: `make WHAT=cmd/kube-apiserver`; with Go 1.18 or newer its
//! vendored `reflect2` has to be 1.0.2, for 1.0.1 reads the insides of an older Go's maps), so the test
//! runs where `ANATOMY_KUBE_APISERVER` names the program, and says so where it does not. It also needs
//! `openssl` and `curl`. What it asks of etcd is played without it in `tests/server/kubernetes.rs`.

mod port;
#[path = "etcdctl/process.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod process;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use process::{Dir, Kind, Member, Server};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::timeout;

struct Apiserver {
    port: u16,
    _child: Child,
}

impl Apiserver {
    async fn start(program: &str, dir: &Path, etcd: &Member) -> Apiserver {
        let port = Member::new("").client.port();
        let key = dir.join("sa.key");
        let made = Command::new("openssl").args(["genrsa", "-out"]).arg(&key).output().await;
        assert!(made.unwrap().status.success(), "openssl makes a key");
        let tokens = dir.join("tokens");
        std::fs::write(&tokens, "secret,admin,1,\"system:masters\"\n").unwrap();
        let file = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let child = Command::new(program)
            .arg(format!("--etcd-servers=http://{}", etcd.client))
            .args(["--service-cluster-ip-range=10.0.0.0/24", "--bind-address=127.0.0.1"])
            .args(["--advertise-address=10.9.8.7", "--authorization-mode=AlwaysAllow"])
            .args([&format!("--secure-port={port}"), "--etcd-compaction-interval=3s"])
            .args(["--service-account-issuer=https://kubernetes.default.svc"])
            .args(["--disable-admission-plugins=ServiceAccount"])
            .args([file("service-account-signing-key-file", &key)])
            .args([file("service-account-key-file", &key), file("token-auth-file", &tokens)])
            .args([file("cert-dir", dir)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.join("apiserver.log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let apiserver = Apiserver { port, _child: child };
        apiserver.until(async || apiserver.get("/readyz").await == "ok").await;
        apiserver
    }

    async fn until(&self, holds: impl AsyncFn() -> bool) {
        let waiting = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(120), waiting).await.expect("it comes to hold");
    }

    async fn curl(&self, args: &[&str], path: &str) -> String {
        let output = Command::new("curl")
            .args(["-sSk", "--max-time", "30", "-H", "Authorization: Bearer secret"])
            .args(args)
            .arg(format!("https://127.0.0.1:{}{path}", self.port))
            .output();
        let output = output.await.unwrap();
        String::from_utf8(if output.status.success() { output.stdout } else { output.stderr })
            .unwrap()
    }

    async fn get(&self, path: &str) -> String {
        self.curl(&[], path).await
    }

    /// Sends an object. What came back.
    async fn send(&self, method: &str, path: &str, object: &Value) -> Value {
        let body = object.to_string();
        let json = ["-X", method, "-H", "Content-Type: application/json", "-d", &body];
        let answer = self.curl(&json, path).await;
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{method} {path}: {e}: {answer}"))
    }

    async fn read(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await).unwrap_or_default()
    }
}

fn config_map(i: usize) -> Value {
    json!({"metadata": {"name": format!("c{i}")}, "data": {"n": i.to_string()}})
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn a_stock_kube_apiserver_works_on_a_member_and_over_its_restart() {
    let Ok(program) = std::env::var("ANATOMY_KUBE_APISERVER") else {
        let told =
            "\nSKIPPED: ANATOMY_KUBE_APISERVER names no kube-apiserver, so this proves nothing\n";
        drop(std::io::stderr().write_all(told.as_bytes()));
        return;
    };
    let dir = Dir::new("kube-apiserver");
    let member = Member::new("m");
    let all = [member.clone()];
    let mut etcd = Server::start(Kind::Mini, &dir, &member, &all, &[]);
    let apiserver = Apiserver::start(&program, dir.path(), &member).await;
    let default =
        async || apiserver.read("/api/v1/namespaces/default").await["kind"] == "Namespace";
    apiserver.until(default).await;

    // Written, in pages, changed only as it was seen.
    for i in 0..7 {
        assert_eq!(apiserver.send("POST", MAPS, &config_map(i)).await["data"]["n"], i.to_string());
    }
    let again = apiserver.send("POST", MAPS, &config_map(0)).await;
    assert_eq!(again["reason"], "AlreadyExists");
    let page = apiserver.read(&format!("{MAPS}?limit=3")).await;
    let token = page["metadata"]["continue"].as_str().unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let rest = apiserver.read(&format!("{MAPS}?limit=100&continue={token}")).await;
    let names: Vec<_> =
        rest["items"].as_array().unwrap().iter().map(|m| &m["metadata"]["name"]).collect();
    assert!(names.len() >= 4 && names.contains(&&json!("c6")), "{names:?}");
    let seen = apiserver.read(&format!("{MAPS}/c1")).await;
    let mut newer = seen.clone();
    newer["data"]["n"] = json!("changed");
    let path = format!("{MAPS}/c1");
    assert_eq!(apiserver.send("PUT", &path, &newer).await["data"]["n"], "changed");
    assert_eq!(apiserver.send("PUT", &path, &seen).await["reason"], "Conflict");

    // A watch from before: the change and a deletion.
    let version = seen["metadata"]["resourceVersion"].as_str().unwrap();
    apiserver.send("DELETE", &path, &json!({})).await;
    let watch = format!(
        "{MAPS}?watch=true&timeoutSeconds=2&fieldSelector=metadata.name=c1&resourceVersion={version}"
    );
    let events = apiserver.get(&watch).await;
    let kinds: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone())
        .collect();
    assert_eq!(kinds, ["MODIFIED", "DELETED"], "{events}");

    // The member's process ends and comes back: what was written is there, and more can be.
    assert!(etcd.terminate().await);
    let _etcd = Server::start(Kind::Mini, &dir, &member, &all, &[]);
    let back = async || apiserver.read(&format!("{MAPS}/c2")).await["data"]["n"] == "2";
    apiserver.until(back).await;
    let written = async || apiserver.send("POST", MAPS, &config_map(8)).await["data"]["n"] == "8";
    apiserver.until(written).await;
    assert_eq!(apiserver.read(&path).await["reason"], "NotFound");
    // Its compactor drops what is older than an interval or two.
    let exact = format!("{MAPS}?resourceVersionMatch=Exact&resourceVersion={version}");
    apiserver.until(async || apiserver.read(&exact).await["reason"] == "Expired").await;
}
