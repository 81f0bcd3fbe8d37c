//! What can go wrong with a request.

use std::io;
use std::time::Duration;

use serde_json::Value;

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The apiserver said no.
    #[error("{code} {reason}: {message}")]
    Status {
        /// The HTTP status.
        code: u16,
        /// The machine-readable reason: `NotFound`, `Conflict`, `ServerTimeout`, …
        reason: String,
        /// The sentence that came with it.
        message: String,
        /// How long the server asks to wait before another try (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// There was no answer within the client's own time-out.
    #[error("no answer within the client's time-out")]
    Timeout,
    /// The connection failed.
    #[error("connection to the apiserver: {0}")]
    Io(#[from] io::Error),
    /// The answer is not what the API promises.
    #[error("answer to {path}: {detail}")]
    Decode {
        /// What was asked.
        path: String,
        /// What was expected, and what came.
        detail: String,
    },
}

impl Error {
    /// The error that a `Status` object (or any body that came with status `code`) stands for.
    pub(crate) fn from_status(code: u16, body: &Value, retry_after: Option<Duration>) -> Self {
        let text = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_string);
        Error::Status {
            code,
            reason: text("reason").unwrap_or_else(|| "Unknown".to_string()),
            message: text("message").unwrap_or_else(|| "the server gave no reason".to_string()),
            retry_after,
        }
    }

    pub(crate) fn from_hyper(error: &hyper::Error) -> Self {
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                return Error::Io(io::Error::new(io.kind(), io.to_string()));
            }
            source = cause.source();
        }
        let kind = if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
            io::ErrorKind::UnexpectedEof
        } else {
            io::ErrorKind::InvalidData
        };
        Error::Io(io::Error::new(kind, error.to_string()))
    }

    /// The HTTP status, where there is one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Error::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Whether an object of that name is there already.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Error::Status { reason, .. } if reason == "AlreadyExists")
    }

    /// Whether the object changed since it was read.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409) && !self.is_already_exists()
    }

    /// Whether nobody listens at the apiserver's address.
    pub fn is_connection_refused(&self) -> bool {
        matches!(self, Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    }
}
