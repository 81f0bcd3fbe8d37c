//! Which changes of the members are proposed (etcd 3.4 etcdserver/server.go `mayAddMember`,
//! `mayRemoveMember`, `mayPromote`). What is valid is decided again when a change is applied.

use std::time::Duration;

use anatomy_proto::etcdserverpb::Member;
use anatomy_proto::raftpb::ConfChangeType;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::apply::Reply;
use super::membership::ChangeContext;
use super::node::Input;
use super::refusal::Refusal;
use super::shared::Shared;

/// How long a connection must have stood to count as healthy (etcd 3.2 etcdserver/server.go
/// `HealthInterval`).
const HEALTH: Duration = Duration::from_secs(5);
/// How much of the leader's log a learner must have to vote (etcd 3.4 `readyPercent`).
const READY: f64 = 0.9;

impl Shared {
    /// Puts a change into the log. Returns the members after it.
    ///
    /// # Errors
    /// Why it is not valid, or a time-out.
    pub async fn reconfigure(
        &self,
        kind: ConfChangeType,
        id: u64,
        to: ChangeContext,
    ) -> Result<Vec<Member>, Refusal> {
        match self.configure(kind, id, to).await? {
            Reply::Members(members) => Ok(members),
            other => unreachable!("a change was answered with {other:?}"),
        }
    }

    /// A voter is added only while the started members are a quorum of what comes, and all
    /// voters have been connected to this one for 5 s.
    pub fn may_add(&self, is_learner: bool) -> Result<(), Refusal> {
        if !self.config.strict_reconfig_check {
            return Ok(());
        }
        if !is_learner && !self.state().membership.ready_to_add() {
            return Err(Refusal::NotEnoughStarted);
        }
        let (connected, all) = self.healthy();
        if connected < all { Err(Refusal::Unhealthy) } else { Ok(()) }
    }

    /// A member that is down may go; one that is up may if the others are a quorum without it.
    pub fn may_remove(&self, id: u64) -> Result<(), Refusal> {
        if !self.config.strict_reconfig_check {
            return Ok(());
        }
        {
            let state = self.state();
            let Some(member) = state.membership.members.get(&id) else {
                return Err(Refusal::MemberNotFound);
            };
            if member.is_learner {
                return Ok(());
            }
            if !state.membership.ready_to_remove(id) {
                return Err(Refusal::NotEnoughStarted);
            }
        }
        if id != self.id && self.transport.active_since(id).is_none() {
            return Ok(());
        }
        let (connected, all) = self.healthy();
        if connected.saturating_sub(1) < 1 + (all - 1) / 2 {
            return Err(Refusal::Unhealthy);
        }
        Ok(())
    }

    /// Lets a learner vote, on the leader. Returns the members after it.
    ///
    /// # Errors
    /// [`Refusal::NotLeader`] elsewhere; why it may not, or a time-out.
    pub async fn promote_here(&self, id: u64) -> Result<Vec<Member>, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let question = Input::LearnerProgress { id, reply: sender };
        if self.inputs.send(question).await.is_err() {
            return Err(Refusal::Stopped);
        }
        let progress = receiver.await.map_err(|_| Refusal::Stopped)?;
        if !self.is_leader() {
            return Err(Refusal::NotLeader);
        }
        if let Some((learner, leader)) = progress
            && (learner as f64) < leader as f64 * READY
        {
            return Err(Refusal::LearnerNotReady);
        }
        if self.config.strict_reconfig_check && !self.state().membership.ready_to_promote() {
            return Err(Refusal::NotEnoughStarted);
        }
        let member = Member { id, ..Member::default() };
        let context = ChangeContext { member, promote: true };
        self.reconfigure(ConfChangeType::ConfChangeAddNode, id, context).await
    }

    fn healthy(&self) -> (usize, usize) {
        match Instant::now().checked_sub(HEALTH) {
            Some(since) => self.connected_since(since),
            None => (0, usize::MAX),
        }
    }
}
