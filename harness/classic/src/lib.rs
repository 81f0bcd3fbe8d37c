//! The ports of `harness-env` over classic `turmoil::Sim`: a second engine.
//!
//! What two engines of different make agree on is less likely to be an artefact of either. Tests run
//! one program on both and compare; benchmarks time both. The products run on `harness-sim`.
//!
//! How this engine differs from `harness-sim`, all of it turmoil's own design:
//! * Time goes in ticks. A message takes at least until the next tick of its receiver.
//! * A message that a partition drops is never sent again and its stream stalls for ever
//!   (turmoil#185); [`Sim::hold`] and [`Sim::release`] are the closest to TCP's retransmission.
//! * A connection attempt into a partition is refused at once (turmoil#169).
//! * A crashed machine's connections end with a FIN; a machine cannot fall silent.
//! * A machine runs one program.
//! * A panic in a program ends the run.
//! * Hash keys that libraries draw from the system are not the seed's.
//!
//! | module | idea |
//! |---|---|
//! | [`sim`] | machines, zones, time |
//! | `host`, `net` | the ports |
//! | `disk` | a page cache and what is durable |

mod disk;
mod host;
mod net;
pub mod sim;

pub use sim::{Settings, Sim};
