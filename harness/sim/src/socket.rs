//! Connections and listeners over `turmoil-net`.
//!
//! `turmoil-net` finds the calling host in a thread-local, so every handle carries its machine and
//! names it before each call and before its drop. A process's death takes the sockets out of their
//! slots in the order they were made; whoever still holds a handle then finds it empty.
//!
//! Reads empty the kernel's buffer at once: `turmoil-net` announces a reopened window only when one
//! read takes half of the buffer, so a reader in small bites would stall a sender for ever.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use harness_env::{Listener, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use turmoil_net::HostId;
use turmoil_net::shim::tokio::net::{TcpListener, TcpStream};

use crate::net::kick;
use crate::orphan::make_way;
use crate::process::ProcessId;
use crate::retransmission::SYN_GIVE_UP;
use crate::state::with_state;

/// As much as the kernel's receive buffer holds.
pub(crate) const READ_CHUNK: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_CHUNK]);
}

/// Where an open socket lives until its handle is dropped or its process dies.
pub(crate) struct Slot {
    pub host: HostId,
    pub socket: Mutex<Option<Socket>>,
}

pub(crate) enum Socket {
    Stream(TcpStream),
    Listener(TcpListener),
}

impl Slot {
    /// Closes the socket on its own host.
    pub fn close(&self) {
        let socket = self.socket.lock().expect("no panic while locked").take();
        if let Some(socket) = socket {
            if with_state(|_| ()).is_some() {
                turmoil_net::set_current(self.host);
                drop(socket);
                kick();
            } else {
                // The world is gone, and the network with it: there is nobody to tell.
                std::mem::forget(socket);
            }
        }
    }
}

/// A slot that its process knows of.
struct Handle {
    process: ProcessId,
    id: u64,
    slot: Arc<Slot>,
}

impl Handle {
    fn new(process: ProcessId, host: HostId, socket: Socket) -> io::Result<Self> {
        let slot = Arc::new(Slot { host, socket: Mutex::new(Some(socket)) });
        let id = with_state(|state| {
            state.process_mut(process).filter(|p| p.is_alive()).map(|p| p.adopt(&slot))
        });
        match id.flatten() {
            Some(id) => Ok(Handle { process, id, slot }),
            None => {
                slot.close();
                Err(dead())
            }
        }
    }

    fn with_stream<T>(
        &self,
        f: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match self.slot.socket.lock().expect("no panic while locked").as_mut() {
            Some(Socket::Stream(stream)) => {
                turmoil_net::set_current(self.slot.host);
                f(Pin::new(stream))
            }
            _ => Poll::Ready(Err(dead())),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        with_state(|state| {
            if let Some(process) = state.process_mut(self.process) {
                process.sockets.remove(&self.id);
            }
        });
        self.slot.close();
    }
}

/// What a call on a socket of a dead process gets.
fn dead() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the process has ended")
}

/// Polls and drops a future on a host.
struct OnHost<F>(HostId, Option<Pin<Box<F>>>);

impl<F: Future> Future for OnHost<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        turmoil_net::set_current(self.0);
        let polled = self.1.as_mut().expect("not polled after its end").as_mut().poll(cx);
        kick();
        polled
    }
}

impl<F> Drop for OnHost<F> {
    fn drop(&mut self) {
        let inner = self.1.take();
        if with_state(|_| ()).is_some() {
            turmoil_net::set_current(self.0);
            drop(inner);
            kick();
        } else {
            std::mem::forget(inner);
        }
    }
}

fn host_of(process: ProcessId) -> io::Result<HostId> {
    with_state(|state| {
        let process = state.process(process).filter(|p| p.is_alive())?;
        Some(state.machines[process.machine].net)
    })
    .flatten()
    .ok_or_else(dead)
}

pub(crate) async fn listen(process: ProcessId, addr: SocketAddr) -> io::Result<Box<dyn Listener>> {
    let host = host_of(process)?;
    let bind = || OnHost(host, Some(Box::pin(TcpListener::bind(addr))));
    let listener = match bind().await {
        Err(e) if e.kind() == io::ErrorKind::AddrInUse && make_way(process, host, addr).await => {
            bind().await?
        }
        bound => bound?,
    };
    turmoil_net::set_current(host);
    let addr = listener.local_addr()?;
    let handle = Handle::new(process, host, Socket::Listener(listener))?;
    Ok(Box::new(SimListener { handle, addr }))
}

pub(crate) async fn connect(process: ProcessId, addr: SocketAddr) -> io::Result<Box<dyn Stream>> {
    let host = host_of(process)?;
    let began = Instant::now();
    let connected = OnHost(host, Some(Box::pin(TcpStream::connect(addr)))).await;
    let stream = connected.map_err(|e| {
        // The fabric ends an unanswered handshake with a reset at the instant at which the kernel's
        // SYN retries would have run out; a real refusal cannot come that late.
        if e.kind() == io::ErrorKind::ConnectionRefused && began.elapsed() >= SYN_GIVE_UP {
            io::ErrorKind::TimedOut.into()
        } else {
            e
        }
    })?;
    Ok(Box::new(SimStream::new(process, host, stream)?))
}

struct SimListener {
    handle: Handle,
    addr: SocketAddr,
}

#[async_trait]
impl Listener for SimListener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let host = self.handle.slot.host;
        let stream = std::future::poll_fn(|cx| {
            match self.handle.slot.socket.lock().expect("no panic while locked").as_ref() {
                Some(Socket::Listener(listener)) => {
                    turmoil_net::set_current(host);
                    listener.poll_accept(cx)
                }
                _ => Poll::Ready(Err(dead())),
            }
        })
        .await?
        .0;
        Ok(Box::new(SimStream::new(self.handle.process, host, stream)?))
    }

    fn local_addr(&self) -> SocketAddr {
        self.addr
    }
}

struct SimStream {
    handle: Handle,
    local: SocketAddr,
    peer: SocketAddr,
    /// Read from the kernel, not yet by the program.
    ahead: Bytes,
    machine: usize,
    /// Whether the other end is on another machine: then what comes in comes by the driver.
    is_remote: bool,
    /// Who waits to read, and how much had come in at this machine when the kernel had nothing.
    waits: Option<(Waker, u64)>,
}

impl SimStream {
    fn new(process: ProcessId, host: HostId, stream: TcpStream) -> io::Result<Self> {
        turmoil_net::set_current(host);
        let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
        let handle = Handle::new(process, host, Socket::Stream(stream))?;
        let facts = with_state(|state| {
            let machine = state.process(process)?.machine;
            Some((machine, state.are_apart(local.ip(), peer.ip())))
        });
        let (machine, is_remote) = facts.flatten().ok_or_else(dead)?;
        Ok(SimStream { handle, local, peer, ahead: Bytes::new(), machine, is_remote, waits: None })
    }

    fn arrivals(&self) -> Option<u64> {
        with_state(|state| state.machines[self.machine].arrivals)
    }

    /// Whether the kernel has nothing, as it had not when this reader last asked. Connections are
    /// polled for reading whenever they write, so this is asked often.
    fn waits_still(&self, reader: &Waker) -> bool {
        self.waits.as_ref().is_some_and(|(waiting, arrivals)| {
            waiting.will_wake(reader) && self.arrivals() == Some(*arrivals)
        })
    }

    fn wait(&mut self, reader: &Waker) {
        let arrivals = self.arrivals().filter(|_| self.is_remote);
        self.waits = arrivals.map(|arrivals| match self.waits.take() {
            Some((waiting, _)) if waiting.will_wake(reader) => (waiting, arrivals),
            _ => (reader.clone(), arrivals),
        });
    }

    /// A connection that the fabric gave up on timed out; the kernel below only knows resets.
    fn explain(&self, e: io::Error) -> io::Error {
        let gave_up = e.kind() == io::ErrorKind::ConnectionReset
            && with_state(|state| state.fabric.gave_up(self.local, self.peer)) == Some(true);
        if gave_up { io::ErrorKind::TimedOut.into() } else { e }
    }
}

impl Stream for SimStream {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            if this.waits_still(cx.waker()) {
                return Poll::Pending;
            }
            let read = SCRATCH.with_borrow_mut(|scratch| {
                let mut all = ReadBuf::new(scratch);
                let polled = this.handle.with_stream(|stream| stream.poll_read(cx, &mut all));
                polled.map_ok(|()| {
                    let filled = all.filled();
                    let now = filled.len().min(buf.remaining());
                    buf.put_slice(&filled[..now]);
                    this.ahead = Bytes::copy_from_slice(&filled[now..]);
                    filled.len()
                })
            });
            if read.is_pending() {
                this.wait(cx.waker());
            }
            return read.map(|result| match result {
                Ok(n) => {
                    // Less does not open the window, so the kernel has nothing to say about it.
                    if n >= READ_CHUNK / 2 {
                        kick();
                    }
                    Ok(())
                }
                Err(e) => Err(this.explain(e)),
            });
        }
        let n = this.ahead.len().min(buf.remaining());
        buf.put_slice(&this.ahead[..n]);
        this.ahead.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.handle.with_stream(|stream| stream.poll_write(cx, buf));
        kick();
        polled.map_err(|e| self.explain(e))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.handle.with_stream(|stream| stream.poll_shutdown(cx));
        kick();
        polled.map_err(|e| self.explain(e))
    }
}
