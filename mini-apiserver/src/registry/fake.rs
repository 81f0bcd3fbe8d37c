//! An etcd in memory for unit tests, which can be told to hang.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anatomy_proto::etcdserverpb as pb;
use anatomy_proto::mvccpb::event::EventType;
use anatomy_proto::mvccpb::{Event, KeyValue};
use async_trait::async_trait;
use bytes::Bytes;
use pb::compare::TargetUnion;
use pb::request_op::Request;
use pb::response_op::Response;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::etcd::{Etcd, EtcdError, EtcdWatch};

/// The store.
pub struct Fake {
    state: Mutex<State>,
    hanging: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    revision: i64,
    keys: BTreeMap<Bytes, KeyValue>,
    history: Vec<Event>,
    watches: Vec<(pb::WatchCreateRequest, mpsc::UnboundedSender<pb::WatchResponse>)>,
}

impl Fake {
    /// An empty store.
    pub fn new() -> Arc<Fake> {
        let state = State { revision: 1, ..Default::default() };
        Arc::new(Fake { state: Mutex::new(state), hanging: watch::Sender::new(false) })
    }

    /// Lets reads and writes hang from now on, or go on. Watches are not concerned.
    pub fn hang(&self, hang: bool) {
        self.hanging.send_replace(hang);
    }

    /// Ends all watches.
    pub fn break_watches(&self) {
        self.state.lock().unwrap().watches.clear();
    }

    async fn pass(&self) {
        let _ = self.hanging.subscribe().wait_for(|hanging| !hanging).await;
    }
}

fn within(key: &Bytes, from: &Bytes, end: &Bytes) -> bool {
    if end.is_empty() { key == from } else { key >= from && key < end }
}

impl State {
    fn range(&self, request: &pb::RangeRequest) -> pb::RangeResponse {
        let keys = self.keys.iter();
        let found = keys.filter(|(key, _)| within(key, &request.key, &request.range_end));
        let kvs: Vec<KeyValue> = found.map(|(_, kv)| kv.clone()).collect();
        pb::RangeResponse {
            header: self.header(),
            count: kvs.len() as i64,
            kvs,
            ..Default::default()
        }
    }

    fn header(&self) -> Option<pb::ResponseHeader> {
        Some(pb::ResponseHeader { revision: self.revision, ..Default::default() })
    }

    fn put(&mut self, request: &pb::PutRequest) {
        let before = self.keys.get(&request.key).cloned();
        let kv = KeyValue {
            key: request.key.clone(),
            value: request.value.clone(),
            create_revision: before.as_ref().map_or(self.revision, |kv| kv.create_revision),
            mod_revision: self.revision,
            ..Default::default()
        };
        self.keys.insert(kv.key.clone(), kv.clone());
        self.tell(Event { r#type: EventType::Put.into(), kv: Some(kv), prev_kv: before });
    }

    fn delete(&mut self, key: &Bytes) {
        if let Some(before) = self.keys.remove(key) {
            let kv =
                KeyValue { key: key.clone(), mod_revision: self.revision, ..Default::default() };
            let (kv, prev_kv) = (Some(kv), Some(before));
            self.tell(Event { r#type: EventType::Delete.into(), kv, prev_kv });
        }
    }

    fn tell(&mut self, event: Event) {
        let key = event.kv.as_ref().unwrap().key.clone();
        self.watches.retain(|(request, sender)| {
            let response = pb::WatchResponse { events: vec![event.clone()], ..Default::default() };
            !within(&key, &request.key, &request.range_end) || sender.send(response).is_ok()
        });
        self.history.push(event);
    }
}

#[async_trait]
impl Etcd for Fake {
    async fn range(&self, request: pb::RangeRequest) -> Result<pb::RangeResponse, EtcdError> {
        self.pass().await;
        Ok(self.state.lock().unwrap().range(&request))
    }

    async fn txn(&self, request: pb::TxnRequest) -> Result<pb::TxnResponse, EtcdError> {
        self.pass().await;
        let mut state = self.state.lock().unwrap();
        let holds = |compare: &pb::Compare| {
            let revision = state.keys.get(&compare.key).map_or(0, |kv| kv.mod_revision);
            compare.target_union == Some(TargetUnion::ModRevision(revision))
        };
        let succeeded = request.compare.iter().all(holds);
        let operations = if succeeded { request.success } else { request.failure };
        let writes = |op: &pb::RequestOp| !matches!(op.request, Some(Request::RequestRange(_)));
        state.revision += i64::from(operations.iter().any(writes));
        let mut responses = Vec::new();
        for operation in operations {
            let response = match operation.request {
                Some(Request::RequestPut(put)) => {
                    state.put(&put);
                    Response::ResponsePut(pb::PutResponse::default())
                }
                Some(Request::RequestDeleteRange(delete)) => {
                    state.delete(&delete.key);
                    Response::ResponseDeleteRange(pb::DeleteRangeResponse::default())
                }
                Some(Request::RequestRange(range)) => Response::ResponseRange(state.range(&range)),
                _ => return Err(EtcdError("not in the fake".into())),
            };
            responses.push(pb::ResponseOp { response: Some(response) });
        }
        Ok(pb::TxnResponse { header: state.header(), succeeded, responses })
    }

    async fn watch(
        &self,
        request: pb::WatchCreateRequest,
    ) -> Result<Box<dyn EtcdWatch>, EtcdError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.state.lock().unwrap();
        for event in &state.history {
            let kv = event.kv.as_ref().unwrap();
            if kv.mod_revision >= request.start_revision
                && within(&kv.key, &request.key, &request.range_end)
            {
                let events = vec![event.clone()];
                let _ = sender.send(pb::WatchResponse { events, ..Default::default() });
            }
        }
        state.watches.push((request, sender));
        Ok(Box::new(FakeWatch(receiver)))
    }

    fn pools(&self) -> Value {
        Value::Null
    }
}

struct FakeWatch(mpsc::UnboundedReceiver<pb::WatchResponse>);

#[async_trait]
impl EtcdWatch for FakeWatch {
    async fn next(&mut self) -> Option<Result<pb::WatchResponse, EtcdError>> {
        self.0.recv().await.map(Ok)
    }
}
