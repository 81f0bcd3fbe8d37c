//! The client of the apiserver's HTTP API.
//!
//! Everything that is not the apiserver (controllers, scheduler, kubelets, people) speaks to it
//! through a [`Client`]. Requests and answers are plain JSON values: a client of the real thing
//! would decode them into types, but what our controllers need of an object is a handful of fields,
//! and the wire is where the versions of Kubernetes differ. [`view`] names those fields.
//!
//! Real clients share one HTTP/2 session for everything, so they stick to one apiserver. Ours speak
//! HTTP/1.1: the oldest idle connection is used first and a new one is opened only when all are
//! busy, which comes as near to that as HTTP/1.1 can.
//!
//! | module | what it is |
//! |---|---|
//! | [`watch`] | the stream of events that a watch is |
//! | [`reflector`] | list, watch, and begin again: client-go's `Reflector` |
//! | [`informer`] | a reflector with a store and a handler of changes |
//! | [`throttle`] | when a repeated failure is worth another line |
//! | [`view`] | the fields of an object that clients look at |

mod client;
mod error;
pub mod informer;
mod limiter;
mod lines;
mod pool;
pub mod reflector;
pub mod throttle;
pub mod view;
pub mod watch;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

pub use client::{Client, Identity};
pub use error::Error;
pub use watch::{EventType, WatchStream};
