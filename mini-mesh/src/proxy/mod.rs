//! The program: a proxy on one port, a window for operators on another.
//!
//! Bodies are held whole, at most [`BODY_BYTES_MAX`] each way: a request that may be sent again must
//! still be there. (linkerd streams the bodies of chunked messages; nothing here depends on that.)

mod admin;
mod message;
mod server;

pub use message::BODY_BYTES_MAX;
pub use server::{Server, run};
