//! Objects in etcd: the calls that the server makes for each verb.
//!
//! As in kubernetes 1.7.8 pkg/storage/etcd3/store.go: create is a transaction on the key's absence,
//! an update one on its revision that starts from a suggestion (what the watch cache has), so that
//! a write needs no read of etcd before it, only a stream to it.

use std::sync::Arc;

use anatomy_proto::etcdserverpb as pb;
use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::request_op::Request;
use pb::response_op::Response;

use super::etcd::{Etcd, EtcdError, EtcdWatch};
use crate::Version;
use crate::objects::{Kind, Object, codec};
use crate::status::Status;

/// The storage of one resource.
#[derive(Clone)]
pub struct Store {
    etcd: Arc<dyn Etcd>,
    kind: Kind,
    version: Version,
}

/// All objects under a prefix, as of a revision.
pub struct Listed {
    /// The objects, by key.
    pub items: Vec<Arc<Object>>,
    /// The revision.
    pub revision: i64,
}

impl From<EtcdError> for Status {
    fn from(error: EtcdError) -> Self {
        Status::internal(error.to_string())
    }
}

impl Store {
    /// The storage of `kind` behind `etcd`.
    pub fn new(etcd: Arc<dyn Etcd>, kind: Kind, version: Version) -> Self {
        Store { etcd, kind, version }
    }

    /// The client.
    pub fn etcd(&self) -> &Arc<dyn Etcd> {
        &self.etcd
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    fn decode(&self, kv: &KeyValue) -> Result<Object, Status> {
        codec::decode(self.kind, &kv.value, kv.mod_revision).map_err(|error| {
            Status::internal(format!("{}: {error}", String::from_utf8_lossy(&kv.key)))
        })
    }

    /// Reads one object. A serializable read: any member answers from what it has
    /// (`--etcd-quorum-read` was off by default until 1.9).
    ///
    /// # Errors
    /// 500.
    pub async fn get(&self, key: &str) -> Result<Option<Object>, Status> {
        let key = Bytes::copy_from_slice(key.as_bytes());
        let request = pb::RangeRequest { key, serializable: true, ..Default::default() };
        let response = self.etcd.range(request).await?;
        response.kvs.first().map(|kv| self.decode(kv)).transpose()
    }

    /// Reads all objects under a prefix: always linearizable.
    ///
    /// # Errors
    /// 500.
    pub async fn list(&self, prefix: &str) -> Result<Listed, Status> {
        let request = pb::RangeRequest {
            key: Bytes::copy_from_slice(prefix.as_bytes()),
            range_end: after(prefix),
            ..Default::default()
        };
        let response = self.etcd.range(request).await?;
        let items = response
            .kvs
            .iter()
            .map(|kv| self.decode(kv).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Listed { items, revision: response.header.unwrap_or_default().revision })
    }

    /// Follows all objects of the kind from the revision after `revision`.
    ///
    /// # Errors
    /// 500.
    pub async fn watch(&self, revision: i64) -> Result<Box<dyn EtcdWatch>, Status> {
        let prefix = self.kind.prefix();
        let request = pb::WatchCreateRequest {
            key: Bytes::copy_from_slice(prefix.as_bytes()),
            range_end: after(&prefix),
            start_revision: revision + 1,
            prev_kv: true,
            ..Default::default()
        };
        Ok(self.etcd.watch(request).await?)
    }

    /// Writes a new object and returns it as it was stored.
    ///
    /// # Errors
    /// 409 where the key exists, 500.
    pub async fn create(&self, object: &Object) -> Result<Object, Status> {
        let key = object.key();
        let value = codec::encode(object, self.version);
        let absent = compare_mod(&key, 0);
        let request = pb::TxnRequest {
            compare: vec![absent],
            success: vec![put(&key, value.clone())],
            failure: vec![],
        };
        let response = self.etcd.txn(request).await?;
        if !response.succeeded {
            return Err(Status::already_exists(self.kind, &object.meta().name));
        }
        self.decode(&stored(&key, value, &response))
    }

    /// Changes an object: `change` gets the current one, perhaps several times. It begins with
    /// `suggestion` where there is one; only when etcd has another revision is its state used.
    ///
    /// An error of `change` about a stale suggestion is final, as it was until 1.16
    /// (kubernetes#82303).
    ///
    /// # Errors
    /// 404 where there is none, 500, and what `change` returns.
    pub async fn update(
        &self,
        key: &str,
        suggestion: Option<Arc<Object>>,
        mut change: impl FnMut(&Object) -> Result<Object, Status> + Send,
    ) -> Result<Object, Status> {
        let name = key.rsplit('/').next().unwrap_or_default();
        let mut suggested = suggestion.is_some();
        let mut current = match suggestion {
            Some(object) => Object::clone(&object),
            None => self.existing(key, name).await?,
        };
        loop {
            let value = codec::encode(&change(&current)?, self.version);
            if value == codec::encode(&current, self.version) {
                if !suggested {
                    return Ok(current);
                }
                // Nothing to write, unless the suggestion was old: look.
                suggested = false;
                let revision = current.revision();
                current = self.existing(key, name).await?;
                if current.revision() == revision {
                    return Ok(current);
                }
                continue;
            }
            let request = pb::TxnRequest {
                compare: vec![compare_mod(key, current.revision())],
                success: vec![put(key, value.clone())],
                failure: vec![get(key)],
            };
            let response = self.etcd.txn(request).await?;
            if response.succeeded {
                return self.decode(&stored(key, value, &response));
            }
            tracing::debug!(kind = "apiserver.update-retried", key, "somebody else wrote first");
            suggested = false;
            current = match read_in(response) {
                Some(kv) => self.decode(&kv)?,
                None => return Err(Status::not_found(self.kind, name)),
            };
        }
    }

    async fn existing(&self, key: &str, name: &str) -> Result<Object, Status> {
        self.get(key).await?.ok_or_else(|| Status::not_found(self.kind, name))
    }

    /// Removes an object that `allowed` accepts and returns it as it was.
    ///
    /// # Errors
    /// 404 where there is none, 500, and what `allowed` returns.
    pub async fn delete(
        &self,
        key: &str,
        allowed: impl Fn(&Object) -> Result<(), Status> + Send,
    ) -> Result<Object, Status> {
        let name = key.rsplit('/').next().unwrap_or_default();
        let mut current = self.existing(key, name).await?;
        loop {
            allowed(&current)?;
            let key = Bytes::copy_from_slice(key.as_bytes());
            let delete = pb::DeleteRangeRequest { key: key.clone(), ..Default::default() };
            let text = String::from_utf8_lossy(&key).into_owned();
            let request = pb::TxnRequest {
                compare: vec![compare_mod(&text, current.revision())],
                success: vec![op(Request::RequestDeleteRange(delete))],
                failure: vec![get(&text)],
            };
            let response = self.etcd.txn(request).await?;
            if response.succeeded {
                return Ok(current);
            }
            current = match read_in(response) {
                Some(kv) => self.decode(&kv)?,
                None => return Err(Status::not_found(self.kind, name)),
            };
        }
    }
}

/// The end of the range of all keys that begin with `prefix`.
fn after(prefix: &str) -> Bytes {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end.into()
}

fn op(request: Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

fn put(key: &str, value: Bytes) -> pb::RequestOp {
    let key = Bytes::copy_from_slice(key.as_bytes());
    op(Request::RequestPut(pb::PutRequest { key, value, ..Default::default() }))
}

fn get(key: &str) -> pb::RequestOp {
    let key = Bytes::copy_from_slice(key.as_bytes());
    op(Request::RequestRange(pb::RangeRequest { key, ..Default::default() }))
}

fn compare_mod(key: &str, revision: i64) -> pb::Compare {
    pb::Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Mod.into(),
        key: Bytes::copy_from_slice(key.as_bytes()),
        target_union: Some(TargetUnion::ModRevision(revision)),
        ..Default::default()
    }
}

fn stored(key: &str, value: Bytes, response: &pb::TxnResponse) -> KeyValue {
    let mod_revision = response.header.as_ref().map(|header| header.revision).unwrap_or_default();
    let key = Bytes::copy_from_slice(key.as_bytes());
    KeyValue { key, value, mod_revision, ..Default::default() }
}

fn read_in(response: pb::TxnResponse) -> Option<KeyValue> {
    match response.responses.into_iter().next()?.response? {
        Response::ResponseRange(range) => range.kvs.into_iter().next(),
        _ => None,
    }
}
