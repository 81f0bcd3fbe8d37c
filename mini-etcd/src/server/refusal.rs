//! Why a request is refused. Clients compare the code *and* the text, so both are etcd's to the
//! letter (etcd 3.4 etcdserver/api/v3rpc/rpctypes/error.go).

use tonic::{Code, Status};

use crate::lease::LeaseError;
use crate::mvcc::StoreError;

macro_rules! refusals {
    ($($name:ident $code:ident $text:literal,)*) => {
        /// Why a request is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[expect(missing_docs, reason = "the texts say it")]
        pub enum Refusal {
            $(#[error($text)] $name,)*
        }

        impl Refusal {
            /// The gRPC code.
            pub fn code(self) -> Code {
                match self { $(Refusal::$name => Code::$code,)* }
            }

            const ALL: &[Refusal] = &[$(Refusal::$name),*];

            /// The refusal of this text.
            pub fn of_text(text: &str) -> Option<Refusal> {
                Refusal::ALL.iter().copied().find(|refusal| refusal.to_string() == text)
            }
        }
    };
}

refusals! {
    EmptyKey InvalidArgument "etcdserver: key is not provided",
    KeyNotFound InvalidArgument "etcdserver: key not found",
    ValueProvided InvalidArgument "etcdserver: value is provided",
    LeaseProvided InvalidArgument "etcdserver: lease is provided",
    TooManyOps InvalidArgument "etcdserver: too many operations in txn request",
    DuplicateKey InvalidArgument "etcdserver: duplicate key given in txn request",
    RequestTooLarge InvalidArgument "etcdserver: request is too large",
    BadMemberUrls InvalidArgument "etcdserver: given member URLs are invalid",
    Compacted OutOfRange "etcdserver: mvcc: required revision has been compacted",
    FutureRevision OutOfRange "etcdserver: mvcc: required revision is a future revision",
    LeaseTtlTooLarge OutOfRange "etcdserver: too large lease TTL",
    TooManyRequests ResourceExhausted "etcdserver: too many requests",
    NoSpace ResourceExhausted "etcdserver: mvcc: database space exceeded",
    LeaseNotFound NotFound "etcdserver: requested lease not found",
    MemberNotFound NotFound "etcdserver: member not found",
    LeaseExists FailedPrecondition "etcdserver: lease already exists",
    PeerUrlExists FailedPrecondition "etcdserver: Peer URLs already exists",
    MemberExists FailedPrecondition "etcdserver: member ID already exist",
    NotEnoughStarted FailedPrecondition
        "etcdserver: re-configuration failed due to not enough started members",
    TooManyLearners FailedPrecondition "etcdserver: too many learner members in cluster",
    MemberNotLearner FailedPrecondition "etcdserver: can only promote a learner member",
    LearnerNotReady FailedPrecondition
        "etcdserver: can only promote a learner member which is in sync with leader",
    NotLeader FailedPrecondition "etcdserver: not leader",
    BadTransferee FailedPrecondition "etcdserver: bad leader transferee",
    AuthNotEnabled FailedPrecondition "etcdserver: authentication is not enabled",
    RootUserNotExist FailedPrecondition "etcdserver: root user does not exist",
    UserNotFound FailedPrecondition "etcdserver: user name not found",
    RoleNotFound FailedPrecondition "etcdserver: role name not found",
    Corrupt DataLoss "etcdserver: corrupt cluster",
    NoLeader Unavailable "etcdserver: no leader",
    LeaderChanged Unavailable "etcdserver: leader changed",
    Stopped Unavailable "etcdserver: server stopped",
    Timeout Unavailable "etcdserver: request timed out",
    TimeoutLeaderFailed Unavailable
        "etcdserver: request timed out, possibly due to previous leader failure",
    TimeoutConnectionLost Unavailable
        "etcdserver: request timed out, possibly due to connection lost",
    TimeoutTransfer Unavailable "etcdserver: request timed out, leader transfer took too long",
    Unhealthy Unavailable "etcdserver: unhealthy cluster",
    NotForLearner Unavailable "etcdserver: rpc not supported for learner",
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        Status::new(refusal.code(), refusal.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        match error {
            StoreError::Compacted => Refusal::Compacted,
            StoreError::Future => Refusal::FutureRevision,
        }
    }
}

impl From<LeaseError> for Refusal {
    fn from(error: LeaseError) -> Refusal {
        match error {
            LeaseError::NotFound => Refusal::LeaseNotFound,
            LeaseError::Exists => Refusal::LeaseExists,
            LeaseError::TooLargeTtl => Refusal::LeaseTtlTooLarge,
            LeaseError::NotPrimary | LeaseError::RunOut => Refusal::NotLeader,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_begins_as_clients_expect_and_is_used_once() {
        let texts: std::collections::BTreeSet<String> =
            Refusal::ALL.iter().map(ToString::to_string).collect();
        assert!(texts.iter().all(|text| text.starts_with("etcdserver: ")));
        assert_eq!(texts.len(), Refusal::ALL.len());
        assert!(Refusal::ALL.iter().all(|r| Refusal::of_text(&r.to_string()) == Some(*r)));
    }
}
