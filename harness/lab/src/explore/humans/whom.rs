//! Who is meant by a step, and who could be mistaken for them.

use toml::{Table, Value};

use super::variants::Unsafe::{WrongLength, WrongTarget};
use super::ways::{Way, text, way};
use crate::scenario::{Target, Who};
use crate::{Scenario, Settings};

/// A step of a scenario, as far as it says who is meant.
pub(super) struct Whom<'w> {
    /// The scenario.
    pub scenario: &'w Scenario,
    /// The settings that it is played with.
    pub settings: &'w Settings,
    /// The step's text.
    pub written: &'w Table,
}

impl Whom<'_> {
    fn who(&self, target: &Target) -> Who {
        target.who(self.settings, &self.scenario.cluster.zones)
    }

    /// The factor whose level says who is meant by a key.
    fn factor(&self, key: &str) -> Option<&str> {
        let written = self.written.get(key).and_then(Value::as_str)?;
        let (_, rest) = written.split_once('{')?;
        rest.split_once('}').map(|(name, _)| name)
    }

    /// Somebody else.
    pub fn wrong(&self, key: &'static str, target: &Target) -> Vec<Way> {
        let who = self.who(target);
        let wrong = match self.factor(key) {
            Some(factor) => self.other_level(factor),
            None => self.mistaken(&who).map(|other| {
                let what = format!("{other} in place of {}", name(&who));
                way(WrongTarget, what, vec![(key, text(other))])
            }),
        };
        wrong.into_iter().collect()
    }

    /// Somebody else to be cut off or slowed down; everybody where that would be one of the sides.
    pub fn wrong_side(&self, from: &Target, to: &Target) -> Vec<Way> {
        let sides = [self.who(from), self.who(to)].map(|who| name(&who));
        let mut others =
            [self.mistaken(&self.who(to)), Some("all".to_owned())].into_iter().flatten();
        let wrong = match self.factor("to") {
            Some(factor) => self.other_level(factor),
            None => others.find(|other| !sides.contains(other)).map(|other| {
                let what = format!("{other} in place of {}", sides[1]);
                way(WrongTarget, what, vec![("to", text(other))])
            }),
        };
        wrong.into_iter().collect()
    }

    /// Whom a factor names is mistaken by another level of it: a scenario in whose text nothing names the
    /// factor any more is none.
    fn other_level(&self, factor: &str) -> Option<Way> {
        let levels = &self.scenario.factors.iter().find(|known| known.name == factor)?.levels;
        let now = self.settings.level(factor);
        let other = levels.iter().find(|level| *level != now)?;
        let what = format!("{factor} {other} in place of {now}");
        let set = Some(format!("{factor}={other}"));
        Some(Way { unsafely: WrongTarget, what, keys: Vec::new(), set })
    }

    /// Whom somebody could take for those who are meant; nobody where all are.
    fn mistaken(&self, who: &Who) -> Option<String> {
        let zones = &self.scenario.cluster.zones;
        match who {
            Who::All => None,
            Who::Zone(zone) => {
                zones.iter().find(|other| *other != zone).map(|other| format!("zone {other}"))
            }
            // Of those that have as many members the first is meant.
            Who::FullestZone => zones.get(1..)?.last().map(|last| format!("zone {last}")),
            Who::Machine(kind, n) => Some(format!("{kind}-{}", if *n == 1 { 2 } else { 1 })),
            Who::Member(n) => Some(format!("member {}", if *n == 1 { 2 } else { 1 })),
            Who::Rest(_) | Who::Follower => Some("the leader".to_owned()),
            Who::Leader => Some("a follower".to_owned()),
        }
    }

    /// Fewer machines than are meant, and more. Of those whom a factor names there are as many as its
    /// levels say.
    pub fn extents(&self, key: &'static str, target: &Target) -> Vec<Way> {
        if self.factor(key).is_some() {
            return Vec::new();
        }
        let who = self.who(target);
        let others = match &who {
            Who::All | Who::Zone(_) | Who::FullestZone => vec!["1 of the rest".to_owned()],
            Who::Rest(n) => {
                let others = [n - 1, n + 1].into_iter().filter(|n| (1..=20).contains(n));
                others.map(|n| format!("{n} of the rest")).collect()
            }
            // Machines of a kind stand in the zones in turn.
            Who::Machine(_, n) => {
                let zone = self.scenario.cluster.zones.iter().cycle().nth(*n as usize - 1);
                zone.map(|zone| format!("zone {zone}")).into_iter().collect()
            }
            Who::Member(_) | Who::Leader | Who::Follower => vec!["all".to_owned()],
        };
        let extent = |other: String| {
            let what = format!("{other} in place of {}", name(&who));
            way(WrongLength, what, vec![(key, text(other))])
        };
        others.into_iter().map(extent).collect()
    }
}

/// Who, as files write it.
fn name(who: &Who) -> String {
    match who {
        Who::All => "all".to_owned(),
        Who::Zone(zone) => format!("zone {zone}"),
        Who::FullestZone => "the fullest zone".to_owned(),
        Who::Machine(kind, n) => format!("{kind}-{n}"),
        Who::Member(n) => format!("member {n}"),
        Who::Rest(n) => format!("{n} of the rest"),
        Who::Leader => "the leader".to_owned(),
        Who::Follower => "a follower".to_owned(),
    }
}
