//! One leader at a time, whose value everybody can see.

use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;

use super::line::{self, Place, Waiting};
use super::{RecipeError, Session};
use crate::client::{Client, WatchStream};

/// An election.
pub struct Election<'a> {
    session: &'a Session,
    prefix: Bytes,
    office: Option<Place>,
}

/// Who leads.
#[derive(Clone, Debug, PartialEq)]
pub struct Leader {
    /// Its key.
    pub key: Bytes,
    /// What it proclaims.
    pub value: Bytes,
    /// The revision in which it joined the line: later leaders have higher ones.
    pub created: i64,
}

impl From<KeyValue> for Leader {
    fn from(kv: KeyValue) -> Self {
        Leader { key: kv.key, value: kv.value, created: kv.create_revision }
    }
}

impl<'a> Election<'a> {
    /// The election `name`, for a session that may stand in it.
    pub fn new(session: &'a Session, name: &str) -> Self {
        Election { session, prefix: prefix(name), office: None }
    }

    /// Stands for election and returns when it is won. Dropping the future withdraws.
    ///
    /// # Errors
    /// [`RecipeError::SessionExpired`], and what etcd refuses.
    pub async fn campaign(&mut self, value: impl Into<Bytes>) -> Result<(), RecipeError> {
        let value = value.into();
        let taken = Place::take(self.session, &self.prefix, value.clone()).await?;
        let waiting = Waiting::new(self.session.client(), &taken.place);
        if taken.already.is_some_and(|kv| kv.value != value)
            && !taken.place.put(self.session, value).await?
        {
            return Err(RecipeError::NotLeader);
        }
        taken.place.wait(self.session.client()).await?;
        waiting.keep();
        self.office = Some(taken.place);
        Ok(())
    }

    /// Proclaims another value, without a new election.
    ///
    /// # Errors
    /// [`RecipeError::NotLeader`], and what etcd refuses.
    pub async fn proclaim(&mut self, value: impl Into<Bytes>) -> Result<(), RecipeError> {
        let office = self.office.as_ref().ok_or(RecipeError::NotLeader)?;
        if office.put(self.session, value.into()).await? {
            return Ok(());
        }
        self.office = None;
        Err(RecipeError::NotLeader)
    }

    /// Lets the next in line lead. Nothing happens where this session does not.
    ///
    /// # Errors
    /// What etcd refuses.
    pub async fn resign(&mut self) -> Result<(), RecipeError> {
        match self.office.take() {
            Some(office) => office.leave(self.session.client()).await,
            None => Ok(()),
        }
    }

    /// Who leads, if anybody does.
    ///
    /// # Errors
    /// What etcd refuses.
    pub async fn leader(&self) -> Result<Option<Leader>, RecipeError> {
        let found = self.session.client().range(line::first(&self.prefix)).await?;
        Ok(found.kvs.into_iter().next().map(Leader::from))
    }
}

fn prefix(name: &str) -> Bytes {
    format!("{name}/").into()
}

/// Sees every leader, and what each proclaims, from now on. It may miss one who led for less time
/// than it takes to look, but sees those that it sees in order.
pub struct Observer {
    client: Client,
    prefix: Bytes,
    /// The leader that was seen last, and a watch on its key.
    seen: Option<(Leader, WatchStream)>,
}

impl Observer {
    /// Observes the election `name`.
    pub fn new(client: &Client, name: &str) -> Self {
        Observer { client: client.clone(), prefix: prefix(name), seen: None }
    }

    /// The next leader or proclamation; at first the present one.
    ///
    /// # Errors
    /// What etcd refuses.
    pub async fn next(&mut self) -> Result<Leader, RecipeError> {
        if let Some((leader, watch)) = &mut self.seen {
            let mut present = None;
            'present: loop {
                for event in line::events(watch).await? {
                    if line::is_delete(&event) {
                        break 'present;
                    }
                    present = event.kv;
                }
                if let Some(kv) = present.take() {
                    *leader = kv.into();
                    return Ok(leader.clone());
                }
            }
            self.seen = None;
        }
        let kv = self.elected().await?;
        let from = kv.mod_revision + 1;
        let request = anatomy_proto::etcdserverpb::WatchCreateRequest {
            key: kv.key.clone(),
            start_revision: from,
            ..Default::default()
        };
        let leader = Leader::from(kv);
        self.seen = Some((leader.clone(), self.client.watch(request).await?));
        Ok(leader)
    }

    /// Who leads, once somebody does.
    async fn elected(&self) -> Result<KeyValue, RecipeError> {
        let found = self.client.range(line::first(&self.prefix)).await?;
        let revision = found.header.map_or(0, |header| header.revision);
        if let Some(kv) = found.kvs.into_iter().next() {
            return Ok(kv);
        }
        // The first to join an empty line leads.
        let mut watch = line::watch_line(&self.client, &self.prefix, revision + 1).await?;
        loop {
            let events = line::events(&mut watch).await?;
            let joined = events.into_iter().find(|event| !line::is_delete(event));
            if let Some(kv) = joined.and_then(|event| event.kv) {
                return Ok(kv);
            }
        }
    }
}
