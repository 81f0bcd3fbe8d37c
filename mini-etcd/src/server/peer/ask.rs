//! Questions that only the leader can answer: about leases, and whether a learner may vote.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::wire::{Answer, Content, Frame, Question};
use crate::defects::Defect;
use crate::lease::{LeaseError, Renewed, TimeToLive};
use crate::server::expiry::checkpoints;
use crate::server::refusal::Refusal;
use crate::server::shared::Shared;

/// Between two tries to ask the leader (etcd 3.2 etcdserver/v3_server.go `LeaseRenew`).
const PAUSE: Duration = Duration::from_millis(50);

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

/// A renewal, or only a look.
enum Look {
    Found(TimeToLive),
    Failed(LeaseError),
    /// What the log noted of the lease is to be taken back first.
    Noted,
}

impl Shared {
    /// Answers another member's question, if that takes no waiting.
    pub(crate) fn answer_now(&self, question: &Question) -> Option<Answer> {
        if question.promote != 0 || (question.renew && !self.is_steady()) {
            return None;
        }
        match self.lease_here(question.lease, question.renew) {
            Look::Found(lease) => Some(about(question, Ok(lease))),
            Look::Failed(LeaseError::RunOut) | Look::Noted => None,
            Look::Failed(error) => Some(about(question, Err(error))),
        }
    }

    /// Answers another member's question.
    pub(crate) async fn answer(&self, question: &Question) -> Answer {
        if question.promote == 0 {
            let limit = self.config.request_timeout();
            let settled = timeout(limit, self.lease_settled(question.lease, question.renew));
            return about(question, settled.await.unwrap_or(Err(LeaseError::NotPrimary)));
        }
        let answer = Answer { number: question.number, primary: true, ..Answer::default() };
        match self.promote_here(question.promote).await {
            Ok(_) => Answer { found: true, ..answer },
            Err(Refusal::NotLeader) => Answer { primary: false, ..answer },
            Err(refusal) => Answer { refusal: refusal.to_string(), ..answer },
        }
    }

    fn lease_here(&self, lease: i64, renew: bool) -> Look {
        let now = Instant::now();
        let lessor = &mut self.state().lessor;
        if renew {
            match lessor.renew(lease, now) {
                Ok(Renewed::For(_)) => self.metrics.leases_renewed.add(1),
                Ok(Renewed::Noted) => return Look::Noted,
                Err(error) => return Look::Failed(error),
            }
        }
        lessor.time_to_live(lease, now).map_or_else(Look::Failed, Look::Found)
    }

    /// Whether this member has missed no turn in which it would have heard of a successor.
    fn is_steady(&self) -> bool {
        self.pulse.is_steady(Instant::now()) || self.config.defects.has(Defect::FormerLeaderDecides)
    }

    /// Whether this member leads; asks a quorum where it cannot know.
    async fn leads_surely(&self) -> bool {
        if self.is_leader() && !self.is_steady() {
            let gaps = self.pulse.gaps();
            if self.linearize().await.is_err() {
                return false;
            }
            self.pulse.confirmed(gaps);
        }
        self.is_leader()
    }

    /// As [`Shared::lease_here`], after what stands in the way has gone through the log.
    async fn lease_settled(&self, lease: i64, renew: bool) -> Result<TimeToLive, LeaseError> {
        loop {
            if renew && !self.leads_surely().await {
                return Err(LeaseError::NotPrimary);
            }
            let applied = self.progress.get().applied;
            match self.lease_here(lease, renew) {
                Look::Found(lease) => return Ok(lease),
                Look::Noted => {
                    if self.propose(checkpoints(vec![(lease, 0)])).await.is_err() {
                        return Err(LeaseError::NotPrimary);
                    }
                }
                Look::Failed(LeaseError::RunOut) => tokio::select! {
                    biased;
                    _ = self.progress.wait(|progress| progress.applied != applied) => {}
                    _ = self.leader.wait(|leader| leader.id != self.id) => {}
                },
                Look::Failed(error) => return Err(error),
            }
        }
    }

    /// Renews a lease, or only asks about it, wherever the leader is.
    ///
    /// # Errors
    /// `requested lease not found`; `no leader`; a time-out where the leader does not answer.
    pub(crate) async fn lease(&self, lease: i64, renew: bool) -> Result<TimeToLive, Refusal> {
        let asking = async {
            loop {
                match self.lease_settled(lease, renew).await {
                    Err(LeaseError::NotPrimary) => {}
                    here => return here.map_err(Refusal::from),
                }
                let question = Question { lease, renew, ..Question::default() };
                if let Some(answer) = self.ask_leader(question, self.config.election).await {
                    let Answer { granted, remaining, keys, found, .. } = answer;
                    let known = TimeToLive { granted, remaining, keys };
                    return if found { Ok(known) } else { Err(Refusal::LeaseNotFound) };
                }
                // The leader changed, or is out of reach.
                sleep(PAUSE).await;
            }
        };
        timeout(self.config.request_timeout(), asking).await.unwrap_or(Err(Refusal::Timeout))
    }

    /// Asks the leader to let a learner vote.
    ///
    /// # Errors
    /// The leader's, or a time-out.
    pub(crate) async fn ask_to_promote(&self, id: u64) -> Result<(), Refusal> {
        let limit = self.config.request_timeout();
        let asking = async {
            loop {
                let question = Question { promote: id, ..Question::default() };
                match self.ask_leader(question, limit).await {
                    Some(Answer { found: true, .. }) => return Ok(()),
                    Some(answer) => {
                        return Err(Refusal::of_text(&answer.refusal).unwrap_or(Refusal::Timeout));
                    }
                    None => sleep(PAUSE).await,
                }
            }
        };
        timeout(limit, asking).await.unwrap_or(Err(Refusal::Timeout))
    }

    /// The leader's answer; `None` where it gave none in time or was not the leader.
    async fn ask_leader(&self, mut question: Question, within: Duration) -> Option<Answer> {
        let leader = self.leader.wait(|l| l.id != 0).await;
        let (number, answer) = self.questions.open();
        question.number = number;
        let frame = Frame { content: Some(Content::Question(question)) };
        if !self.transport.send_frame(leader.id, frame) {
            return None;
        }
        let answer = timeout(within, answer).await.ok()?.ok()?;
        answer.primary.then_some(answer)
    }
}

/// The answer to a question about a lease.
fn about(question: &Question, known: Result<TimeToLive, LeaseError>) -> Answer {
    let number = question.number;
    match known {
        Ok(TimeToLive { granted, remaining, keys }) => Answer {
            number,
            found: true,
            primary: true,
            granted,
            remaining,
            keys,
            ..Answer::default()
        },
        Err(error) => {
            Answer { number, primary: error != LeaseError::NotPrimary, ..Answer::default() }
        }
    }
}
