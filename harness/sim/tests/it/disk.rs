//! Files: what a power loss keeps, and a disk that misbehaves.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use harness_env::Env;
use harness_env::disk::Open;
use harness_sim::{Fault, World, run};

use crate::support::*;

async fn write(
    env: &Env,
    name: &str,
    offset: u64,
    bytes: &[u8],
    sync: bool,
) -> std::io::Result<()> {
    let disk = env.disk();
    disk.create_dir_all(Path::new("")).await?;
    let file = disk.open(Path::new(name), Open::OrCreate).await?;
    file.write_at(offset, bytes).await?;
    if sync {
        file.sync().await?;
        disk.sync_dir(Path::new("")).await?;
    }
    Ok(())
}

async fn read(world: World, name: &'static str) -> std::io::Result<Vec<u8>> {
    on(world, "a", move |env| async move {
        let file = env.disk().open(Path::new(name), Open::Existing).await?;
        let len = file.len().await?;
        file.read_at(0, len as usize).await
    })
    .await
}

#[test]
fn synced_writes_are_there_after_a_power_loss_and_unsynced_ones_are_gone() {
    run(machines(1, &["a"]), |world| async move {
        on(world, "a", |env| async move {
            write(&env, "kept", 0, b"durable", true).await.expect("the disk is fine");
            write(&env, "kept", 7, b"+", false).await.expect("the disk is fine");
            write(&env, "lost", 0, b"page cache", false).await.expect("the disk is fine");
            let file = env.disk().open(Path::new("lost"), Open::Existing).await;
            let all = file.expect("it is there").read_at(0, 99).await.expect("it reads");
            assert_eq!(all, b"page cache", "before the power loss everything is there");
        })
        .await;
        world.power_off("a");
        world.power_on("a");
        let kept = read(world, "kept").await.expect("it was synced");
        // A write of less than a sector is there in full or not at all.
        assert!(kept == b"durable" || kept == b"durable+", "{kept:?}");
        assert_eq!(
            read(world, "lost").await.expect_err("never synced").kind(),
            ErrorKind::NotFound
        );
    });
}

#[test]
fn a_name_that_a_rename_left_can_be_used_again_before_the_rename_is_durable() {
    run(machines(1, &["a"]), |world| async move {
        on(world, "a", |env| async move {
            let disk = env.disk();
            let (next, whole) = (Path::new("next"), Path::new("whole"));
            disk.create_dir_all(Path::new("")).await.expect("the disk is fine");
            for text in ["the first, which is longer", "the second"] {
                let file = disk.open(next, Open::Truncate).await.expect("the disk is fine");
                file.write_at(0, text.as_bytes()).await.expect("the disk is fine");
                file.sync().await.expect("the disk is fine");
                disk.rename(next, whole).await.expect("the disk is fine");
            }
        })
        .await;
        assert_eq!(read(world, "whole").await.expect("it is there"), b"the second");
    });
}

#[test]
fn a_name_that_was_removed_can_be_used_again_before_the_removal_is_durable() {
    run(machines(1, &["a"]), |world| async move {
        on(world, "a", |env| async move {
            let disk = env.disk();
            let (next, whole) = (Path::new("next"), Path::new("whole"));
            disk.create_dir_all(Path::new("")).await.expect("the disk is fine");
            drop(disk.open(next, Open::Truncate).await.expect("the disk is fine"));
            disk.remove(next).await.expect("the disk is fine");
            let file = disk.open(next, Open::Truncate).await.expect("the disk is fine");
            file.write_at(0, b"all of it").await.expect("the disk is fine");
            file.sync().await.expect("the disk is fine");
            disk.rename(next, whole).await.expect("the disk is fine");
            disk.sync_dir(Path::new("")).await.expect("the disk is fine");
        })
        .await;
        assert_eq!(read(world, "whole").await.expect("it is there"), b"all of it");
    });
}

#[test]
fn killing_a_process_loses_nothing_that_it_wrote() {
    run(machines(1, &["a"]), |world| async move {
        on(world, "a", |env| async move {
            write(&env, "file", 0, b"page cache", false).await.expect("the disk is fine");
        })
        .await;
        assert_eq!(read(world, "file").await.expect("still there"), b"page cache");
    });
}

#[test]
fn some_power_losses_tear_a_write_at_a_sector() {
    let kept: Vec<usize> = (0..12)
        .map(|seed| {
            run(machines(seed, &["a"]), |world| async move {
                on(world, "a", |env| async move {
                    write(&env, "file", 0, &[1; 4096], true).await.expect("the disk is fine");
                    write(&env, "file", 0, &[2; 4096], false).await.expect("the disk is fine");
                })
                .await;
                world.power_off("a");
                world.power_on("a");
                let bytes = read(world, "file").await.expect("it was synced");
                let new = bytes.iter().take_while(|byte| **byte == 2).count();
                assert!(bytes[new..].iter().all(|byte| *byte == 1));
                new
            })
            .result
        })
        .collect();
    assert!(kept.iter().all(|n| n % 512 == 0), "{kept:?}");
    assert!(kept.iter().any(|n| *n > 0 && *n < 4096), "{kept:?}");
}

#[test]
fn a_disk_that_is_full_failing_or_slow_says_so() {
    run(machines(1, &["a"]), |world| async move {
        let attempt = || {
            on(world, "a", |env| async move {
                write(&env, "file", 0, b"x", true).await.err().map(|e| e.kind())
            })
        };
        assert_eq!(attempt().await, None);
        let full = world.begin(Fault::FullDisk { machine: "a".into() });
        assert_eq!(attempt().await, Some(ErrorKind::StorageFull));
        world.end(full);
        let failing = world.begin(Fault::FailingDisk { machine: "a".into() });
        assert!(attempt().await.is_some());
        world.end(failing);
        let by = Duration::from_secs(2);
        let slow = world.begin(Fault::SlowDisk { machine: "a".into(), by });
        let began = world.now();
        assert_eq!(attempt().await, None);
        assert!(world.now() - began >= by * 2, "two syncs, each two seconds longer");
        world.end(slow);
        assert!(world.faults().iter().all(|fault| fault.effects > 0));
    });
}

#[test]
fn each_process_has_a_directory_of_its_own() {
    run(machines(1, &["a"]), |world| async move {
        world
            .start("a", "one", |env| async move {
                write(&env, "file", 0, b"one", true).await.map_err(|e| e.to_string())
            })
            .exited()
            .await;
        assert_eq!(read(world, "file").await.expect_err("another's").kind(), ErrorKind::NotFound);
    });
}
