//! How messages leave: one task for each other member dials, says who it is, and writes what is
//! queued, until the connection fails; then it tries again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anatomy_proto::raftpb::MessageType;
use harness_env::{Env, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::wire::{self, Content, Frame, Hello, Verdict, Welcome};
use super::{IDLE_MAX, Link};
use crate::server::node::Input;

/// Between two tries (etcd 3.2 rafthttp/stream.go, `streamReader.run`).
const PAUSE: Duration = Duration::from_millis(100);
/// A connection that is silent this long carries an empty frame (rafthttp: a third of the read
/// time-out; it sends one whether silent or not).
const SILENCE_MAX: Duration = IDLE_MAX.checked_div(3).expect("three is not zero");
/// Messages are gathered up to this many bytes for one write.
const WRITE_BYTES: usize = 64 << 10;

/// Who this member is to others.
#[derive(Clone)]
pub(crate) struct Local {
    pub id: u64,
    pub cluster: u64,
    pub version: String,
    pub url: String,
    pub dial_timeout: Duration,
    pub inputs: mpsc::Sender<Input>,
}

pub(super) struct Dialler {
    pub env: Env,
    pub local: Local,
    pub to: u64,
    pub addr: SocketAddr,
    pub link: Arc<Link>,
    pub inbox: mpsc::Receiver<Frame>,
}

impl Dialler {
    pub async fn run(mut self) {
        loop {
            let dialled = timeout(self.local.dial_timeout, self.dial()).await;
            if let Ok(Ok(stream)) = dialled {
                tracing::debug!(kind = "etcd.peer.up", to = self.to, "connected to a member");
                self.link.set(Some(Instant::now()));
                let error = self.pump(stream).await;
                self.link.set(None);
                tracing::debug!(kind = "etcd.peer.down", to = self.to, %error, "lost a member");
                self.drain().await;
            }
            sleep(PAUSE).await;
        }
    }

    async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        let mut stream = self.env.connect(self.addr).await?;
        let Local { cluster, id, version, url, .. } = &self.local;
        let (version, url) = (version.clone(), url.clone());
        let hello = Hello { cluster: *cluster, from: *id, to: self.to, version, url };
        wire::write(&mut stream, &hello).await?;
        let welcome: Welcome = wire::read(&mut stream).await?;
        match welcome.verdict() {
            Verdict::Welcome => Ok(stream),
            Verdict::Removed => {
                drop(self.local.inputs.send(Input::Removed).await);
                Err(io::Error::other("this member was removed"))
            }
            Verdict::OtherCluster | Verdict::OtherMember => {
                Err(io::Error::other("somebody else listens there"))
            }
        }
    }

    /// Writes until the connection fails.
    async fn pump(&mut self, stream: Box<dyn Stream>) -> io::Error {
        let (mut read, mut write) = tokio::io::split(stream);
        let mut anew = self.link.anew.subscribe();
        let mut bytes = Vec::new();
        let mut nothing = [0; 16];
        loop {
            bytes.clear();
            let mut snapshots = 0;
            tokio::select! {
                biased;
                // The other side sends nothing more: this ends when it does.
                end = read.read(&mut nothing) => match end {
                    Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                    Ok(_) => return io::ErrorKind::InvalidData.into(),
                    Err(error) => return error,
                },
                // The link lives as long as this task.
                _ = anew.changed() => return io::Error::other("nothing comes from the other side"),
                frame = timeout(SILENCE_MAX, self.inbox.recv()) => {
                    let mut next = match frame {
                        Ok(Some(frame)) => Some(frame),
                        Ok(None) => return io::Error::other("the member is no longer one"),
                        Err(_) => Some(Frame::default()),
                    };
                    while let Some(frame) = next {
                        snapshots += usize::from(is_snapshot(&frame));
                        wire::encode(&frame, &mut bytes);
                        next = if bytes.len() < WRITE_BYTES { self.inbox.try_recv().ok() } else { None };
                    }
                }
            }
            let written = timeout(IDLE_MAX, async {
                write.write_all(&bytes).await?;
                write.flush().await
            });
            let result = written.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            for _ in 0..snapshots {
                self.tell(Input::SnapshotSent { to: self.to, ok: result.is_ok() }).await;
            }
            if let Err(error) = result {
                return error;
            }
        }
    }

    /// Drops what is queued and tells Raft that it did not arrive.
    async fn drain(&mut self) {
        let mut snapshots = 0;
        while let Ok(frame) = self.inbox.try_recv() {
            snapshots += usize::from(is_snapshot(&frame));
        }
        for _ in 0..snapshots {
            self.tell(Input::SnapshotSent { to: self.to, ok: false }).await;
        }
        self.tell(Input::Unreachable(self.to)).await;
    }

    async fn tell(&self, input: Input) {
        // The node is gone only when the member stops.
        drop(self.local.inputs.send(input).await);
    }
}

fn is_snapshot(frame: &Frame) -> bool {
    let Some(Content::Raft(message)) = &frame.content else {
        return false;
    };
    message.r#type() == MessageType::MsgSnap
}
