//! Listeners and connections.
//!
//! A [`Stream`] is what `tokio::net::TcpStream` is to a program: an ordered, reliable stream of
//! bytes with an end, that can be reset. Wrap one in [`hyper_util::rt::TokioIo`] for hyper.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// A TCP connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// This end's address.
    fn local_addr(&self) -> SocketAddr;
    /// The other end's address.
    fn peer_addr(&self) -> SocketAddr;
}

/// A listening socket. Dropping it refuses whoever was not accepted yet.
#[async_trait]
pub trait Listener: Send + Sync + 'static {
    /// The next connection. Cancel-safe: a dropped call loses no connection.
    ///
    /// # Errors
    /// As `accept(2)`; the listener stays usable.
    async fn accept(&self) -> io::Result<Box<dyn Stream>>;
    /// Where it listens.
    fn local_addr(&self) -> SocketAddr;
}

/// Implements `AsyncRead` and `AsyncWrite` for a struct by its field.
#[macro_export]
macro_rules! forward_io {
    ($type:ty, $field:ident) => {
        impl tokio::io::AsyncRead for $type {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.$field).poll_read(cx, buf)
            }
        }

        impl tokio::io::AsyncWrite for $type {
            fn poll_write(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut self.$field).poll_write(cx, buf)
            }

            fn poll_flush(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.$field).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.$field).poll_shutdown(cx)
            }
        }
    };
}
