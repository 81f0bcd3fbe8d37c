//! TCP of the operating system.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use tokio::net::{TcpListener, TcpStream};

use crate::net::{Listener, Stream};

pub(super) async fn listen(addr: SocketAddr) -> io::Result<Box<dyn Listener>> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    Ok(Box::new(Accepting { listener, addr }))
}

pub(super) async fn connect(addr: SocketAddr) -> io::Result<Box<dyn Stream>> {
    Ok(Box::new(Connection::new(TcpStream::connect(addr).await?)?))
}

struct Accepting {
    listener: TcpListener,
    addr: SocketAddr,
}

#[async_trait]
impl Listener for Accepting {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let (stream, _) = self.listener.accept().await?;
        Ok(Box::new(Connection::new(stream)?))
    }

    fn local_addr(&self) -> SocketAddr {
        self.addr
    }
}

/// A TCP connection with its addresses kept, so that asking for them cannot fail later.
struct Connection {
    stream: TcpStream,
    local: SocketAddr,
    peer: SocketAddr,
}

impl Connection {
    fn new(stream: TcpStream) -> io::Result<Self> {
        // Go sets TCP_NODELAY on every connection, and the modelled programs are Go's.
        stream.set_nodelay(true)?;
        Ok(Connection { local: stream.local_addr()?, peer: stream.peer_addr()?, stream })
    }
}

impl Stream for Connection {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}

crate::forward_io!(Connection, stream);
