//! A small gRPC service over any stream of bytes, so that what is tested or timed is the network.
//!
//! The types are etcd's because their code is generated anyway. hyper speaks HTTP/2 and tonic speaks
//! gRPC, as in the members.

mod client;
mod deadline;
mod service;

pub use client::{Channel, connect};
pub use service::{Counters, Service, serve};

/// The largest message, either way: more than 5 MB.
pub const MAX_MESSAGE: usize = 8 << 20;

/// Starts a connection's tasks.
#[derive(Clone)]
pub enum Exec {
    /// On a program's set.
    Tasks(harness_env::tasks::Executor),
    /// On the runtime itself, for what runs without an engine.
    Runtime,
}

impl<F> hyper::rt::Executor<F> for Exec
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        match self {
            Exec::Tasks(tasks) => tasks.execute(future),
            #[expect(clippy::disallowed_methods, reason = "there is no engine here")]
            Exec::Runtime => drop(tokio::spawn(future)),
        }
    }
}
