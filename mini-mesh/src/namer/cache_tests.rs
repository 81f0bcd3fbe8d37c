//! The cache against a model of it, and its quirks one by one.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::k8s::{Address, Meta, Port, Status, Subset};
use crate::namer::exception::{Exception, non_fatal};

/// An object with these pods; `None` is a null.
fn object(name: &str, pods: Option<&[u8]>) -> Endpoints {
    let subset = |pods: &[u8]| Subset {
        addresses: Some(pods.iter().map(|n| Address { ip: format!("10.0.0.{n}") }).collect()),
        ports: Some(vec![Port { name: Some("http".into()), port: 80, protocol: None }]),
    };
    let subsets = pods.map(|pods| if pods.is_empty() { vec![] } else { vec![subset(pods)] });
    let metadata = Some(Meta { name: Some(name.into()), resource_version: Some("1".into()) });
    Endpoints { metadata, subsets }
}

fn list(items: Vec<Endpoints>) -> EndpointsList {
    EndpointsList { items: Some(items), metadata: None }
}

fn names(cache: &NsCache) -> Vec<&str> {
    cache.services().into_iter().flatten().map(|(name, _)| &**name).collect()
}

#[test]
fn one_null_in_a_list_leaves_0_9_1_without_any_service_and_1_0_0_without_that_one() {
    let list = list(vec![object("a", Some(&[1])), object("b", None), object("c", Some(&[2]))]);
    let mut old = NsCache::new(Version::V0_9_1);
    let thrown = non_fatal(|| old.initialize(&list)).unwrap_err();
    assert_eq!(thrown, Exception::NullPointer("subsets of endpoints b".into()));
    assert_eq!(old.services(), None);

    let mut new = NsCache::new(Version::V1_0_0);
    assert_eq!(non_fatal(|| new.initialize(&list)), Ok(()));
    assert_eq!(names(&new), ["a", "b", "c"]);
    let services = new.services().unwrap();
    assert_eq!(services["b"].addresses("http"), None);
    assert_eq!(services["c"].addresses("http").unwrap().len(), 1);
}

#[test]
fn a_failed_second_list_keeps_the_state() {
    let mut cache = NsCache::new(Version::V0_9_1);
    cache.initialize(&list(vec![object("a", Some(&[1]))]));
    assert!(non_fatal(|| cache.initialize(&list(vec![object("b", None)]))).is_err());
    assert_eq!(names(&cache), ["a"]);
}

#[test]
fn a_modified_event_of_an_unknown_service_is_ignored_even_with_a_null() {
    let mut cache = NsCache::new(Version::V0_9_1);
    cache.initialize(&list(vec![object("a", Some(&[1]))]));
    let event = Event::Modified(object("b", None));
    assert_eq!(non_fatal(|| cache.update(&event)), Ok(Effect::UnknownService));
    assert_eq!(names(&cache), ["a"]);
    let event = Event::Modified(object("a", None));
    assert!(non_fatal(|| cache.update(&event)).is_err());
}

#[test]
fn a_deleted_service_may_have_null_subsets() {
    let mut cache = NsCache::new(Version::V0_9_1);
    cache.initialize(&list(vec![object("a", Some(&[1]))]));
    let event = Event::Deleted(object("a", None));
    assert_eq!(non_fatal(|| cache.update(&event)), Ok(Effect::Changed));
    assert_eq!(names(&cache), [""; 0]);
}

#[derive(Clone, Debug)]
enum Step {
    List(Vec<(u8, Option<Vec<u8>>)>),
    Event(u8, u8, Option<Vec<u8>>),
}

fn pods() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![1 => Just(None), 6 => prop::collection::vec(0_u8..4, 0..3).prop_map(Some)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => prop::collection::vec((0_u8..5, pods()), 0..5).prop_map(Step::List),
        8 => (0_u8..4, 0_u8..5, pods()).prop_map(|(kind, name, pods)| Step::Event(kind, name, pods)),
    ]
}

/// The state as it is told: a set of pods by name, or nothing.
type Model = Option<BTreeMap<String, BTreeSet<u8>>>;

/// What a step does to the model, and whether 0.9.1 throws.
fn step_model(model: &mut Model, step: &Step, version: Version) -> bool {
    let reads = |pods: &Option<Vec<u8>>| match (pods, version) {
        (None, Version::V0_9_1) => None,
        (pods, _) => Some(pods.iter().flatten().copied().collect::<BTreeSet<u8>>()),
    };
    match step {
        Step::List(items) => {
            let read = items.iter().map(|(name, pods)| Some((name.to_string(), reads(pods)?)));
            let Some(read) = read.collect::<Option<_>>() else { return true };
            *model = Some(read);
        }
        Step::Event(0, name, pods) => {
            let Some(pods) = reads(pods) else { return true };
            model.get_or_insert_default().insert(name.to_string(), pods);
        }
        Step::Event(1, name, pods) => {
            let known = model.as_mut().and_then(|model| model.get_mut(&name.to_string()));
            let Some(known) = known else { return false };
            let Some(pods) = reads(pods) else { return true };
            *known = pods;
        }
        Step::Event(2, name, _) => {
            drop(model.as_mut().map(|model| model.remove(&name.to_string())))
        }
        Step::Event(..) => {}
    }
    false
}

fn step_cache(cache: &mut NsCache, step: &Step) -> bool {
    match step {
        Step::List(items) => {
            let items = items.iter().map(|(name, pods)| object(&name.to_string(), pods.as_deref()));
            let list = list(items.collect());
            non_fatal(|| cache.initialize(&list)).is_err()
        }
        Step::Event(kind, name, pods) => {
            let object = object(&name.to_string(), pods.as_deref());
            let event = match kind {
                0 => Event::Added(object),
                1 => Event::Modified(object),
                2 => Event::Deleted(object),
                _ => Event::Error(Status::default()),
            };
            non_fatal(|| cache.update(&event)).is_err()
        }
    }
}

fn told(cache: &NsCache) -> Model {
    let last = |service: &Service| {
        let octets = service.endpoints.iter().map(|ip| match ip {
            std::net::IpAddr::V4(ip) => ip.octets()[3],
            std::net::IpAddr::V6(_) => unreachable!("only IPv4 went in"),
        });
        octets.collect()
    };
    Some(cache.services()?.iter().map(|(name, service)| (name.clone(), last(service))).collect())
}

proptest! {
    #[test]
    fn the_cache_is_what_the_model_says(steps in prop::collection::vec(step(), 0..30)) {
        for version in [Version::V0_9_1, Version::V1_0_0] {
            let (mut cache, mut model) = (NsCache::new(version), None);
            for step in &steps {
                let before = told(&cache);
                let threw = step_cache(&mut cache, step);
                prop_assert_eq!(threw, step_model(&mut model, step, version));
                prop_assert!(!threw || told(&cache) == before, "an exception changed the cache");
                prop_assert_eq!(&told(&cache), &model);
            }
        }
    }
}
