//! What a sweep tells.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::line::Line;
use crate::explore::stats::wilson;
use crate::narrate::{severity_style, thousands};
use crate::outcome::Severity;

/// Counts over the runs of a sweep.
pub fn summary(lines: &[Line]) -> String {
    let runs = lines.len() as u64;
    let count = |hit: &dyn Fn(&Line) -> bool| lines.iter().filter(|line| hit(line)).count() as u64;
    let mut page = format!("{} runs\n", thousands(runs));
    for severity in Severity::ALL {
        let hits = count(&|line| line.severity == severity);
        if hits > 0 {
            let style = severity_style(severity);
            let name = format!("{:12}", severity.name());
            let _ = writeln!(page, "  {style}{name}{style:#}{}", wilson(hits, runs));
        }
    }
    let stuck = wilson(count(&|line| !line.stuck.is_empty()), runs);
    let _ = writeln!(page, "  a stream quota lost: {stuck}");
    for ((act, resource), hits) in stuck_clients(lines) {
        let _ = writeln!(page, "    {resource} after the act {act}: {}", wilson(hits, runs));
    }
    // Who stops before the end has nothing to compare yet.
    let whole = count(&|line| line.key.until.is_none());
    let violated = count(&|line| !line.violations.is_empty());
    let told = match whole {
        0 => "not looked at: the runs were not played to their end".to_owned(),
        _ => wilson(violated, whole).to_string(),
    };
    let _ = writeln!(page, "  an oracle violated: {told}");
    for line in lines.iter().filter(|line| !line.violations.is_empty()) {
        for violation in &line.violations {
            let _ =
                writeln!(page, "    seed {}: {}: {}", line.seed, violation.oracle, violation.text);
        }
    }
    let simulated: f64 = lines.iter().map(|line| line.sim_seconds).sum();
    let wall: f64 = lines.iter().map(|line| line.wall_seconds).sum();
    if wall > 0.0 {
        let played = thousands(simulated.round() as u64);
        let _ = writeln!(page, "  {played} simulated s, {:.0}× real time a core", simulated / wall);
    }
    page
}

/// In how many runs a client of each resource had lost its quota at the end of each act.
fn stuck_clients(lines: &[Line]) -> BTreeMap<(String, String), u64> {
    let mut clients = BTreeMap::new();
    for line in lines {
        let mut seen: Vec<(String, String)> =
            line.stuck.iter().map(|pool| (pool.act.clone(), pool.resource.clone())).collect();
        seen.sort();
        seen.dedup();
        for client in seen {
            *clients.entry(client).or_insert(0) += 1;
        }
    }
    clients
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::super::line::Key;
    use super::*;
    use crate::outcome::sample;

    #[test]
    fn severities_and_lost_quotas_are_counted() {
        let request = sample::request();
        let bad = Line::of(Key::of(&request, "b"), &sample::outcome(&request));
        let mut good = bad.clone();
        (good.severity, good.stuck) = (Severity::Ok, Vec::new());
        let text = strip_str(&summary(&[good.clone(), good.clone(), bad, good])).to_string();
        assert!(text.starts_with("4 runs\n  ok          75.0 % (3/4;"), "{text}");
        assert!(text.contains("total       25.0 % (1/4;"), "{text}");
        assert!(text.contains("endpoints after the act morning: 25.0 % (1/4;"), "{text}");
        assert!(text.contains("an oracle violated: ≤"), "{text}");
    }

    #[test]
    fn no_runs_are_no_reason_to_fail() {
        assert!(summary(&[]).starts_with("0 runs"));
    }
}
