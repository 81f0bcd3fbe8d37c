//! Running `etcdctl`.

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::Kind;

/// Whether a program is there. If not, that is told on the terminal, past the test's captured
/// output, or is a failure where it was asked for.
pub fn is_installed(program: &str) -> bool {
    let found = std::process::Command::new(program)
        .arg(if program == "etcd" { "--version" } else { "version" })
        .env("ETCDCTL_API", "3")
        .output();
    let there = found.is_ok_and(|output| output.status.success());
    if !there {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        assert!(
            std::env::var_os("ANATOMY_ETCDCTL").is_none_or(|value| value != "required"),
            "{test}: {program} is not installed (apt-get install etcd-client etcd-server)"
        );
        let told =
            format!("\nSKIPPED {test}: {program} is not installed, so this proves nothing\n");
        drop(std::io::stderr().write_all(told.as_bytes()));
    }
    there
}

/// Whether this is the `etcdctl` whose words the snapshots hold.
pub fn is_known() -> bool {
    let output =
        std::process::Command::new("etcdctl").arg("version").env("ETCDCTL_API", "3").output();
    output.unwrap().stdout.starts_with(b"etcdctl version: 3.4.")
}

/// What is printed of our servers: where `etcd` is installed, the same as of its own.
pub async fn beside_etcd(transcript: impl AsyncFn(Kind) -> String) -> String {
    let etcds = async {
        match is_installed("etcd") {
            true => Some(transcript(Kind::Etcd).await),
            false => None,
        }
    };
    let (ours, etcds) = tokio::join!(transcript(Kind::Mini), etcds);
    if let Some(etcds) = etcds {
        assert_eq!(ours, etcds, "etcd itself prints the right side");
    }
    ours
}

/// `etcdctl` with these endpoints.
#[derive(Clone)]
pub struct Ctl {
    pub endpoints: Vec<SocketAddr>,
}

impl Ctl {
    pub fn new(endpoints: impl IntoIterator<Item = SocketAddr>) -> Ctl {
        Ctl { endpoints: endpoints.into_iter().collect() }
    }

    fn command(&self, line: &str) -> Command {
        let endpoints: Vec<String> = self.endpoints.iter().map(ToString::to_string).collect();
        let mut command = Command::new("etcdctl");
        command
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", endpoints.join(",")))
            .args(words(line))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// What a command prints: its output, and of its errors the last word.
    pub async fn run(&self, line: &str, stdin: &str) -> String {
        let mut child = self.command(line).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(stdin.as_bytes()).await.unwrap();
        drop(input);
        let output = timeout(Duration::from_secs(30), child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("etcdctl {line} hangs")).unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        for error in errors.lines().filter(|line| !line.starts_with('{')) {
            text.push_str(error);
            text.push('\n');
        }
        text
    }

    /// The first lines that a command prints which does not end by itself. `meanwhile` is run once
    /// it has started.
    pub async fn first_lines(
        &self,
        line: &str,
        many: usize,
        meanwhile: impl AsyncFnOnce(),
    ) -> String {
        let mut child = self.command(line).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reading = async {
            let mut text = String::new();
            for _ in 0..many {
                match lines.next_line().await.unwrap() {
                    Some(line) => text = text + &line + "\n",
                    None => break,
                }
            }
            text
        };
        let both = async { tokio::join!(reading, meanwhile()) };
        let read = timeout(Duration::from_secs(30), both).await;
        read.unwrap_or_else(|_| panic!("etcdctl {line} prints less than {many} lines")).0
    }

    /// Runs a command until it prints this: servers take their time. What it printed then.
    pub async fn until(&self, line: &str, expected: &str) -> String {
        let mut last = String::new();
        let trying = async {
            loop {
                last = self.run(line, "").await;
                if last.contains(expected) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if timeout(Duration::from_secs(60), trying).await.is_err() {
            panic!("etcdctl {line} should print `{expected}` and prints\n{last}");
        }
        last
    }

    /// Returns when the servers answer.
    pub async fn ready(&self) {
        for endpoint in &self.endpoints {
            let one = Ctl::new([*endpoint]);
            one.until("endpoint health --command-timeout=1s", "is healthy").await;
        }
    }
}

/// The words of a line; those in quotation marks may be empty or have spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('"').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
