//! The line of keys under a prefix, in the order of their creation.

use std::time::Duration;

use anatomy_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use anatomy_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use anatomy_proto::etcdserverpb::request_op::Request;
use anatomy_proto::etcdserverpb::response_op::Response;
use anatomy_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest, TxnResponse,
    WatchCreateRequest,
};
use anatomy_proto::mvccpb::event::EventType;
use anatomy_proto::mvccpb::{Event, KeyValue};
use bytes::Bytes;
use tokio::time::timeout;

use super::{RecipeError, Session};
use crate::client::{Client, WatchStream};

/// How long it is tried to leave the line after nobody waits in it any more.
const LEAVING: Duration = Duration::from_secs(10);

/// The end of the range of all keys that begin with `prefix`.
fn end(prefix: &Bytes) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end.into();
        }
    }
    Bytes::from_static(b"\0")
}

/// Asks for the first key in line.
pub(super) fn first(prefix: &Bytes) -> RangeRequest {
    RangeRequest {
        key: prefix.clone(),
        range_end: end(prefix),
        limit: 1,
        sort_order: SortOrder::Ascend.into(),
        sort_target: SortTarget::Create.into(),
        ..RangeRequest::default()
    }
}

/// Watches all keys under a prefix from a revision on.
pub(super) async fn watch_line(
    client: &Client,
    prefix: &Bytes,
    from: i64,
) -> Result<WatchStream, RecipeError> {
    let request = WatchCreateRequest {
        key: prefix.clone(),
        range_end: end(prefix),
        start_revision: from,
        ..WatchCreateRequest::default()
    };
    Ok(client.watch(request).await?)
}

/// The next events of a watch.
pub(super) async fn events(watch: &mut WatchStream) -> Result<Vec<Event>, RecipeError> {
    match watch.next().await {
        Some(Ok(response)) if response.canceled => {
            Err(RecipeError::Cancelled(response.compact_revision))
        }
        Some(Ok(response)) => Ok(response.events),
        Some(Err(error)) => Err(error.into()),
        None => Err(crate::client::Error::Closed.into()),
    }
}

/// Whether an event is a deletion.
pub(super) fn is_delete(event: &Event) -> bool {
    event.r#type == EventType::Delete as i32
}

fn op(request: Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

/// A place in the line.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub prefix: Bytes,
    pub key: Bytes,
    /// The revision in which the key was created: its number in the line.
    pub created: i64,
}

/// What came of taking a place.
pub(super) struct Taken {
    pub place: Place,
    /// The value that the key had already, if it was there.
    pub already: Option<KeyValue>,
    /// Who was first in line then.
    pub first: Option<KeyValue>,
}

impl Place {
    /// Takes a place for a session, or finds the one that it has.
    pub async fn take(
        session: &Session,
        prefix: &Bytes,
        value: Bytes,
    ) -> Result<Taken, RecipeError> {
        let lease = session.lease();
        let mut key = prefix.to_vec();
        key.extend_from_slice(format!("{lease:x}").as_bytes());
        let mut place = Place { prefix: prefix.clone(), key: key.into(), created: 0 };
        let put = PutRequest { key: place.key.clone(), value, lease, ..PutRequest::default() };
        let get = RangeRequest { key: place.key.clone(), ..RangeRequest::default() };
        let who = || op(Request::RequestRange(first(prefix)));
        let txn = TxnRequest {
            compare: vec![place.is_created()],
            success: vec![op(Request::RequestPut(put)), who()],
            failure: vec![op(Request::RequestRange(get)), who()],
        };
        let answer = session.client().txn(txn).await?;
        let revision = answer.header.map_or(0, |header| header.revision);
        let already = if answer.succeeded { None } else { pair(&answer, 0) };
        place.created = already.as_ref().map_or(revision, |kv| kv.create_revision);
        Ok(Taken { already, first: pair(&answer, 1), place })
    }

    /// Holds while the key is the one that was created at this place.
    pub fn is_created(&self) -> Compare {
        Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Create.into(),
            key: self.key.clone(),
            target_union: Some(TargetUnion::CreateRevision(self.created)),
            ..Compare::default()
        }
    }

    /// Returns when all keys before this one are gone.
    ///
    /// # Errors
    /// [`RecipeError::SessionExpired`] where this one is gone too.
    pub async fn wait(&self, client: &Client) -> Result<(), RecipeError> {
        loop {
            let before = RangeRequest {
                max_create_revision: self.created - 1,
                sort_order: SortOrder::Descend.into(),
                ..first(&self.prefix)
            };
            let found = client.range(before).await?;
            let revision = found.header.map_or(0, |header| header.revision);
            let Some(last) = found.kvs.into_iter().next() else { break };
            until_deleted(client, last.key, revision).await?;
        }
        let own = RangeRequest { key: self.key.clone(), ..RangeRequest::default() };
        let found = client.range(own).await?;
        let still = found.kvs.first().is_some_and(|kv| kv.create_revision == self.created);
        if still { Ok(()) } else { Err(RecipeError::SessionExpired) }
    }

    /// Leaves the line.
    pub async fn leave(&self, client: &Client) -> Result<(), RecipeError> {
        let delete = DeleteRangeRequest { key: self.key.clone(), ..DeleteRangeRequest::default() };
        let txn = TxnRequest {
            compare: vec![self.is_created()],
            success: vec![op(Request::RequestDeleteRange(delete))],
            failure: Vec::new(),
        };
        client.txn(txn).await?;
        Ok(())
    }

    /// Puts another value on the key, if it is still there.
    pub async fn put(&self, session: &Session, value: Bytes) -> Result<bool, RecipeError> {
        let lease = session.lease();
        let put = PutRequest { key: self.key.clone(), value, lease, ..PutRequest::default() };
        let txn = TxnRequest {
            compare: vec![self.is_created()],
            success: vec![op(Request::RequestPut(put))],
            failure: Vec::new(),
        };
        Ok(session.client().txn(txn).await?.succeeded)
    }
}

fn pair(answer: &TxnResponse, at: usize) -> Option<KeyValue> {
    match answer.responses.get(at)?.response.as_ref()? {
        Response::ResponseRange(range) => range.kvs.first().cloned(),
        _ => None,
    }
}

async fn until_deleted(client: &Client, key: Bytes, from: i64) -> Result<(), RecipeError> {
    let request = WatchCreateRequest { key, start_revision: from, ..WatchCreateRequest::default() };
    let mut watch = client.watch(request).await?;
    while !events(&mut watch).await?.iter().any(is_delete) {}
    Ok(())
}

/// A place that is left where the future that waits in it is dropped, or fails.
pub(super) struct Waiting {
    client: Client,
    place: Option<Place>,
}

impl Waiting {
    pub fn new(client: &Client, place: &Place) -> Self {
        Waiting { client: client.clone(), place: Some(place.clone()) }
    }

    /// The wait is over.
    pub fn keep(mut self) {
        self.place = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            let client = self.client.clone();
            self.client.spawn_on(async move {
                // If this does not get through, the session ends some day.
                drop(timeout(LEAVING, place.leave(&client)).await);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_its_successor() {
        let cases: [(&'static [u8], &'static [u8]); 4] =
            [(b"a/", b"a0"), (b"a\xff", b"b"), (b"\xff\xff", b"\0"), (b"", b"\0")];
        for (prefix, expected) in cases {
            assert_eq!(&end(&Bytes::from_static(prefix))[..], expected);
        }
    }
}
