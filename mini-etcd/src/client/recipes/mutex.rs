//! A lock that one session has at a time.

use anatomy_proto::etcdserverpb::Compare;
use bytes::Bytes;

use super::line::{Place, Taken, Waiting};
use super::{RecipeError, Session};

/// A lock. What it protects should be written in transactions with [`Mutex::is_owner`]: a session may
/// have expired without its process noticing yet.
pub struct Mutex<'a> {
    session: &'a Session,
    prefix: Bytes,
    held: Option<Place>,
}

impl<'a> Mutex<'a> {
    /// The lock `name`, for a session.
    pub fn new(session: &'a Session, name: &str) -> Self {
        Mutex { session, prefix: format!("{name}/").into(), held: None }
    }

    /// Takes the lock, waiting in line for it. Dropping the future leaves the line.
    ///
    /// # Errors
    /// [`RecipeError::SessionExpired`], and what etcd refuses.
    pub async fn lock(&mut self) -> Result<(), RecipeError> {
        let Taken { place, first, .. } = self.take().await?;
        let waiting = Waiting::new(self.session.client(), &place);
        if first.is_none_or(|first| first.create_revision != place.created) {
            place.wait(self.session.client()).await?;
        }
        waiting.keep();
        self.held = Some(place);
        Ok(())
    }

    /// Takes the lock if nobody has it.
    ///
    /// # Errors
    /// [`RecipeError::Locked`] where somebody has, and what etcd refuses.
    pub async fn try_lock(&mut self) -> Result<(), RecipeError> {
        let Taken { place, first, .. } = self.take().await?;
        if first.is_some_and(|first| first.create_revision == place.created) {
            self.held = Some(place);
            return Ok(());
        }
        place.leave(self.session.client()).await?;
        Err(RecipeError::Locked)
    }

    async fn take(&self) -> Result<Taken, RecipeError> {
        Place::take(self.session, &self.prefix, Bytes::new()).await
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// [`RecipeError::NotLeader`] where it was not held, and what etcd refuses.
    pub async fn unlock(&mut self) -> Result<(), RecipeError> {
        let place = self.held.take().ok_or(RecipeError::NotLeader)?;
        place.leave(self.session.client()).await
    }

    /// Holds while the lock does; `None` where it was not taken.
    pub fn is_owner(&self) -> Option<Compare> {
        self.held.as_ref().map(Place::is_created)
    }

    /// The key that stands for the hold; `None` where there is none.
    pub fn key(&self) -> Option<&Bytes> {
        self.held.as_ref().map(|place| &place.key)
    }
}
