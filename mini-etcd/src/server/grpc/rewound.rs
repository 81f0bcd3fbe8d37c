//! A stream whose first bytes were looked at, to tell HTTP/2 from HTTP/1.1 (as cmux does for etcd).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use harness_env::Stream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// How every HTTP/2 connection begins.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is read from it begins with the bytes that were looked at.
pub(super) struct Rewound {
    first: [u8; PREFACE.len()],
    at: usize,
    len: usize,
    stream: Box<dyn Stream>,
}

/// Looks at the first bytes of a connection. Returns it, and whether it is HTTP/2; `None` where it
/// ended before that was clear.
pub(super) async fn peek(mut stream: Box<dyn Stream>) -> io::Result<Option<(Rewound, bool)>> {
    let mut first = [0; PREFACE.len()];
    let mut len = 0;
    // Until the bytes cannot be an HTTP/2 preface any more, or are one.
    while len < first.len() && first[..len] == PREFACE[..len] {
        match stream.read(&mut first[len..]).await? {
            0 => return Ok(None),
            n => len += n,
        }
    }
    let is_http2 = first[..len] == PREFACE[..len];
    Ok(Some((Rewound { first, at: 0, len, stream }, is_http2)))
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at < self.len {
            let n = buf.remaining().min(self.len - self.at);
            buf.put_slice(&self.first[self.at..self.at + n]);
            self.at += n;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Rewound {
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
