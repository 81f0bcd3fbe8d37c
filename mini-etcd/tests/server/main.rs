//! Members over real TCP on the loopback interface, asked with the generated clients.

mod channel;
mod cluster;
mod single;
mod world;
