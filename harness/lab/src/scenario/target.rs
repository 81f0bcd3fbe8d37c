//! Who is meant by a deed.

use std::ops::Range;

use toml::Spanned;

use super::acts::Place;
use super::error::{Problem, not_among};
use super::factor::Factor;
use super::settings::Settings;

/// Who is meant: text with the name of a factor in braces where its level stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(String);

/// The machines or members that a target stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// All members' machines.
    All,
    /// The cluster's machines in a zone: those of members and, in a bank, masters and workers.
    Zone(String),
    /// Those of the zone that has the most members, the first of those that have as many.
    FullestZone,
    /// A machine of a bank by its name: what its kind is called, and its number.
    Machine(&'static str, u32),
    /// The `n`th machine for members, from 1.
    Member(u32),
    /// The first so many members' that have power.
    Rest(u32),
    /// The leader's.
    Leader,
    /// That of the first member that does not lead and has power.
    Follower,
}

const FORMS: &str = "\"all\", \"zone NAME\", \"the fullest zone\", \"member N\", \"N of the rest\", \
                     \"the leader\" or \"a follower\"";

impl Who {
    fn parse(text: &str, zones: &[String]) -> Option<Self> {
        let number = |text: &str| text.parse().ok().filter(|n| (1..=20).contains(n));
        Some(match text {
            "all" => Who::All,
            "the fullest zone" => Who::FullestZone,
            "the leader" => Who::Leader,
            "a follower" => Who::Follower,
            _ => match (text.strip_suffix(" of the rest"), text.split_once(' ')) {
                (Some(count), _) => Who::Rest(number(count)?),
                (None, Some(("member", n))) => Who::Member(number(n)?),
                (None, Some(("zone", zone))) if zones.iter().any(|known| known == zone) => {
                    Who::Zone(zone.to_owned())
                }
                (None, None) => Who::machine(text)?,
                _ => return None,
            },
        })
    }

    fn machine(text: &str) -> Option<Self> {
        let (kind, n) = text.split_once('-')?;
        let kind = ["etcd", "master", "node"].into_iter().find(|known| *known == kind)?;
        let n = n.parse::<u32>().ok().filter(|n| *n > 0)?;
        (format!("{kind}-{n}") == text).then_some(Who::Machine(kind, n))
    }
}

impl Target {
    /// Checks what a file says, with every level of the factor that it names.
    pub(super) fn resolve(
        written: &Spanned<String>,
        factors: &[Factor],
        place: &Place,
    ) -> Result<Self, Problem> {
        let text = written.get_ref();
        let levels = match factor_in(text) {
            None => vec![text.clone()],
            Some(name) => {
                let Some(factor) = factors.iter().find(|factor| factor.name == name) else {
                    let names = factors.iter().map(|factor| factor.name.as_str());
                    return Err(not_among(written.span(), "the factor", name, names));
                };
                let put_in = |level: &String| text.replace(&format!("{{{name}}}"), level);
                factor.levels.iter().map(put_in).collect()
            }
        };
        for level in &levels {
            let may_be = match Who::parse(level, &place.zones) {
                Some(Who::Machine(kind, n)) => {
                    place.machines.iter().any(|(known, most)| *known == kind && n <= *most)
                }
                who => who.is_some(),
            };
            if !may_be {
                return Err(nobody(level, written.span(), place));
            }
        }
        Ok(Target(text.clone()))
    }

    /// Who is meant in a run with these settings.
    pub fn who(&self, settings: &Settings, zones: &[String]) -> Who {
        let text = match factor_in(&self.0) {
            None => self.0.clone(),
            Some(name) => self.0.replace(&format!("{{{name}}}"), settings.level(name)),
        };
        Who::parse(&text, zones).expect("every level was checked")
    }

    /// The factor that it names.
    pub(super) fn factor(&self) -> Option<&str> {
        factor_in(&self.0)
    }
}

/// What is said of somebody who cannot be.
fn nobody(text: &str, span: Range<usize>, place: &Place) -> Problem {
    let zones = format!("zones: {}", place.zones.join(", "));
    let named = place.machines.iter().map(|(kind, most)| format!("{kind}-1 to {kind}-{most}"));
    let named = named.collect::<Vec<_>>().join(", ");
    let (forms, help) = match named.as_str() {
        "" => (FORMS.to_owned(), zones),
        named => (format!("a machine's name, {FORMS}"), format!("machines: {named}; {zones}")),
    };
    Problem { span, message: format!("`{text}` is nobody; {forms} is expected"), help: Some(help) }
}

fn factor_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('{')?;
    rest.split_once('}').map(|(name, _)| name)
}
