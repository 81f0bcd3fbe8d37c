//! A process: a named program on a machine, its tasks and its sockets, from first to last.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::task::Waker;

use harness_env::host::BoxFuture;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::scope::{self, Scoped};
use crate::socket::Slot;
use crate::state::with_state;

pub(crate) type ProcessId = usize;

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Its program returned, with an error or without.
    Returned(Result<(), String>),
    /// It was killed.
    Killed,
    /// It panicked; the message, with the place.
    Crashed(String),
    /// Its machine lost power.
    PowerLost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Running,
    Paused,
    Dead,
}

pub(crate) struct ProcessState {
    pub machine: usize,
    pub name: String,
    pub ip: IpAddr,
    pub life: Life,
    /// Tasks that have not ended, in the order they were started.
    pub tasks: BTreeMap<u64, AbortHandle>,
    pub next_task: u64,
    /// Open sockets, in the order they were made.
    pub sockets: BTreeMap<u64, Weak<Slot>>,
    pub next_socket: u64,
    /// Tasks that wanted to run while the process was paused.
    pub parked: Vec<Waker>,
    pub exit: watch::Sender<Option<Exit>>,
}

impl ProcessState {
    pub fn is_alive(&self) -> bool {
        self.life != Life::Dead
    }

    /// Whether a task may run now; where the process is paused the task is woken on resumption.
    pub fn may_run(&mut self, waker: &Waker) -> bool {
        if self.life == Life::Paused {
            self.parked.push(waker.clone());
        }
        self.life == Life::Running
    }

    /// Registers a socket so that the process's death closes it.
    pub fn adopt(&mut self, slot: &Arc<Slot>) -> u64 {
        let id = self.next_socket;
        self.next_socket += 1;
        self.sockets.insert(id, Arc::downgrade(slot));
        id
    }
}

/// A handle on a process. It stays valid after the process has ended.
#[derive(Clone)]
pub struct Process {
    pub(crate) id: ProcessId,
    pub(crate) exit: watch::Receiver<Option<Exit>>,
}

impl Process {
    /// Waits until the process has ended, and says how.
    pub async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.clone().expect("waited for it"),
            Err(_) => Exit::Killed,
        }
    }

    /// How it ended, or `None` while it lives.
    pub fn exit(&self) -> Option<Exit> {
        self.exit.borrow().clone()
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        self.exit.borrow().is_none()
    }
}

/// Starts a task of a process; one of a dead process is dropped at once.
pub(crate) fn spawn_in(process: ProcessId, future: BoxFuture<'static, ()>) -> AbortHandle {
    let task = with_state(|state| {
        let process = state.process_mut(process).filter(|p| p.is_alive())?;
        process.next_task += 1;
        Some(process.next_task)
    })
    .flatten();
    let scoped = Scoped::new(process, task.unwrap_or(0), future);
    #[expect(clippy::disallowed_methods, reason = "Tasks::spawn of a simulated process ends here")]
    let handle = tokio::spawn(scoped).abort_handle();
    match task {
        Some(task) => {
            with_state(|state| {
                if let Some(process) = state.process_mut(process) {
                    process.tasks.insert(task, handle.clone());
                }
            });
        }
        None => handle.abort(),
    }
    handle
}

/// Ends a process: its sockets close in the order they were made, then its tasks are dropped.
pub(crate) fn end_process(id: ProcessId, exit: Exit) {
    let taken = with_state(|state| {
        let process = state.process_mut(id).filter(|process| process.is_alive())?;
        process.life = Life::Dead;
        let sockets = std::mem::take(&mut process.sockets);
        let tasks = std::mem::take(&mut process.tasks);
        process.parked.clear();
        let (machine, ip, name) = (process.machine, process.ip, process.name.clone());
        let told = process.exit.clone();
        Some((sockets, tasks, machine, ip, name, told))
    });
    let Some(Some((sockets, tasks, machine, ip, name, told))) = taken else { return };
    for slot in sockets.into_values() {
        if let Some(slot) = slot.upgrade() {
            slot.close();
        }
    }
    for task in tasks.into_values() {
        task.abort();
    }
    let machine_name = with_state(|state| {
        if state.holders.get(&ip) == Some(&id) {
            state.holders.remove(&ip);
        }
        state.machines[machine].name.clone()
    })
    .unwrap_or_default();
    if let Exit::Crashed(message) = &exit {
        scope::outside(|| {
            tracing::info!(
                kind = "process.crashed",
                on = %machine_name,
                process = %name,
                "{name} on {machine_name} crashed: {message}"
            );
        });
    }
    told.send_replace(Some(exit));
}
