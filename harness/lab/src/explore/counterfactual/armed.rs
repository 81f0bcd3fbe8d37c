//! When each latent condition came about, when it first showed, and who first noticed anything.
//!
//! Read off the record of the run: nothing is played. So it tells what came after what; whether the
//! condition was needed for it is what [`super::but_for`] asks. Which marks tell of a condition stands in
//! [`super::latent`]. One that was undone before it showed and before anybody saw it was of no
//! consequence, and is left out.

use serde::{Deserialize, Serialize};

use super::latent::{Latent, machines_in};
use crate::Scenario;
use crate::outcome::{Entry, StepOutcome};
use crate::scenario::Action;

/// A latent condition in a run. Times are seconds from the scenario's zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Armed {
    /// What: the sentence of the record.
    pub what: String,
    /// Who, or what it befell.
    pub on: String,
    /// When it came about.
    pub armed: f64,
    /// When something first went wrong because of it, and what.
    pub showed: Option<(f64, String)>,
    /// When a person first saw a sign of it, and what.
    pub noticed: Option<(f64, String)>,
    /// When it was undone, and by what; none where it was there until the end.
    pub ended: Option<(f64, String)>,
}

/// What undoes a condition that lasts for so long.
const BY_ITSELF: &str = "it is over";

/// The latent conditions of a run that went on until `until`, in the order in which they came about: from
/// its record and the steps whose time came.
pub fn armed(
    scenario: &Scenario,
    marks: &[Entry],
    steps: &[StepOutcome],
    until: f64,
) -> Vec<Armed> {
    let condition = |n: usize| {
        let latent = Latent::of(&marks[n], action(scenario, &marks[n], steps))?;
        let lasts = latent.lasts().map(|lasts| marks[n].at + lasts.as_secs_f64());
        let by_itself = lasts.filter(|end| *end <= until).map(|end| (end, BY_ITSELF.to_owned()));
        followed(latent, by_itself, (marks, n), steps)
    };
    (0..marks.len()).filter_map(condition).collect()
}

/// The action of the step that a mark is of.
fn action<'s>(scenario: &'s Scenario, mark: &Entry, steps: &[StepOutcome]) -> Option<&'s Action> {
    let name = mark.kind.strip_prefix("step.")?;
    let is_it = |step: &&StepOutcome| {
        step.taken && step.action == name && step.actor == mark.actor && step.due <= mark.at
    };
    let step = steps.iter().rev().find(is_it)?;
    scenario.act(&step.act)?.steps.get(step.index).map(|step| &step.action)
}

/// What became of the condition that the `n`th mark tells of, which ends at `ended` if not before.
fn followed(
    latent: Latent,
    mut ended: Option<(f64, String)>,
    (marks, n): (&[Entry], usize),
    steps: &[StepOutcome],
) -> Option<Armed> {
    let mark = &marks[n];
    let (mut left, mut showed, mut reported) = (latent.clone(), None, None);
    for (m, later) in marks.iter().enumerate().skip(n + 1) {
        if ended.as_ref().is_some_and(|(end, _)| later.at > *end) {
            break;
        }
        if !was_in_vain(marks, later) && left.is_over_with(later) {
            ended = Some((later.at, later.text.clone()));
            break;
        }
        if showed.is_none() && left.is_shown_by(later, leader(&marks[..m]).as_deref()) {
            showed = Some((later.at, later.text.clone()));
            reported = report(later);
        }
    }
    let end = ended.as_ref().map_or(f64::INFINITY, |(end, _)| *end);
    let mut due = steps.iter().filter(|step| (mark.at..=end).contains(&step.decided()));
    let seen = |step: &StepOutcome| {
        let shown = showed.as_ref().is_some_and(|(at, _)| *at <= step.decided());
        let sign = step.seen.iter().find(|sign| latent.is_seen_in(sign, shown))?;
        Some((step.decided(), format!("{}: {sign}", step.actor)))
    };
    let noticed = reported.or_else(|| due.find_map(seen));
    if ended.is_some() && showed.is_none() && noticed.is_none() {
        return None;
    }
    let (what, on) = (mark.text.clone(), mark.actor.clone());
    Some(Armed { what, on, armed: mark.at, showed, noticed, ended })
}

/// What a person says they see, where a mark is of that.
fn report(mark: &Entry) -> Option<(f64, String)> {
    let said = mark.because.first().unwrap_or(&mark.text);
    mark.kind.starts_with("step.report.").then(|| (mark.at, format!("{}: {said}", mark.actor)))
}

/// Whether whoever a mark is of did not succeed, then or later: what they began is not taken for done.
fn was_in_vain(marks: &[Entry], mark: &Entry) -> bool {
    let failed = format!("{} did not succeed", mark.actor);
    let is_it = |later: &Entry| {
        later.kind == "step.failed" && later.at >= mark.at && later.text.starts_with(&failed)
    };
    mark.kind.starts_with("step.") && marks.iter().any(is_it)
}

/// The machine that led etcd when these marks had been made; none where none of them says so.
fn leader(marks: &[Entry]) -> Option<String> {
    let last = marks.iter().rev().find(|mark| mark.kind == "etcd.leader")?;
    machines_in(&last.text).pop_first()
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::scenario::{End, find};

    fn mark(at: f64, actor: &str, kind: &str, text: &str) -> Entry {
        let (actor, kind, text) = (actor.to_owned(), kind.to_owned(), text.to_owned());
        Entry { at, actor, kind, text, because: Vec::new() }
    }

    /// The steps of the main act at their times: those that need no symptom are taken; of those that do,
    /// at each of the times in `seen` somebody sees these signs, and leaves it at that.
    fn steps(scenario: &Scenario, seen: &[(f64, &[&str])]) -> Vec<StepOutcome> {
        let (act, settings) = (scenario.main_act(), scenario.defaults());
        let step = |(index, step): (usize, &crate::scenario::Step)| {
            let at = act.starts.after(scenario.at(act, step, &settings));
            let due = scenario.calendar.offset_of(at);
            let signs = seen.iter().find(|(at, _)| *at == due && step.symptom.is_some());
            let signs = signs.map_or(&[][..], |(_, signs)| *signs);
            StepOutcome {
                act: act.name.clone(),
                index,
                due,
                actor: step.actor.clone(),
                action: step.action.name().to_owned(),
                factor: step.factor.clone(),
                seen: signs.iter().map(|sign| (*sign).to_owned()).collect(),
                taken: step.symptom.is_none(),
                ..StepOutcome::default()
            }
        };
        act.steps.iter().enumerate().map(step).collect()
    }

    /// What is found in a run that went on to the end of the main act.
    fn found(scenario: &Scenario, marks: &[Entry], steps: &[StepOutcome]) -> Vec<Armed> {
        let End::At(end) = scenario.main_act().end else { panic!("the main act has an end") };
        armed(scenario, marks, steps, scenario.calendar.offset_of(end))
    }

    /// When each condition was armed, when it showed, and when it was noticed.
    type Times = (f64, Option<f64>, Option<f64>);
    const NONE: [Times; 0] = [];

    fn times(scenario: &str, marks: &[Entry], seen: &[(f64, &[&str])]) -> Vec<Times> {
        let scenario = find(scenario).expect("it is built in");
        let found = found(&scenario, marks, &steps(&scenario, seen));
        let at = |moment: &Option<(f64, String)>| moment.as_ref().map(|(at, _)| *at);
        found.iter().map(|one| (one.armed, at(&one.showed), at(&one.noticed))).collect()
    }

    /// Zone after machine without power, until nothing is answered.
    fn losses() -> Vec<Entry> {
        let dark = |at, text: &str| mark(at, "power-company", "step.power-off", text);
        vec![
            mark(-3.0, "etcd on etcd-5", "etcd.leader", "etcd-5 became leader at term 2"),
            dark(30.0, "etcd-1, etcd-4 and etcd-7 are without power"),
            dark(60.0, "etcd-2 is without power"),
            dark(90.0, "etcd-3 and etcd-5 are without power"),
            mark(97.0, "writes on clients", "journey.fails", "writes: no answer after 7 s"),
            mark(200.0, "power-company", "step.heal", "everything is mended"),
        ]
    }

    #[test]
    fn members_that_are_down_lie_in_wait_until_one_too_many_is() {
        let seen: [(f64, &[&str]); 2] = [
            (50.0, &["etcd-1 does not answer", "etcd-4 does not answer"]),
            (70.0, &["etcd-1 does not answer", "etcd-2 does not answer"]),
        ];
        let expected = [
            (30.0, Some(97.0), Some(50.0)),
            (60.0, Some(97.0), Some(70.0)),
            (90.0, Some(97.0), None),
        ];
        assert_eq!(times("zone-loss-9", &losses(), &seen), expected);
        let scenario = find("zone-loss-9").expect("it is built in");
        let first = found(&scenario, &losses(), &steps(&scenario, &seen)).remove(0);
        assert_eq!(first.what, "etcd-1, etcd-4 and etcd-7 are without power");
        assert_eq!(first.noticed.expect("a sign").1, "on-call: etcd-1 does not answer");
        assert_eq!(first.ended, Some((200.0, "everything is mended".to_owned())));
    }

    #[test]
    fn a_sign_of_another_machine_is_none_of_this_one() {
        let seen: [(f64, &[&str]); 1] = [(50.0, &["etcd-2 does not answer"])];
        let found = times("zone-loss-9", &losses(), &seen);
        assert!(found.iter().all(|(_, _, noticed)| noticed.is_none()), "{found:?}");
    }

    #[test]
    fn what_was_mended_before_it_showed_or_was_seen_is_left_out() {
        let mut marks = losses();
        let failing = marks.remove(4);
        assert_eq!(times("zone-loss-9", &marks, &[]), NONE);
        // What fails afterwards does not fail because of it.
        marks.push(Entry { at: 210.0, ..failing });
        assert_eq!(times("zone-loss-9", &marks, &[]), NONE);
        // Somebody saw it in time.
        let seen: [(f64, &[&str]); 1] = [(50.0, &["etcd-7 does not answer"])];
        assert_eq!(times("zone-loss-9", &marks, &seen), [(30.0, None, Some(50.0))]);
    }

    #[test]
    fn a_member_that_is_removed_is_missed_by_nobody_unless_the_removal_failed() {
        let all = "removes the members that do not answer: etcd-1, etcd-4 and etcd-7";
        let mut marks = losses();
        marks.insert(2, mark(50.0, "on-call", "step.remove-silent-members", all));
        let still = [(60.0, Some(97.0), None), (90.0, Some(97.0), None)];
        assert_eq!(times("zone-loss-9", &marks, &[]), still);
        let failed = "on-call did not succeed: member 1 was not removed";
        marks.insert(3, mark(57.0, "world", "step.failed", failed));
        assert_eq!(times("zone-loss-9", &marks, &[])[0], (30.0, Some(97.0), None));
    }

    #[test]
    fn machines_that_get_their_power_back_one_by_one_are_all_waited_for() {
        let mut marks = losses()[..2].to_vec();
        let back = |at, machine: &str| {
            mark(at, "power-company", "step.power-on", &format!("{machine} has power again"))
        };
        marks.extend([back(40.0, "etcd-1"), back(41.0, "etcd-4")]);
        marks.push(mark(42.0, "reads on clients", "journey.fails", "reads: no answer after 1 s"));
        assert_eq!(times("zone-loss-9", &marks, &[]), [(30.0, Some(42.0), None)]);
        marks.insert(4, back(41.5, "etcd-7"));
        assert_eq!(times("zone-loss-9", &marks, &[]), NONE);
    }

    #[test]
    fn a_slow_disk_shows_when_its_machine_loses_the_office_and_no_other_does() {
        let leads = |at, machine: &str| {
            let text = format!("{machine} became leader at term 3");
            mark(at, &format!("etcd on {machine}"), "etcd.leader", &text)
        };
        let slow = mark(20.0, "data", "step.slow-disk", "the disk of etcd-1 takes 2s longer");
        let marks = [leads(-9.0, "etcd-1"), slow.clone(), leads(24.0, "etcd-2")];
        assert_eq!(times("slow-disk", &marks, &[]), [(20.0, Some(24.0), None)]);
        let marks = [leads(-9.0, "etcd-3"), slow.clone(), leads(24.0, "etcd-2")];
        assert_eq!(times("slow-disk", &marks, &[]), NONE);
        // Power does not make a disk faster; a minute and a half does.
        let power = mark(30.0, "power-company", "step.power-on", "etcd-1 has power again");
        let fails =
            |at| mark(at, "writes on clients", "journey.fails", "writes: no answer after 9 s");
        let marks = [slow.clone(), power, fails(100.0)];
        assert_eq!(times("slow-disk", &marks, &[]), [(20.0, Some(100.0), None)]);
        assert_eq!(times("slow-disk", &[slow, fails(111.0)], &[]), NONE);
    }

    #[test]
    fn a_crash_is_of_the_machine_whose_disk_is_full() {
        let full = mark(20.0, "data", "step.full-disk", "the disk of etcd-2 is full");
        let crash = |machine: &str| {
            let text = format!("etcd on {machine} crashed: no room");
            mark(21.0, "world", "process.crashed", &text)
        };
        let found = times("disk-full", &[full.clone(), crash("etcd-2")], &[]);
        assert_eq!(found, [(20.0, Some(21.0), None)]);
        assert_eq!(times("disk-full", &[full, crash("etcd-3")], &[]), NONE);
    }

    #[test]
    fn a_member_that_is_counted_and_does_not_serve_lies_in_wait() {
        let added = mark(2.0, "etcd on etcd-1", "etcd.member.added", "etcd has 4 members");
        let fails = mark(9.0, "writes on clients", "journey.fails", "writes: no answer after 5 s");
        let ready = mark(4.0, "etcd on etcd-4", "etcd.ready", "etcd member etcd-4 serves clients");
        let found = times("growth", &[added.clone(), fails.clone()], &[]);
        assert_eq!(found, [(2.0, Some(9.0), None)]);
        assert_eq!(times("growth", &[added, ready, fails], &[]), NONE);
    }

    const LOST: &str = "the etcd client for endpoints lost its stream quota at 10.1.0.1:2379: \
                        the watch took the last token, 1 are stranded";

    #[test]
    fn a_lost_quota_shows_by_its_resource_and_ends_with_its_process() {
        let api = |zone: &str| format!("kube-apiserver on apiserver-{zone}");
        let lost = mark(-900.0, &api("a"), "etcd-client.quota.lost", LOST);
        let fails = |at, what: &str| {
            let text = format!("cannot bring the {what} of default/ledger up to date: 504");
            mark(at, "controllers on apiserver-b", "endpoints.update-failed", &text)
        };
        let starts = |at, zone: &str| mark(at, &api(zone), "apiserver.started", "apiserver serves");
        let alarm: [(f64, &[&str]); 1] = [(120.0, &["alarm: current-payment fails"])];
        let shown = [(-900.0, Some(31.0), Some(120.0))];
        let found = |marks: &[Entry]| times("monzo-2017", marks, &alarm);
        assert_eq!(found(&[lost.clone(), fails(31.0, "Endpoints")]), shown);
        let elsewhere = [lost.clone(), starts(0.0, "b"), fails(31.0, "Endpoints")];
        assert_eq!(found(&elsewhere), shown);
        let here = [lost.clone(), starts(0.0, "a"), fails(31.0, "Endpoints")];
        assert_eq!(found(&here), NONE);
        assert_eq!(found(&[lost, fails(31.0, "Secrets")]), [(-900.0, None, None)]);
    }

    #[test]
    fn a_quota_that_came_back_at_one_member_is_not_back_at_another() {
        let lost = mark(-900.0, "kube-apiserver on a", "etcd-client.quota.lost", LOST);
        let back = |resource: &str, endpoint: &str| {
            let text = format!(
                "the etcd client for {resource} has its stream quota at {endpoint} back: closed"
            );
            mark(-800.0, "kube-apiserver on a", "etcd-client.quota.recovered", &text)
        };
        let left = |back| times("monzo-2017", &[lost.clone(), back], &[]).len();
        assert_eq!(left(back("endpoints", "10.1.0.1:2379")), 0);
        assert_eq!(left(back("endpoints", "10.1.0.2:2379")), 1);
        assert_eq!(left(back("configmaps", "10.1.0.1:2379")), 1);
    }

    #[test]
    fn a_frozen_view_is_noticed_by_whoever_reports_it_and_gone_with_the_proxies() {
        let frozen = mark(-80_000.0, "linkerd on node-a1", "mesh.namer.frozen", "it is frozen");
        let mut report = mark(480.5, "on-call", "step.report.mesh-stale", "finds mesh stale");
        report.because = vec!["the proxy of node-a1 knows ledger, where no pod is".to_owned()];
        let restarted = mark(400.0, "on-call", "mesh.restarted", "all proxies are restarted");
        let later: [(f64, &[&str]); 1] = [(960.0, &["the proxy of node-a1 knows ledger"])];
        let found = |marks: &[Entry]| times("monzo-2017", marks, &later);
        let once = [(-80_000.0, Some(480.5), Some(480.5))];
        assert_eq!(found(&[frozen.clone(), report.clone()]), once);
        assert_eq!(found(&[frozen, restarted, report]), NONE);
    }

    #[test]
    fn an_empty_service_lies_in_wait_and_one_that_only_got_smaller_does_not() {
        let scenario = find("monzo-2017").expect("it is built in");
        let act = scenario.act("empty-service").expect("an act");
        let taken = StepOutcome {
            act: act.name.clone(),
            index: 1,
            due: -80_000.0,
            actor: act.steps[1].actor.clone(),
            action: "scale".to_owned(),
            taken: true,
            ..StepOutcome::default()
        };
        let marks = [
            mark(-80_000.0, "accounts-team", "step.scale", "scales savings-pots to 0"),
            mark(-70_000.0, "on-call", "step.scale", "scales ledger to 2"),
            mark(600.0, "linkerd on node-a1", "mesh.namer.failed", "k8s failed to list endpoints"),
            mark(900.0, "on-call", "service.deleted", "the empty service savings-pots is deleted"),
        ];
        let one = found(&scenario, &marks, from_ref(&taken));
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].showed.as_ref().map(|(at, _)| *at), Some(600.0));
        // Without the step, or before it failed anybody, there is none.
        assert_eq!(found(&scenario, &marks, &[]).len(), 0);
        let deleted = [marks[0].clone(), marks[3].clone(), marks[2].clone()];
        assert_eq!(found(&scenario, &deleted, from_ref(&taken)).len(), 0);
    }
}
