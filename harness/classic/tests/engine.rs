//! The engine does what its ports say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_classic::{Settings, Sim};
use harness_env::Env;
use harness_env::disk::Open;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

type Log = Arc<Mutex<Vec<String>>>;

async fn echo(env: Env) -> Result<(), String> {
    let listener = env.listen_port(7).await.map_err(|e| e.to_string())?;
    let tasks = env.tasks();
    loop {
        let mut stream = listener.accept().await.map_err(|e| e.to_string())?;
        tasks.spawn(async move {
            let mut buf = [0; 64];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                if stream.write_all(&buf[..n]).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// An echo server in zone a, and in zone b a client that pings it by lot and notes the answers.
fn pinged(seed: u64) -> (Sim, Log) {
    let log = Log::default();
    let mut sim = Sim::new(Settings::new(seed));
    let to = (sim.ip("server"), 7).into();
    sim.start("server", "a", "echo", echo);
    let noted = log.clone();
    sim.start("client", "b", "pinger", move |env| {
        let log = noted.clone();
        async move {
            let mut gaps = env.rng("gaps");
            let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
            for n in 0.. {
                stream.write_all(&[n]).await.map_err(|e| e.to_string())?;
                let mut byte = [0];
                let read = timeout(Duration::from_secs(3), stream.read_exact(&mut byte)).await;
                let answer = read.map_or("no answer".to_owned(), |_| byte[0].to_string());
                log.lock().unwrap().push(format!("{} {answer}", env.wall().0));
                sleep(gaps.exponential(Duration::from_millis(200))).await;
            }
            Ok(())
        }
    });
    (sim, log)
}

#[test]
fn a_seed_decides_a_run() {
    let run = |seed| {
        let (mut sim, log) = pinged(seed);
        sim.run_for(Duration::from_secs(10)).unwrap();
        Arc::try_unwrap(log)
            .map_or_else(|log| log.lock().unwrap().clone(), |l| l.into_inner().unwrap())
    };
    let first = run(1);
    assert!(first.len() > 20, "{first:?}");
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
}

#[test]
fn what_is_held_between_zones_arrives_after_the_release() {
    let (mut sim, log) = pinged(1);
    sim.run_for(Duration::from_secs(2)).unwrap();
    sim.hold("a", "b");
    let before = log.lock().unwrap().len();
    sim.run_for(Duration::from_millis(2500)).unwrap();
    assert!(log.lock().unwrap().len() <= before + 1);
    sim.release("a", "b");
    sim.run_for(Duration::from_secs(5)).unwrap();
    let log = log.lock().unwrap();
    assert!(log.len() > before + 5);
    assert!(!log.iter().any(|line| line.ends_with("no answer")), "{log:?}");
}

#[test]
fn a_stream_that_loses_a_message_to_a_partition_stalls_for_ever() {
    let (mut sim, log) = pinged(1);
    sim.run_for(Duration::from_secs(2)).unwrap();
    sim.partition("a", "b");
    sim.run_for(Duration::from_secs(4)).unwrap();
    sim.repair("a", "b");
    sim.run_for(Duration::from_secs(10)).unwrap();
    assert!(log.lock().unwrap().last().unwrap().ends_with("no answer"));
}

#[test]
fn a_crash_keeps_what_was_synced() {
    let log = Log::default();
    let noted = log.clone();
    let mut sim = Sim::new(Settings::new(1));
    sim.start("a", "", "writer", move |env| {
        let log = noted.clone();
        async move {
            let (disk, name) = (env.disk(), "dir/file".as_ref());
            disk.create_dir_all("dir".as_ref()).await.map_err(|e| e.to_string())?;
            let file = disk.open(name, Open::OrCreate).await.map_err(|e| e.to_string())?;
            let found = file.read_at(0, 100).await.map_err(|e| e.to_string())?;
            let found = String::from_utf8(found).expect("it was written as text");
            log.lock().unwrap().push(format!("{} {found}", env.identity().incarnation));
            file.write_at(0, b"synced").await.map_err(|e| e.to_string())?;
            file.sync().await.map_err(|e| e.to_string())?;
            disk.sync_dir("dir".as_ref()).await.map_err(|e| e.to_string())?;
            file.write_at(0, b"unsynced").await.map_err(|e| e.to_string())?;
            std::future::pending().await
        }
    });
    sim.run_for(Duration::from_secs(1)).unwrap();
    sim.crash("a");
    sim.run_for(Duration::from_secs(1)).unwrap();
    sim.bounce("a");
    sim.run_for(Duration::from_secs(1)).unwrap();
    assert_eq!(*log.lock().unwrap(), ["0 ", "1 synced"]);
}

#[test]
fn the_error_of_a_program_ends_the_run() {
    let mut sim = Sim::new(Settings::new(1));
    sim.start("a", "", "failing", |_| async { Err("out of order".to_owned()) });
    assert_eq!(sim.step(), Err("out of order".to_owned()));
}
