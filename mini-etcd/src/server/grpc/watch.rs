//! The watch service: one task's worth of state for each stream.
//!
//! The stream is a loop over what the client asks and what the store has come to, driven by
//! whoever reads the answers: a client that does not read is not told, and nothing piles up.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use anatomy_proto::etcdserverpb::watch_request::RequestUnion;
use anatomy_proto::etcdserverpb::watch_server::Watch;
use anatomy_proto::etcdserverpb::{WatchRequest, WatchResponse};
use futures_util::stream::{Stream, unfold};
use tokio::time::sleep_until;
use tonic::{Request, Response, Status, Streaming};

use super::Api;
use super::header::wants_leader;
use super::limits::message_bytes;
use super::watchers::Watchers;
use crate::mvcc::Store;
use crate::server::apply::header;
use crate::server::refusal::Refusal;

/// Without an event for this long a watch that asked for it is told the revision (etcd 3.2
/// etcdserver/api/v3rpc/watch.go `progressReportInterval`).
const PROGRESS: Duration = Duration::from_secs(600);

struct Session {
    api: Api,
    requests: Streaming<WatchRequest>,
    watchers: Watchers,
    /// The store's revision when the watches were last asked.
    seen: i64,
    out: VecDeque<WatchResponse>,
    /// How often progress was asked for and not told yet.
    asked_progress: usize,
    needs_leader: bool,
}

#[tonic::async_trait]
impl Watch for Api {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.admit(request.metadata())?;
        let config = &self.shared.config;
        let mut watchers = Watchers::new(message_bytes(config.max_request_bytes));
        watchers.plant(config.defects);
        let session = Session {
            api: self.clone(),
            needs_leader: wants_leader(request.metadata()),
            requests: request.into_inner(),
            watchers,
            asked_progress: 0,
            seen: 0,
            out: VecDeque::new(),
        };
        let answers = unfold(Some(session), |session| async move {
            let mut session = session?;
            match session.next().await {
                Ok(Some(mut response)) => {
                    response.header = session.api.filled(response.header);
                    Some((Ok(response), Some(session)))
                }
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

impl Session {
    /// The next answer; `None` at the end of the stream.
    async fn next(&mut self) -> Result<Option<WatchResponse>, Status> {
        loop {
            if let Some(response) = self.out.pop_front() {
                return Ok(Some(response));
            }
            let shared = self.api.shared.clone();
            let due = self.watchers.next_progress(PROGRESS);
            let seen = self.seen;
            tokio::select! {
                biased;
                request = self.requests.message() => match request? {
                    Some(request) => self.asked(request),
                    None => return Ok(None),
                },
                revision = shared.revision.wait(|revision| revision != seen) => {
                    let state = shared.state();
                    self.out.extend(self.watchers.poll(&state.store));
                    let behind = self.watchers.is_behind(&state.store);
                    self.seen = if behind { 0 } else { revision };
                    if !behind {
                        self.tell_progress(&state.store);
                    }
                }
                () = self.api.no_leader(), if self.needs_leader => {
                    return Err(Refusal::NoLeader.into());
                }
                () = sleep_until(due.unwrap_or_else(tokio::time::Instant::now)), if due.is_some() => {
                    let state = shared.state();
                    self.out.extend(self.watchers.progress(&state.store, PROGRESS));
                }
            }
        }
    }

    fn asked(&mut self, request: WatchRequest) {
        let state = self.api.shared.state();
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => {
                self.out.push_back(self.watchers.create(create, &state.store));
                // It may have something to catch up with.
                self.seen = 0;
            }
            Some(RequestUnion::CancelRequest(cancel)) => {
                self.out.extend(self.watchers.cancel(cancel.watch_id, &state.store));
            }
            Some(RequestUnion::ProgressRequest(_)) => {
                self.asked_progress += 1;
                // Told once all watches have been told what there is.
                self.seen = 0;
            }
            None => {}
        }
    }

    /// Answers those that asked how far the stream is: nothing up to that revision comes any more.
    /// (etcd 3.4 answered at once, whatever some watch still had to catch up with: etcd#15220.)
    fn tell_progress(&mut self, store: &Store) {
        let header = header(store.revision());
        let told = WatchResponse { header, watch_id: -1, ..WatchResponse::default() };
        let asked = std::mem::take(&mut self.asked_progress);
        self.out.extend(std::iter::repeat_n(told, asked));
    }
}
