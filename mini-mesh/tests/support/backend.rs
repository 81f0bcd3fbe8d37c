//! A fake pod: answers every request with a fixed body, and counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use harness_env::{Stream, Task, Tasks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::memory::World;

/// Dropping it kills the pod: its connections end and its address refuses.
pub struct Backend {
    shared: Arc<Shared>,
    _task: Task,
}

struct Shared {
    body: String,
    status: AtomicU16,
    requests: AtomicUsize,
    connections: AtomicUsize,
}

impl Backend {
    pub async fn start(world: &World, tasks: &Tasks, addr: SocketAddr, body: String) -> Self {
        let shared = Arc::new(Shared {
            body,
            status: AtomicU16::new(200),
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        });
        let env = world.env("pod", addr.ip());
        let listener = env.listen(addr).await.unwrap();
        let serving = Arc::clone(&shared);
        let task = tasks.spawn_owned(async move {
            let connections = env.tasks();
            while let Ok(stream) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(serve(Arc::clone(&serving), stream));
            }
        });
        Backend { shared, _task: task }
    }

    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Answers with this status from here on; 0: not at all.
    pub fn set_status(&self, status: u16) {
        self.shared.status.store(status, Ordering::Relaxed);
    }
}

async fn serve(shared: Arc<Shared>, mut stream: Box<dyn Stream>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        shared.requests.fetch_add(1, Ordering::Relaxed);
        let status = shared.status.load(Ordering::Relaxed);
        if status == 0 {
            std::future::pending::<()>().await;
        }
        let body = format!("{}{}", shared.body, String::from_utf8(body).unwrap());
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
