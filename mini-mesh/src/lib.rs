//! A small linkerd, as of 0.9.1 or 1.0.0: an HTTP proxy that finds its services in Kubernetes.
//!
//! A request comes in with a service's name in its `Host` header. The [`dtab`] turns the name into
//! one of the Kubernetes namer's, the [`namer`] keeps the endpoints of a namespace up to date from
//! the apiserver, the [`balance`]r chooses one of the service's endpoints, and the [`proxy`] passes
//! the request on. The parts fail in the ways linkerd's did: they are the same mechanisms, and no
//! code here decides that a request shall fail.
//!
//! ```text
//!  request ─ proxy ─ router ─ binding ─ balancer ─ endpoint ─ pool ─ connection
//!                      │         └ requeues, retry budget   └ failure accrual
//!                      └ namer ─ namespace cache ─ watch ─ apiserver
//! ```
//!
//! The program meets the apiserver over HTTP alone, with its own parser, as linkerd did: what the
//! one writes and the other cannot read is found out at run time.

pub mod backoff;
pub mod balance;
mod config;
pub mod dtab;
pub mod k8s;
pub mod namer;
pub mod proxy;
pub mod router;

pub use config::{Config, Error, UnknownVersion, Version};
pub use proxy::{Server, run};
