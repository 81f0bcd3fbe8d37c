//! The cause in one sentence: how many conditions, and whether any of them does it alone.

use super::Report;
use crate::explore::lattice::Family;
use crate::outcome::Severity;

/// What the analyses say of why it happened; nothing where there are none, or where this run did not get
/// as bad as what they are about.
pub fn sentence(report: &Report) -> Option<String> {
    let severity = report.outcome.severity;
    let reached = report.findings.lattices.iter().filter(|lattice| severity >= lattice.target);
    let lattice = reached.max_by_key(|lattice| lattice.target);
    let of_lattice = lattice.and_then(|lattice| {
        let first = lattice.families.first().filter(|family| !family.cuts.is_empty())?;
        Some(of_family(first, lattice.target))
    });
    let sentences: Vec<String> = of_lattice.into_iter().chain(of_run(report)).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

fn of_family(family: &Family, target: Severity) -> String {
    let target = target.name();
    let count = |n: usize| match n {
        1 => "1 condition".to_owned(),
        n => format!("{n} conditions"),
    };
    let orders = || family.cuts.iter().map(|cut| cut.order);
    let (least, most) = (orders().min().unwrap_or(0), orders().max().unwrap_or(0));
    let mut told = match &family.cuts[..] {
        [cut] if cut.order == 1 => {
            format!("One condition was necessary for {target}, and enough: {}.", cut.conditions[0])
        }
        [cut] => format!("{} were jointly necessary for {target}", count(cut.order)),
        cuts => {
            let sizes = if least == most {
                format!("{} each", count(least))
            } else {
                format!("{least} to {}", count(most))
            };
            let mut shared = cuts[0].conditions.clone();
            shared.retain(|one| cuts.iter().all(|cut| cut.conditions.contains(one)));
            let (sets, shared) = (cuts.len(), shared.len());
            format!("{sets} sets of {sizes} lead to {target}, and {shared} are in all of them")
        }
    };
    if most > 1 {
        let proven = family.cuts.iter().all(|cut| cut.unproven.is_empty());
        told += match (proven, least > 1) {
            (true, true) => "; none of them does it alone.",
            (true, false) => "; one of them does it alone.",
            (false, _) => "; of some it is not shown that it takes them.",
        };
    }
    if family.answer.open != Some(0) {
        told += " The search did not get through all combinations.";
    }
    told
}

/// What the explanation of this very run says.
fn of_run(report: &Report) -> Option<String> {
    let found = report.findings.explanation.as_ref().filter(|_| report.is_explained())?;
    let averts = found.but_for.iter().filter(|one| found.reaches && !one.reaches).count();
    let target = found.target.name();
    match averts {
        0 => None,
        1 => {
            Some(format!("This run would not have become {target} but for one of its conditions."))
        }
        n => Some(format!("This run would not have become {target} but for any one of {n}.")),
    }
}
