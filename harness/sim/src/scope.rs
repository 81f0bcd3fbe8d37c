//! Every task of a process is polled inside the process.
//!
//! The wrapper says whose turn it is (for the record), does not poll what is paused or dead, keeps
//! the thread's clocks at virtual time, and turns a panic into the process crashing.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use harness_env::host::BoxFuture;

use crate::process::{Exit, ProcessId, end_process};
use crate::state::with_state;

thread_local! {
    static CURRENT: Cell<Option<ProcessId>> = const { Cell::new(None) };
    static CAUSE: Cell<Option<u64>> = const { Cell::new(None) };
    static POLLS: Cell<u64> = const { Cell::new(0) };
    static CLOCKS_LAG: Cell<bool> = const { Cell::new(true) };
    static PANIC_AT: Cell<Option<String>> = const { Cell::new(None) };
}

/// Whose turn it is.
pub(crate) fn current() -> Option<ProcessId> {
    CURRENT.get()
}

/// How often a task of a process has been polled on this thread.
pub(crate) fn polls() -> u64 {
    POLLS.get()
}

/// Virtual time may have passed: the thread's clocks follow before the next poll. The runtime calls
/// this whenever it wakes, and only while it rests does time pass.
pub(crate) fn time_may_have_passed() {
    CLOCKS_LAG.set(true);
}

/// The last event of this line of control.
pub(crate) fn cause() -> Option<u64> {
    CAUSE.get()
}

pub(crate) fn set_cause(event: u64) {
    CAUSE.set(Some(event));
}

/// Runs `f` as the world itself: what it says is nobody's word but the record's.
pub(crate) fn outside<T>(f: impl FnOnce() -> T) -> T {
    let inner = (CURRENT.replace(None), CAUSE.get());
    let result = f();
    CURRENT.set(inner.0);
    CAUSE.set(inner.1);
    result
}

/// Remembers where a panic of an armed thread happened, for the crash record.
pub(crate) fn note_panic(place: String) {
    PANIC_AT.set(Some(place));
}

/// A task of a process.
pub(crate) struct Scoped {
    process: ProcessId,
    task: u64,
    cause: Option<u64>,
    inner: Option<BoxFuture<'static, ()>>,
}

impl Scoped {
    pub fn new(process: ProcessId, task: u64, inner: BoxFuture<'static, ()>) -> Self {
        Scoped { process, task, cause: CAUSE.get(), inner: Some(inner) }
    }

    fn enter<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let outer = (CURRENT.replace(Some(self.process)), CAUSE.replace(self.cause));
        let result = f(self);
        self.cause = CAUSE.replace(outer.1);
        CURRENT.set(outer.0);
        result
    }
}

impl Future for Scoped {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        POLLS.set(POLLS.get() + 1);
        let id = self.process;
        let runs = with_state(|state| {
            if CLOCKS_LAG.replace(false) {
                state.sync_clocks();
            }
            state.process_mut(id).is_some_and(|process| process.may_run(cx.waker()))
        });
        if runs != Some(true) {
            return Poll::Pending;
        }
        self.enter(|this| {
            let Some(inner) = this.inner.as_mut() else { return Poll::Ready(()) };
            match catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(())) => {
                    this.inner = None;
                    with_state(|state| {
                        if let Some(process) = state.process_mut(this.process) {
                            process.tasks.remove(&this.task);
                        }
                    });
                    Poll::Ready(())
                }
                Err(payload) => {
                    this.inner = None;
                    end_process(this.process, Exit::Crashed(panic_message(payload)));
                    Poll::Ready(())
                }
            }
        })
    }
}

impl Drop for Scoped {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            self.enter(|_| {
                // A destructor that panics while its process dies has nobody to tell.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(inner)));
            });
        }
    }
}

fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panicked".to_owned());
    match PANIC_AT.take() {
        Some(place) => format!("{text} ({place})"),
        None => text,
    }
}
