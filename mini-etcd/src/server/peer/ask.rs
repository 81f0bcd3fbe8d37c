//! Questions about leases that only the leader can answer.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::wire::{Answer, Content, Frame, Question};
use crate::lease::{LeaseError, TimeToLive};
use crate::server::refusal::Refusal;
use crate::server::shared::Shared;

/// The questions that wait for an answer.
#[derive(Default)]
pub(crate) struct Questions(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Answer>>,
}

impl Questions {
    fn open(&self) -> (u64, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.0.lock().expect("no task panics with the lock");
        open.waiting.retain(|_, waiting| !waiting.is_closed());
        open.next += 1;
        let number = open.next;
        open.waiting.insert(number, sender);
        (number, receiver)
    }

    /// Hands an answer to who asked.
    pub fn answered(&self, answer: Answer) {
        let mut open = self.0.lock().expect("no task panics with the lock");
        if let Some(waiting) = open.waiting.remove(&answer.number) {
            drop(waiting.send(answer));
        }
    }
}

impl Shared {
    /// Answers another member's question.
    pub(crate) fn answer(&self, question: &Question) -> Answer {
        let number = question.number;
        match self.lease_here(question.lease, question.renew) {
            Ok(TimeToLive { granted, remaining, keys }) => {
                Answer { number, found: true, primary: true, granted, remaining, keys }
            }
            Err(error) => {
                Answer { number, primary: error != LeaseError::NotPrimary, ..Answer::default() }
            }
        }
    }

    fn lease_here(&self, lease: i64, renew: bool) -> Result<TimeToLive, LeaseError> {
        let now = Instant::now();
        let lessor = &mut self.state().lessor;
        if renew {
            lessor.renew(lease, now)?;
        }
        lessor.time_to_live(lease, now)
    }

    /// Renews a lease, or only asks about it, wherever the leader is.
    ///
    /// # Errors
    /// `requested lease not found`; `no leader`; a time-out where the leader does not answer.
    pub(crate) async fn lease(&self, lease: i64, renew: bool) -> Result<TimeToLive, Refusal> {
        let asking = async {
            loop {
                match self.lease_here(lease, renew) {
                    Err(LeaseError::NotPrimary) => {}
                    here => return here.map_err(Refusal::from),
                }
                let leader = self.leader.wait(|l| l.id != 0).await;
                let (number, answer) = self.questions.open();
                let content = Some(Content::Question(Question { number, lease, renew }));
                if self.transport.send_frame(leader.id, Frame { content })
                    && let Ok(Ok(answer)) = tokio::time::timeout(self.config.election, answer).await
                    && answer.primary
                {
                    let Answer { granted, remaining, keys, found, .. } = answer;
                    let known = TimeToLive { granted, remaining, keys };
                    return if found { Ok(known) } else { Err(Refusal::LeaseNotFound) };
                }
                // The leader changed, or is out of reach: as etcd, try again in a moment.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let timeout = tokio::time::timeout(self.config.request_timeout(), asking).await;
        timeout.unwrap_or(Err(Refusal::Timeout))
    }
}
