//! The watch workload: clients that watch everything and note every response.

use std::time::Duration;

use anatomy_proto::etcdserverpb as pb;
use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::seat::Seat;
use crate::oracle::watch::Watch;

/// A watch that hears nothing for so long is made anew: its connection may be dead.
const SILENCE: Duration = Duration::from_secs(15);

/// Lives until dropped.
///
/// # Errors
/// Never.
pub async fn run(seat: Seat) -> Result<(), String> {
    let session = seat.session("watch");
    let Seat { number, pause, patience, notes, .. } = seat;
    // The first revision that etcd gives to a write is 2.
    let mut next = 2;
    for nth in 0u64.. {
        // All with the previous pair but one.
        let request = pb::WatchCreateRequest {
            key: Bytes::from_static(b"\0"),
            range_end: Bytes::from_static(b"\0"),
            start_revision: next,
            prev_kv: number > 1,
            ..pb::WatchCreateRequest::default()
        };
        let watch = Watch {
            name: format!("watch {number}.{nth}"),
            request: request.clone(),
            responses: Vec::new(),
            heard: None,
        };
        let (client_number, client) = session.client();
        if let Ok(Ok(mut stream)) = timeout(patience, client.watch(request)).await {
            let place = {
                let mut all = notes.all();
                all.watches.push(watch);
                all.watches.len() - 1
            };
            while let Ok(Some(Ok(response))) = timeout(SILENCE, stream.next()).await {
                let revision = |event: &anatomy_proto::mvccpb::Event| {
                    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
                };
                let last = response.events.last().map(revision);
                next = last.map_or(next, |last| last + 1).max(response.compact_revision);
                notes.all().watches[place].responses.push(response);
            }
        }
        session.renew(client_number);
        sleep(pause).await;
    }
    Ok(())
}
