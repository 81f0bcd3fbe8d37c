//! Members over real TCP on the loopback interface, asked with the generated clients.

mod api;
mod bad_input;
mod channel;
mod cluster;
mod connection;
mod kubernetes;
#[path = "../port/mod.rs"]
mod port;
#[path = "../etcdctl/process.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod process;
mod single;
mod world;
