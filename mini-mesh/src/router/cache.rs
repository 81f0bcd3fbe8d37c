//! A bounded cache of bindings (finagle 6 `ServiceFactoryCache` with linkerd's `bindingCache`
//! defaults: a hundred clients, ten idle minutes).
//!
//! A full cache lets go of the binding that has been idle the longest. Where none is idle, the
//! request gets a binding of its own that nobody else will see.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::dtab::Path;

/// Bindings held at most.
pub const CAPACITY: usize = 100;
/// A binding unused for this long is let go.
pub const IDLE_TIME: Duration = Duration::from_secs(600);

/// Bindings by name.
#[derive(Debug)]
pub struct BindingCache<B> {
    entries: BTreeMap<Path, Entry<B>>,
}

#[derive(Debug)]
struct Entry<B> {
    binding: Arc<B>,
    in_use: usize,
    idle_since: Instant,
}

impl<B> Default for BindingCache<B> {
    fn default() -> Self {
        BindingCache { entries: BTreeMap::new() }
    }
}

impl<B> BindingCache<B> {
    /// The binding of `path`, made where there is none, for one request.
    pub fn lease(&mut self, path: &Path, now: Instant, make: impl FnOnce() -> B) -> Arc<B> {
        self.entries.retain(|_, entry| {
            entry.in_use > 0 || now.saturating_duration_since(entry.idle_since) < IDLE_TIME
        });
        if let Some(entry) = self.entries.get_mut(path) {
            entry.in_use += 1;
            return Arc::clone(&entry.binding);
        }
        let binding = Arc::new(make());
        if self.entries.len() < CAPACITY || self.evict() {
            let entry = Entry { binding: Arc::clone(&binding), in_use: 1, idle_since: now };
            self.entries.insert(path.clone(), entry);
        }
        binding
    }

    /// The request that leased `binding` has ended.
    pub fn release(&mut self, path: &Path, binding: &Arc<B>, now: Instant) {
        let entry = self.entries.get_mut(path);
        if let Some(entry) = entry.filter(|entry| Arc::ptr_eq(&entry.binding, binding)) {
            entry.in_use -= 1;
            entry.idle_since = now;
        }
    }

    /// All bindings, by name.
    pub fn all(&self) -> Vec<Arc<B>> {
        self.entries.values().map(|entry| Arc::clone(&entry.binding)).collect()
    }

    fn evict(&mut self) -> bool {
        let idle = self.entries.iter().filter(|(_, entry)| entry.in_use == 0);
        let Some(path) =
            idle.min_by_key(|(_, entry)| entry.idle_since).map(|(path, _)| path.clone())
        else {
            return false;
        };
        self.entries.remove(&path);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(n: usize) -> Path {
        Path::of_host(&format!("svc-{n}")).unwrap()
    }

    /// A full cache, `svc-n` idle since second n.
    fn full() -> (BindingCache<usize>, Instant) {
        let (mut cache, start) = (BindingCache::default(), Instant::now());
        for n in 0..CAPACITY {
            let binding = cache.lease(&path(n), start, || n);
            cache.release(&path(n), &binding, start + Duration::from_secs(n as u64));
        }
        (cache, start + Duration::from_secs(CAPACITY as u64))
    }

    #[test]
    fn a_binding_is_kept_until_it_has_been_idle_for_ten_minutes() {
        let (mut cache, start) = (BindingCache::default(), Instant::now());
        let first = cache.lease(&path(0), start, || 1);
        assert_eq!(*cache.lease(&path(0), start + 2 * IDLE_TIME, || 2), 1);
        cache.release(&path(0), &first, start);
        cache.release(&path(0), &first, start);
        assert_eq!(*cache.lease(&path(0), start + IDLE_TIME, || 3), 3);
    }

    #[test]
    fn a_full_cache_lets_go_of_the_longest_idle() {
        let (mut cache, now) = full();
        cache.lease(&path(0), now, || unreachable!());
        cache.lease(&path(1000), now, || 1000);
        assert_eq!(cache.all().len(), CAPACITY);
        assert_eq!(*cache.lease(&path(1), now, || 1001), 1001);
    }

    #[test]
    fn a_cache_full_of_bindings_in_use_keeps_them() {
        let (mut cache, now) = full();
        let leased: Vec<_> = (0..CAPACITY).map(|n| cache.lease(&path(n), now, || n)).collect();
        let own = cache.lease(&path(1000), now, || 1000);
        assert_eq!((*own, cache.all().len(), leased.len()), (1000, CAPACITY, CAPACITY));
        cache.release(&path(1000), &own, now);
        assert_eq!(*cache.lease(&path(1000), now, || 1001), 1001);
    }
}
