//! How messages arrive: one task for each connection.

use std::io;
use std::sync::Arc;

use anatomy_proto::raftpb::MessageType;
use harness_env::tasks::Executor;
use harness_env::{Listener, Stream, Tasks};
use hyper::rt::Executor as _;
use tokio::io::{AsyncRead, BufReader};
use tokio::time::timeout;

use super::IDLE_MAX;
use super::wire::{self, Content, Frame, Hello, Verdict, Welcome};
use crate::server::config::parse_url;
use crate::server::node::Input;
use crate::server::shared::Shared;

/// Accepts connections from members for ever.
pub(crate) async fn run(shared: Arc<Shared>, listener: Box<dyn Listener>, tasks: Tasks) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let (shared, answering) = (shared.clone(), tasks.executor());
                tasks.spawn(async move {
                    let error = serve(&shared, stream, answering).await.err();
                    tracing::debug!(kind = "etcd.peer.closed", ?error, "a member hung up");
                });
            }
            Err(error) => {
                tracing::debug!(kind = "etcd.peer.accept", %error, "could not accept");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(
    shared: &Arc<Shared>,
    stream: Box<dyn Stream>,
    answering: Executor,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let hello: Hello = within(wire::read(&mut stream)).await?;
    let welcome = welcome(shared, &hello);
    within(wire::write(&mut stream, &welcome)).await?;
    if welcome.verdict() != Verdict::Welcome || hello.from == 0 {
        return Ok(());
    }
    answerable(shared, &hello);
    let received = receive(shared, hello.from, &mut stream, answering).await;
    if received.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut) {
        shared.transport.silent(hello.from);
    }
    received
}

fn welcome(shared: &Shared, hello: &Hello) -> Welcome {
    let state = shared.state();
    let members = &state.membership;
    let verdict = match hello {
        _ if hello.cluster != 0 && hello.cluster != members.id => Verdict::OtherCluster,
        _ if hello.to != 0 && hello.to != shared.id => Verdict::OtherMember,
        // A member that is not known yet is one whose addition has not been applied here.
        _ if members.removed.contains(&hello.from) => Verdict::Removed,
        _ => Verdict::Welcome,
    };
    let joining = hello.from == 0 && verdict == Verdict::Welcome;
    Welcome {
        verdict: verdict.into(),
        cluster: members.id,
        members: if joining { members.list() } else { Vec::new() },
    }
}

/// Makes sure that the sender can be answered. Whoever has fallen behind does not know of members
/// that came since, or where they are now, and one of them may lead: it could never tell that leader
/// what it lacks, or that it is in a later term (etcd 3.2 rafthttp/http.go, `streamHandler`:
/// `AddRemote`; there answers to a known member travel on a stream that this one dialled).
fn answerable(shared: &Shared, hello: &Hello) {
    let state = shared.state();
    let (cluster, removed) = (state.membership.id, &state.membership.removed);
    if hello.cluster == cluster
        && !removed.contains(&hello.from)
        && let Some(addr) = parse_url(&hello.url)
    {
        shared.transport.meet(hello.from, addr);
    }
}

async fn receive(
    shared: &Arc<Shared>,
    from: u64,
    stream: &mut (impl AsyncRead + Unpin),
    answering: Executor,
) -> io::Result<()> {
    loop {
        let frame: Frame = within(wire::read(stream)).await?;
        if shared.state().membership.removed.contains(&from) {
            return Err(io::Error::other("the member was removed"));
        }
        match frame.content {
            Some(Content::Raft(message)) => {
                // What a follower passes on to the leader is in the name of who sent it, or, where
                // it asks for a transfer, of whom the office goes to.
                let is_passed_on = matches!(
                    message.r#type(),
                    MessageType::MsgProp
                        | MessageType::MsgReadIndex
                        | MessageType::MsgTransferLeader
                );
                if (message.from != from && !is_passed_on) || message.to != shared.id {
                    let what = format!(
                        "{from:x} sends a message from {:x} to {:x}",
                        message.from, message.to
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                // The node is gone only when the member stops.
                drop(shared.inputs.send(Input::Message(message)).await);
            }
            Some(Content::Question(question)) => {
                if let Some(answer) = shared.answer_now(&question) {
                    shared.transport.send_frame(from, Frame::answer(answer));
                    continue;
                }
                let shared = shared.clone();
                answering.execute(async move {
                    let answer = shared.answer(&question).await;
                    shared.transport.send_frame(from, Frame::answer(answer));
                });
            }
            Some(Content::Answer(answer)) => shared.questions.answered(answer),
            None => {}
        }
    }
}

async fn within<T>(io: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(IDLE_MAX, io).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
