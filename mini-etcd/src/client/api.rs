//! The client: etcd's calls, each with the patience that clientv3 3.1.5 gives it.

use std::net::SocketAddr;
use std::sync::Arc;

use anatomy_proto::etcdserverpb as pb;
use harness_env::{Env, Task, Tasks};
use tonic::{Code, Status};

use super::Generation;
use super::addr_conn::MIN_CONNECT_TIMEOUT;
use super::bidi::Bidi;
use super::conn::{self, Conn};
use super::error::Error;
use super::metrics::PoolState;
use super::quota::Life;
use super::retry::halts;
use super::watch::{self, WatchStream, Watcher};

/// How to make a [`Client`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The members' client addresses; each gets one connection.
    pub endpoints: Vec<SocketAddr>,
    /// As of which release it behaves.
    pub generation: Generation,
}

/// An etcd client. Clones are the same client; dropping the last one stops all it does.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    conn: Arc<Conn>,
    watcher: Watcher,
    tasks: Tasks,
}

impl Client {
    /// A client that begins to connect at once. `name` says what it is for (`endpoints`): it keys its
    /// random streams and its events, so two clients of one process need two names.
    pub fn new(env: &Env, name: &str, config: Config) -> Client {
        let (tasks, conn) = (env.tasks(), Arc::new(Conn::new(env, name, &config)));
        for addr_conn in conn.addr_conns() {
            let (addr_conn, conn) = (addr_conn.clone(), conn.clone());
            tasks.spawn(async move { addr_conn.run(&conn).await });
        }
        let (watcher, commands) = Watcher::new();
        tasks.spawn(watch::run(conn.clone(), commands));
        Client { inner: Arc::new(Inner { conn, watcher, tasks }) }
    }

    /// Starts a task that stops with its handle.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Task {
        self.inner.tasks.spawn_owned(task)
    }

    /// Starts a task that stops with the client, if it has not ended before.
    pub(super) fn spawn_on(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.tasks.spawn(task);
    }

    /// Reads keys. Repeated until it is answered, however long that takes.
    ///
    /// # Errors
    /// [`Error::Status`]: what etcd refuses, such as a compacted revision.
    pub async fn range(&self, request: pb::RangeRequest) -> Result<pb::RangeResponse, Error> {
        self.inner.conn.read("/etcdserverpb.KV/Range", &request).await
    }

    /// Writes a key.
    ///
    /// # Errors
    /// [`Error::Status`]: what etcd refuses or could not do in time; with [`Code::Internal`] the
    /// connection broke and whether it was applied is unknown.
    pub async fn put(&self, request: pb::PutRequest) -> Result<pb::PutResponse, Error> {
        self.inner.conn.write("/etcdserverpb.KV/Put", &request).await
    }

    /// Deletes keys.
    ///
    /// # Errors
    /// As [`Client::put`].
    pub async fn delete_range(
        &self,
        request: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, Error> {
        self.inner.conn.write("/etcdserverpb.KV/DeleteRange", &request).await
    }

    /// Compares and then reads or writes.
    ///
    /// # Errors
    /// As [`Client::put`].
    pub async fn txn(&self, request: pb::TxnRequest) -> Result<pb::TxnResponse, Error> {
        self.inner.conn.write("/etcdserverpb.KV/Txn", &request).await
    }

    /// Forgets revisions.
    ///
    /// # Errors
    /// As [`Client::put`].
    pub async fn compact(
        &self,
        request: pb::CompactionRequest,
    ) -> Result<pb::CompactionResponse, Error> {
        self.inner.conn.write("/etcdserverpb.KV/Compact", &request).await
    }

    /// Makes a lease. Repeated until it is answered.
    ///
    /// # Errors
    /// [`Error::Status`]: what etcd refuses.
    pub async fn lease_grant(
        &self,
        request: pb::LeaseGrantRequest,
    ) -> Result<pb::LeaseGrantResponse, Error> {
        self.inner.conn.write_again("/etcdserverpb.Lease/LeaseGrant", &request).await
    }

    /// Ends a lease and deletes its keys. Repeated until it is answered.
    ///
    /// # Errors
    /// [`Error::Status`]: what etcd refuses, such as a lease that is not there.
    pub async fn lease_revoke(
        &self,
        request: pb::LeaseRevokeRequest,
    ) -> Result<pb::LeaseRevokeResponse, Error> {
        self.inner.conn.write_again("/etcdserverpb.Lease/LeaseRevoke", &request).await
    }

    /// Prolongs a lease once (`KeepAliveOnce`). Repeated until it is answered.
    ///
    /// # Errors
    /// [`Error::Status`] with [`Code::NotFound`] where there is no such lease.
    pub async fn lease_keep_alive(&self, id: i64) -> Result<pb::LeaseKeepAliveResponse, Error> {
        loop {
            match self.keep_alive_once(id).await {
                Ok(answer) if answer.ttl > 0 => return Ok(answer),
                Ok(_) => {
                    let gone = "etcdserver: requested lease not found";
                    return Err(Error::Status(Code::NotFound, gone.into()));
                }
                Err(status) if halts(&status) => return Err(Error::from_status(&status)),
                Err(_) => self.inner.conn.lap().await,
            }
        }
    }

    async fn keep_alive_once(&self, id: i64) -> Result<pb::LeaseKeepAliveResponse, Status> {
        let path = "/etcdserverpb.Lease/LeaseKeepAlive";
        let mut stream = Bidi::open(&self.inner.conn, Life::Short, path).await?;
        stream.send(pb::LeaseKeepAliveRequest { id });
        stream.next().await?.ok_or_else(|| Status::unknown("EOF"))
    }

    /// The members of the cluster. Repeated until it is answered.
    ///
    /// # Errors
    /// [`Error::Status`]: what etcd refuses.
    pub async fn member_list(&self) -> Result<pb::MemberListResponse, Error> {
        let request = pb::MemberListRequest::default();
        self.inner.conn.read("/etcdserverpb.Cluster/MemberList", &request).await
    }

    /// Adds a voting member that will be reached at `peer_urls`.
    ///
    /// # Errors
    /// As [`Client::put`].
    pub async fn member_add(&self, peer_urls: Vec<String>) -> Result<pb::MemberAddResponse, Error> {
        let request = pb::MemberAddRequest { peer_ur_ls: peer_urls, ..Default::default() };
        self.inner.conn.write("/etcdserverpb.Cluster/MemberAdd", &request).await
    }

    /// Removes a member.
    ///
    /// # Errors
    /// As [`Client::put`].
    pub async fn member_remove(&self, id: u64) -> Result<pb::MemberRemoveResponse, Error> {
        let request = pb::MemberRemoveRequest { id };
        self.inner.conn.write("/etcdserverpb.Cluster/MemberRemove", &request).await
    }

    /// What one member says about itself, asked on a connection of its own.
    ///
    /// # Errors
    /// [`Error::Dial`] and [`Error::Timeout`] where it cannot be reached, [`Error::Status`] where it
    /// answers with an error or the connection breaks.
    pub async fn status(&self, endpoint: SocketAddr) -> Result<pb::StatusResponse, Error> {
        let after = MIN_CONNECT_TIMEOUT;
        let mut points = self.inner.conn.next_points();
        let dial = self.inner.conn.dial(endpoint, self.inner.conn.next_points());
        let transport = tokio::time::timeout(after, dial)
            .await
            .map_err(|_| Error::Timeout { endpoint, after })?
            .map_err(|error| Error::Dial { endpoint, reason: error.to_string() })?;
        let request = pb::StatusRequest::default();
        let path = "/etcdserverpb.Maintenance/Status";
        // The connection breaking ends the call; there is no monitor that would close it.
        let answer = tokio::select! {
            biased;
            answer = conn::unary(&transport, path, request, &mut points) => answer,
            () = transport.signals.broken.wait() => Err(super::transport::Failure::Lost),
        };
        transport.close();
        answer.map_err(|failure| Error::from_status(&Error::status_of(failure)))
    }

    /// Watches keys. Returns when etcd has created the watch; the watch then survives its connection.
    ///
    /// # Errors
    /// [`Error::Status`]: what etcd refuses.
    pub async fn watch(&self, request: pb::WatchCreateRequest) -> Result<WatchStream, Error> {
        self.inner.watcher.watch(request).await
    }

    /// What the connections and their quota pools look like, one entry an endpoint.
    pub fn pools(&self) -> Vec<PoolState> {
        let pin = self.inner.conn.balancer().get();
        self.inner.conn.addr_conns().map(|addr_conn| PoolState::of(addr_conn, pin)).collect()
    }
}
