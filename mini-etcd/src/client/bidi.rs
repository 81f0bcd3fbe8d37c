//! A call with a stream of messages both ways, as the watch and the lease keep-alive are.
//!
//! In grpc-go a stream exists once its headers are written; tonic hands over the answers only when
//! the server's headers have come, and etcd sends those with its first message. So the call is made
//! at once and its answers are awaited later, in [`Bidi::next`].

use futures_util::future::BoxFuture;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use super::channel::failure;
use super::conn::Conn;
use super::error::Error;
use super::quota::Life;
use super::transport::{Failure, Opened};

pub(super) struct Bidi<Q, A> {
    requests: mpsc::UnboundedSender<Q>,
    answers: Answers<A>,
    /// Last, so that the call has ended when the stream is closed.
    opened: Opened,
}

enum Answers<A> {
    Calling(BoxFuture<'static, Result<Box<Streaming<A>>, Status>>),
    Coming(Box<Streaming<A>>),
}

impl<Q, A> Bidi<Q, A>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    /// Opens a stream on the pinned connection, waiting for one and for its quota.
    pub async fn open(conn: &Conn, life: Life, path: &'static str) -> Result<Self, Status> {
        let opened = conn.open(life).await?;
        let (requests, sent) = mpsc::unbounded_channel();
        let mut grpc = opened.transport.grpc();
        let path = http::uri::PathAndQuery::from_static(path);
        let calling = async move {
            let sent = Request::new(UnboundedReceiverStream::new(sent));
            let answer = grpc.streaming(sent, path, ProstCodec::<Q, A>::default()).await?;
            Ok(Box::new(answer.into_inner()))
        };
        Ok(Bidi { requests, answers: Answers::Calling(Box::pin(calling)), opened })
    }

    /// Sends a message. Where the stream has ended, [`Bidi::next`] says why.
    pub fn send(&self, request: Q) {
        let _ = self.requests.send(request);
    }

    /// The next message, or `None` at the end of the answers. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<A>, Status> {
        let closed = &self.opened.transport.signals.closed;
        let answers = &mut self.answers;
        let next = async {
            loop {
                match answers {
                    Answers::Calling(calling) => *answers = Answers::Coming(calling.await?),
                    Answers::Coming(coming) => return coming.message().await,
                }
            }
        };
        tokio::select! {
            biased;
            next = next => next.map_err(failure),
            () = closed.wait() => Err(Failure::Lost),
        }
        .map_err(Error::status_of)
    }

    /// Where it goes.
    pub fn endpoint(&self) -> std::net::SocketAddr {
        self.opened.transport.label.endpoint
    }
}
