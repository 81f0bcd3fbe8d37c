//! A member that does just enough for the client's tests, and a machine that interrupts.
//!
//! The member keeps no data: a read echoes its key, and a watch gets whatever the test sends.
#![allow(dead_code, reason = "each test file uses a part")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anatomy_proto::etcdserverpb::kv_server::{Kv, KvServer};
use anatomy_proto::etcdserverpb::watch_request::RequestUnion;
use anatomy_proto::etcdserverpb::watch_server::{Watch, WatchServer};
use anatomy_proto::etcdserverpb::*;
use anatomy_proto::mvccpb::{Event, KeyValue};
use harness_env::host::BoxFuture;
use harness_env::real::Machine;
use harness_env::{Disk, Env, Host, Identity, Listener, Stream, Tasks, Wall};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

/// A machine whose scheduling points interrupt with the given probability.
pub struct Shaky(pub Machine, pub f64);

impl Shaky {
    pub fn env(probability: f64) -> Env {
        Env::new(Arc::new(Shaky(Machine::new("client", "."), probability)))
    }
}

impl Host for Shaky {
    fn identity(&self) -> &Identity {
        self.0.identity()
    }
    fn spawn(&self, future: BoxFuture<'static, ()>) -> AbortHandle {
        self.0.spawn(future)
    }
    fn listen(&self, addr: SocketAddr) -> BoxFuture<'static, std::io::Result<Box<dyn Listener>>> {
        self.0.listen(addr)
    }
    fn connect(&self, addr: SocketAddr) -> BoxFuture<'static, std::io::Result<Box<dyn Stream>>> {
        self.0.connect(addr)
    }
    fn disk(&self) -> Arc<dyn Disk> {
        self.0.disk()
    }
    fn wall(&self) -> Wall {
        self.0.wall()
    }
    fn stream(&self, what: &str) -> u64 {
        self.0.stream(what)
    }
    fn work(&self, cpu: Duration) -> BoxFuture<'static, ()> {
        self.0.work(cpu)
    }
    fn preemption(&self) -> f64 {
        self.1
    }
}

/// A member that can be stopped.
pub struct Member {
    pub addr: SocketAddr,
    pub store: Arc<Store>,
    goaway: watch::Sender<bool>,
    _tasks: Tasks,
}

/// What the members of a test share: it survives them.
#[derive(Default)]
pub struct Store {
    /// The start revisions that watches asked for, in order.
    pub asked: Mutex<Vec<i64>>,
    watches: Mutex<Vec<mpsc::UnboundedSender<Result<WatchResponse, Status>>>>,
    /// What reads answer with, where they are to fail.
    pub refuse: Mutex<Option<Status>>,
    pub reads: Mutex<u64>,
}

impl Store {
    /// Sends an event to the newest watch.
    pub fn send(&self, revision: i64) {
        let kv = KeyValue { mod_revision: revision, ..Default::default() };
        let events = vec![Event { kv: Some(kv), ..Default::default() }];
        let response = WatchResponse { header: header(revision), events, ..Default::default() };
        self.respond(response);
    }

    pub fn respond(&self, response: WatchResponse) {
        let watches = self.watches.lock().unwrap();
        let _ = watches.last().expect("a watch").send(Ok(response));
    }
}

fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..Default::default() })
}

impl Member {
    /// Listens on a free port, or on the one it had before.
    pub async fn start(addr: Option<SocketAddr>, limit: Option<u32>, store: Arc<Store>) -> Member {
        let env = Machine::new("etcd", ".").with_ip(Ipv4Addr::LOCALHOST.into()).env();
        Member::on(&env, addr.map_or(0, |addr| addr.port()), limit, store).await
    }

    /// Listens on a port of a given machine.
    pub async fn on(env: &Env, port: u16, limit: Option<u32>, store: Arc<Store>) -> Member {
        let env = env.clone();
        let listener = loop {
            match env.listen_port(port).await {
                Ok(listener) => break listener,
                // A stopped member's listener goes when the runtime gets round to it.
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        let (goaway, going) = watch::channel(false);
        let (addr, tasks) = (listener.local_addr(), env.tasks());
        let service = Service(store.clone());
        let routes =
            Routes::new(KvServer::new(service.clone())).add_service(WatchServer::new(service));
        let (routes, executor) = (routes.prepare(), tasks.executor());
        tasks.spawn(async move {
            let connections = env.tasks();
            while let Ok(stream) = listener.accept().await {
                let serving = http2::Builder::new(executor.clone())
                    .timer(TokioTimer::new())
                    .auto_date_header(false)
                    .max_concurrent_streams(limit)
                    .serve_connection(
                        TokioIo::new(stream),
                        TowerToHyperService::new(routes.clone()),
                    );
                let mut going = going.clone();
                connections.spawn(async move {
                    let mut serving = std::pin::pin!(serving);
                    tokio::select! {
                        biased;
                        _ = going.wait_for(|going| *going) => {}
                        _ = &mut serving => return,
                    }
                    serving.as_mut().graceful_shutdown();
                    let _ = serving.await;
                });
            }
        });
        Member { addr, store, goaway, _tasks: tasks }
    }

    /// Says GOAWAY on all connections and waits for their streams.
    pub fn go_away(&self) {
        self.goaway.send_replace(true);
    }
}

#[derive(Clone)]
struct Service(Arc<Store>);

#[tonic::async_trait]
impl Kv for Service {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        *self.0.reads.lock().unwrap() += 1;
        if let Some(status) = self.0.refuse.lock().unwrap().take() {
            return Err(status);
        }
        let kv = KeyValue { key: request.into_inner().key, ..Default::default() };
        Ok(Response::new(RangeResponse { kvs: vec![kv], count: 1, ..Default::default() }))
    }

    async fn put(&self, _: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        match self.0.refuse.lock().unwrap().take() {
            Some(status) => Err(status),
            None => Ok(Response::new(PutResponse { header: header(7), prev_kv: None })),
        }
    }

    async fn delete_range(
        &self,
        _: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }

    async fn txn(&self, _: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }

    async fn compact(
        &self,
        _: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }
}

#[tonic::async_trait]
impl Watch for Service {
    type WatchStream = UnboundedReceiverStream<Result<WatchResponse, Status>>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let mut requests = request.into_inner();
        let Some(first) = requests.message().await? else {
            return Err(Status::invalid_argument("no request"));
        };
        let (sender, responses) = mpsc::unbounded_channel();
        if let Some(RequestUnion::CreateRequest(create)) = first.request_union {
            self.0.asked.lock().unwrap().push(create.start_revision);
            let created = true;
            let response = WatchResponse { header: header(10), created, ..Default::default() };
            let _ = sender.send(Ok(response));
        }
        self.0.watches.lock().unwrap().push(sender);
        Ok(Response::new(UnboundedReceiverStream::new(responses)))
    }
}
