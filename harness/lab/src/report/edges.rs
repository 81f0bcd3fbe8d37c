//! What led to what: arrows from line to line of the timeline.
//!
//! Two sources, and neither is the clock alone. The chain that the run reports holds conditions; which
//! of them leads to which is the mechanism's ([`LEADS`]), drawn only where both are in this run's chain,
//! in that order, and where the earlier one names a service or a resource, the later one names it too.
//! A step that was taken because of what was seen follows from the line that showed it ([`SHOWS`]).

use super::Report;
use crate::Outcome;
use crate::outcome::{Entry, StepOutcome};
use crate::scenario::Symptom;

/// From one line of the timeline to a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The earlier line's number.
    pub from: usize,
    /// The later line's.
    pub to: usize,
    /// Whether the later one is seen and acted upon by somebody, rather than brought about.
    pub seen: bool,
    /// Whether a change to one factor that averts it takes the later line's sort of event away.
    pub necessary: bool,
}

/// Kinds of links of the chain, and those that they lead to.
const LEADS: &[(&str, &str)] = &[
    ("etcd.ready", "etcd-client.quota.lost"),
    ("etcd-client.quota.lost", "endpoints.update-failed"),
    ("etcd-client.quota.lost", "pod.mount-failed"),
    ("step.deploy", "endpoints.update-failed"),
    ("step.deploy", "pod.mount-failed"),
    ("step.scale", "mesh.namer.frozen"),
    ("step.scale", "mesh.namer.failed"),
    ("step.restart-mesh", "mesh.namer.failed"),
    ("step.restart-apiservers", "mesh.namer.frozen"),
];

/// Kinds of lines that a symptom is a sign of.
const SHOWS: &[(Symptom, &[&str])] = &[
    (Symptom::JourneysFailing, &["alarm.raised"]),
    (Symptom::MeshStale, &["endpoints.update-failed", "mesh.namer.frozen"]),
    (Symptom::PodsNotStarting, &["pod.mount-failed"]),
    (Symptom::DiscoveryFailing, &["mesh.namer.failed"]),
];

/// A name shorter than this says nothing about which line is meant: `node-1` is in many.
const NAME_MIN: usize = 8;

/// The arrows of a run, by the later line.
pub fn edges(report: &Report) -> Vec<Edge> {
    let outcome = report.outcome;
    let chain = links(outcome);
    let mut edges: Vec<Edge> = Vec::new();
    let mut add = |from: usize, to: usize, seen: bool| {
        let necessary = is_necessary(report, &outcome.timeline[to]);
        if edges.iter().all(|edge| (edge.from, edge.to) != (from, to)) {
            edges.push(Edge { from, to, seen, necessary });
        }
    };
    for (n, to) in chain.iter().enumerate() {
        for from in chain[..n].iter().filter(|from| leads(outcome, **from, *to)) {
            add(*from, *to, false);
        }
    }
    for step in outcome.steps.iter().filter(|step| step.taken && !step.seen.is_empty()) {
        let Some(to) = taken(outcome, step) else { continue };
        for from in shown(outcome, &chain, step, to) {
            add(from, to, true);
        }
    }
    edges.sort_by_key(|edge| (edge.to, edge.from));
    edges
}

/// The lines of the timeline that the chain names, by number, in order.
pub fn links(outcome: &Outcome) -> Vec<usize> {
    let place = |link: &Entry| outcome.timeline.iter().position(|entry| entry == link);
    let mut links: Vec<usize> = outcome.chain.iter().filter_map(place).collect();
    links.sort_unstable();
    links.dedup();
    links
}

/// The line that says that a step is taken.
pub fn taken(outcome: &Outcome, step: &StepOutcome) -> Option<usize> {
    let kind = format!("step.{}", step.action);
    // What is reported is named behind the action.
    let is_it = |entry: &Entry| {
        let rest = entry.kind.strip_prefix(&kind);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let since = |entry: &Entry| entry.at >= step.due - 1.0 && entry.actor == step.actor;
    outcome.timeline.iter().position(|entry| since(entry) && is_it(entry))
}

fn leads(outcome: &Outcome, from: usize, to: usize) -> bool {
    let (from, to) = (&outcome.timeline[from], &outcome.timeline[to]);
    let kinds = (from.kind.as_str(), to.kind.as_str());
    LEADS.contains(&kinds) && subject(from).is_none_or(|subject| names(to, &subject))
}

/// What a line is about, where its mechanism goes by it: the service of a deploy, the resource of a
/// client that lost its quota.
fn subject(entry: &Entry) -> Option<String> {
    let text = entry.text.as_str();
    let subject = match entry.kind.as_str() {
        "step.deploy" | "step.scale" => text.split_whitespace().nth(1),
        "etcd-client.quota.lost" => text.split("client for ").nth(1)?.split_whitespace().next(),
        _ => None,
    };
    subject.map(str::to_lowercase)
}

/// Whether a line names something, or a pod of it.
fn names(entry: &Entry, subject: &str) -> bool {
    let told = std::iter::once(&entry.text).chain(&entry.because);
    told.flat_map(|text| words(text)).any(|word| {
        let rest = word.strip_prefix(subject);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
    words.map(str::to_lowercase).collect()
}

/// The lines that showed what a step was taken because of: a link of the chain where there is one, else
/// those that name what the signs name, else the latest.
fn shown(outcome: &Outcome, chain: &[usize], step: &StepOutcome, to: usize) -> Vec<usize> {
    let symptom = step.symptom.as_deref();
    let Some((_, kinds)) = SHOWS.iter().find(|(shown, _)| Some(shown.name()) == symptom) else {
        return Vec::new();
    };
    let is_sign = |n: &usize| kinds.contains(&outcome.timeline[*n].kind.as_str());
    let signs: Vec<usize> = (0..to).filter(is_sign).collect();
    if let Some(link) = signs.iter().rev().find(|n| chain.contains(n)) {
        return vec![*link];
    }
    let named: Vec<String> = step.seen.iter().flat_map(|sign| words(sign)).collect();
    let is_named = |n: &usize| {
        let said = words(&outcome.timeline[*n].text);
        said.iter().any(|word| word.len() >= NAME_MIN && word.contains('-') && named.contains(word))
    };
    let mut found: Vec<usize> = Vec::new();
    for n in signs.iter().copied().filter(is_named) {
        // Of what is said again, the latest counts.
        found.retain(|other| without_numbers(outcome, *other) != without_numbers(outcome, n));
        found.push(n);
    }
    if found.is_empty() { signs.last().copied().into_iter().collect() } else { found }
}

/// What a line says, whenever it says it.
fn without_numbers(outcome: &Outcome, n: usize) -> String {
    outcome.timeline[n].text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Whether, for one factor less, what was explained does not come about and such a line is gone.
fn is_necessary(report: &Report, to: &Entry) -> bool {
    let found = report.findings.explanation.as_ref().filter(|_| report.is_explained());
    found.is_some_and(|found| {
        let mut averts = found.but_for.iter().filter(|one| found.reaches && !one.reaches);
        averts.any(|one| one.gone.contains(&to.kind))
    })
}
