//! The apiserver: HTTP in front of the registry.
//!
//! A request passes, from the outside in (kubernetes 1.7.8 pkg/server/config.go):
//! a limit on the number in flight, a time limit of 60 s, authentication, then its verb. Each gives
//! up on what is inside it without stopping it: a client gets an answer in time, and what hangs
//! stays.
//!
//! | module | what it is |
//! |---|---|
//! | [`config`] | settings |
//! | [`server`] | the state, and the filters |
//! | [`connection`] | HTTP/1.1 |
//! | [`request`] | what a request asks for |
//! | [`in_flight`] | how many at once |
//! | [`patience`] | how long |
//! | [`auth`] | who |
//! | [`reads`], [`watching`], [`writes`], [`scale`], [`inspect`] | the verbs |
//! | [`respond`] | answers |
//! | [`tally`] | counts of failures, for the timeline |
//!
//! Not here: the bootstrap controller (nobody makes the namespaces and the `kubernetes` Service),
//! admission plugins other than what [`crate::registry::rules`] checks, authorization, the
//! compactor of etcd, allocation of Service addresses, protobuf on the wire.

pub mod auth;
pub mod body;
pub mod config;
pub mod connection;
pub mod in_flight;
pub mod inspect;
pub mod patience;
pub mod reads;
pub mod request;
pub mod respond;
pub mod scale;
pub mod server;
pub mod tally;
pub mod watching;
pub mod writes;

#[cfg(test)]
mod tests;

pub use config::{Config, Error};

use std::sync::Arc;

use harness_env::{Env, Listener};
use mini_etcd::client;

use crate::objects::Kind;
use crate::registry::etcd::Etcd;
use crate::registry::etcd_client::EtcdClient;
use server::Server;

/// Runs an apiserver until it fails. Dropping the future stops all of it.
///
/// # Errors
/// The port is taken.
pub async fn run(env: Env, config: Config) -> Result<(), Error> {
    let port = config.port;
    let listener = env.listen_port(port).await.map_err(|source| Error::Listen { port, source })?;
    serve(env, config, listener).await
}

/// Runs an apiserver for the clients of `listener`; the port of `config` is not looked at.
///
/// # Errors
/// None today.
pub async fn serve(env: Env, config: Config, listener: Box<dyn Listener>) -> Result<(), Error> {
    let tasks = env.tasks();
    let etcd = |kind: Kind| -> Arc<dyn Etcd> {
        let endpoints = config.etcd.clone();
        let config = client::Config { endpoints, generation: config.etcd_client };
        EtcdClient::connect(&env, kind.resource(), config)
    };
    let (version, address) = (config.version, listener.local_addr());
    let server = Arc::new(Server::new(&env, &tasks, config.clone(), etcd));
    tracing::info!(
        kind = "apiserver.started",
        %version,
        %address,
        "apiserver {version} serves on {address}"
    );
    connection::accept(server, &tasks, listener.as_ref()).await
}
