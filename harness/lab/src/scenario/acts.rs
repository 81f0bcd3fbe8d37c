//! Acts and their steps: who does what, when, and what decides whether.

use std::time::Duration;

use harness_env::Wall;

use super::clock::{self, Calendar};
use super::error::{Problem, not_among, problem};
use super::factor::{Factor, Kind};
use super::file::{self, File};
use super::resolve::{distinct, duration, label, within};
use super::{Act, Action, End, Service, Step, Symptom, World, vocabulary};

/// How long an act that settles may last where the file does not say.
const LIMIT: Duration = Duration::from_secs(3600);
/// The most members that etcd may grow to.
const MEMBERS: u32 = 9;

/// The acts of a file with their steps.
pub(super) fn resolve(
    file: &File,
    calendar: &Calendar,
    factors: &[Factor],
    services: &[Service],
    world: World,
) -> Result<Vec<Act>, Problem> {
    distinct("the act", file.act.iter().map(|act| &act.name))?;
    if file.act.is_empty() {
        return Err(problem(0..0, "there is no [[act]]: nothing is played"));
    }
    let mut acts: Vec<Act> = Vec::new();
    for written in &file.act {
        let act = act(written)?;
        if acts.last().is_some_and(|before| act.starts < earliest_end(before)) {
            let message = "this act begins before the act before it has ended";
            return Err(problem(written.starts.span(), message));
        }
        acts.push(act);
    }
    let place = Place::of(file, world);
    let mut known: Vec<String> = services.iter().map(|service| service.name.clone()).collect();
    for written in &file.step {
        let step = step(written, &acts, calendar, factors, &place, &mut known)?;
        let act = acts.iter_mut().find(|act| act.name == *written.act.get_ref());
        let act = act.expect("`step` found the act");
        if act.steps.last().is_some_and(|before| before.at > step.at) {
            return Err(problem(written.at.span(), "the step before it in this act is later"));
        }
        act.steps.push(step);
    }
    Ok(acts)
}

/// Where steps are taken.
pub(super) struct Place {
    pub world: World,
    pub zones: Vec<String>,
    /// What machines can be named: a kind, and the highest number of it that there may be. In a world of
    /// etcd alone all are members.
    pub machines: Vec<(&'static str, u32)>,
}

impl Place {
    fn of(file: &File, world: World) -> Self {
        let cluster = &file.cluster;
        let zones = cluster.zones.get_ref().iter().map(|zone| zone.get_ref().clone()).collect();
        let workers = file.number.iter().find(|number| number.name.get_ref() == "workers");
        let workers = workers.map(|number| *number.max.get_ref());
        let workers = workers.or(vocabulary::number("workers")).unwrap_or_default() as u32;
        let masters = cluster.apiservers.as_ref().map_or(0, |count| *count.get_ref());
        let machines = match world {
            World::Bank => vec![("etcd", MEMBERS), ("master", masters), ("node", workers)],
            World::Etcd => Vec::new(),
        };
        Place { world, zones, machines }
    }
}

fn earliest_end(act: &Act) -> Wall {
    match act.end {
        End::At(end) => end,
        End::Settled { .. } => act.starts.after(Duration::from_nanos(1)),
    }
}

fn act(file: &file::Act) -> Result<Act, Problem> {
    let moment = |written: &toml::Spanned<_>| {
        clock::moment(written.get_ref()).map_err(|wrong| problem(written.span(), wrong))
    };
    let starts = moment(&file.starts)?;
    let end = match (&file.ends, &file.quiet) {
        (Some(ends), None) => {
            let end = moment(ends)?;
            if end <= starts {
                return Err(problem(ends.span(), "the act ends before it begins"));
            }
            if end.since(starts) > Duration::from_secs(86_400) {
                return Err(problem(ends.span(), "an act lasts at most a day"));
            }
            if let Some(limit) = &file.limit {
                return Err(problem(limit.span(), "`limit` belongs to `quiet`, not to `ends`"));
            }
            End::At(end)
        }
        (None, Some(quiet)) => {
            let limit = file.limit.as_ref().map_or(Ok(LIMIT), duration)?;
            End::Settled { quiet: duration(quiet)?, limit }
        }
        _ => {
            let message = "an act has either `ends` (a date and time) or `quiet` (how long nothing \
                           may change before it is over)";
            return Err(problem(file.name.span(), message));
        }
    };
    let (name, doc) = (file.name.get_ref().clone(), file.doc.clone());
    Ok(Act { name, doc, starts, end, assumption: file.assumption, steps: Vec::new() })
}

fn step(
    file: &file::Step,
    acts: &[Act],
    calendar: &Calendar,
    factors: &[Factor],
    place: &Place,
    known: &mut Vec<String>,
) -> Result<Step, Problem> {
    let Some(act) = acts.iter().find(|act| act.name == *file.act.get_ref()) else {
        let names = acts.iter().map(|act| act.name.as_str());
        return Err(not_among(file.act.span(), "the act", file.act.get_ref(), names));
    };
    label(&file.actor)?;
    let at = at(file, act, calendar)?;
    let action = Action::resolve(file, factors, place)?;
    check_arguments(file, &action, known)?;
    let factor = file.factor.as_ref().map(|written| {
        factors.iter().find(|factor| factor.name == *written.get_ref()).ok_or_else(|| {
            let names = factors.iter().map(|factor| factor.name.as_str());
            not_among(written.span(), "the factor", written.get_ref(), names)
        })
    });
    let factor = factor.transpose()?;
    let symptom = symptom(file, factor, place.world)?;
    if action == Action::Report && symptom.is_none() {
        return Err(problem(file.action.span(), "`report` needs `symptom`"));
    }
    let factor = factor.map(|factor| factor.name.clone());
    let (actor, doc) = (file.actor.get_ref().clone(), file.doc.clone());
    Ok(Step { at, actor, action, factor, symptom, doc })
}

fn at(file: &file::Step, act: &Act, calendar: &Calendar) -> Result<Duration, Problem> {
    let written = file.at.get_ref();
    let at = match written.strip_prefix('+') {
        Some(offset) => clock::duration(offset),
        None => clock::time(written)
            .and_then(|time| calendar.on_day_of(act.starts, time))
            .filter(|wall| *wall >= act.starts)
            .map(|wall| wall.since(act.starts)),
    };
    let Some(at) = at else {
        let message = "a clock time like \"14:10:00\" on the act's first day and not before its \
                       beginning, or an offset like \"+2m\" from it, is expected";
        return Err(problem(file.at.span(), message));
    };
    match act.end {
        End::At(end) if act.starts.after(at) > end => {
            Err(problem(file.at.span(), "the act has ended by then"))
        }
        End::Settled { limit, .. } if at > limit => {
            Err(problem(file.at.span(), "the act lasts no longer than its limit"))
        }
        _ => Ok(at),
    }
}

fn check_arguments(
    file: &file::Step,
    action: &Action,
    known: &mut Vec<String>,
) -> Result<(), Problem> {
    if let Some(service) = &file.service {
        let name = service.get_ref();
        let makes = matches!(action, Action::Deploy { .. });
        if makes && !known.contains(name) {
            label(service)?;
            known.push(name.clone());
        } else if !known.contains(name) {
            let names = known.iter().map(String::as_str);
            return Err(not_among(service.span(), "the service", name, names));
        }
    }
    if let Some(replicas) = &file.replicas {
        let least = u32::from(!matches!(action, Action::Scale { .. }));
        within(replicas, "replicas", least..=100)?;
    }
    if let Some(members) = &file.members {
        within(members, "members", 1..=MEMBERS)?;
    }
    if let (Action::EtcdUpgrade { version }, Some(place)) = (action, &file.version) {
        let versions = vocabulary::levels("etcd").unwrap_or_default();
        if !versions.contains(&version.as_str()) {
            let versions = versions.to_vec();
            return Err(not_among(place.span(), "the version of etcd", version, versions));
        }
    }
    Ok(())
}

fn symptom(
    file: &file::Step,
    factor: Option<&Factor>,
    world: World,
) -> Result<Option<Symptom>, Problem> {
    let known = Symptom::of(world).iter().copied();
    let names = known.clone().map(Symptom::name);
    let reactive = factor.is_some_and(|factor| factor.kind == Kind::Human);
    match (&file.symptom, &file.factor) {
        (Some(written), Some(_)) if !reactive => {
            let message = "`symptom` belongs to a step whose factor is of the kind human, or that \
                           has none";
            Err(problem(written.span(), message))
        }
        (Some(written), _) => {
            let found = known.clone().find(|s| s.name() == written.get_ref());
            let unknown = || not_among(written.span(), "the symptom", written.get_ref(), names);
            found.map(Some).ok_or_else(unknown)
        }
        (None, Some(factor)) if reactive => {
            let names = names.collect::<Vec<_>>().join(", ");
            let message = "a step that people take on seeing something needs `symptom`";
            let help = Some(format!("allowed: {names}"));
            Err(Problem { span: factor.span(), message: message.to_owned(), help })
        }
        (None, _) => Ok(None),
    }
}
