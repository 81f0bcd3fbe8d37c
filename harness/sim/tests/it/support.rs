//! Small programs that the tests run.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use harness_env::{Env, Stream};
use harness_sim::{Config, Link, MachineSpec, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
