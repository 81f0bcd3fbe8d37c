//! One HTTP/2 connection, with grpc-go's stream accounting above hyper's.
//!
//! hyper has a stream limit of its own, and its limit is right; grpc-go 1.0.4's is not
//! ([`super::pool`]). The historical one therefore sits on top: a stream is asked of the quota first,
//! and hyper's limit is set so high that it never decides anything until the server's own limit
//! does.
//!
//! As in grpc-go 1.0.4 (`transport/http2_client.go`) a connection is ready as soon as TCP is
//! connected and the preface is written. The server's SETTINGS come later and are applied by a task
//! of their own, so the first streams of a connection may open before there is a quota: they are
//! counted when it is made. A server that names no limit never causes a quota, and nothing ever
//! waits for one. There is no keepalive and no ping: only the network can say that the peer is gone.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use harness_env::{Env, Preemption, Tasks};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::mpsc;
use tonic::Status;
use tonic::body::Body;
use tonic::client::Grpc;

use super::Generation;
use super::channel::Channel;
use super::frames::Seen;
use super::gate::Gate;
use super::quota::{Label, Life, Quota};
use super::settings::Listening;

/// grpc-go 1.0.4 `transport/http2_client.go`: the windows that a client grants.
const STREAM_WINDOW: u32 = 65_535;
const CONNECTION_WINDOW: u32 = 16 * 65_535;
/// grpc-go 1.0.4 keeps a limit in an `int32`.
const MAX_LIMIT: u32 = i32::MAX as u32;
/// High enough that hyper's count never waits before the server's settings are here.
const HYPER_STREAMS: usize = 1 << 30;

/// Why a stream gave no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection is broken or closed (grpc-go `ConnectionError`).
    Lost,
    /// The server opens no more streams on it (grpc-go `ErrStreamDrain`).
    Draining,
    /// An answer, if a bad one.
    Status(Status),
}

pub(super) struct Transport {
    pub label: Label,
    generation: Generation,
    sender: SendRequest<Body>,
    pub signals: Arc<Signals>,
    state: Mutex<State>,
    /// Go's `writableChan`: whoever writes frames holds it.
    writing: tokio::sync::Mutex<()>,
    tasks: Mutex<Option<Tasks>>,
}

#[derive(Default)]
pub(super) struct Signals {
    /// Closed by this end (`shutdownChan`): wakes all who wait.
    pub closed: Gate,
    /// Broken by the network or the peer (`errorChan`).
    pub broken: Gate,
    /// The server said GOAWAY.
    pub goaway: Gate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reachable,
    Draining,
    Closed,
}

struct State {
    phase: Phase,
    next: u64,
    active: BTreeMap<u64, Life>,
    quota: Option<Arc<Quota>>,
    limit: Option<u32>,
}

/// What a connection looks like from outside.
pub(super) struct Look {
    pub limit: Option<u32>,
    pub quota: Option<(Option<i64>, i64, usize)>,
    pub active: usize,
}

impl Transport {
    /// Connects to the label's endpoint and writes the preface. `settings` are the scheduling
    /// points of the task that applies the server's settings.
    pub async fn dial(
        env: &Env,
        label: Label,
        generation: Generation,
        settings: Preemption,
    ) -> io::Result<Arc<Transport>> {
        let stream = env.connect(label.endpoint).await?;
        let signals = Arc::new(Signals::default());
        let (said, heard) = mpsc::unbounded_channel();
        let listening = {
            let signals = signals.clone();
            Listening::new(stream, move |seen| match seen {
                Seen::GoAway { .. } => signals.goaway.give(),
                Seen::Settings { max_concurrent_streams: Some(limit) } => {
                    // Nobody hears it once the connection is closed.
                    let _ = said.send(limit);
                }
                Seen::Settings { max_concurrent_streams: None } => {}
            })
        };
        let tasks = env.tasks();
        let (sender, connection) = Builder::new(tasks.executor())
            .timer(TokioTimer::new())
            .initial_max_send_streams(HYPER_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(listening))
            .await
            .map_err(io::Error::other)?;
        let broken = signals.clone();
        tasks.spawn(async move {
            // However it ended, the connection is no more.
            let _ = connection.await;
            broken.broken.give();
        });
        let state = State {
            phase: Phase::Reachable,
            next: 0,
            active: BTreeMap::new(),
            quota: None,
            limit: None,
        };
        let transport = Arc::new(Transport {
            label,
            generation,
            sender,
            signals,
            state: Mutex::new(state),
            writing: tokio::sync::Mutex::new(()),
            tasks: Mutex::new(None),
        });
        tasks.spawn(control(Arc::downgrade(&transport), heard, settings));
        *transport.tasks.lock().expect("no holder of the lock panics") = Some(tasks);
        Ok(transport)
    }

    /// Opens a stream (`NewStream`), waiting for the quota where there is one.
    pub async fn open(
        self: &Arc<Self>,
        life: Life,
        points: &mut Preemption,
    ) -> Result<Opened, Failure> {
        let quota = self.reachable()?.quota.clone();
        let held = match &quota {
            None => None,
            Some(quota) => {
                let mut held = tokio::select! {
                    biased;
                    () = self.signals.closed.wait() => return Err(Failure::Lost),
                    held = quota.take(life) => held,
                };
                // The window of grpc-go#1005: the channel is empty until the rest is back. Go up to
                // 1.13 can interrupt where a function begins: on the return from the receive (a
                // goroutine that waited is only then scheduled), in `add`, and in the pool's `Lock`.
                for _ in 0..3 {
                    points.point().await;
                }
                held.give_back();
                Some(held)
            }
        };
        points.point().await;
        let _writing = tokio::select! {
            biased;
            () = self.signals.closed.wait() => return Err(Failure::Lost),
            writing = self.writing.lock() => writing,
        };
        let mut state = self.reachable()?;
        let id = state.next;
        state.next += 1;
        state.active.insert(id, life);
        let late = state.quota.clone().filter(|_| quota.is_none());
        drop(state);
        match (held, late) {
            (Some(held), _) => held.spend(),
            (None, Some(late)) => late.stream_uncounted(life),
            (None, None) => {}
        }
        Ok(Opened { transport: self.clone(), id, life })
    }

    /// tonic's client for this connection. Send on it only what a stream is open for.
    pub fn grpc(&self) -> Grpc<Channel> {
        let origin = http::Uri::builder()
            .scheme("http")
            .authority(self.label.endpoint.to_string())
            .path_and_query("/")
            .build()
            .expect("a socket address is an authority");
        Grpc::with_origin(Channel(self.sender.clone()), origin)
            // grpc-go 1.0.4 limits what a server receives, not what a client does.
            .max_decoding_message_size(usize::MAX)
    }

    /// Opens no more streams and closes when the last has closed (`GracefulClose`).
    pub fn drain(&self) {
        let empty = {
            let mut state = self.lock();
            if state.phase == Phase::Reachable {
                state.phase = Phase::Draining;
            }
            state.active.is_empty()
        };
        if empty || self.signals.broken.is_given() {
            self.close();
        }
    }

    /// Closes the connection and wakes all who wait on it.
    pub fn close(&self) {
        let quota = {
            let mut state = self.lock();
            if state.phase == Phase::Closed {
                return;
            }
            state.phase = Phase::Closed;
            state.active.clear();
            state.quota.clone()
        };
        if let Some(quota) = quota {
            quota.connection_closed();
        }
        self.signals.closed.give();
        drop(self.tasks.lock().expect("no holder of the lock panics").take());
    }

    pub fn look(&self) -> Look {
        let state = self.lock();
        let quota = state.quota.as_ref().map(|quota| quota.look());
        Look { limit: state.limit, quota, active: state.active.len() }
    }

    /// The server's limit takes effect (`applySettings`).
    fn apply_limit(&self, limit: u32) {
        let limit = limit.min(MAX_LIMIT);
        let mut state = self.lock();
        let before = state.limit.replace(limit);
        match (&state.quota, before) {
            (Some(quota), Some(before)) => {
                let quota = quota.clone();
                drop(state);
                quota.limit_changed(i64::from(limit) - i64::from(before));
            }
            _ => {
                let short = state.active.values().filter(|life| **life == Life::Short).count();
                let left = i64::from(limit) - state.active.len() as i64;
                let quota = Quota::new(self.label.clone(), self.generation, left, short);
                state.quota = Some(Arc::new(quota));
            }
        }
    }

    /// A stream has ended (`CloseStream`).
    fn close_stream(&self, id: u64, life: Life) {
        let quota = {
            let mut state = self.lock();
            if state.active.remove(&id).is_none() {
                return;
            }
            if state.phase == Phase::Draining && state.active.is_empty() {
                drop(state);
                self.close();
                return;
            }
            state.quota.clone()
        };
        if let Some(quota) = quota {
            quota.stream_closed(life);
        }
    }

    fn reachable(&self) -> Result<MutexGuard<'_, State>, Failure> {
        let state = self.lock();
        match state.phase {
            Phase::Draining => Err(Failure::Draining),
            Phase::Closed => Err(Failure::Lost),
            Phase::Reachable if self.signals.broken.is_given() => Err(Failure::Lost),
            Phase::Reachable => Ok(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

/// Acknowledges and applies the server's settings (grpc-go's `controller` goroutine).
async fn control(
    transport: Weak<Transport>,
    mut heard: mpsc::UnboundedReceiver<u32>,
    mut points: Preemption,
) {
    while let Some(limit) = heard.recv().await {
        points.point().await;
        let Some(transport) = transport.upgrade() else { return };
        let _writing = transport.writing.lock().await;
        transport.apply_limit(limit);
    }
}

/// An open stream. Dropping it closes it.
pub(super) struct Opened {
    pub transport: Arc<Transport>,
    id: u64,
    life: Life,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.transport.close_stream(self.id, self.life);
    }
}
