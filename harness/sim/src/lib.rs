//! The deterministic machine room behind `harness-env`.
//!
//! A run is a world of machines on one thread: simulated sockets (`turmoil-net`) and files
//! (`turmoil-fs`), tokio's paused clock, one random stream for each use, and a record of everything.
//! Nothing ticks: the clock jumps from one due timer to the next, so idle time costs nothing.
//!
//! ```no_run
//! use harness_sim::{Config, MachineSpec};
//!
//! let config = Config::new(7).machine(MachineSpec::new("a")).machine(MachineSpec::new("b"));
//! let report = harness_sim::run(config, |world| async move {
//!     let server = world.start("a", "server", |env| async move {
//!         let listener = env.listen_port(80).await.map_err(|e| e.to_string())?;
//!         listener.accept().await.map_err(|e| e.to_string())?;
//!         Ok(())
//!     });
//!     server.exited().await;
//! });
//! println!("{}", report.digest);
//! ```
//!
//! | module | idea |
//! |---|---|
//! | [`run`](mod@run) | one run: a fresh thread, an armed thread, a runtime, a world |
//! | [`world`] | what the director of a run can do: start, kill, cut, switch off |
//! | `state` | what the world is made of, in a thread-local |
//! | `machine`, `process` | who lives in the world |
//! | `scope` | every task of a process is polled inside it |
//! | `driver` | carries packets when they are due |
//! | `net` | the kernels below, and their connections |
//! | `fabric`, `flow`, `queue` | the fate of a packet: latency, and loss as TCP would live it |
//! | `retransmission` | TCP's timers |
//! | `topology`, [`link`](mod@link) | what lies between two machines now |
//! | `socket`, `disk`, `cpu` | the ports |
//! | [`fault`], `active` | what can be broken, what is, and what came of it |
//! | [`record`], `events`, `facts` | digests, trail, events |
//! | [`entropy`] | the overrides that keep libraries inside the seed |

#[cfg(not(tokio_unstable))]
compile_error!("harness-sim needs RUSTFLAGS=\"--cfg tokio_unstable\" (see .cargo/config.toml)");

mod active;
mod cpu;
mod disk;
mod driver;
pub mod entropy;
mod events;
mod fabric;
mod facts;
pub mod fault;
mod flow;
mod host;
pub mod link;
mod machine;
mod net;
mod orphan;
mod process;
mod queue;
pub mod record;
mod retransmission;
pub mod run;
mod scope;
mod socket;
mod state;
mod topology;
pub mod world;

pub use fault::{Fault, FaultId, FaultReport, Side};
pub use link::Link;
pub use machine::MachineSpec;
pub use process::{Exit, Process};
pub use record::{Digest, Event, Step, What, first_difference};
pub use run::{Config, Report, run, run_many};
pub use world::World;
