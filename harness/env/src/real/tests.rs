//! What the ports promise, of the operating system's own sockets and files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::disk::Open;

/// A directory that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("harness-env-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Scratch(path)
    }

    fn env(&self) -> Env {
        Machine::new("program", &self.0).with_ip(IpAddr::V4(Ipv4Addr::LOCALHOST)).env()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind in a directory for temporary files is no failure.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn what_was_written_is_there_for_whoever_opens_the_file_next() {
    let scratch = Scratch::new();
    let (disk, path) = (scratch.env().disk(), Path::new("member/wal/0.wal"));
    disk.create_dir_all(Path::new("member/wal")).await.expect("directories");
    disk.create_dir_all(Path::new("member/wal")).await.expect("they may be there");
    let file = disk.open(path, Open::OrCreate).await.expect("a file");
    file.write_at(0, b"hello, ").await.expect("a write");
    file.write_synced(7, b"world".to_vec()).await.expect("a write");
    file.sync().await.expect("a sync");
    disk.sync_dir(Path::new("member/wal")).await.expect("a sync");
    let again = scratch.env().disk().open(path, Open::Existing).await.expect("the file");
    assert_eq!(again.read_at(0, 100).await.expect("bytes"), b"hello, world");
    assert_eq!(again.read_at(7, 3).await.expect("bytes"), b"wor");
    assert_eq!(again.read_at(50, 3).await.expect("behind the end"), b"");
    let kept = disk.open(path, Open::OrCreate).await.expect("the file");
    assert_eq!(kept.len().await.expect("a length"), 12);
    let emptied = disk.open(path, Open::Truncate).await.expect("the file");
    assert_eq!(emptied.len().await.expect("a length"), 0);
}

#[tokio::test]
async fn a_synced_write_is_whole_however_it_came_to_the_disk() {
    let scratch = Scratch::new();
    let file = scratch.env().disk().open(Path::new("wal"), Open::OrCreate).await.expect("a file");
    // Small ones take one way, large ones another.
    let sizes = [100, 3, 8 << 10, (8 << 10) + 1, 300_000, 1, 5_000];
    let mut all: Vec<u8> = Vec::new();
    for (n, size) in sizes.into_iter().enumerate() {
        let bytes = vec![n as u8; size];
        file.write_synced(all.len() as u64, bytes.clone()).await.expect("a write");
        all.extend(bytes);
    }
    assert_eq!(file.read_at(0, all.len() + 1).await.expect("bytes"), all);
}

#[tokio::test]
async fn room_that_is_reserved_reads_as_zeros_and_nothing_gets_shorter() {
    let scratch = Scratch::new();
    let file = scratch.env().disk().open(Path::new("wal"), Open::OrCreate).await.expect("a file");
    file.write_at(0, b"abc").await.expect("a write");
    assert!(file.reserve(6).await.expect("room"));
    assert_eq!(file.read_at(0, 10).await.expect("bytes"), b"abc\0\0\0");
    file.reserve(2).await.expect("room");
    assert_eq!(file.len().await.expect("a length"), 6);
    file.set_len(2).await.expect("shorter");
    assert_eq!(file.read_at(0, 10).await.expect("bytes"), b"ab");
}

#[tokio::test]
async fn names_are_listed_in_order_renamed_over_others_and_removed() {
    let scratch = Scratch::new();
    let disk = scratch.env().disk();
    for name in ["b", "a", "c"] {
        let file = disk.open(Path::new(name), Open::OrCreate).await.expect("a file");
        file.write_at(0, name.as_bytes()).await.expect("a write");
    }
    disk.rename(Path::new("c"), Path::new("a")).await.expect("another name");
    let names = disk.list(Path::new("")).await.expect("names");
    assert_eq!(names, [PathBuf::from("a"), PathBuf::from("b")]);
    let file = disk.open(Path::new("a"), Open::Existing).await.expect("the file");
    assert_eq!(file.read_at(0, 10).await.expect("bytes"), b"c");
    disk.remove(Path::new("b")).await.expect("it is there");
    let gone = disk.open(Path::new("b"), Open::Existing).await.err().expect("it is gone");
    assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    let nowhere = disk.list(Path::new("nowhere")).await.expect_err("no such directory");
    assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn bytes_go_both_ways_over_a_connection_until_an_end_is_closed() {
    let scratch = Scratch::new();
    let env = scratch.env();
    let listener = env.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
    let there = listener.local_addr();
    let (near, far) = tokio::join!(env.connect(there), listener.accept());
    let (mut near, mut far) = (near.expect("a connection"), far.expect("a connection"));
    assert_eq!((near.peer_addr(), far.local_addr()), (there, there));
    assert_eq!(near.local_addr(), far.peer_addr());
    near.write_all(b"ping").await.expect("a write");
    let mut asked = [0; 4];
    far.read_exact(&mut asked).await.expect("bytes");
    far.write_all(b"pong").await.expect("a write");
    far.shutdown().await.expect("an end");
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.expect("bytes, and then the end");
    assert_eq!((&asked, answer.as_slice()), (b"ping", &b"pong"[..]));
}

#[tokio::test]
async fn where_nobody_listens_a_connection_is_refused_and_a_port_that_is_taken_is_not_given() {
    let scratch = Scratch::new();
    let env = scratch.env();
    let listener = env.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
    let addr = listener.local_addr();
    let taken = env.listen(addr).await.err().expect("it is taken");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    drop(listener);
    let refused = env.connect(addr).await.err().expect("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_stream_of_numbers_is_the_same_for_a_program_and_another_for_its_next_start() {
    let scratch = Scratch::new();
    let env = scratch.env();
    assert_eq!(env.rng("election").bits(), env.rng("election").bits());
    assert_ne!(env.rng("election").bits(), env.rng("jitter").bits());
    assert_ne!(env.rng("election").bits(), scratch.env().rng("election").bits());
}
