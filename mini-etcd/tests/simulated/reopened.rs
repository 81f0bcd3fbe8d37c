//! What a member finds when it starts is durable before it says so.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anatomy_proto::raftpb::Entry;
use harness_env::Env;
use harness_sim::{Config, Exit, MachineSpec};
use mini_etcd::defects::Defects;
use mini_etcd::storage::Storage;
use mini_etcd::storage::record::Identity;

const DATA: &str = "data";

/// Writes two entries, of which the second is not synced: as a member does that is killed meanwhile.
async fn killed(env: Env) -> Result<(), String> {
    let entry = |index| Entry { index, term: 1, ..Entry::default() };
    let writing = async {
        let created = Storage::create(env.disk(), Path::new(DATA), Identity::default());
        let mut storage = created.await?;
        storage.wal.save(None, &[entry(1)], true).await?;
        storage.wal.save(None, &[entry(2)], false).await
    };
    writing.await.map_err(|e| e.to_string())
}

#[test]
fn an_entry_that_a_killed_member_left_unsynced_is_durable_once_it_was_read() {
    for seed in 0..8 {
        let found = harness_sim::run(
            Config::new(seed).machine(MachineSpec::new("etcd")),
            move |world| async move {
                let first = world.start("etcd", "etcd", killed).exited().await;
                assert_eq!(first, Exit::Returned(Ok(())));
                let found: Arc<Mutex<Vec<usize>>> = Arc::default();
                for _ in 0..2 {
                    let note = found.clone();
                    let reading = world.start("etcd", "etcd", move |env| async move {
                        let opened = Storage::open(env.disk(), Path::new(DATA), Defects::default());
                        let opened = opened.await.map_err(|e| e.to_string())?;
                        let entries = opened.map_or(0, |(_, opened)| opened.entries.len());
                        note.lock().unwrap().push(entries);
                        Ok(())
                    });
                    assert_eq!(reading.exited().await, Exit::Returned(Ok(())));
                    world.power_off("etcd");
                    world.power_on("etcd");
                }
                Arc::try_unwrap(found).expect("all have ended").into_inner().unwrap()
            },
        )
        .result;
        assert_eq!(found, [2, 2], "seed {seed}");
    }
}
