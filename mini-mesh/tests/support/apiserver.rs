//! A fake apiserver that answers with what the test wrote, byte by byte.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use harness_env::{Stream, Tasks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::memory::World;

#[derive(Clone)]
pub struct Apiserver {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Objects by name: the JSON of `subsets`, or nothing where the field is absent.
    objects: BTreeMap<String, Option<String>>,
    version: u64,
    list_status: Option<u16>,
    watch_status: Option<u16>,
    gone_once: bool,
    silent: bool,
    watches: Vec<mpsc::UnboundedSender<Option<String>>>,
    requests: Vec<String>,
}

/// The JSON of subsets with these pods.
pub fn subsets(pods: &[u8]) -> String {
    if pods.is_empty() {
        return "[]".into();
    }
    let ips: Vec<_> = pods.iter().map(|n| format!(r#"{{"ip":"10.0.0.{n}"}}"#)).collect();
    let ports = r#"[{"name":"http","port":80,"protocol":"TCP"}]"#;
    format!(r#"[{{"addresses":[{}],"ports":{ports}}}]"#, ips.join(","))
}

fn object(name: &str, version: u64, subsets: Option<&str>) -> String {
    let metadata = format!(r#"{{"name":"{name}","resourceVersion":"{version}"}}"#);
    let subsets = subsets.map(|subsets| format!(r#","subsets":{subsets}"#)).unwrap_or_default();
    format!(r#"{{"kind":"Endpoints","metadata":{metadata}{subsets}}}"#)
}

impl Apiserver {
    pub async fn start(world: &World, tasks: &Tasks, addr: SocketAddr) -> Self {
        let server = Apiserver { state: Arc::default() };
        let env = world.env("apiserver", addr.ip());
        let listener = env.listen(addr).await.unwrap();
        let accepting = server.clone();
        tasks.spawn(async move {
            let connections = env.tasks();
            while let Ok(stream) = listener.accept().await {
                connections.spawn(accepting.clone().serve(stream));
            }
        });
        server
    }

    /// Sets an object without telling any watch.
    pub fn put(&self, name: &str, subsets: impl Into<String>) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        state.objects.insert(name.into(), Some(subsets.into()));
    }

    /// Sets an object that has no field `subsets`, without telling any watch.
    pub fn put_absent(&self, name: &str) {
        self.state.lock().unwrap().objects.insert(name.into(), None);
    }

    /// Takes an object away without telling any watch.
    pub fn remove(&self, name: &str) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        state.objects.remove(name);
    }

    /// Tells every watch of an event.
    pub fn event(&self, kind: &str, name: &str, subsets: &str) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        let object = object(name, state.version, Some(subsets));
        state.tell(&format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"));
    }

    /// Sends every watch these bytes.
    pub fn raw(&self, text: &str) {
        self.state.lock().unwrap().tell(text);
    }

    /// The next watch is answered with status 410.
    pub fn gone_once(&self) {
        self.state.lock().unwrap().gone_once = true;
    }

    /// Ends every watch.
    pub fn end_watches(&self) {
        self.state.lock().unwrap().watches.clear();
    }

    /// From here on lists are answered with this status.
    pub fn list_status(&self, status: Option<u16>) {
        self.state.lock().unwrap().list_status = status;
    }

    /// From here on watches are answered with this status.
    pub fn watch_status(&self, status: Option<u16>) {
        self.state.lock().unwrap().watch_status = status;
    }

    /// From here on nothing is answered.
    pub fn silence(&self) {
        self.state.lock().unwrap().silent = true;
    }

    pub fn version(&self) -> u64 {
        self.state.lock().unwrap().version
    }

    pub fn watch_count(&self) -> usize {
        let mut state = self.state.lock().unwrap();
        state.watches.retain(|watch| !watch.is_closed());
        state.watches.len()
    }

    /// The requests since the last call: heads, in order.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    /// The targets of the requests since the last call.
    pub fn targets(&self) -> Vec<String> {
        let requests = self.requests();
        requests.iter().map(|head| head.split(' ').nth(1).unwrap().into()).collect()
    }

    async fn serve(self, mut stream: Box<dyn Stream>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let watch = head.contains("watch=true");
        let (answer, events) = self.state.lock().unwrap().answer(head, watch);
        let Some(answer) = answer else { std::future::pending().await };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        let Some(mut events) = events else { return };
        while let Some(Some(text)) = events.recv().await {
            let chunk = format!("{:x}\r\n{text}\r\n", text.len());
            if stream.write_all(chunk.as_bytes()).await.is_err() {
                return;
            }
        }
        let _ = stream.write_all(b"0\r\n\r\n").await;
    }
}

impl State {
    fn tell(&mut self, text: &str) {
        self.watches.retain(|watch| watch.send(Some(text.into())).is_ok());
    }

    fn answer(
        &mut self,
        head: String,
        watch: bool,
    ) -> (Option<String>, Option<mpsc::UnboundedReceiver<Option<String>>>) {
        self.requests.push(head);
        if self.silent {
            return (None, None);
        }
        if let Some(status) = if watch { self.watch_status } else { self.list_status } {
            return (Some(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")), None);
        }
        if watch && std::mem::take(&mut self.gone_once) {
            return (Some("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n".into()), None);
        }
        if watch {
            let (sender, events) = mpsc::unbounded_channel();
            self.watches.push(sender);
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            return (Some(head.into()), Some(events));
        }
        let items: Vec<_> = self
            .objects
            .iter()
            .map(|(name, subsets)| object(name, 1, subsets.as_deref()))
            .collect();
        let metadata = format!(r#"{{"resourceVersion":"{}"}}"#, self.version);
        let body = format!(r#"{{"metadata":{metadata},"items":[{}]}}"#, items.join(","));
        let length = body.len();
        (Some(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")), None)
    }
}
