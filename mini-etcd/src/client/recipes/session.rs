//! A lease that is renewed for as long as the session lives.

use std::sync::Arc;
use std::time::Duration;

use anatomy_proto::etcdserverpb::{LeaseGrantRequest, LeaseRevokeRequest};
use harness_env::Task;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::RecipeError;
use crate::client::Client;

/// A session. Dropping it lets the lease run out by itself; [`Session::close`] ends it at once.
pub struct Session {
    client: Client,
    lease: i64,
    /// Closed when the lease is gone.
    alive: Arc<Semaphore>,
    _renewal: Task,
}

impl Session {
    /// Begins a session whose keys go away `ttl` seconds after its process does.
    ///
    /// # Errors
    /// What etcd refuses.
    pub async fn new(client: &Client, ttl: i64) -> Result<Session, RecipeError> {
        let mut asked = Instant::now();
        let mut lease = client.lease_grant(LeaseGrantRequest { ttl, id: 0 }).await?;
        // A cluster that elects its leader answers late, and by then the lease may be gone.
        while asked.elapsed() >= lifetime(lease.ttl) {
            asked = Instant::now();
            lease.ttl = client.lease_keep_alive(lease.id).await?.ttl;
        }
        let alive = Arc::new(Semaphore::new(0));
        let (renewing, over) = (client.clone(), alive.clone());
        let renewal = client.spawn(async move {
            renew(&renewing, lease.id, lease.ttl, asked).await;
            over.close();
        });
        Ok(Session { client: client.clone(), lease: lease.id, alive, _renewal: renewal })
    }

    /// The client that it was begun with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its lease: what is put with it goes away with the session.
    pub fn lease(&self) -> i64 {
        self.lease
    }

    /// Ends when the lease is gone, or may be: it was not renewed in time.
    pub async fn expired(&self) {
        let closed = self.alive.acquire().await;
        debug_assert!(closed.is_err(), "nobody adds permits");
    }

    /// Whether the lease is gone, or may be.
    pub fn is_expired(&self) -> bool {
        self.alive.is_closed()
    }

    /// Ends the session and deletes what hangs on it.
    ///
    /// # Errors
    /// What etcd refuses, such as a lease that is gone.
    pub async fn close(self) -> Result<(), RecipeError> {
        self.client.lease_revoke(LeaseRevokeRequest { id: self.lease }).await?;
        Ok(())
    }
}

/// How long a lease lives unrenewed, from its seconds.
fn lifetime(ttl: i64) -> Duration {
    Duration::from_secs(ttl.max(1) as u64)
}

/// Renews a lease every third of its time, until it is gone or its time has passed unrenewed.
async fn renew(client: &Client, lease: i64, mut ttl: i64, mut asked: Instant) {
    loop {
        sleep_until(asked + lifetime(ttl) / 3).await;
        let now = Instant::now();
        match timeout_at(asked + lifetime(ttl), client.lease_keep_alive(lease)).await {
            Ok(Ok(renewed)) => (ttl, asked) = (renewed.ttl, now),
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
