//! The apiserver as a client of linkerd's day sees it: one path, two verbs, JSON.
//!
//! The types and the parser are this program's own. They know the part of an Endpoints object that
//! linkerd read, and no more.

mod client;
mod endpoints;
mod stream;

pub use client::{Api, ApiError, Watch, Watching};
pub use endpoints::{Address, Endpoints, EndpointsList, Event, Meta, Port, Status, Subset};
pub use stream::{EventParser, Malformed};
