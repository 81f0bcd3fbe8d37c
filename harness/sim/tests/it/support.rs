//! Small programs that the tests run.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use harness_env::{Env, Stream};
use harness_sim::{Config, Exit, Fault, Link, MachineSpec, Process, Side, World, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

/// The port that the test programs listen on.
pub const PORT: u16 = 7;

/// Machines of these names, a millisecond from each other.
pub fn machines(seed: u64, names: &[&str]) -> Config {
    names.iter().fold(Config::new(seed), |config, name| config.machine(MachineSpec::new(*name)))
}

/// One millisecond everywhere.
pub fn one_millisecond(world: World) {
    let link = Link::with_latency(Duration::from_millis(1));
    world.set_links(link, link);
}

/// One machine as the side of a path.
pub fn side(machine: &str) -> Side {
    Side::Machine(machine.into())
}

/// Where the program of `machine` listens.
pub fn address(world: World, machine: &str) -> SocketAddr {
    SocketAddr::new(world.ip(machine), PORT)
}

/// Sends back whatever comes, on every connection.
pub async fn echo(env: Env) -> Result<(), String> {
    let tasks = env.tasks();
    let listener = env.listen_port(PORT).await.map_err(|e| e.to_string())?;
    loop {
        let mut stream = listener.accept().await.map_err(|e| e.to_string())?;
        tasks.spawn(async move {
            let mut buf = vec![0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                if stream.write_all(&buf[..n]).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Sends one byte and waits for it to come back.
pub async fn ping(stream: &mut Box<dyn Stream>) -> io::Result<()> {
    stream.write_all(b"p").await?;
    let mut byte = [0];
    stream.read_exact(&mut byte).await?;
    Ok(())
}

/// An echo on `b`, and a client on `a` that connects, idles for this long, and pings. Its error is
/// the kind.
pub fn start_pinger(world: World, idle: Duration) -> Process {
    one_millisecond(world);
    world.start("b", "echo", echo);
    let to = address(world, "b");
    let kind = |e: io::Error| format!("{:?}", e.kind());
    world.start("a", "pinger", move |env| async move {
        let mut stream = env.connect(to).await.map_err(kind)?;
        sleep(idle).await;
        ping(&mut stream).await.map_err(kind)
    })
}

/// What a program on `machine` makes of a future, handed back to the director.
pub async fn on<T, F>(
    world: World,
    machine: &str,
    program: impl FnOnce(Env) -> F + Send + 'static,
) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (send, receive) = tokio::sync::oneshot::channel();
    world.start(machine, "probe", |env| async move {
        let _ = send.send(program(env).await);
        Ok(())
    });
    receive.await.expect("the probe ran to its end")
}

/// The kind of error that a connection attempt from `machine` gets, and after how long.
pub async fn connect_error(
    world: World,
    machine: &str,
    to: SocketAddr,
) -> (Option<io::ErrorKind>, Duration) {
    let began = world.now();
    let result =
        on(world, machine, move |env| async move { env.connect(to).await.err().map(|e| e.kind()) })
            .await;
    (result, world.now() - began)
}

/// What came of a stream of 200 numbers, one each 10 ms, under a fault that began after a second.
pub struct Streamed {
    /// What the other side read, and how long after the fault's end (zero: before it).
    pub read: Vec<(u32, Duration)>,
    /// How the source's connection ended, if it did.
    pub ended: Option<ErrorKind>,
    /// How many packets the fault met.
    pub effects: u64,
}

impl Streamed {
    /// What the other side read, in the order in which it came.
    pub fn numbers(&self) -> Vec<u32> {
        self.read.iter().map(|(n, _)| *n).collect()
    }

    /// How long after the fault's end the first of what it had stopped came.
    pub fn went_on_after(&self) -> Option<Duration> {
        self.read.iter().map(|(_, late)| *late).find(|late| !late.is_zero())
    }
}

/// Streams from `a` to `b`, a millisecond apart, under a fault of this length.
pub fn stream_under(fault: Fault, length: Duration) -> Streamed {
    run(machines(1, &["a", "b"]), move |world| async move {
        one_millisecond(world);
        let (send, mut seen) = tokio::sync::mpsc::unbounded_channel();
        world.start("b", "sink", move |env| async move {
            let listener = env.listen_port(PORT).await.map_err(|e| e.to_string())?;
            let mut stream = listener.accept().await.map_err(|e| e.to_string())?;
            while let Ok(n) = stream.read_u32().await {
                let _ = send.send((n, tokio::time::Instant::now()));
            }
            Ok(())
        });
        let to = address(world, "b");
        let source = world.start("a", "source", move |env| async move {
            let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
            for n in 0..200u32 {
                stream.write_u32(n).await.map_err(|e| format!("{:?}", e.kind()))?;
                sleep(Duration::from_millis(10)).await;
            }
            // Stay until the far side has everything or the connection is dead.
            let mut end = [0];
            match tokio::time::timeout(Duration::from_secs(3600), stream.read(&mut end)).await {
                Ok(Err(e)) => Err(format!("{:?}", e.kind())),
                _ => Ok(()),
            }
        });
        sleep(Duration::from_secs(1)).await;
        let fault = world.begin(fault);
        sleep(length).await;
        let end = tokio::time::Instant::now();
        world.end(fault);
        sleep(Duration::from_secs(300)).await;
        let mut read = Vec::new();
        while let Ok((n, at)) = seen.try_recv() {
            read.push((n, at.saturating_duration_since(end)));
        }
        let ended = match source.exit() {
            Some(Exit::Returned(Err(e))) if e == "TimedOut" => Some(ErrorKind::TimedOut),
            Some(other) => panic!("the source ended otherwise: {other:?}"),
            None => None,
        };
        Streamed { read, ended, effects: world.faults()[0].effects }
    })
    .result
}
