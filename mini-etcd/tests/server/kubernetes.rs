//! What a kube-apiserver 1.20 asks of etcd, as it asks it (its etcd3 storage): conditional writes, lists
//! in pages, watches from a list on, leases for events and masters, compaction by whoever comes first.

use anatomy_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use anatomy_proto::etcdserverpb::request_op::Request as Op;
use anatomy_proto::etcdserverpb::response_op::Response as Answer;
use anatomy_proto::etcdserverpb::watch_request::RequestUnion;
use anatomy_proto::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, RangeRequest,
    RangeResponse, RequestOp, StatusRequest, TxnRequest, TxnResponse, WatchCancelRequest,
    WatchCreateRequest, WatchRequest, WatchResponse,
};
use anatomy_proto::mvccpb::KeyValue;
use anatomy_proto::mvccpb::event::EventType;
use bytes::Bytes;
use mini_etcd::Profile;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Streaming};

use crate::world::{Client, World};

/// Streams that an apiserver has open at once.
const WATCHES: usize = 70;

struct Store {
    client: Client,
    _world: World,
}

fn op(request: Op) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn get(key: &str) -> RangeRequest {
    RangeRequest { key: key.to_owned().into(), ..RangeRequest::default() }
}

/// All keys that begin with a prefix that ends with `/`.
fn under(prefix: &str) -> RangeRequest {
    let end = prefix.trim_end_matches('/').to_owned() + "0";
    RangeRequest { range_end: end.into(), ..get(prefix) }
}

fn revision(header: &Option<anatomy_proto::etcdserverpb::ResponseHeader>) -> i64 {
    header.as_ref().expect("every answer has one").revision
}

/// What the branch of a failed condition read.
fn present(answer: &TxnResponse) -> Option<KeyValue> {
    match answer.responses[0].response.as_ref()? {
        Answer::ResponseRange(range) => range.kvs.first().cloned(),
        other => panic!("a get is answered with {other:?}"),
    }
}

impl Store {
    async fn new(test: &str) -> Store {
        let world = World::new(test, 1, Profile::V3_4);
        Store { client: world.client(0).await, _world: world }
    }

    /// Does this if the key was last changed at `at` (0: if it is not there), else reads it.
    async fn if_unchanged(&self, key: &str, at: i64, what: Op) -> TxnResponse {
        let unchanged = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: key.to_owned().into(),
            target_union: Some(TargetUnion::ModRevision(at)),
            ..Compare::default()
        };
        let txn = TxnRequest {
            compare: vec![unchanged],
            success: vec![op(what)],
            failure: vec![op(Op::RequestRange(get(key)))],
        };
        self.client.kv().txn(txn).await.unwrap().into_inner()
    }

    async fn write(&self, key: &str, at: i64, value: &str, lease: i64) -> TxnResponse {
        let (key_bytes, value) = (key.to_owned().into(), Bytes::from(value.to_owned()));
        let put = PutRequest { key: key_bytes, value, lease, ..PutRequest::default() };
        self.if_unchanged(key, at, Op::RequestPut(put)).await
    }

    async fn range(&self, request: RangeRequest) -> RangeResponse {
        self.client.kv().range(request).await.unwrap().into_inner()
    }

    /// A watch as a reflector's, and where to send more requests on its stream.
    async fn watch(
        &self,
        prefix: &str,
        from: i64,
    ) -> (Streaming<WatchResponse>, mpsc::Sender<WatchRequest>) {
        let RangeRequest { key, range_end, .. } = under(prefix);
        let (sender, requests) = mpsc::channel(4);
        let create = WatchCreateRequest {
            key,
            range_end,
            start_revision: from,
            prev_kv: true,
            ..WatchCreateRequest::default()
        };
        let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        sender.send(request).await.unwrap();
        let mut request = Request::new(ReceiverStream::new(requests));
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        let stream = self.client.watch().watch(request).await.unwrap().into_inner();
        (stream, sender)
    }
}

#[tokio::test]
async fn an_object_is_created_updated_and_deleted_only_as_it_was_seen() {
    let store = Store::new("k8s-objects").await;
    let key = "/registry/pods/default/a";
    assert!(store.range(get("/registry/health")).await.kvs.is_empty());
    let created = store.write(key, 0, "1", 0).await;
    assert!(created.succeeded);
    let first = revision(&created.header);
    let again = store.write(key, 0, "2", 0).await;
    assert!(!again.succeeded, "it exists");
    assert_eq!(present(&again).unwrap().mod_revision, first);
    let updated = store.write(key, first, "2", 0).await;
    assert!(updated.succeeded);
    let late = store.write(key, first, "3", 0).await;
    let seen = present(&late).unwrap();
    assert!(!late.succeeded && seen.value == "2" && seen.mod_revision == revision(&updated.header));
    let delete = || {
        let key = key.to_owned().into();
        Op::RequestDeleteRange(DeleteRangeRequest { key, ..DeleteRangeRequest::default() })
    };
    assert!(!store.if_unchanged(key, first, delete()).await.succeeded);
    assert!(store.if_unchanged(key, seen.mod_revision, delete()).await.succeeded);
    assert_eq!(present(&store.if_unchanged(key, seen.mod_revision, delete()).await), None);
}

#[tokio::test]
async fn a_list_in_pages_is_of_one_revision_whatever_changes_meanwhile() {
    let store = Store::new("k8s-list").await;
    for i in 0..7 {
        store.write(&format!("/registry/pods/default/p{i}"), 0, "1", 0).await;
    }
    store.write("/registry/podtemplates/default/x", 0, "1", 0).await;
    let first = store.range(RangeRequest { limit: 3, ..under("/registry/pods/") }).await;
    assert_eq!((first.kvs.len(), first.more, first.count), (3, true, 7));
    let at = revision(&first.header);
    store.write("/registry/pods/default/p9", 0, "1", 0).await;
    let (mut keys, mut more) = (first.kvs, first.more);
    while more {
        let mut next = keys[keys.len() - 1].key.to_vec();
        next.push(0);
        let page =
            RangeRequest { key: next.into(), limit: 3, revision: at, ..under("/registry/pods/") };
        let page = store.range(page).await;
        more = page.more;
        keys.extend(page.kvs);
    }
    let names: Vec<&[u8]> = keys.iter().map(|kv| &kv.key[kv.key.len() - 2..]).collect();
    assert_eq!(names, [b"p0", b"p1", b"p2", b"p3", b"p4", b"p5", b"p6"]);
    let count = RangeRequest { count_only: true, ..under("/registry/pods/") };
    assert_eq!(store.range(count).await.count, 8);
}

#[tokio::test]
async fn watches_go_on_where_the_list_ended_and_say_what_was_there_before() {
    let store = Store::new("k8s-watch").await;
    let created = store.write("/registry/pods/default/a", 0, "1", 0).await;
    let from = revision(&store.range(under("/registry/pods/")).await.header) + 1;
    let mut watches = Vec::new();
    for _ in 0..WATCHES {
        watches.push(store.watch("/registry/pods/", from).await);
    }
    let first = revision(&created.header);
    let updated = store.write("/registry/pods/default/a", first, "2", 0).await;
    store.write("/registry/secrets/default/s", 0, "1", 0).await;
    let key: Bytes = "/registry/pods/default/a".into();
    let delete = DeleteRangeRequest { key, ..DeleteRangeRequest::default() };
    let at = revision(&updated.header);
    store.if_unchanged("/registry/pods/default/a", at, Op::RequestDeleteRange(delete)).await;
    for (stream, requests) in &mut watches {
        let mut events = Vec::new();
        while events.len() < 2 {
            events.extend(stream.message().await.unwrap().unwrap().events);
        }
        let kinds: Vec<EventType> = events.iter().map(|event| event.r#type()).collect();
        assert_eq!(kinds, [EventType::Put, EventType::Delete]);
        let before: Vec<&[u8]> =
            events.iter().map(|event| &event.prev_kv.as_ref().unwrap().value[..]).collect();
        assert_eq!(before, [b"1", b"2"]);
        let cancel = WatchCancelRequest { watch_id: 0 };
        let cancel = WatchRequest { request_union: Some(RequestUnion::CancelRequest(cancel)) };
        requests.send(cancel).await.unwrap();
        assert!(stream.message().await.unwrap().unwrap().canceled);
    }
}

#[tokio::test]
async fn history_is_compacted_by_one_of_several_apiservers() {
    let store = Store::new("k8s-compaction").await;
    // The key's version says whose turn it is (apiserver storage/etcd3/compact.go).
    let turn = async |version: i64, revision: i64| {
        let mine = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Version.into(),
            key: "compact_rev_key".into(),
            target_union: Some(TargetUnion::Version(version)),
            ..Compare::default()
        };
        let put = PutRequest {
            key: "compact_rev_key".into(),
            value: revision.to_string().into(),
            ..PutRequest::default()
        };
        let txn = TxnRequest {
            compare: vec![mine],
            success: vec![op(Op::RequestPut(put))],
            failure: vec![op(Op::RequestRange(get("compact_rev_key")))],
        };
        store.client.kv().txn(txn).await.unwrap().into_inner()
    };
    let won = turn(0, 0).await;
    assert!(won.succeeded);
    let lost = turn(0, 0).await;
    assert!(!lost.succeeded && present(&lost).unwrap().version == 1);
    let first = revision(&store.write("/registry/pods/default/a", 0, "1", 0).await.header);
    let second = revision(&store.write("/registry/pods/default/a", first, "2", 0).await.header);
    let won = turn(1, second).await;
    assert!(won.succeeded);
    let compaction = CompactionRequest { revision: second, ..CompactionRequest::default() };
    store.client.kv().compact(compaction).await.unwrap();
    let old = RangeRequest { revision: first, ..under("/registry/pods/") };
    let error = store.client.kv().range(old).await.unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange);
    assert_eq!(error.message(), "etcdserver: mvcc: required revision has been compacted");
    let (mut stream, _requests) = store.watch("/registry/pods/", first).await;
    assert!(stream.message().await.unwrap().unwrap().created);
    let gone = stream.message().await.unwrap().unwrap();
    assert!(gone.canceled && gone.compact_revision == second, "{gone:?}");
}

#[tokio::test]
async fn events_and_masters_hang_on_leases_and_the_size_is_known() {
    let store = Store::new("k8s-leases").await;
    for (key, ttl) in [("/registry/events/default/e", 3660), ("/registry/masterleases/1.2.3.4", 15)]
    {
        let granted = store.client.lease().lease_grant(LeaseGrantRequest { ttl, id: 0 }).await;
        let lease = granted.unwrap().into_inner();
        assert_eq!(lease.ttl, ttl);
        assert!(store.write(key, 0, "1", lease.id).await.succeeded);
        assert_eq!(store.range(get(key)).await.kvs[0].lease, lease.id);
    }
    let status = store.client.maintenance().status(StatusRequest {}).await.unwrap().into_inner();
    assert!(status.version.starts_with("3.4.") && status.db_size > 0);
    assert_eq!(status.leader, status.header.unwrap().member_id);
}
