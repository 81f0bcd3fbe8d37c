//! How clients are served: the v3 services over HTTP/2.

mod check;
mod cluster;
mod header;
mod kv;
mod lease;
mod maintenance;
pub(super) mod serve;
mod watch;
mod watchers;

use std::sync::Arc;

use harness_env::Env;

use super::shared::Shared;

/// The services of one member.
#[derive(Clone)]
pub(super) struct Api {
    shared: Arc<Shared>,
    /// For the time on the wall.
    wall: Env,
}
