//! What befalls machines; and, in a world of etcd alone, what people do with `etcdctl`.

use std::time::Duration;

use toml::Spanned;

use super::World;
use super::acts::Place;
use super::error::{Problem, problem};
use super::factor::Factor;
use super::file;
use super::resolve::duration;
use super::target::Target;

/// Something that is done to machines, or to etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Machines lose their power.
    PowerOff(Target),
    /// Machines get their power back, and what is supervised there starts.
    PowerOn(Target),
    /// What is supervised on machines is killed; its supervisor starts it again.
    Kill(Target),
    /// What is supervised on machines runs no instruction for so long.
    Pause(Target, Duration),
    /// Two sides cannot reach each other; only one way if so.
    Cut(Target, Target, bool, Lasts),
    /// The path between two sides takes so much longer.
    SlowLink(Target, Target, Duration, Lasts),
    /// Every call that reaches the disk takes so much longer.
    SlowDisk(Target, Duration, Lasts),
    /// Nothing can be added to the disk.
    FullDisk(Target, Lasts),
    /// Every call to the disk fails.
    FailingDisk(Target, Lasts),
    /// The wall clock is ahead by so much.
    Skew(Target, Duration, Lasts),
    /// Every fault that lasts ends, and all machines have power.
    Heal,
    /// A member is removed, and another one on another machine is added.
    Replace(Target),
    /// Members that do not answer are removed; if so, each for one on another machine.
    Silent(bool),
    /// Somebody puts a key through one member.
    Put(Target),
    /// Somebody reads what there is through one member, by quorum or what that member has.
    Get(Target, bool),
    /// Somebody compares what was acknowledged with what is there.
    Audit,
    /// Faults that the seed draws, for so long.
    Chaos(Duration),
}

/// How long a fault lasts; `None`: until somebody heals it.
pub type Lasts = Option<Duration>;

/// The names of what can be done, what befalls machines first.
const NAMES: &[&str] = &[
    "power-off",
    "power-on",
    "kill",
    "pause",
    "cut",
    "slow-link",
    "slow-disk",
    "full-disk",
    "failing-disk",
    "skew",
    "heal",
    "etcd-replace",
    "remove-silent-members",
    "replace-silent-members",
    "put",
    "get",
    "audit",
    "chaos",
];

/// How many of them any world has.
const SHARED: usize = 11;

/// The names of what can be done in a world.
pub(super) fn names(world: World) -> &'static [&'static str] {
    match world {
        World::Bank => &NAMES[..SHARED],
        World::Etcd => NAMES,
    }
}

/// What a deed takes, by its name: a word for each key of the step.
fn takes(name: &str) -> &'static [&'static str] {
    match name {
        "power-off" | "power-on" | "kill" | "etcd-replace" => &["on"],
        "pause" => &["on", "lasts"],
        "cut" => &["from", "to", "one-way", "lasts"],
        "slow-link" => &["from", "to", "by", "lasts"],
        "slow-disk" | "skew" => &["on", "by", "lasts"],
        "full-disk" | "failing-disk" => &["on", "lasts"],
        "put" => &["through"],
        "get" => &["through", "serializable"],
        "chaos" => &["within"],
        _ => &[],
    }
}

impl Deed {
    /// Its name in files.
    pub fn name(&self) -> &'static str {
        NAMES[match self {
            Deed::PowerOff(_) => 0,
            Deed::PowerOn(_) => 1,
            Deed::Kill(_) => 2,
            Deed::Pause(..) => 3,
            Deed::Cut(..) => 4,
            Deed::SlowLink(..) => 5,
            Deed::SlowDisk(..) => 6,
            Deed::FullDisk(..) => 7,
            Deed::FailingDisk(..) => 8,
            Deed::Skew(..) => 9,
            Deed::Heal => 10,
            Deed::Replace(_) => 11,
            Deed::Silent(false) => 12,
            Deed::Silent(true) => 13,
            Deed::Put(_) => 14,
            Deed::Get(..) => 15,
            Deed::Audit => 16,
            Deed::Chaos(_) => 17,
        }]
    }

    /// The deed that a step of the file writes; `None` where its action is no deed.
    pub(super) fn resolve(
        step: &file::Step,
        factors: &[Factor],
        place: &Place,
    ) -> Result<Option<Self>, Problem> {
        let name = step.action.get_ref().as_str();
        if !NAMES.contains(&name) {
            return Ok(None);
        }
        let missing = |key: &str| problem(step.action.span(), format!("`{name}` needs `{key}`"));
        let target = |key: &str, written: &Option<Spanned<String>>| {
            let written = written.as_ref().ok_or_else(|| missing(key))?;
            Target::resolve(written, factors, place)
        };
        let on = || target("on", &step.on);
        let sides = || Ok::<_, Problem>((target("from", &step.from)?, target("to", &step.to)?));
        let by = || duration(step.by.as_ref().ok_or_else(|| missing("by"))?);
        let lasts = step.lasts.as_ref().map(duration).transpose()?;
        let whole = || lasts.ok_or_else(|| missing("lasts"));
        let deed = match name {
            "power-off" => Deed::PowerOff(on()?),
            "power-on" => Deed::PowerOn(on()?),
            "kill" => Deed::Kill(on()?),
            "pause" => Deed::Pause(on()?, whole()?),
            "cut" => {
                let (from, to) = sides()?;
                Deed::Cut(from, to, step.one_way.as_ref().is_some_and(|one| *one.get_ref()), lasts)
            }
            "slow-link" => {
                let (from, to) = sides()?;
                Deed::SlowLink(from, to, by()?, lasts)
            }
            "slow-disk" => Deed::SlowDisk(on()?, by()?, lasts),
            "full-disk" => Deed::FullDisk(on()?, lasts),
            "failing-disk" => Deed::FailingDisk(on()?, lasts),
            "skew" => Deed::Skew(on()?, by()?, lasts),
            "etcd-replace" => Deed::Replace(on()?),
            "remove-silent-members" => Deed::Silent(false),
            "replace-silent-members" => Deed::Silent(true),
            "put" => Deed::Put(target("through", &step.through)?),
            "get" => {
                let serializable = step.serializable.as_ref().is_some_and(|one| *one.get_ref());
                Deed::Get(target("through", &step.through)?, serializable)
            }
            "audit" => Deed::Audit,
            "chaos" => {
                let within = step.within.as_ref().ok_or_else(|| missing("within"))?;
                Deed::Chaos(duration(within)?)
            }
            _ => Deed::Heal,
        };
        for (key, span) in step.given() {
            if !takes(name).contains(&key) {
                return Err(problem(span, format!("`{name}` takes no `{key}`")));
            }
        }
        Ok(Some(deed))
    }

    /// Who is meant.
    pub(super) fn targets(&self) -> Vec<&Target> {
        match self {
            Deed::PowerOff(on)
            | Deed::PowerOn(on)
            | Deed::Kill(on)
            | Deed::Pause(on, _)
            | Deed::SlowDisk(on, ..)
            | Deed::FullDisk(on, _)
            | Deed::FailingDisk(on, _)
            | Deed::Skew(on, ..)
            | Deed::Replace(on)
            | Deed::Put(on)
            | Deed::Get(on, _) => vec![on],
            Deed::Cut(from, to, ..) | Deed::SlowLink(from, to, ..) => vec![from, to],
            Deed::Heal | Deed::Silent(_) | Deed::Audit | Deed::Chaos(_) => Vec::new(),
        }
    }
}
