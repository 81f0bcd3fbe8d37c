//! Linearizable reads: one question to the leader for all reads that wait (etcd 3.2
//! etcdserver/v3_server.go `linearizableReadLoop`).
//!
//! Only one question is out at a time, and up to 3.4 a question that got lost is not asked again:
//! then all reads of this member wait until its time-out.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::node::Input;
use super::refusal::Refusal;
use super::shared::Shared;
use crate::Profile;
use crate::raft::{NONE, ReadState};

/// Answers reads for ever.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut requests: mpsc::Receiver<oneshot::Sender<Result<(), Refusal>>>,
    mut states: mpsc::UnboundedReceiver<ReadState>,
) {
    while let Some(first) = requests.recv().await {
        let mut batch = vec![first];
        while let Ok(next) = requests.try_recv() {
            batch.push(next);
        }
        let result = ask(&shared, &mut states).await;
        if let Ok(index) = result {
            shared.progress.wait(|progress| progress.applied >= index).await;
        }
        if result.is_err() {
            shared.metrics.reads_failed.add(1);
        }
        for waiting in batch {
            let _ = waiting.send(result.map(drop));
        }
    }
}

async fn ask(
    shared: &Shared,
    states: &mut mpsc::UnboundedReceiver<ReadState>,
) -> Result<u64, Refusal> {
    let context = Bytes::copy_from_slice(&shared.next_id().to_be_bytes());
    let elected = shared.leader.get().elected;
    if shared.inputs.send(Input::ReadIndex(context.clone())).await.is_err() {
        return Err(Refusal::Stopped);
    }
    let deadline = Instant::now() + shared.config.request_timeout();
    // From 3.4 on a change of leader ends the wait: the question may have gone to the old one.
    let watches_leader = shared.config.profile >= Profile::V3_4;
    loop {
        tokio::select! {
            biased;
            state = states.recv() => match state {
                None => return Err(Refusal::Stopped),
                Some(state) if state.ctx == context => return Ok(state.index),
                // The late answer to a question that was given up.
                Some(_) => {}
            },
            _ = shared.leader.wait(|l| l.id != NONE && l.elected != elected), if watches_leader => {
                return Err(Refusal::LeaderChanged);
            }
            () = sleep_until(deadline) => return Err(Refusal::Timeout),
        }
    }
}
