//! What clientv3 3.1.5 does when a call fails (`clientv3/retry.go`, `kv.go`, `lease.go`).
//!
//! A read waits for a connection and is repeated for ever on `Unavailable` and `Internal`, whoever
//! said so. A write fails fast; only where gRPC itself says `Unavailable` does it wait for some
//! endpoint to be up and go again. A write whose connection breaks ends with `Internal`, and nobody
//! knows whether it was applied.
//!
//! No call has a deadline of the client's: the apiservers of Kubernetes 1.6 and 1.7 pass contexts
//! without one, so a call that never gets a stream never ends. Dropping the future is what
//! cancelling the context is.

use prost::Message;
use tonic::{Code, Status};

use super::conn::{Conn, Patience};
use super::error::{Error, is_etcd};

impl Conn {
    /// A call that may be repeated.
    pub async fn read<Q, A>(&self, path: &'static str, request: &Q) -> Result<A, Error>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        loop {
            match self.unary(Patience::Wait, path, request).await {
                Ok(answer) => return Ok(answer),
                Err(status) if halts(&status) => return Err(Error::from_status(&status)),
                Err(_) => self.lap().await,
            }
        }
    }

    /// A call that may not be repeated once it was sent.
    pub async fn write<Q, A>(&self, path: &'static str, request: &Q) -> Result<A, Error>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        self.write_once(path, request).await.map_err(|status| Error::from_status(&status))
    }

    /// A call that is made like a write and repeated like a read (`lessor.Grant`): at worst a lease
    /// too many is left to expire.
    pub async fn write_again<Q, A>(&self, path: &'static str, request: &Q) -> Result<A, Error>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        loop {
            match self.write_once(path, request).await {
                Ok(answer) => return Ok(answer),
                Err(status) if halts(&status) => return Err(Error::from_status(&status)),
                Err(_) => self.lap().await,
            }
        }
    }

    async fn write_once<Q, A>(&self, path: &'static str, request: &Q) -> Result<A, Status>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        loop {
            match self.unary(Patience::FailFast, path, request).await {
                Err(status) if status.code() == Code::Unavailable && !is_etcd(&status) => {
                    self.balancer().connected().await;
                    self.lap().await;
                }
                answered => return answered,
            }
        }
    }
}

/// Whether an error ends a loop (`isHaltErr`): a member that is not there or has no leader will be
/// back, anything else will not change.
pub(super) fn halts(status: &Status) -> bool {
    !matches!(status.code(), Code::Unavailable | Code::Internal)
}
