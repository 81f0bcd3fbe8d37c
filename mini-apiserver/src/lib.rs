//! A small Kubernetes control plane, as of 1.5 to 1.10.
//!
//! One crate, because a cluster needs all of it, but not one program: the apiserver and its clients
//! (controllers, scheduler, kubelet) meet over HTTP alone, so that every failure between them is a
//! failure of requests.
//!
//! | module | what it is |
//! |---|---|
//! | [`apiserver`] | the server: REST, request filters, authentication |
//! | [`rest_client`] | the client of the server's HTTP API |
//! | [`controllers`] | the controller-manager |
//! | [`election`] | which of several controller-managers or schedulers leads |
//! | [`scheduler`] | the scheduler |
//! | [`kubelet`] | the agent on a node |

pub mod apiserver;
pub mod cacher;
pub mod controllers;
pub mod election;
pub mod kubelet;
pub mod objects;
pub mod registry;
pub mod rest_client;
pub mod scheduler;
pub mod status;
mod version;

pub use version::{UnknownVersion, Version};
