//! How each action can be done to the wrong thing, too briefly or for too long.
//!
//! Leaving a step out and taking it at another time are the same for every action, and are settings
//! ([`mod@super::variants`]). What is here differs from action to action and is said in the scenario's text:
//! another key of the step, or another thing done in its place. Where an action cannot be unsafe in one of
//! these ways, its arm says why.

use std::time::Duration;

use toml::{Table, Value};

use super::variants::Unsafe::{self, WrongLength, WrongTarget};
use super::whom::Whom;
use crate::scenario::{Action, Deed, Lasts, Service, Step, World, vocabulary};
use crate::{Scenario, Settings};

/// The keys of a step that are set or, where there is no value, taken out.
pub type Keys = Vec<(&'static str, Option<Value>)>;

/// A step done unsafely.
#[derive(Clone, Debug)]
pub struct Way {
    /// How it is unsafe.
    pub unsafely: Unsafe,
    /// What is done, in words.
    pub what: String,
    /// What the text of the step says then.
    pub keys: Keys,
    /// What is set then, as `--set` has it.
    pub set: Option<String>,
}

/// A way that the step's own text can say.
pub(super) fn way(unsafely: Unsafe, what: impl Into<String>, keys: Keys) -> Way {
    Way { unsafely, what: what.into(), keys, set: None }
}

pub(super) fn text(text: impl Into<String>) -> Option<Value> {
    Some(Value::String(text.into()))
}

fn number(number: u32) -> Option<Value> {
    Some(Value::Integer(number.into()))
}

/// The ways in which a step of a scenario can be done unsafely, as it is played with these settings.
/// `written` is the step's text.
pub fn ways(scenario: &Scenario, settings: &Settings, step: &Step, written: &Table) -> Vec<Way> {
    let is_named = |service: &str| scenario.services.iter().any(|one| one.name == service);
    match &step.action {
        // A rollout that is begun goes on to its end: only what it makes has an extent.
        Action::Deploy { service, .. } if is_named(service) => wrong_service(scenario, service),
        // What is made cannot be mixed up with what is there: later steps name it.
        Action::Deploy { replicas, .. } => numbers("replicas", *replicas, 1, 100, "pods"),
        // A rollback goes on to its end, as a rollout does.
        Action::Rollback { service } => wrong_service(scenario, service),
        Action::Scale { service, replicas } => {
            let extents = numbers("replicas", *replicas, 0, 100, "pods");
            [wrong_service(scenario, service), extents].concat()
        }
        Action::RestartMesh { within } => {
            let keys = vec![("do", text("restart-apiservers")), ("within", None)];
            let wrong = way(WrongTarget, "the apiservers in place of the mesh", keys);
            let pace = [(1u32, 12u32), (3, 2)].map(|(n, of)| (*within * n) / of);
            let pace = pace.into_iter().filter_map(|within| {
                let what = format!("all within {}", told(within));
                Some(way(WrongLength, what, vec![("within", Some(length(within)?))]))
            });
            [wrong].into_iter().chain(pace).collect()
        }
        // One after the other, and nobody says how fast: there is no extent.
        Action::RestartApiservers => vec![
            way(
                WrongTarget,
                "the mesh in place of the apiservers",
                vec![("do", text("restart-mesh")), ("within", text("5m"))],
            ),
            way(
                WrongTarget,
                "the members of etcd in place of the apiservers",
                vec![("do", text("etcd-rolling-restart"))],
            ),
        ],
        // It changes nothing, whatever is reported and for however long.
        Action::Report => Vec::new(),
        // All of them, in the one namespace that there is: there is no extent. No action deletes a Service by
        // its name, so one that is well goes as users would meet it: its pods do.
        Action::DeleteEmptyServices => {
            let well = scenario.services.first();
            let wrong = well.map(|Service { name, .. }| {
                let what = format!("{name}, which is well, is scaled to nothing in their place");
                let keys = vec![
                    ("do", text("scale")),
                    ("service", text(name.as_str())),
                    ("replicas", number(0)),
                ];
                way(WrongTarget, what, keys)
            });
            wrong.into_iter().collect()
        }
        // Member after member to the last one: there is no extent. What is wrong is the release.
        Action::EtcdUpgrade { version } => {
            let known = vocabulary::levels("etcd").unwrap_or_default().iter();
            let wrong = known.filter(|other| **other != version.as_str()).map(|other| {
                let what = format!("to {other} in place of {version}");
                way(WrongTarget, what, vec![("version", text(*other))])
            });
            wrong.collect()
        }
        // Nobody chooses the machine: there is no wrong one. One member fewer or more makes an even number
        // of an odd one.
        Action::EtcdGrow { members } => {
            let other = [members - 1, members + 1].into_iter().filter(|n| (1..=9).contains(n));
            let other = other.map(|n| {
                let what = format!("to {n} members in place of {members}");
                way(WrongLength, what, vec![("members", number(n))])
            });
            other.collect()
        }
        Action::EtcdRollingRestart => match scenario.world {
            // Of all that are listed, one after the other: the bank's people have no other manner.
            World::Bank => vec![way(
                WrongTarget,
                "the apiservers in place of the members",
                vec![("do", text("restart-apiservers"))],
            )],
            // All members are meant: there is no wrong one.
            World::Etcd => [("member 1", "member 1 alone"), ("all", "all at once")]
                .map(|(who, what)| {
                    way(WrongLength, what, vec![("do", text("kill")), ("on", text(who))])
                })
                .into(),
        },
        Action::Deed(deed) => {
            let whom = Whom { scenario, settings, written };
            deeds(deed, &whom)
        }
    }
}

/// The same with another service, the first one that there is.
fn wrong_service(scenario: &Scenario, service: &str) -> Vec<Way> {
    let other = scenario.services.iter().find(|other| other.name != service);
    let wrong = other.map(|Service { name, .. }| {
        let what = format!("of {name} in place of {service}");
        way(WrongTarget, what, vec![("service", text(name.as_str()))])
    });
    wrong.into_iter().collect()
}

/// Half as many and twice as many, where that is possible; in place of nothing, one.
fn numbers(key: &'static str, count: u32, least: u32, most: u32, of: &str) -> Vec<Way> {
    let (fewer, more) = ((count / 2).max(least), (count * 2).clamp(1, most));
    let others = [fewer, more].into_iter().filter(|other| *other != count);
    let others = others.map(|other| {
        let what = format!("{other} {of} in place of {count}");
        way(WrongLength, what, vec![(key, number(other))])
    });
    others.collect()
}

/// What befalls machines, and what is done with etcd alone.
fn deeds(deed: &Deed, whom: &Whom) -> Vec<Way> {
    match deed {
        Deed::PowerOff(on) | Deed::PowerOn(on) | Deed::Kill(on) => {
            [whom.wrong("on", on), whom.extents("on", on)].concat()
        }
        Deed::Pause(on, lasts) => {
            [whom.wrong("on", on), whom.extents("on", on), lengths("lasts", *lasts)].concat()
        }
        Deed::Cut(from, to, one_way, lasts) => {
            let what = if *one_way { "both ways" } else { "one way only" };
            let keys = vec![("one-way", Some(Value::Boolean(!one_way)))];
            let ways = vec![way(WrongLength, what, keys)];
            [whom.wrong_side(from, to), ways, lasting(*lasts)].concat()
        }
        Deed::SlowLink(from, to, by, lasts) => {
            [whom.wrong_side(from, to), lengths("by", *by), lasting(*lasts)].concat()
        }
        Deed::SlowDisk(on, by, lasts) | Deed::Skew(on, by, lasts) => {
            [whom.wrong("on", on), whom.extents("on", on), lengths("by", *by), lasting(*lasts)]
                .concat()
        }
        Deed::FullDisk(on, lasts) | Deed::FailingDisk(on, lasts) => {
            [whom.wrong("on", on), whom.extents("on", on), lasting(*lasts)].concat()
        }
        // Everything is meant: there is no wrong one, only less than everything.
        Deed::Heal => {
            let zone = whom.scenario.cluster.zones.first();
            let part = zone.map(|zone| {
                let keys = vec![("do", text("power-on")), ("on", text(format!("zone {zone}")))];
                way(WrongLength, format!("only the machines of zone {zone} get power"), keys)
            });
            part.into_iter().collect()
        }
        Deed::Replace(on) => {
            let keys = vec![("do", text("remove-silent-members")), ("on", None)];
            let half = way(WrongLength, "who is silent is removed, and nobody is added", keys);
            [whom.wrong("on", on), whom.extents("on", on), vec![half]].concat()
        }
        Deed::Silent(replace) => {
            let keys = vec![("do", text("etcd-replace")), ("on", text("the leader"))];
            let wrong = way(WrongTarget, "the leader is replaced in place of the silent", keys);
            let (what, other) = match replace {
                true => ("they are removed, and nobody is added", "remove-silent-members"),
                false => ("others are added in their place", "replace-silent-members"),
            };
            vec![wrong, way(WrongLength, what, vec![("do", text(other))])]
        }
        // One request: there is no extent.
        Deed::Put(through) => whom.wrong("through", through),
        Deed::Get(through, serializable) => {
            let what = match serializable {
                true => "the newest in place of what the member has",
                false => "what the member has in place of the newest",
            };
            let keys = vec![("serializable", Some(Value::Boolean(!serializable)))];
            [whom.wrong("through", through), vec![way(WrongTarget, what, keys)]].concat()
        }
        // Everything that was acknowledged is compared, and that is all that there is to it.
        Deed::Audit => Vec::new(),
        // The seed draws whom it befalls.
        Deed::Chaos(within) => lengths("within", *within),
    }
}

/// Half and twice as long.
fn lengths(key: &'static str, whole: Duration) -> Vec<Way> {
    let other = [whole / 2, whole * 2].into_iter().filter_map(|other| {
        let what = format!("{key} {} in place of {}", told(other), told(whole));
        Some(way(WrongLength, what, vec![(key, Some(length(other)?))]))
    });
    other.collect()
}

/// The same of what a fault lasts. One that somebody has to end has no length of its own.
fn lasting(lasts: Lasts) -> Vec<Way> {
    lasts.map_or(Vec::new(), |lasts| lengths("lasts", lasts))
}

/// A length of time as files write it; none where it is nothing, or longer than they may say.
fn length(length: Duration) -> Option<Value> {
    let millis = length.as_millis();
    let most = Duration::from_secs(30 * 86_400).as_millis();
    text(told(length)).filter(|_| (1..=most).contains(&millis))
}

/// A length of time in the units of files.
fn told(length: Duration) -> String {
    match length.as_millis() {
        millis if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        millis if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}
