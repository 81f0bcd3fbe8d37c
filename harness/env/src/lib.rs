//! What a program may ask of the machine it runs on.
//!
//! A program in this project (an etcd member, an apiserver, a proxy, an operator) is a future that
//! gets an [`Env`] and asks everything of it: sockets, a disk, the wall clock, random numbers, CPU
//! time, tasks. It does not know what stands behind the `Env`: a real machine ([`real`]), the
//! deterministic machine room of `harness-sim`, or classic turmoil. The same code runs on all three;
//! that is what makes the simulation worth believing.
//!
//! Monotonic time is not a port: programs use [`tokio::time`], which every engine provides (virtual
//! under simulation). Logging is not a port either: programs emit `tracing` events with fields.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`host`] | what an engine must implement ([`Host`]) |
//! | [`tasks`] | how a component starts tasks that stop with it ([`Tasks`]) |
//! | [`net`] | what a listener and a connection are |
//! | [`disk`] | what a file is, and when its bytes are durable |
//! | [`rng`] | where random numbers come from |
//! | [`wall`] | what time it says on the wall |
//! | [`real`] | the ports on a real machine |

pub mod disk;
mod env;
pub mod host;
pub mod net;
pub mod real;
pub mod rng;
pub mod tasks;
pub mod wall;

pub use disk::{Disk, File};
pub use env::{Env, Preemption};
pub use host::{Host, Identity};
pub use net::{Listener, Stream};
pub use rng::Rng;
pub use tasks::{Task, Tasks};
pub use wall::Wall;
