//! A namespace's services, and what a list or an event does to them.
//!
//! Initialisation is atomic: all services of the list or none, and until it has succeeded once
//! there is no state to look anything up in (linkerd 0.9.1 `NsCache.initialize`). The quirks of the
//! updates are linkerd's too: ADDED replaces, MODIFIED of an unknown name is ignored, and nothing
//! but DELETED ever removes a name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Version;
use crate::k8s::{Endpoints, EndpointsList, Event};
use crate::namer::exception::dereference;
use crate::namer::service::Service;

/// The services of a namespace; none at all before the first list.
#[derive(Clone, Debug)]
pub struct NsCache {
    version: Version,
    services: Option<BTreeMap<String, Arc<Service>>>,
}

/// What an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A service is new, changed or gone.
    Changed,
    /// It said what was known.
    Unchanged,
    /// It was about a service that is not known, and changed nothing.
    UnknownService,
    /// It was the watch's error, and changed nothing.
    Error,
}

impl NsCache {
    /// A cache in the state Pending.
    pub fn new(version: Version) -> Self {
        NsCache { version, services: None }
    }

    /// The services, or `None` while Pending.
    pub fn services(&self) -> Option<&BTreeMap<String, Arc<Service>>> {
        self.services.as_ref()
    }

    /// Takes a list in, whole. Throws as [`Service::read`], and then changes nothing.
    pub fn initialize(&mut self, list: &EndpointsList) {
        let items = dereference(list.items.as_ref(), || "items of the list".into());
        let services = items.iter().filter_map(|object| {
            let name = object.name()?;
            Some((name.to_owned(), Arc::new(Service::read(object, self.version))))
        });
        self.services = Some(services.collect());
    }

    /// Takes an event in. Throws as [`Service::read`], and then changes nothing.
    pub fn update(&mut self, event: &Event) -> Effect {
        match event {
            Event::Added(object) => self.add(object),
            Event::Modified(object) => self.modify(object),
            Event::Deleted(object) => self.delete(object),
            Event::Error(_) => Effect::Error,
        }
    }

    fn add(&mut self, object: &Endpoints) -> Effect {
        let Some(name) = object.name() else { return Effect::Unchanged };
        let service = Service::read(object, self.version);
        let services = self.services.get_or_insert_default();
        if services.get(name).is_some_and(|known| **known == service) {
            return Effect::Unchanged;
        }
        services.insert(name.to_owned(), Arc::new(service));
        Effect::Changed
    }

    fn modify(&mut self, object: &Endpoints) -> Effect {
        let Some(name) = object.name() else { return Effect::Unchanged };
        // The name is looked up first: of an unknown service the subsets are never read.
        let Some(known) = self.services.as_mut().and_then(|services| services.get_mut(name)) else {
            return Effect::UnknownService;
        };
        let service = Service::read(object, self.version);
        if **known == service {
            return Effect::Unchanged;
        }
        *known = Arc::new(service);
        Effect::Changed
    }

    fn delete(&mut self, object: &Endpoints) -> Effect {
        let Some(name) = object.name() else { return Effect::Unchanged };
        match self.services.as_mut().and_then(|services| services.remove(name)) {
            Some(_) => Effect::Changed,
            None => Effect::UnknownService,
        }
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
