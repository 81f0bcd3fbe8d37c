//! Ways of responding, as a table.

use std::fmt::Write as _;

use super::left_out;
use super::table::Table;
use super::text::{Paint, command, duration, heading, p_value, paragraph};
use crate::explore::humans::{League, Unsafely};

/// The page.
pub fn league(found: &League) -> String {
    let mut page = String::new();
    let seeds: Vec<String> = found.seeds.iter().map(u64::to_string).collect();
    let _ = writeln!(page, "{}: ways of responding, over the same seeds", found.scenario);
    paragraph(&mut page, "  ", 2, &format!("seeds {} ({})", seeds.join(", "), found.chosen));
    page.push('\n');
    heading(&mut page, "From the least lost to the most");
    let heads = ["policy", "lost", "÷ idle", "differs?", "total", "over after", "longer?"];
    let mut table = Table::new(&heads);
    for one in &found.standings {
        let ratio = one.escalation.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let median = one.median_told(duration);
        let compared = one.policy.name != found.against;
        let p = one.recovery_p.filter(|_| compared);
        let p = p.map_or(String::new(), p_value);
        let (lost, total) =
            (duration(one.lost_seconds), format!("{}/{}", one.total.hits, one.total.runs));
        let differs = if compared { p_value(one.lost_p) } else { String::new() };
        table.row([one.policy.name.clone(), lost, ratio, differs, total, median, p]);
    }
    page += &table.text();
    let dim = Paint::DIM;
    let told = format!(
        "lost: the integral of what failed, all journeys together, on average; ÷ idle: that divided by \
         the same of \u{201c}{}\u{201d}; differs?: whether that is more than chance (paired permutation test, \
         adjusted); total: with how many seeds; over after: half of the outages are; longer?: whether \
         that differs from doing nothing (log-rank, adjusted)",
        found.against
    );
    let _ = write!(page, "{dim}");
    paragraph(&mut page, "  ", 2, &told);
    let _ = writeln!(page, "{dim:#}");
    if let ([best, second, ..], Some(p)) = (&found.standings[..], found.best_p) {
        let names = (&best.policy.name, &second.policy.name);
        let lead = format!(
            "that \u{201c}{}\u{201d} lost less than \u{201c}{}\u{201d}: {}",
            names.0,
            names.1,
            p_value(p)
        );
        paragraph(&mut page, "  ", 2, &lead);
    }
    for one in &found.standings {
        let _ = writeln!(page, "  {}", one.policy.name);
        command(&mut page, 4, &one.replay);
    }
    if !found.variants.is_empty() {
        variants(&mut page, &found.variants);
    }
    if !found.left_out.is_empty() {
        page.push('\n');
        left_out(&mut page, &found.left_out);
    }
    page
}

fn variants(page: &mut String, variants: &[Unsafely]) {
    page.push('\n');
    heading(page, "One step done otherwise, from the worst to the best");
    let mut table = Table::new(&["step", "how", "÷ as it was", "total", "what"]);
    for one in variants {
        let ratio = one.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let mut what = one.what.clone();
        if !one.same_as.is_empty() {
            what += &format!(" (the same: {})", one.same_as.join("; "));
        }
        let (total, how) = (format!("{}/{}", one.total.hits, one.total.runs), one.unsafely.name());
        table.row([one.factor.clone(), how.to_owned(), ratio, total, what]);
    }
    *page += &table.text();
}
