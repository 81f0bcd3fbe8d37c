//! Who is in the cluster, and which changes to that are allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use anatomy_proto::etcdserverpb::Member;
use anatomy_proto::raftpb::{ConfChange, ConfChangeType};
use harness_env::rng::{derive, derive_n};
use prost::Message;

use super::config::{parse_url, url};
use super::refusal::Refusal;

/// The members of a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Membership {
    /// The cluster's id.
    pub id: u64,
    /// By id. A member without a name was added but has not started.
    pub members: BTreeMap<u64, Member>,
    /// Ids that are never used again.
    pub removed: BTreeSet<u64>,
}

/// What a membership change in the log carries.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChangeContext {
    /// The member after the change.
    #[prost(message, required, tag = "1")]
    pub member: Member,
    /// Whether a learner becomes a voter.
    #[prost(bool, tag = "2")]
    pub promote: bool,
}

/// The members in a snapshot.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MembershipImage {
    /// The cluster's id.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The members.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
    /// Ids that are never used again.
    #[prost(uint64, repeated, tag = "3")]
    pub removed: Vec<u64>,
}

/// A new member with an id from its addresses, the cluster's token, and the time it was added
/// (nothing for those that begin the cluster: all compute the same id). etcd hashes with SHA-1.
pub fn new_member(peer_urls: Vec<String>, token: &str, added: Option<i64>) -> Member {
    let mut urls = peer_urls.clone();
    urls.sort();
    let key = urls.iter().fold(derive(0, token), |key, url| derive(key, url));
    let id = added.map_or(key, |time| derive_n(key, time as u64)).max(1);
    Member { id, peer_ur_ls: peer_urls, ..Member::default() }
}

/// The peer address of a member.
pub fn peer_addr(member: &Member) -> Option<SocketAddr> {
    member.peer_ur_ls.iter().find_map(|url| parse_url(url))
}

impl Membership {
    /// The cluster that `initial` begins.
    pub fn initial(initial: &[(String, SocketAddr)], token: &str) -> Self {
        let members: BTreeMap<u64, Member> = initial
            .iter()
            .map(|(_, addr)| new_member(vec![url(*addr)], token, None))
            .map(|member| (member.id, member))
            .collect();
        let id = members.keys().fold(derive(1, token), |key, id| derive_n(key, *id)).max(1);
        Membership { id, members, removed: BTreeSet::new() }
    }

    /// The members in the order of their ids.
    pub fn list(&self) -> Vec<Member> {
        self.members.values().cloned().collect()
    }

    /// Whether a change makes sense against the members as they are. It was proposed against what
    /// they were.
    ///
    /// # Errors
    /// The [`Refusal`] that the proposer gets.
    pub fn validate(&self, change: &ConfChange) -> Result<ChangeContext, Refusal> {
        let context =
            ChangeContext::decode(&change.context[..]).map_err(|_| Refusal::BadMemberUrls)?;
        let id = change.node_id;
        if self.removed.contains(&id) {
            return Err(Refusal::MemberNotFound);
        }
        let known = self.members.get(&id);
        let url_taken = self.members.values().filter(|other| other.id != id).any(|other| {
            other.peer_ur_ls.iter().any(|url| context.member.peer_ur_ls.contains(url))
        });
        match (change.r#type(), known) {
            (ConfChangeType::ConfChangeAddNode, Some(member)) if context.promote => {
                if member.is_learner { Ok(context) } else { Err(Refusal::MemberNotLearner) }
            }
            (ConfChangeType::ConfChangeAddNode, None) if context.promote => {
                Err(Refusal::MemberNotFound)
            }
            (ConfChangeType::ConfChangeAddNode, Some(_))
            | (ConfChangeType::ConfChangeAddLearnerNode, Some(_)) => Err(Refusal::MemberExists),
            (ConfChangeType::ConfChangeAddNode, None)
            | (ConfChangeType::ConfChangeAddLearnerNode, None)
            | (ConfChangeType::ConfChangeUpdateNode, Some(_))
                if url_taken =>
            {
                Err(Refusal::PeerUrlExists)
            }
            (ConfChangeType::ConfChangeAddLearnerNode, None)
                if self.members.values().any(|member| member.is_learner) =>
            {
                Err(Refusal::TooManyLearners)
            }
            (ConfChangeType::ConfChangeRemoveNode, None)
            | (ConfChangeType::ConfChangeUpdateNode, None) => Err(Refusal::MemberNotFound),
            _ => Ok(context),
        }
    }

    /// Applies a valid change.
    pub fn apply(&mut self, change: &ConfChange, context: ChangeContext) {
        let id = change.node_id;
        match change.r#type() {
            ConfChangeType::ConfChangeRemoveNode => {
                self.members.remove(&id);
                self.removed.insert(id);
            }
            ConfChangeType::ConfChangeUpdateNode => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.peer_ur_ls = context.member.peer_ur_ls;
                }
            }
            ConfChangeType::ConfChangeAddNode if context.promote => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.is_learner = false;
                }
            }
            _ => drop(self.members.insert(id, context.member)),
        }
    }

    /// Whether a voter may be added: the started members must be a quorum of what comes (etcd 3.2
    /// membership/cluster.go `IsReadyToAddNewMember`). A cluster of one that is being restored may
    /// always grow.
    pub fn ready_to_add(&self) -> bool {
        let (voters, started) = self.voters_without(0);
        (started == 1 && voters == 1) || started > voters.div_ceil(2)
    }

    /// Whether a member may be removed: the started ones that stay must be a quorum of what comes.
    pub fn ready_to_remove(&self, id: u64) -> bool {
        let (voters, started) = self.voters_without(id);
        voters > 0 && started > voters / 2
    }

    /// Whether a learner may vote: the started members must be a quorum of what comes, the learner
    /// counted among them.
    pub fn ready_to_promote(&self) -> bool {
        let (voters, started) = self.voters_without(0);
        started + 1 > voters.div_ceil(2)
    }

    /// The members that vote.
    pub fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| !member.is_learner)
    }

    fn voters_without(&self, id: u64) -> (usize, usize) {
        let voters = self.voters().filter(|m| m.id != id);
        voters.fold((0, 0), |(all, up), m| (all + 1, up + usize::from(!m.name.is_empty())))
    }

    /// The members as a message.
    pub fn image(&self) -> MembershipImage {
        MembershipImage {
            id: self.id,
            members: self.list(),
            removed: self.removed.iter().copied().collect(),
        }
    }

    /// The members that an image was made of.
    pub fn from_image(image: MembershipImage) -> Self {
        Membership {
            id: image.id,
            members: image.members.into_iter().map(|member| (member.id, member)).collect(),
            removed: image.removed.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(started: usize, unstarted: usize) -> Membership {
        let addr = |i: usize| SocketAddr::from(([10, 0, 0, i as u8], 2380));
        let initial: Vec<_> =
            (0..started + unstarted).map(|i| (format!("m{i}"), addr(i))).collect();
        let mut cluster = Membership::initial(&initial, "t");
        for member in cluster.members.values_mut().take(started) {
            member.name = "up".into();
        }
        cluster
    }

    #[test]
    fn a_member_may_be_added_while_the_started_ones_are_the_new_quorum() {
        // (started, not started, whether one more may be added)
        let cases = [(1, 0, true), (3, 0, true), (2, 1, false), (3, 1, true), (3, 2, false)];
        for (started, unstarted, allowed) in cases {
            assert_eq!(
                cluster(started, unstarted).ready_to_add(),
                allowed,
                "{started}+{unstarted}"
            );
        }
    }

    #[test]
    fn a_learner_may_vote_while_the_started_ones_and_it_are_the_new_quorum() {
        for (started, unstarted, allowed) in [(1, 0, true), (2, 1, true), (1, 2, false)] {
            let cluster = cluster(started, unstarted);
            assert_eq!(cluster.ready_to_promote(), allowed, "{started}+{unstarted}");
        }
    }

    #[test]
    fn the_last_quorum_may_not_be_removed() {
        let three = cluster(2, 1);
        let (up, down): (Vec<&Member>, Vec<&Member>) =
            three.members.values().partition(|member| !member.name.is_empty());
        assert!(three.ready_to_remove(down[0].id));
        assert!(!three.ready_to_remove(up[0].id));
        assert!(!cluster(1, 0).ready_to_remove(*cluster(1, 0).members.keys().next().unwrap()));
    }

    #[test]
    fn a_removed_id_is_never_used_again() {
        let mut cluster = cluster(3, 0);
        let member = cluster.members.values().next().unwrap().clone();
        let context = ChangeContext { member: member.clone(), promote: false };
        let mut change = ConfChange {
            node_id: member.id,
            context: context.encode_to_vec().into(),
            ..ConfChange::default()
        };
        change.set_type(ConfChangeType::ConfChangeRemoveNode);
        let context = cluster.validate(&change).unwrap();
        cluster.apply(&change, context);
        change.set_type(ConfChangeType::ConfChangeAddNode);
        assert_eq!(cluster.validate(&change), Err(Refusal::MemberNotFound));
        assert_eq!(Membership::from_image(cluster.image()), cluster);
    }
}
