//! What can go wrong, as the caller of the client sees it.

use std::net::SocketAddr;

use tonic::{Code, Status};

use super::transport::Failure;

/// Why a request has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// etcd answered with an error, or the connection broke under a write ([`Code::Internal`]:
    /// whether it was applied is unknown).
    #[error("{1} ({0:?})")]
    Status(Code, String),
    /// No endpoint is connected.
    #[error("etcd client: no available endpoints")]
    NoAddress,
    /// A dial took longer than the client waits.
    #[error("dialling {endpoint}: not connected after {after:?}")]
    Timeout {
        /// Who was dialled.
        endpoint: SocketAddr,
        /// How long it was waited for.
        after: std::time::Duration,
    },
    /// A dial failed.
    #[error("dialling {endpoint}: {reason}")]
    Dial {
        /// Who was dialled.
        endpoint: SocketAddr,
        /// What the network said.
        reason: String,
    },
    /// The client is being dropped.
    #[error("etcd client: closed")]
    Closed,
}

impl Error {
    /// etcd's status code, where it is etcd (or gRPC) that answered.
    pub fn code(&self) -> Option<Code> {
        match self {
            Error::Status(code, _) => Some(*code),
            Error::NoAddress => Some(Code::Unavailable),
            Error::Timeout { .. } | Error::Dial { .. } | Error::Closed => None,
        }
    }

    /// etcd's own errors keep their text; gRPC's `Unavailable` means that nobody is there
    /// (clientv3 `toErr`).
    pub(super) fn from_status(status: &Status) -> Self {
        match status.code() {
            Code::Unavailable if !is_etcd(status) => Error::NoAddress,
            code => Error::Status(code, status.message().to_owned()),
        }
    }

    /// What a call that fails fast makes of a failure (grpc-go 1.0.4 `rpc_util.go`, `toRPCErr`).
    pub(super) fn status_of(failure: Failure) -> Status {
        match failure {
            Failure::Status(status) => status,
            Failure::Lost => Status::internal("transport is closing"),
            Failure::Draining => Status::unavailable("the server stops accepting new RPCs"),
        }
    }
}

/// Whether it is an error of etcd's own (`rpctypes.Error`), whose texts all begin like this.
pub(super) fn is_etcd(status: &Status) -> bool {
    status.message().starts_with("etcdserver: ")
}
