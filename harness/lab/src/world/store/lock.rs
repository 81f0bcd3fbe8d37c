//! The lock workload: clients that take a lock, write under it, and give it back.
//!
//! The recipe is that of clientv3/concurrency (`Session`, `Mutex`), with the caution that its readers
//! are advised of: whoever holds the lock writes on the condition that its own key is still there,
//! and stops believing in it when the lease must have run out.

use std::time::Duration;

use anatomy_proto::etcdserverpb as pb;
use bytes::Bytes;
use mini_etcd::client::Client;
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::request_op::Request as Op;
use tokio::time::{Instant, sleep, timeout};

use super::call;
use super::notes::Notes;
use super::seat::Seat;
use super::session::Session;
use crate::oracle::linearizability::kv::Keys;
use crate::oracle::lock::Hold;

/// How long a lease lives without being asked for more time.
const TTL: Duration = Duration::from_secs(5);
/// How often a holder asks for more time, and somebody who waits looks.
const BEAT: Duration = Duration::from_millis(500);
/// How long somebody waits for the lock before giving up.
const TURN: Duration = Duration::from_secs(20);
/// The lock, and what is written under it.
const LOCK: &str = "lock/";
const GUARDED: &[u8] = b"guarded";

/// Somebody who wants the lock.
struct Contender {
    number: u32,
    session: Session,
    notes: Notes,
    /// The run's beginning, for the clock of [`Hold`].
    began: Instant,
}

/// Lives until dropped.
///
/// # Errors
/// Never.
pub async fn run(seat: Seat) -> Result<(), String> {
    let session = seat.session("lock");
    let Seat { env, number, pause, notes, .. } = seat;
    let mut rng = env.rng("turns");
    let began = Instant::now() - notes.moment().at;
    let contender = Contender { number, session, notes, began };
    for turn in 0u64.. {
        sleep(rng.exponential(pause)).await;
        let hold = rng.duration(Duration::from_millis(200)..Duration::from_secs(2));
        contender.turn(turn, hold).await;
    }
    Ok(())
}

impl Contender {
    fn clock(&self, at: Instant) -> Duration {
        at - self.began
    }

    /// One turn: in line, with the lock, away.
    async fn turn(&self, turn: u64, hold: Duration) {
        let asked = Instant::now();
        let grant = pb::LeaseGrantRequest { ttl: TTL.as_secs() as i64, ..Default::default() };
        let granted = self.session.call(|client| async move { client.lease_grant(grant).await });
        let Ok(lease) = granted.await else { return };
        let mut lease = Lease { id: lease.id, sure: asked + TTL };
        let key = Bytes::from(format!("{LOCK}{}-{turn}", self.number));
        if let Some(created) = self.line_up(&key, lease.id).await
            && self.wait(&key, created, &mut lease).await
        {
            self.work(&key, created, &mut lease, hold).await;
        }
        // Giving the lease back takes the key along; else it runs out.
        let revoke = pb::LeaseRevokeRequest { id: lease.id };
        let _ = self.session.call(|client| async move { client.lease_revoke(revoke).await }).await;
    }

    /// Makes one's own key. Its revision is the place in the line.
    async fn line_up(&self, key: &Bytes, lease: i64) -> Option<i64> {
        let put = pb::PutRequest { lease, ..call::put(key, &Bytes::new()) };
        let answer = self.session.call(|client| async move { client.put(put).await }).await.ok()?;
        answer.header.map(|header| header.revision)
    }

    /// Waits until nobody is before one in the line.
    async fn wait(&self, key: &Bytes, created: i64, lease: &mut Lease) -> bool {
        let began = Instant::now();
        while began.elapsed() < TURN {
            lease.keep(&self.session).await;
            let line = Keys::Range(Bytes::from_static(b"lock/"), Bytes::from_static(b"lock0"));
            let line = call::range(&line);
            let answer = self.session.call(|client| async move { client.range(line).await }).await;
            if let Ok(answer) = answer {
                let mine = answer.kvs.iter().any(|kv| kv.key == key);
                let first = answer.kvs.iter().map(|kv| kv.create_revision).min();
                if !mine {
                    return false;
                }
                if first == Some(created) {
                    return Instant::now() < lease.sure;
                }
            }
            sleep(BEAT).await;
        }
        false
    }

    /// Has the lock: writes under it for a while.
    async fn work(&self, key: &Bytes, created: i64, lease: &mut Lease, hold: Duration) {
        let from = Instant::now();
        let mut revisions = Vec::new();
        let until = loop {
            let write = guarded(key, created, self.number);
            // No longer than the lease is sure to live.
            let (number, client) = self.session.client();
            let ends = lease.sure.min(from + hold);
            match timeout(ends.saturating_duration_since(Instant::now()), client.txn(write)).await {
                Ok(Ok(answer)) if answer.succeeded => {
                    revisions.extend(answer.header.map(|header| header.revision));
                }
                // The key is gone, and with it the lock.
                Ok(Ok(_)) => break Instant::now(),
                Ok(Err(_)) | Err(_) => self.session.renew(number),
            }
            if Instant::now() >= ends {
                break Instant::now().min(lease.sure);
            }
            lease.keep(&self.session).await;
            sleep(BEAT.min(ends.saturating_duration_since(Instant::now()))).await;
            if Instant::now() >= lease.sure {
                break lease.sure;
            }
        };
        self.notes.all().holds.push(Hold {
            lock: LOCK.to_owned(),
            holder: format!("client {}", self.number),
            from: self.clock(from),
            until: self.clock(until),
            revisions,
        });
    }
}

/// A lease as its owner sees it.
struct Lease {
    id: i64,
    /// Until when it is sure to live: counted from when more time was asked for.
    sure: Instant,
}

impl Lease {
    /// Asks for more time, and does not wait long for it.
    async fn keep(&mut self, session: &Session) {
        let (asked, id) = (Instant::now(), self.id);
        let (_, client): (u64, Client) = session.client();
        if let Ok(Ok(_)) = timeout(BEAT, client.lease_keep_alive(id)).await {
            self.sure = self.sure.max(asked + TTL);
        }
    }
}

/// A write that is done only as long as the key of one's own is there.
fn guarded(key: &Bytes, created: i64, number: u32) -> pb::TxnRequest {
    let value = Bytes::from(format!("client {number}"));
    let put = Op::RequestPut(call::put(&Bytes::from_static(GUARDED), &value));
    pb::TxnRequest {
        compare: vec![pb::Compare {
            key: key.clone(),
            result: CompareResult::Equal as i32,
            target: CompareTarget::Create as i32,
            target_union: Some(TargetUnion::CreateRevision(created)),
            ..pb::Compare::default()
        }],
        success: vec![pb::RequestOp { request: Some(put) }],
        failure: Vec::new(),
    }
}
