//! The quota pool as a connection uses it: with waiting futures, and with an eye on itself.
//!
//! [`QuotaPool`] is the mechanism; this adds what Go's runtime adds (blocked receivers that are
//! woken) and notices when the quota is *lost*: nothing on the channel, some in the integer, and
//! nobody left whose ordinary end would bring it back. Only a stream that never closes, taking the
//! last token, leaves the pool like that. The notice changes nothing; it is what a person who looked
//! into the process would see.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use super::Generation;
use super::pool::{Grant, QuotaPool, Ticket};

/// How long a stream is meant to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Until its answer has come.
    Short,
    /// Until somebody closes it: a watch.
    Long,
}

/// Whose pool it is, for events.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub client: Arc<str>,
    pub endpoint: SocketAddr,
}

pub(super) struct Quota {
    label: Label,
    inner: Mutex<Inner>,
}

struct Inner {
    pool: QuotaPool,
    next: Ticket,
    line: BTreeMap<Ticket, InLine>,
    /// Tokens that are out with streams that close by themselves.
    short: usize,
    /// Takers who have not put the rest back yet.
    window: usize,
    lost: bool,
    dead: bool,
}

struct InLine {
    life: Life,
    waker: Waker,
    granted: Option<i64>,
}

enum Notice {
    Lost { stranded: i64 },
    Recovered,
}

impl Quota {
    /// A pool of `quota` streams for a connection on which `short` short streams are open already.
    pub fn new(label: Label, generation: Generation, quota: i64, short: usize) -> Self {
        let pool = QuotaPool::new(generation, quota);
        let line = BTreeMap::new();
        let inner = Inner { pool, next: 0, line, short, window: 0, lost: false, dead: false };
        Quota { label, inner: Mutex::new(inner) }
    }

    /// Takes the whole quota, waiting for it in line.
    pub fn take(self: &Arc<Self>, life: Life) -> Take {
        Take { quota: self.clone(), life, ticket: None }
    }

    /// A stream that was counted has closed.
    pub fn stream_closed(&self, life: Life) {
        self.change("stream closed", |inner| {
            inner.short -= usize::from(life == Life::Short);
            inner.pool.add(1)
        });
    }

    /// A stream that passed by before there was a pool has opened after there was one.
    pub fn stream_uncounted(&self, life: Life) {
        self.change("stream counted", |inner| {
            inner.short += usize::from(life == Life::Short);
            inner.pool.reset(-1)
        });
    }

    /// The peer changed its limit by `n`.
    pub fn limit_changed(&self, n: i64) {
        self.change("limit changed", |inner| inner.pool.reset(n));
    }

    /// The connection is closed; those in line are woken by that, not by the pool.
    pub fn connection_closed(&self) {
        let lost = {
            let mut inner = self.lock();
            inner.dead = true;
            std::mem::take(&mut inner.lost)
        };
        if lost {
            self.tell(Notice::Recovered, "transport closed");
        }
    }

    /// The channel, the integer and the length of the line.
    pub fn look(&self) -> (Option<i64>, i64, usize) {
        let inner = self.lock();
        (inner.pool.chan(), inner.pool.field(), inner.pool.waiting())
    }

    fn change(&self, why: &'static str, f: impl FnOnce(&mut Inner) -> Option<Grant>) {
        let notice = {
            let mut inner = self.lock();
            let grant = f(&mut inner);
            inner.deliver(grant);
            inner.notice()
        };
        if let Some(notice) = notice {
            self.tell(notice, why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of the lock panics")
    }

    fn tell(&self, notice: Notice, why: &'static str) {
        let Label { client, endpoint } = &self.label;
        match notice {
            Notice::Lost { stranded } => tracing::info!(
                kind = "etcd-client.quota.lost",
                client = %client,
                endpoint = %endpoint,
                field = stranded,
                "the etcd client for {client} lost its stream quota at {endpoint}: \
                 the watch took the last token, {stranded} are stranded"
            ),
            Notice::Recovered => tracing::info!(
                kind = "etcd-client.quota.recovered",
                client = %client,
                endpoint = %endpoint,
                why,
                "the etcd client for {client} has its stream quota at {endpoint} back: {why}"
            ),
        }
    }
}

impl Inner {
    fn deliver(&mut self, grant: Option<Grant>) {
        let Some(Grant { ticket, quota }) = grant else { return };
        let in_line = self.line.get_mut(&ticket).expect("the pool grants to those in line");
        in_line.granted = Some(quota);
        in_line.waker.wake_by_ref();
        let life = in_line.life;
        self.went_out(life, quota);
    }

    fn went_out(&mut self, life: Life, quota: i64) {
        self.short += usize::from(life == Life::Short);
        self.window += usize::from(quota > 1);
    }

    /// What changed about being lost.
    fn notice(&mut self) -> Option<Notice> {
        let stranded = self.pool.field();
        let empty = self.pool.chan().is_none() && stranded > 0;
        let lost = empty && self.short == 0 && self.window == 0;
        if self.dead || lost == self.lost {
            return None;
        }
        self.lost = lost;
        Some(if lost { Notice::Lost { stranded } } else { Notice::Recovered })
    }
}

/// Waits for the quota. Dropping it leaves the line; a quota that was already handed over goes back
/// the way a Go caller whose context has ended puts it back.
pub(super) struct Take {
    quota: Arc<Quota>,
    life: Life,
    ticket: Option<Ticket>,
}

impl Future for Take {
    type Output = Held;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Held> {
        let mut inner = self.quota.lock();
        let taken = match self.ticket {
            Some(ticket) => {
                let in_line = inner.line.get_mut(&ticket).expect("in line until served");
                in_line.waker.clone_from(cx.waker());
                in_line.granted.inspect(|_| drop(inner.line.remove(&ticket)))
            }
            None => {
                let ticket = inner.next;
                inner.next += 1;
                let taken = inner.pool.acquire(ticket);
                match taken {
                    Some(quota) => inner.went_out(self.life, quota),
                    None => {
                        let (life, waker) = (self.life, cx.waker().clone());
                        inner.line.insert(ticket, InLine { life, waker, granted: None });
                        drop(inner);
                        self.ticket = Some(ticket);
                        return Poll::Pending;
                    }
                }
                taken
            }
        };
        let notice = taken.and_then(|_| inner.notice());
        drop(inner);
        let Some(amount) = taken else { return Poll::Pending };
        self.ticket = None;
        if let Some(notice) = notice {
            self.quota.tell(notice, "");
        }
        let rest = (amount > 1).then(|| amount - 1);
        Poll::Ready(Held { quota: self.quota.clone(), life: self.life, rest, token: true })
    }
}

impl Drop for Take {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let granted = {
            let mut inner = self.quota.lock();
            inner.pool.cancel(ticket);
            inner.line.remove(&ticket).and_then(|in_line| in_line.granted)
        };
        if let Some(amount) = granted {
            let rest = (amount > 1).then(|| amount - 1);
            drop(Held { quota: self.quota.clone(), life: self.life, rest, token: true });
        }
    }
}

/// A token, and at first the rest of the quota with it. Dropping it puts back what is still held.
pub(super) struct Held {
    quota: Arc<Quota>,
    life: Life,
    rest: Option<i64>,
    token: bool,
}

impl Held {
    /// Puts back what one stream does not need. Where only one token was taken nothing is put
    /// back, not even looked at: that is the other half of grpc-go#1005.
    pub fn give_back(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.quota.change("quota put back", |inner| {
                inner.window -= 1;
                inner.pool.add(rest)
            });
        }
    }

    /// The stream is open; its closing returns the token.
    pub fn spend(mut self) {
        self.give_back();
        self.token = false;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
        if self.token {
            self.quota.stream_closed(self.life);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q: i64 = 250;

    fn quota(generation: Generation) -> Arc<Quota> {
        let endpoint = SocketAddr::from(([10, 0, 0, 1], 2379));
        let label = Label { client: "secrets".into(), endpoint };
        Arc::new(Quota::new(label, generation, Q, 0))
    }

    /// A stream that opens at once.
    async fn open(quota: &Arc<Quota>, life: Life) {
        quota.take(life).await.spend();
    }

    /// Leaves one token on the channel and the rest in the integer (1.0.4).
    async fn overlap(quota: &Arc<Quota>) {
        open(quota, Life::Short).await;
        let second = quota.take(Life::Short).await;
        quota.stream_closed(Life::Short);
        second.spend();
        quota.stream_closed(Life::Short);
    }

    fn is_lost(quota: &Quota) -> bool {
        quota.lock().lost
    }

    #[tokio::test]
    async fn a_watch_that_takes_the_last_token_loses_the_quota_until_it_closes() {
        let quota = quota(Generation::Grpc104);
        overlap(&quota).await;
        assert_eq!(quota.look(), (Some(1), Q - 1, 0));
        open(&quota, Life::Long).await;
        assert!(is_lost(&quota));
        quota.stream_closed(Life::Long);
        assert!(!is_lost(&quota));
        assert_eq!(quota.look(), (Some(Q), 0, 0));
    }

    #[tokio::test]
    async fn a_call_that_takes_the_last_token_loses_nothing() {
        let quota = quota(Generation::Grpc104);
        overlap(&quota).await;
        open(&quota, Life::Short).await;
        assert!(!is_lost(&quota), "it will close and bring all back");
        quota.stream_closed(Life::Short);
        assert_eq!(quota.look(), (Some(Q), 0, 0));
    }

    #[tokio::test]
    async fn the_fixed_pool_has_all_its_quota_on_the_channel_after_the_same_steps() {
        let quota = quota(Generation::Grpc105);
        overlap(&quota).await;
        open(&quota, Life::Long).await;
        assert_eq!(quota.look(), (Some(Q - 1), 0, 0));
        assert!(!is_lost(&quota));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_nothing_behind() {
        for generation in [Generation::Grpc104, Generation::Grpc105] {
            let quota = quota(generation);
            let holder = quota.take(Life::Short).await;
            let mut first = quota.take(Life::Short);
            let mut second = quota.take(Life::Short);
            let mut look = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut first).poll(&mut look).is_pending());
            assert!(Pin::new(&mut second).poll(&mut look).is_pending());
            assert_eq!(quota.look(), (None, 0, 2));
            // Handed to the first in line, who goes away before it looks.
            drop(holder);
            drop(first);
            drop(second.await);
            assert_eq!(quota.look().0.unwrap_or(0) + quota.look().1, Q);
        }
    }
}
