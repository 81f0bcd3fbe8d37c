//! WATCH: a line of JSON for each change, until time is up.
//!
//! Nothing is written, not even the head of the answer, before the watch cache is ready (kubernetes
//! 1.7.8 pkg/endpoints/handlers: `rw.Watch` comes first). A version that is too old is not an HTTP
//! error: the answer is 200 and one ERROR event with code 410, then the stream ends
//! (kubernetes#35068).

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use hyper::rt::Executor;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::body::Body;
use super::request::{Asked, Target};
use super::server::Server;
use crate::Version;
use crate::cacher::watcher::{Event, Watcher};
use crate::cacher::window::What;
use crate::objects::convert;
use crate::registry::selector::Selector;
use crate::status::Status;

/// Answers with a stream of events.
pub(super) async fn watch(
    server: &Arc<Server>,
    target: &Target,
    asked: &Asked,
) -> Result<Response<Body>, Status> {
    let revision = asked.query.revision()?.unwrap_or(0);
    let selector = match &target.name {
        Some(name) => Selector::parse(target.kind, "", &format!("metadata.name={name}"))?,
        None => asked.query.selector(target.kind)?,
    };
    let life = asked.query.timeout_seconds().unwrap_or_else(|| server.lifetime());
    let until = Instant::now() + life;
    let resource = server.resource(target.kind);
    let watcher = resource.watch(target.namespace.as_deref(), selector, revision).await;
    let (sender, chunks) = mpsc::channel(1);
    match watcher {
        Ok(watcher) => {
            let (gv, version) = (target.group_version.clone(), server.version());
            server.executor().execute(pump(watcher, sender, until, gv, version));
        }
        Err(status) => {
            let line = format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", status.to_value());
            // The receiver is still here and has room.
            let _ = sender.try_send(line.into());
        }
    }
    let mut response = Response::new(Body::Chunks(chunks));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Sends events until the client leaves, the time is up or the cache closes the watch.
async fn pump(
    mut watcher: Watcher,
    sender: mpsc::Sender<Bytes>,
    until: Instant,
    group_version: String,
    version: Version,
) {
    loop {
        let event = tokio::select! {
            biased;
            () = sender.closed() => return,
            () = tokio::time::sleep_until(until) => return,
            event = watcher.next() => event,
        };
        let Some(event) = event else { return };
        let line = line(&event, &group_version, version);
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(until) => return,
            sent = sender.send(line) => if sent.is_err() { return },
        }
    }
}

fn line(event: &Event, group_version: &str, version: Version) -> Bytes {
    let what = match event.what {
        What::Added => "ADDED",
        What::Modified => "MODIFIED",
        What::Deleted => "DELETED",
    };
    let mut line = format!("{{\"type\":\"{what}\",\"object\":").into_bytes();
    convert::single(version, &event.object).write(group_version, version, &mut line);
    line.extend_from_slice(b"}\n");
    line.into()
}
