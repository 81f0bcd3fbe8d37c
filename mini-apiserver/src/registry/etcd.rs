//! What the registry asks of etcd.
//!
//! Each resource has a client of its own, hence connections of its own: `newETCD3Storage` makes one
//! per storage (kubernetes 1.7.8 pkg/storage/storagebackend/factory/etcd3.go). No call has a
//! deadline, because the server passes contexts without one. Both are why one resource can hang
//! while its neighbours work.

use anatomy_proto::etcdserverpb as pb;
use async_trait::async_trait;
use serde_json::Value;

/// A call to etcd that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("etcd: {0}")]
pub struct EtcdError(pub String);

/// A store of keys with revisions.
#[async_trait]
pub trait Etcd: Send + Sync + 'static {
    /// Reads keys.
    async fn range(&self, request: pb::RangeRequest) -> Result<pb::RangeResponse, EtcdError>;
    /// Compares and writes.
    async fn txn(&self, request: pb::TxnRequest) -> Result<pb::TxnResponse, EtcdError>;
    /// Follows keys.
    async fn watch(&self, request: pb::WatchCreateRequest)
    -> Result<Box<dyn EtcdWatch>, EtcdError>;
    /// The state of the client's connections, for whoever looks at `/debug/etcd-clients`.
    fn pools(&self) -> Value;
}

/// Events of keys.
#[async_trait]
pub trait EtcdWatch: Send + 'static {
    /// The next events; `None` when there will be none any more.
    async fn next(&mut self) -> Option<Result<pb::WatchResponse, EtcdError>>;
}
