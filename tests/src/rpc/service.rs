//! The service: a key-value store in memory, a watch that answers each message, a snapshot in
//! chunks.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anatomy_proto::etcdserverpb::kv_server::{Kv, KvServer};
use anatomy_proto::etcdserverpb::maintenance_server::{Maintenance, MaintenanceServer};
use anatomy_proto::etcdserverpb::watch_server::{Watch, WatchServer};
use anatomy_proto::etcdserverpb::{self as pb, watch_request::RequestUnion};
use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tonic::service::Routes;
use tonic::{Response, Status, Streaming};
use tower_service::Service as _;

use super::{Exec, MAX_MESSAGE, deadline};

/// A `Range` of this key takes [`Service::SLOW_FOR`].
const SLOW: &[u8] = b"slow";

/// What a server has seen.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages on watch streams.
    pub messages: AtomicU64,
    /// Slow calls that were answered.
    pub slow_answered: AtomicU64,
}

/// The service; clones share what is stored.
#[derive(Clone, Default)]
pub struct Service {
    pairs: Arc<Mutex<BTreeMap<Bytes, Bytes>>>,
    /// What it has seen.
    pub counters: Arc<Counters>,
    answers: bool,
}

impl Service {
    /// How long a `Range` of the key `slow` takes.
    pub const SLOW_FOR: Duration = Duration::from_secs(10);
    /// How many chunks a snapshot has, one each 100 ms.
    pub const CHUNKS: u64 = 5;

    /// One that answers each message on a watch stream; others read it and forget it.
    pub fn answering() -> Self {
        Service { answers: true, ..Service::default() }
    }
}

/// Serves one connection until it ends.
pub async fn serve<S>(io: S, exec: Exec, service: Service)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let kv = KvServer::new(service.clone())
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let routes = Routes::new(kv)
        .add_service(WatchServer::new(service.clone()))
        .add_service(MaintenanceServer::new(service))
        .prepare();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut routes = routes.clone();
        async move {
            let header = request.headers().get("grpc-timeout").and_then(|v| v.to_str().ok());
            let Some(patience) = header.and_then(deadline::parse) else {
                return routes.call(request).await;
            };
            match timeout(patience, routes.call(request)).await {
                Ok(response) => response,
                Err(_) => Ok::<_, Infallible>(Status::deadline_exceeded("too late").into_http()),
            }
        }
    });
    let connection = hyper::server::conn::http2::Builder::new(exec)
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .serve_connection(TokioIo::new(io), service);
    // A connection that breaks is the client's to notice.
    drop(connection.await);
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn no() -> Status {
    Status::unimplemented("not in this test")
}

#[tonic::async_trait]
impl Kv for Service {
    async fn range(
        &self,
        request: tonic::Request<pb::RangeRequest>,
    ) -> Result<Response<pb::RangeResponse>, Status> {
        let key = request.into_inner().key;
        if key == SLOW {
            sleep(Service::SLOW_FOR).await;
            self.counters.slow_answered.fetch_add(1, Ordering::Relaxed);
        }
        let value = self.pairs.lock().expect("no panic while locked").get(&key).cloned();
        let kvs = value.map(|value| KeyValue { key, value, ..KeyValue::default() });
        Ok(Response::new(pb::RangeResponse {
            kvs: kvs.into_iter().collect(),
            ..pb::RangeResponse::default()
        }))
    }

    async fn put(
        &self,
        request: tonic::Request<pb::PutRequest>,
    ) -> Result<Response<pb::PutResponse>, Status> {
        let put = request.into_inner();
        self.pairs.lock().expect("no panic while locked").insert(put.key, put.value);
        Ok(Response::new(pb::PutResponse::default()))
    }

    async fn delete_range(
        &self,
        _: tonic::Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        Err(no())
    }

    async fn txn(
        &self,
        _: tonic::Request<pb::TxnRequest>,
    ) -> Result<Response<pb::TxnResponse>, Status> {
        Err(no())
    }

    async fn compact(
        &self,
        _: tonic::Request<pb::CompactionRequest>,
    ) -> Result<Response<pb::CompactionResponse>, Status> {
        Err(no())
    }
}

#[tonic::async_trait]
impl Watch for Service {
    type WatchStream = Answers<pb::WatchResponse>;

    async fn watch(
        &self,
        request: tonic::Request<Streaming<pb::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (counters, answers) = (self.counters.clone(), self.answers);
        let messages = request.into_inner().filter_map(move |message| {
            counters.messages.fetch_add(1, Ordering::Relaxed);
            let answer = match message {
                Ok(message) if answers => Some(Ok(answer(message))),
                Ok(_) => None,
                Err(status) => Some(Err(status)),
            };
            std::future::ready(answer)
        });
        Ok(Response::new(Box::pin(messages)))
    }
}

/// Says the key of a watch back.
fn answer(message: pb::WatchRequest) -> pb::WatchResponse {
    let (watch_id, reason) = match message.request_union {
        Some(RequestUnion::CreateRequest(create)) => {
            (create.watch_id, String::from_utf8_lossy(&create.key).into_owned())
        }
        _ => (0, String::new()),
    };
    pb::WatchResponse { watch_id, cancel_reason: reason, ..pb::WatchResponse::default() }
}

#[tonic::async_trait]
impl Maintenance for Service {
    type SnapshotStream = Answers<pb::SnapshotResponse>;

    async fn snapshot(
        &self,
        _: tonic::Request<pb::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let chunks = stream::unfold(Service::CHUNKS, |left| async move {
            let remaining_bytes = left.checked_sub(1)?;
            sleep(Duration::from_millis(100)).await;
            let chunk = pb::SnapshotResponse { remaining_bytes, ..Default::default() };
            Some((Ok(chunk), remaining_bytes))
        });
        Ok(Response::new(Box::pin(chunks)))
    }

    async fn alarm(
        &self,
        _: tonic::Request<pb::AlarmRequest>,
    ) -> Result<Response<pb::AlarmResponse>, Status> {
        Err(no())
    }

    async fn status(
        &self,
        _: tonic::Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        Err(no())
    }

    async fn defragment(
        &self,
        _: tonic::Request<pb::DefragmentRequest>,
    ) -> Result<Response<pb::DefragmentResponse>, Status> {
        Err(no())
    }

    async fn hash(
        &self,
        _: tonic::Request<pb::HashRequest>,
    ) -> Result<Response<pb::HashResponse>, Status> {
        Err(no())
    }

    async fn hash_kv(
        &self,
        _: tonic::Request<pb::HashKvRequest>,
    ) -> Result<Response<pb::HashKvResponse>, Status> {
        Err(no())
    }

    async fn move_leader(
        &self,
        _: tonic::Request<pb::MoveLeaderRequest>,
    ) -> Result<Response<pb::MoveLeaderResponse>, Status> {
        Err(no())
    }
}
