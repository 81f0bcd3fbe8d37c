//! HTTP/1.1 as the bank's programs speak it: small bodies held whole, connections kept for the next
//! request.

mod client;
mod server;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use client::{Ask, Client, Failed};
pub use server::{Asked, listen, serve};

/// The largest body that a program of the bank reads.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// An answer with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A body that stands as it is.
    pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Answer { status, body: body.into() }
    }

    /// A value as JSON.
    pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Self {
        Answer { status, body: to_json(value) }
    }

    /// There is nothing at that path.
    pub fn not_found(expected: &str) -> Self {
        Answer::text(StatusCode::NOT_FOUND, format!("expected {expected}"))
    }

    /// The value that the body holds.
    ///
    /// # Errors
    /// It is no JSON, or not of this shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|e| format!("answer of {}: {e}", self.status))
    }
}

/// A value as JSON.
pub fn to_json<T: Serialize>(value: &T) -> Bytes {
    serde_json::to_vec(value).expect("the bank's types have text keys").into()
}
