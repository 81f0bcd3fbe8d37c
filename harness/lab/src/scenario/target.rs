//! Who is meant by a deed.

use toml::Spanned;

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
    /// Those of a zone.
    Zone(String),
    /// Those of the zone that has the most members, the first of those that have as many.
    FullestZone,
    /// The `n`th machine, from 1.
    Member(u32),
    /// The first so many that have power.
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
                _ => return None,
            },
        })
    }
}

impl Target {
    /// Checks what a file says, with every level of the factor that it names.
    pub(super) fn resolve(
        written: &Spanned<String>,
        factors: &[Factor],
        zones: &[String],
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
            if Who::parse(level, zones).is_none() {
                let message = format!("`{level}` is nobody; {FORMS} is expected");
                let help = Some(format!("zones: {}", zones.join(", ")));
                return Err(Problem { span: written.span(), message, help });
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

fn factor_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('{')?;
    rest.split_once('}').map(|(name, _)| name)
}
