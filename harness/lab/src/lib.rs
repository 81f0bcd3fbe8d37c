//! The lab: who runs where, what is done to them, and what came of it.
//!
//! A run is a function of a [`Request`]: a scenario (read from TOML), the level of every factor, a
//! seed. It gives an [`Outcome`]. Everything that people meet stands around that one function: the
//! command line starts it, the narration tells its outcome, a sweep repeats it over many seeds, a
//! verification repeats it with the same seed.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`scenario`] | what is played: acts, steps, factors, and what a file may say |
//! | [`world`] | how it is played: the cluster, the bank and the operators in the machine room |
//! | [`outcome`] | what came of it: severity, phases, journeys, digest |
//! | [`oracle`] | what must hold whatever happens |
//! | [`narrate`] | how a person is told |
//! | [`report`] | how it is told to somebody who was not there |
//! | [`export`] | how other tools are told |
//! | [`sweep`] | how often it happens over many seeds |
//! | [`explore`] | why it happened: which conditions together, and what would have prevented it |
//! | [`cli`] | what the program `anatomy` accepts |

pub mod cli;
pub mod explore;
pub mod export;
pub mod narrate;
pub mod oracle;
pub mod outcome;
pub mod report;
pub mod scenario;
pub mod sweep;
pub mod world;

use std::sync::Arc;

pub use outcome::Outcome;
pub use scenario::{Scenario, Settings};

/// One run, fully described: the same request gives the same outcome (wall-clock speed apart).
#[derive(Clone)]
pub struct Request {
    /// What is played.
    pub scenario: Arc<Scenario>,
    /// The level of every factor and the value of every number.
    pub settings: Settings,
    /// Where every random stream of the run begins.
    pub seed: u64,
    /// The act to stop after; none: play to the end.
    pub until: Option<String>,
    /// The severity to stop at as soon as it is reached; none: play on.
    pub goal: Option<outcome::Severity>,
    /// The trail of a run to compare with, for [`Outcome::diverged`].
    pub against: Option<Arc<[u16]>>,
    /// The event whose text is wanted ([`Outcome::captured`]), counted from 0 as in
    /// [`Outcome::trail`].
    pub capture_at: Option<usize>,
    /// Who is told each event as it happens.
    pub on_event: Option<EventSink>,
}

/// Receives every event of a run, in order, on the run's own thread.
pub type EventSink = Arc<dyn Fn(&outcome::Event) + Send + Sync>;

impl Request {
    /// A run of `scenario` to its end, with nobody listening.
    pub fn new(scenario: Arc<Scenario>, settings: Settings, seed: u64) -> Self {
        Request {
            scenario,
            settings,
            seed,
            until: None,
            goal: None,
            against: None,
            capture_at: None,
            on_event: None,
        }
    }
}

/// What plays a request: [`run`], or a stand-in in tests of the command line.
pub type Runner = fn(&Request) -> Result<Outcome, world::Error>;

/// Plays a request on the calling thread, which must be a fresh one (libraries keep hash keys and
/// dates per thread).
///
/// # Errors
/// What the world cannot build: see [`world::Error`].
pub fn run(request: &Request) -> Result<Outcome, world::Error> {
    world::run(request)
}
