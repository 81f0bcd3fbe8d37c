//! From what is written to what is played: names, times and levels checked against each other.
//!
//! Each check reports the place of the value that breaks the rule, not of the table around it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use xxhash_rust::xxh3::xxh3_64;

use super::acts;
use super::clock::{self, Calendar};
use super::error::{Error, Problem, not_among, problem};
use super::factor::Factor;
use super::file::{self, File};
use super::settings::Setting;
use super::{
    Act, Action, Cluster, Deed, Entry, Journey, Lottery, Number, RealPhase, Reference, Scenario,
    Service, Workload, World, client, constraint, vocabulary,
};

/// Reads and checks a file.
pub(super) fn resolve(name: &str, file: &str, text: &str) -> Result<Scenario, Box<Error>> {
    let written: Result<File, _> = toml::from_str(text).map_err(|error| Problem::from_toml(&error));
    let scenario = written.and_then(|written| scenario(name, &written, text));
    scenario.map_err(|problem| Box::new(problem.into_error(file, text)))
}

fn scenario(name: &str, file: &File, text: &str) -> Result<Scenario, Problem> {
    let calendar =
        Calendar::new(file.zero.get_ref()).map_err(|wrong| problem(file.zero.span(), wrong))?;
    let services = services(&file.service)?;
    let (world, factors) = (world(file)?, factors(&file.factor)?);
    let acts = acts::resolve(file, &calendar, &factors, &services, world)?;
    used(file, world, &acts)?;
    #[cfg(feature = "defects")]
    let factors =
        [factors, (world == World::Etcd).then(super::planted::factor).into_iter().collect()]
            .concat();
    let scenario = Scenario {
        name: name.to_owned(),
        found_by: name.to_owned(),
        title: file.title.clone(),
        summary: file.summary.trim().to_owned(),
        calendar,
        seed: file.seed,
        world,
        cluster: cluster(&file.cluster, world)?,
        versions: versions(file)?,
        workload: workload(&file.workload, &services, world)?,
        constraints: constraint::constraints(&file.constraint, &factors)?,
        numbers: numbers(&file.number, &services)?,
        clients: client::clients(&file.client)?,
        services,
        acts,
        factors,
        phases: phases(file, &calendar)?,
        references: references(file, &calendar)?,
        lottery: file.lottery.as_ref().map(|written| lottery(written, file)).transpose()?,
        hash: xxh3_64(text.as_bytes()),
    };
    Ok(scenario)
}

fn world(file: &File) -> Result<World, Problem> {
    let world = match file.world.as_ref().map(|world| (world.get_ref().as_str(), world.span())) {
        None | Some(("bank", _)) => World::Bank,
        Some(("etcd", _)) => World::Etcd,
        Some((other, span)) => return Err(not_among(span, "the world", other, ["bank", "etcd"])),
    };
    let strange = match world {
        World::Bank => file.client.first().map(|client| ("client", client.kind.span())),
        World::Etcd => {
            let cluster = &file.cluster;
            let namespace = cluster.namespace.as_ref().map(|n| ("namespace", n.span()));
            let apiservers = cluster.apiservers.as_ref().map(|n| ("apiservers", n.span()));
            let service = file.service.first().map(|one| ("service", one.name.span()));
            namespace.or(apiservers).or(service)
        }
    };
    match strange {
        None => Ok(world),
        Some((key, span)) => Err(problem(span, format!("this world has no `{key}`"))),
    }
}

fn cluster(file: &file::Cluster, world: World) -> Result<Cluster, Problem> {
    distinct("the zone", file.zones.get_ref().iter())?;
    if file.zones.get_ref().is_empty() {
        return Err(problem(file.zones.span(), "at least one zone is needed"));
    }
    let zones = file.zones.get_ref().iter().map(|zone| zone.get_ref().clone()).collect();
    let etcd_members = within(&file.etcd_members, "etcd-members", 1..=9)?;
    let (namespace, apiservers) = match (world, &file.namespace, &file.apiservers) {
        (World::Etcd, _, _) => (String::new(), 0),
        (World::Bank, Some(namespace), Some(apiservers)) => {
            label(namespace)?;
            (namespace.get_ref().clone(), within(apiservers, "apiservers", 1..=9)?)
        }
        (World::Bank, namespace, _) => {
            let missing = if namespace.is_none() { "namespace" } else { "apiservers" };
            let message = format!("missing field `{missing}`");
            return Err(problem(file.zones.span(), message));
        }
    };
    Ok(Cluster { zones, namespace, etcd_members, apiservers })
}

fn versions(file: &File) -> Result<BTreeMap<String, String>, Problem> {
    let mut versions = BTreeMap::new();
    for (component, version) in &file.versions {
        let known = vocabulary::COMPONENTS.iter().find(|(name, _)| name == component.get_ref());
        let Some((_, levels)) = known else {
            let names = vocabulary::COMPONENTS.iter().map(|(name, _)| *name);
            return Err(not_among(component.span(), "the component", component.get_ref(), names));
        };
        if !levels.contains(&version.get_ref().as_str()) {
            let what = format!("the version of {}", component.get_ref());
            return Err(not_among(version.span(), &what, version.get_ref(), levels.to_vec()));
        }
        if file.factor.iter().any(|factor| factor.name.get_ref() == component.get_ref()) {
            let message =
                format!("a factor already decides the version of {}", component.get_ref());
            return Err(problem(component.span(), message));
        }
        versions.insert(component.get_ref().clone(), version.get_ref().clone());
    }
    Ok(versions)
}

fn services(file: &[file::Service]) -> Result<Vec<Service>, Problem> {
    distinct("the service", file.iter().map(|service| &service.name))?;
    let service = |service: &file::Service| {
        let replicas = within(&service.replicas, "replicas", 1..=100)?;
        Ok(Service { name: service.name.get_ref().clone(), replicas })
    };
    file.iter().map(service).collect()
}

fn workload(
    file: &file::Workload,
    services: &[Service],
    world: World,
) -> Result<Workload, Problem> {
    let journeys = file.journey.get_ref();
    distinct("the journey", journeys.iter().map(|journey| &journey.name))?;
    if journeys.is_empty() {
        return Err(problem(file.journey.span(), "at least one journey is needed"));
    }
    let journeys: Result<_, _> = journeys.iter().map(|j| journey(j, services, world)).collect();
    Ok(Workload { patience: duration(&file.patience)?, journeys: journeys? })
}

const BANK_ENTRIES: [(&str, Entry); 3] =
    [("app", Entry::App), ("data-centre", Entry::DataCentre), ("health-check", Entry::HealthCheck)];
const ETCD_ENTRIES: [(&str, Entry); 3] = [
    ("write", Entry::Write),
    ("read", Entry::Read),
    ("serializable-read", Entry::SerializableRead),
];

fn journey(file: &file::Journey, services: &[Service], world: World) -> Result<Journey, Problem> {
    let (entries, needs, other) = match world {
        World::Bank => (&BANK_ENTRIES, &file.mesh, file.quorum.as_ref().map(|q| ("quorum", q))),
        World::Etcd => (&ETCD_ENTRIES, &file.quorum, file.mesh.as_ref().map(|m| ("mesh", m))),
    };
    if let Some((key, written)) = other {
        return Err(problem(written.span(), format!("this world has no `{key}`")));
    }
    let Some((_, entry)) = entries.iter().find(|(name, _)| name == file.entry.get_ref()) else {
        let names = entries.map(|(name, _)| name);
        return Err(not_among(file.entry.span(), "the entry", file.entry.get_ref(), names));
    };
    let path = match (world, &file.path) {
        (World::Bank, Some(path)) => path.get_ref().as_slice(),
        (World::Bank, None) => {
            return Err(problem(file.name.span(), "missing field `path`"));
        }
        (World::Etcd, None) => &[],
        (World::Etcd, Some(path)) => {
            return Err(problem(path.span(), "this world has no `path`"));
        }
    };
    if let (World::Bank, [], Some(written)) = (world, path, &file.path) {
        return Err(problem(written.span(), "a journey passes at least one service"));
    }
    for hop in path {
        if !services.iter().any(|service| service.name == *hop.get_ref()) {
            let names = services.iter().map(|service| service.name.as_str());
            return Err(not_among(hop.span(), "the service", hop.get_ref(), names));
        }
    }
    Ok(Journey {
        name: file.name.get_ref().clone(),
        doc: file.doc.clone(),
        entry: *entry,
        path: path.iter().map(|hop| hop.get_ref().clone()).collect(),
        rate: between(&file.rate, "rate", 0.001, 10_000.0)?,
        objective: between(&file.objective, "objective", 0.0, 1.0)?,
        critical: file.critical,
        mesh: needs.as_ref().is_none_or(|needs| *needs.get_ref()),
    })
}

fn factors(file: &[file::Factor]) -> Result<Vec<Factor>, Problem> {
    distinct("the factor", file.iter().map(|factor| &factor.name))?;
    let factor = |factor: &file::Factor| {
        let levels = factor.levels.get_ref();
        if levels.is_empty() {
            return Err(problem(factor.levels.span(), "a factor has at least one level"));
        }
        unique("the level", levels.iter())?;
        Ok(Factor {
            name: factor.name.get_ref().clone(),
            kind: factor.kind,
            levels: levels.iter().map(|level| level.get_ref().clone()).collect(),
            assumption: factor.assumption,
            doc: factor.doc.clone(),
        })
    };
    file.iter().map(factor).collect()
}

/// Every factor decides something, and its levels are those that the thing has.
fn used(file: &File, world: World, acts: &[Act]) -> Result<(), Problem> {
    let deeds = acts.iter().flat_map(|act| &act.steps).filter_map(|step| match &step.action {
        Action::Deed(deed) => Some(deed),
        _ => None,
    });
    let named: Vec<&str> =
        deeds.flat_map(Deed::targets).filter_map(super::Target::factor).collect();
    for factor in &file.factor {
        let name = factor.name.get_ref();
        if named.contains(&name.as_str()) {
            // Its levels were checked where they stand for somebody.
            continue;
        }
        let governs = file
            .step
            .iter()
            .any(|step| step.factor.as_ref().is_some_and(|factor| factor.get_ref() == name));
        let allowed = match vocabulary::levels_in(world, name) {
            _ if governs && factor.kind == super::Kind::Human => human_levels(file, name),
            _ if governs => &["on", "off"][..],
            Some(levels) => levels,
            None => {
                let message = format!("the factor `{name}` decides nothing: no step names it");
                let names = vocabulary::COMPONENTS.iter().chain(vocabulary::switches(world));
                let names: Vec<&str> = names.map(|(name, _)| *name).collect();
                let help = format!("factors that need no step: {}", names.join(", "));
                return Err(Problem { span: factor.name.span(), message, help: Some(help) });
            }
        };
        for level in factor.levels.get_ref() {
            if !allowed.contains(&level.get_ref().as_str()) {
                let what = format!("for the factor {name} the level");
                return Err(not_among(level.span(), &what, level.get_ref(), allowed.to_vec()));
            }
        }
    }
    Ok(())
}

/// What people can be told of the steps of a factor: one proxy can be restarted before the others.
fn human_levels(file: &File, factor: &str) -> &'static [&'static str] {
    let governed =
        |step: &&file::Step| step.factor.as_ref().is_some_and(|name| name.get_ref() == factor);
    let mut steps = file.step.iter().filter(governed);
    if steps.all(|step| step.action.get_ref() == "restart-mesh") {
        return &["off", "reactive", "forced", "canary"];
    }
    &["off", "reactive", "forced"]
}

fn lottery(written: &file::Lottery, file: &File) -> Result<Lottery, Problem> {
    let acts = file.act.iter().map(|act| act.name.get_ref().as_str());
    if !acts.clone().any(|act| act == written.act.get_ref()) {
        return Err(not_among(written.act.span(), "the act", written.act.get_ref(), acts));
    }
    if written.lost.get_ref().is_empty() {
        return Err(problem(written.lost.span(), "at least one resource is needed"));
    }
    distinct("the resource", written.lost.get_ref().iter())?;
    Ok(Lottery {
        act: written.act.get_ref().clone(),
        lost: written.lost.get_ref().iter().map(|name| name.get_ref().clone()).collect(),
        doc: written.doc.clone(),
    })
}

fn numbers(file: &[file::Number], services: &[Service]) -> Result<Vec<Number>, Problem> {
    unique("the number", file.iter().map(|number| &number.name))?;
    let number = |number: &file::Number| {
        let name = number.name.get_ref();
        if vocabulary::number(name).is_none() {
            let names = vocabulary::NUMBERS.iter().map(|(name, _)| *name);
            return Err(not_among(number.name.span(), "the number", name, names));
        }
        let default = match number.default.get_ref() {
            toml::Value::Integer(n) => Setting::Whole(*n),
            toml::Value::Float(x) => Setting::Real(*x),
            _ => return Err(problem(number.default.span(), "a number is expected")),
        };
        let max = between(&number.max, "max", 0.0, 1e6)?;
        let min = between(&number.min, "min", 0.0, max)?;
        if !(min..=max).contains(&default.value()) {
            let message = format!("the default is not between {min} and {max}");
            return Err(problem(number.default.span(), message));
        }
        if name == "services" && min < services.len() as f64 {
            let message = format!("{} services are named, so there are no fewer", services.len());
            return Err(problem(number.min.span(), message));
        }
        Ok(Number { name: name.clone(), default, min, max, doc: number.doc.clone() })
    };
    file.iter().map(number).collect()
}

fn phases(file: &File, calendar: &Calendar) -> Result<Vec<RealPhase>, Problem> {
    unique("the phase", file.phase.iter().map(|phase| &phase.name))?;
    let mut phases: Vec<RealPhase> = Vec::new();
    for phase in &file.phase {
        let names = ["partial", "total", "recovered"];
        if !names.contains(&phase.name.get_ref().as_str()) {
            return Err(not_among(phase.name.span(), "the phase", phase.name.get_ref(), names));
        }
        let starts = clock_time(&phase.starts, calendar)?;
        if phases.last().is_some_and(|before| before.starts >= starts) {
            return Err(problem(phase.starts.span(), "the phase before begins later"));
        }
        let (name, source) = (phase.name.get_ref().clone(), phase.source.clone());
        phases.push(RealPhase { name, starts, source });
    }
    Ok(phases)
}

fn references(file: &File, calendar: &Calendar) -> Result<Vec<Reference>, Problem> {
    let mut references: Vec<Reference> = Vec::new();
    for written in &file.reference {
        let at = clock_time(&written.at, calendar)?;
        if references.last().is_some_and(|before| before.at > at) {
            return Err(problem(written.at.span(), "the reference before is later"));
        }
        let (text, source) = (written.text.clone(), written.source.clone());
        references.push(Reference { at, text, source, kind: written.kind.clone() });
    }
    Ok(references)
}

fn clock_time(
    written: &Spanned<String>,
    calendar: &Calendar,
) -> Result<harness_env::Wall, Problem> {
    let time = clock::time(written.get_ref());
    let moment = time.and_then(|time| calendar.on_day_of(calendar.zero(), time));
    moment.ok_or_else(|| problem(written.span(), "a clock time like \"14:10:00\" is expected"))
}

/// A length of time.
pub(super) fn duration(written: &Spanned<String>) -> Result<std::time::Duration, Problem> {
    clock::duration(written.get_ref()).ok_or_else(|| {
        let message = "a length of time like \"90s\" or \"1h30m\", of at most 30 days, is expected";
        problem(written.span(), message)
    })
}

/// A whole number in a range.
pub(super) fn within(
    written: &Spanned<u32>,
    name: &str,
    range: std::ops::RangeInclusive<u32>,
) -> Result<u32, Problem> {
    let value = *written.get_ref();
    if range.contains(&value) {
        return Ok(value);
    }
    let message =
        format!("`{name}` is {value}; from {} to {} is possible", range.start(), range.end());
    Err(problem(written.span(), message))
}

fn between(written: &Spanned<f64>, name: &str, min: f64, max: f64) -> Result<f64, Problem> {
    let value = *written.get_ref();
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    let message = format!("`{name}` is {value}; from {min} to {max} is possible");
    Err(problem(written.span(), message))
}

/// A name that can stand in an address: machines, services and teams have such names.
pub(super) fn label(name: &Spanned<String>) -> Result<(), Problem> {
    let text = name.get_ref();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.is_empty() && text.len() <= 40 && text.chars().all(plain) && !text.starts_with('-') {
        return Ok(());
    }
    let message = "a name of small letters, digits and hyphens, at most 40 long, is expected";
    Err(problem(name.span(), message))
}

/// Names that can stand in an address, no two alike.
pub(super) fn distinct<'a>(
    what: &str,
    names: impl Iterator<Item = &'a Spanned<String>> + Clone,
) -> Result<(), Problem> {
    names.clone().try_for_each(label)?;
    unique(what, names)
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a Spanned<String>>) -> Result<(), Problem> {
    let mut seen: BTreeMap<&str, Range<usize>> = BTreeMap::new();
    for name in names {
        if seen.insert(name.get_ref(), name.span()).is_some() {
            return Err(problem(
                name.span(),
                format!("{what} `{}` is there twice", name.get_ref()),
            ));
        }
    }
    Ok(())
}
