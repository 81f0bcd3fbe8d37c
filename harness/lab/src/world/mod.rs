//! The world of a run. Nothing is simulated here yet.

use crate::{Outcome, Request};

/// Why a request cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request asks for something that the world cannot build.
    #[error("{0}")]
    Unbuildable(String),
}

/// Plays a request.
///
/// # Errors
/// See [`Error`].
pub fn run(_request: &Request) -> Result<Outcome, Error> {
    Err(Error::Unbuildable("there is no world to play it in yet".to_owned()))
}
