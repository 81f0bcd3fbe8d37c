//! Connections and listeners over `turmoil::net`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use harness_env::{Listener, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

/// turmoil binds to the unspecified address only; a host has one address, so it is that one.
pub(crate) async fn listen(own: IpAddr, addr: SocketAddr) -> io::Result<Box<dyn Listener>> {
    if addr.ip() != own && !addr.ip().is_unspecified() {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    let inner = TcpListener::bind((Ipv4Addr::UNSPECIFIED, addr.port())).await?;
    let addr = SocketAddr::new(own, inner.local_addr()?.port());
    Ok(Box::new(ClassicListener { inner, addr }))
}

pub(crate) async fn connect(addr: SocketAddr) -> io::Result<Box<dyn Stream>> {
    Ok(Box::new(ClassicStream::new(TcpStream::connect(addr).await?)?))
}

struct ClassicListener {
    inner: TcpListener,
    addr: SocketAddr,
}

#[async_trait]
impl Listener for ClassicListener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let (stream, _) = self.inner.accept().await?;
        Ok(Box::new(ClassicStream::new(stream)?))
    }

    fn local_addr(&self) -> SocketAddr {
        self.addr
    }
}

struct ClassicStream {
    inner: TcpStream,
    local: SocketAddr,
    peer: SocketAddr,
}

impl ClassicStream {
    fn new(inner: TcpStream) -> io::Result<Self> {
        let (local, peer) = (inner.local_addr()?, inner.peer_addr()?);
        Ok(ClassicStream { inner, local, peer })
    }
}

impl Stream for ClassicStream {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}

impl AsyncRead for ClassicStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for ClassicStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_shutdown(cx) {
            // Shut down before: on Linux that is no error.
            Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            polled => polled,
        }
    }
}
