//! Watches: many of them on one gRPC stream, that is reopened for ever (clientv3 3.1.5 `watch.go`,
//! `watchGrpcStream`).
//!
//! The stream is what matters for the quota: it takes a token and does not give it back while one
//! watch lives. It is opened when there is a first watch, closed with the last, and reopened when its
//! connection is lost; every watch then goes on from the revision after the last that it saw, so that
//! its reader notices nothing.
//!
//! etcd answers creations in order and an answer does not say to which request it belongs, so one
//! creation is under way at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use anatomy_proto::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchRequest, WatchResponse,
    watch_request::RequestUnion,
};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::bidi::Bidi;
use super::conn::Conn;
use super::error::Error;
use super::quota::Life;
use super::retry::halts;

const PATH: &str = "/etcdserverpb.Watch/Watch";

type Key = u64;
type Stream = Bidi<WatchRequest, WatchResponse>;

/// What one watch delivers. Dropping it ends the watch.
pub struct WatchStream {
    responses: mpsc::UnboundedReceiver<Result<WatchResponse, Error>>,
    key: Key,
    commands: mpsc::UnboundedSender<Command>,
}

impl WatchStream {
    /// The next response with events, progress or the end of the watch: after one that is
    /// `canceled`, or an error, comes `None`. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<WatchResponse, Error>> {
        self.responses.recv().await
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Close(self.key));
    }
}

enum Command {
    Create(Key, Watch),
    Close(Key),
}

struct Watch {
    /// As to be asked for next: `start_revision` is the next one wanted.
    request: WatchCreateRequest,
    responses: mpsc::UnboundedSender<Result<WatchResponse, Error>>,
    created: Option<oneshot::Sender<()>>,
}

/// Hands watches to the task that [`run`] is.
pub(super) struct Watcher {
    commands: mpsc::UnboundedSender<Command>,
    next: std::sync::atomic::AtomicU64,
}

pub(super) struct Commands(mpsc::UnboundedReceiver<Command>);

impl Watcher {
    pub fn new() -> (Self, Commands) {
        let (commands, receiver) = mpsc::unbounded_channel();
        (Watcher { commands, next: std::sync::atomic::AtomicU64::new(0) }, Commands(receiver))
    }

    /// Returns when etcd has created the watch.
    pub async fn watch(&self, request: WatchCreateRequest) -> Result<WatchStream, Error> {
        let key = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, responses) = mpsc::unbounded_channel();
        let (created, is_created) = oneshot::channel();
        let watch = Watch { request, responses: sender, created: Some(created) };
        self.commands.send(Command::Create(key, watch)).map_err(|_| Error::Closed)?;
        let mut stream = WatchStream { responses, key, commands: self.commands.clone() };
        match is_created.await {
            Ok(()) => Ok(stream),
            Err(_) => Err(stream.next().await.and_then(Result::err).unwrap_or(Error::Closed)),
        }
    }
}

/// Serves a client's watches.
pub(super) async fn run(conn: Arc<Conn>, mut commands: Commands) {
    while let Some(command) = commands.0.recv().await {
        let mut watches = Watches::default();
        watches.command(command, None);
        if let Err(status) = serve(&conn, &mut watches, &mut commands).await {
            watches.fail(&status);
        }
    }
}

/// Serves until there are no watches left, or an error ends them all.
async fn serve(conn: &Conn, watches: &mut Watches, commands: &mut Commands) -> Result<(), Status> {
    for stream in 0u64.. {
        if watches.is_empty() {
            break;
        }
        if stream > 0 {
            // The error goes from the goroutine that reads to the one that runs, which waits for
            // those that serve before it opens a new stream: three hand-overs.
            let mut points = conn.next_points();
            for _ in 0..3 {
                points.point().await;
            }
        }
        let Some(mut stream) = open(conn, watches, commands).await? else { break };
        watches.resume(&stream);
        while !watches.is_empty() {
            tokio::select! {
                biased;
                command = commands.0.recv() => match command {
                    Some(command) => watches.command(command, Some(&stream)),
                    None => return Ok(()),
                },
                response = stream.next() => match response {
                    Ok(Some(response)) => watches.response(response, &stream),
                    // Go's io.EOF, which is no gRPC error and ends the watches.
                    Ok(None) => return Err(Status::unknown("EOF")),
                    Err(status) if halts(&status) => return Err(status),
                    Err(status) => {
                        tracing::debug!(
                            kind = "etcd-client.watch.reopened",
                            client = %conn.name(),
                            endpoint = %stream.endpoint(),
                            "the etcd client for {} lost its watch stream to {}: {}",
                            conn.name(),
                            stream.endpoint(),
                            status.message()
                        );
                        break;
                    }
                },
            }
        }
        drop(stream);
        conn.lap().await;
    }
    Ok(())
}

/// Opens the stream; `None` where the last watch went away meanwhile.
async fn open(
    conn: &Conn,
    watches: &mut Watches,
    commands: &mut Commands,
) -> Result<Option<Stream>, Status> {
    let opening = async {
        loop {
            match Stream::open(conn, Life::Long, PATH).await {
                Err(status) if !halts(&status) => conn.lap().await,
                opened => return opened,
            }
        }
    };
    let mut opening = std::pin::pin!(opening);
    while !watches.is_empty() {
        tokio::select! {
            biased;
            command = commands.0.recv() => match command {
                Some(command) => watches.command(command, None),
                None => return Ok(None),
            },
            opened = &mut opening => return opened.map(Some),
        }
    }
    Ok(None)
}

#[derive(Default)]
struct Watches {
    all: BTreeMap<Key, Watch>,
    /// Those that etcd has created on this stream, by its number for them.
    created: BTreeMap<i64, Key>,
    /// Those still to be created; the first has been asked for.
    line: VecDeque<Key>,
}

impl Watches {
    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn command(&mut self, command: Command, stream: Option<&Stream>) {
        match command {
            Command::Create(key, watch) => {
                self.all.insert(key, watch);
                self.line.push_back(key);
                if let (Some(stream), 1) = (stream, self.line.len()) {
                    self.ask(stream);
                }
            }
            // The stream is told when a response for it comes, as in clientv3.
            Command::Close(key) => drop(self.all.remove(&key)),
        }
    }

    /// A new stream: everything is to be created anew.
    fn resume(&mut self, stream: &Stream) {
        self.created.clear();
        self.line = self.all.keys().copied().collect();
        self.ask(stream);
    }

    /// Asks for the first in line that still wants to be created.
    fn ask(&mut self, stream: &Stream) {
        while let Some(key) = self.line.front() {
            if let Some(watch) = self.all.get(key) {
                stream.send(create(watch.request.clone()));
                return;
            }
            self.line.pop_front();
        }
    }

    fn response(&mut self, response: WatchResponse, stream: &Stream) {
        let id = response.watch_id;
        if response.created {
            if let Some(key) = self.line.pop_front() {
                self.created.insert(id, key);
                self.deliver(key, response, stream);
            }
            self.ask(stream);
        } else if let Some(key) = self.created.get(&id).copied() {
            self.deliver(key, response, stream);
        }
    }

    fn deliver(&mut self, key: Key, response: WatchResponse, stream: &Stream) {
        let (id, canceled) = (response.watch_id, response.canceled);
        match self.all.get_mut(&key) {
            Some(watch) => watch.deliver(response),
            // Its reader has gone.
            None if !canceled => stream.send(cancel(id)),
            None => {}
        }
        if canceled || !self.all.contains_key(&key) {
            self.all.remove(&key);
            self.created.remove(&id);
        }
    }

    /// Ends all watches.
    fn fail(&mut self, status: &Status) {
        for watch in std::mem::take(&mut self.all).into_values() {
            let _ = watch.responses.send(Err(Error::from_status(status)));
        }
    }
}

impl Watch {
    fn deliver(&mut self, response: WatchResponse) {
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        let last = response.events.last().and_then(|event| event.kv.as_ref());
        match last {
            Some(kv) => self.request.start_revision = kv.mod_revision + 1,
            // A watch "from now on" goes on from the moment of its creation; a progress
            // notification says that everything up to its revision has been sent.
            None if !response.created || self.request.start_revision == 0 => {
                self.request.start_revision = self.request.start_revision.max(revision + 1);
            }
            None => {}
        }
        if response.created
            && let Some(created) = self.created.take()
        {
            let _ = created.send(());
        }
        if !response.created || response.canceled || last.is_some() {
            // The reader may be gone; its `Close` is on the way then.
            let _ = self.responses.send(Ok(response));
        }
    }
}

fn create(request: WatchCreateRequest) -> WatchRequest {
    WatchRequest { request_union: Some(RequestUnion::CreateRequest(request)) }
}

fn cancel(watch_id: i64) -> WatchRequest {
    let request = WatchCancelRequest { watch_id };
    WatchRequest { request_union: Some(RequestUnion::CancelRequest(request)) }
}
