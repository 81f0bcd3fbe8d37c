//! Members over real TCP on the loopback interface, asked with the generated clients.

mod api;
mod bad_input;
mod channel;
mod cluster;
mod connection;
mod single;
mod world;
