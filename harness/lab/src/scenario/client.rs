//! Clients of etcd whose history is checked.

use std::time::Duration;

use super::error::{Problem, not_among};
use super::file;
use super::resolve::{duration, within};

/// Clients with a workload of their own, whose history is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What they do.
    pub kind: ClientKind,
    /// How many there are.
    pub count: u32,
    /// How long one waits on the average between two operations.
    pub pause: Duration,
}

/// What clients of a workload do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Puts, reads, deletions and transactions on a few keys.
    Kv,
    /// Taking a lock, writing under it, giving it back.
    Lock,
    /// Reading the newest through one member each, without waiting for answers.
    Read,
    /// Moving money between accounts.
    Transfer,
    /// Watching everything.
    Watch,
}

impl ClientKind {
    const ALL: [(&'static str, ClientKind); 5] = [
        ("kv", ClientKind::Kv),
        ("lock", ClientKind::Lock),
        ("read", ClientKind::Read),
        ("transfer", ClientKind::Transfer),
        ("watch", ClientKind::Watch),
    ];
}

/// The clients of a file.
pub(super) fn clients(file: &[file::Client]) -> Result<Vec<Client>, Problem> {
    let client = |file: &file::Client| {
        let kind = file.kind.get_ref();
        let found = ClientKind::ALL.iter().find(|(name, _)| name == kind);
        let Some((_, kind)) = found else {
            let names = ClientKind::ALL.map(|(name, _)| name);
            return Err(not_among(file.kind.span(), "the kind of client", kind, names));
        };
        let count = within(&file.count, "count", 1..=50)?;
        Ok(Client { kind: *kind, count, pause: duration(&file.pause)? })
    };
    file.iter().map(client).collect()
}
