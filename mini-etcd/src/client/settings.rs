//! A connection that listens in on what the server says about streams.
//!
//! hyper reads the server's frames and obeys them, but tells nobody. grpc-go's quota pool begins
//! with the server's SETTINGS and its connection hand-over with GOAWAY, so this wrapper reads both
//! from the real bytes on their way to hyper, and hands them on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use harness_env::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Frames, Seen};

pub(super) struct Listening<F> {
    stream: Box<dyn Stream>,
    frames: Frames,
    seen: F,
}

impl<F: FnMut(Seen)> Listening<F> {
    /// Calls `seen` with what the server says, before hyper reads it.
    pub fn new(stream: Box<dyn Stream>, seen: F) -> Self {
        Listening { stream, frames: Frames::default(), seen }
    }
}

impl<F: FnMut(Seen) + Unpin> AsyncRead for Listening<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        this.frames.feed(&buf.filled()[before..], &mut this.seen);
        result
    }
}

impl<F: Unpin> AsyncWrite for Listening<F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
