//! Clients of the v3 API, as of their historical generations.
//!
//! The client that an apiserver of Kubernetes 1.7 was linked with: etcd's clientv3 3.1.5 over grpc-go
//! 1.0.4, rebuilt layer by layer, because what went wrong in it went wrong *between* the layers. The
//! layers, from a call down to the wire:
//!
//! | module | in Go | what it decides |
//! |---|---|---|
//! | [`recipes`] | `clientv3/concurrency` | how a session, a lock and an election are made of calls |
//! | `api` | `clientv3` | which calls there are |
//! | `retry` | `clientv3/retry.go`, `kv.go` | what is tried again, and for how long (for ever) |
//! | `watch` | `clientv3/watch.go` | how watches survive their stream |
//! | `conn` | `grpc/call.go`, `clientconn.go` | which connection a call goes to |
//! | `balancer` | `clientv3/balancer.go` | which endpoint is pinned |
//! | `addr_conn` | `grpc/clientconn.go` | when an endpoint is dialled again |
//! | `transport` | `grpc/transport/http2_client.go` | when a stream may open |
//! | `quota`, `pool` | `grpc/transport/control.go` | who gets the right to open one, and how it is lost |
//! | `channel`, `settings`, `frames` | `golang.org/x/net/http2` | HTTP/2 itself: hyper, and an ear on it |
//!
//! Go's goroutines can be interrupted anywhere and its races live in between; a future of ours is
//! interrupted at an `.await` only. Where a race of the original lives there is a scheduling point
//! ([`harness_env::Preemption`]): it delays, and never fails, a call.

mod addr_conn;
mod api;
mod balancer;
mod bidi;
mod channel;
mod conn;
mod error;
mod frames;
mod gate;
mod generation;
mod metrics;
mod pool;
mod quota;
pub mod recipes;
mod retry;
#[cfg(test)]
mod search;
mod settings;
mod transport;
mod watch;

pub use api::{Client, Config};
pub use error::Error;
pub use generation::{Generation, UnknownGeneration};
pub use metrics::PoolState;
pub use watch::WatchStream;
