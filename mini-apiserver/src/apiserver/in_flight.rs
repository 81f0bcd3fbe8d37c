//! How many requests may be at work at once.
//!
//! Two pools, reads and writes; watches take no place (kubernetes 1.7.8
//! pkg/server/filters/maxinflight.go). Who finds the pool full is sent away at once. A place is
//! held until the client has its answer, so 400 reads that hang for 60 s close the server to every
//! other read, whatever resource they are of.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Places.
#[derive(Clone, Debug)]
pub struct Places {
    taken: Arc<AtomicUsize>,
    limit: usize,
}

impl Places {
    /// So many; 0 for any number.
    pub fn new(limit: usize) -> Self {
        Places { taken: Arc::default(), limit }
    }

    /// Takes one, if there is one.
    pub fn take(&self) -> Option<Place> {
        if self.limit != 0 && self.taken() >= self.limit {
            return None;
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(Place(self.taken.clone()))
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// A taken place, given back when dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
