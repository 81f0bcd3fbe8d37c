//! A server that says what a test tells it to, byte by byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use harness_env::{Env, Stream, Tasks};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

/// What the server does with a request.
pub(crate) enum Reply {
    /// Answers with a status, further header lines and a JSON body.
    Json(u16, &'static str, Value),
    /// Answers 200 with these chunks, and then ends the body if so told, or breaks off.
    Chunks(Vec<String>, bool),
    /// Closes the connection without an answer.
    Close,
    /// Answers well and closes the connection afterwards, unannounced.
    JsonThenClose(Value),
    /// Answers 200 with a body of what comes through the channel, until that ends.
    Stream(mpsc::UnboundedReceiver<String>),
    /// Never answers.
    Never,
}

/// A running fake.
pub(crate) struct Fake {
    pub(crate) addr: SocketAddr,
    /// `connection METHOD path`, in order.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
    _tasks: Tasks,
}

impl Fake {
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").clone()
    }
}

/// Serves `script`, which gets `METHOD path` and the body.
pub(crate) async fn serve(
    env: &Env,
    script: impl FnMut(&str, &str) -> Reply + Send + 'static,
) -> Fake {
    let listener = env.listen_port(0).await.expect("a free port");
    let addr = listener.local_addr();
    let (tasks, seen, heads) = (env.tasks(), Arc::default(), Arc::default());
    let script = Arc::new(Mutex::new(script));
    let inner = env.tasks();
    let (shared_seen, shared_heads) = (Arc::clone(&seen), Arc::clone(&heads));
    tasks.spawn(async move {
        let mut number = 0;
        while let Ok(stream) = listener.accept().await {
            let (seen, heads) = (Arc::clone(&shared_seen), Arc::clone(&shared_heads));
            let script = script.clone();
            inner.spawn(async move {
                let _ = connection(stream, number, &seen, &heads, &*script).await;
            });
            number += 1;
        }
    });
    Fake { addr, seen, heads, _tasks: tasks }
}

async fn connection(
    mut stream: Box<dyn Stream>,
    number: usize,
    seen: &Mutex<Vec<String>>,
    heads: &Mutex<Vec<String>>,
    script: &Mutex<impl FnMut(&str, &str) -> Reply>,
) -> std::io::Result<()> {
    loop {
        let (head, body) = request(&mut stream).await?;
        let line = head.lines().next().unwrap_or_default();
        let line = line.trim_end_matches(" HTTP/1.1").to_string();
        seen.lock().expect("no panic").push(format!("{number} {line}"));
        heads.lock().expect("no panic").push(head);
        let reply = (script.lock().expect("no panic"))(&line, &body);
        let json = |status: u16, headers: &str, body: &Value| {
            let body = body.to_string();
            let length = body.len();
            format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        };
        match reply {
            Reply::Json(status, headers, body) => {
                stream.write_all(json(status, headers, &body).as_bytes()).await?;
            }
            Reply::JsonThenClose(body) => {
                stream.write_all(json(200, "", &body).as_bytes()).await?;
                return stream.shutdown().await;
            }
            Reply::Chunks(chunks, ends) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                for chunk in chunks {
                    let framed = format!("{:x}\r\n{chunk}\r\n", chunk.len());
                    stream.write_all(framed.as_bytes()).await?;
                    stream.flush().await?;
                }
                if !ends {
                    return stream.shutdown().await;
                }
                stream.write_all(b"0\r\n\r\n").await?;
            }
            Reply::Stream(mut lines) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                while let Some(line) = lines.recv().await {
                    let framed = format!("{:x}\r\n{line}\r\n", line.len());
                    stream.write_all(framed.as_bytes()).await?;
                    stream.flush().await?;
                }
                stream.write_all(b"0\r\n\r\n").await?;
            }
            Reply::Close => return stream.shutdown().await,
            Reply::Never => std::future::pending().await,
        }
    }
}

async fn request(stream: &mut Box<dyn Stream>) -> std::io::Result<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap_or("0");
            let length: usize =
                length.lines().next().unwrap_or("0").trim().parse().unwrap_or_default();
            let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
            if bytes.len() >= at + 4 + length {
                let body = &bytes[at + 4..at + 4 + length];
                return Ok((head, String::from_utf8_lossy(body).into_owned()));
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&chunk[..read]);
    }
}
