//! What the analyses found, in Markdown: the same as in the drawings, with the commands that play it.

use std::fmt::Write as _;

use super::markup::{commands, heading, line, list, table};
use super::{Report, but_for, cutsets, responses};

/// Which combinations of conditions lead to it.
pub fn cut_sets(page: &mut String, report: &Report) {
    let matrices = cutsets::matrices(report);
    if matrices.is_empty() {
        return;
    }
    heading(page, "Which combinations lead to it");
    *page += "Minimal cut sets: together the conditions of a row lead to it, and with one of them less \
              they do not.\n\n";
    for matrix in &matrices {
        let _ = writeln!(page, "### {}\n", line(&matrix.name));
        let heads =
            ["", "conditions", "order", "in the search", "on fresh seeds", "order and time"];
        let rows = matrix.cuts.iter().map(|cut| {
            let perhaps = match cut.unproven.as_str() {
                "" => String::new(),
                unproven => format!(" (perhaps {unproven})"),
            };
            vec![
                cut.label.clone(),
                format!("{}{perhaps}", cut.conditions),
                cut.order.to_string(),
                cut.seen.clone(),
                cut.fresh.text.clone(),
                cut.timing.join("; "),
            ]
        });
        table(page, &heads, rows);
        commands(page, matrix.cuts.iter().map(|cut| (cut.label.clone(), cut.replay.clone())));
        let _ = writeln!(page, "Interactions (Möbius): {}.\n", matrix.spectrum.text);
        let _ = writeln!(page, "{}\n", line(&matrix.judged));
    }
}

/// What would have changed the run, one factor at a time.
pub fn but_for(page: &mut String, report: &Report) {
    let Some(found) = but_for::explained(report) else { return };
    heading(page, "What would have changed it");
    let _ = writeln!(page, "Each factor by itself at another level, the seed as it was.\n");
    let counted = |share: &Option<super::spell::Bar>| {
        share.as_ref().map_or("–".to_owned(), |share| share.text.clone())
    };
    let heads = ["factor", "to", "becomes", "lost", "necessity", "sufficiency", ""];
    let rows = found.rows.iter().map(|row| {
        let averted = if row.averts { ": averted" } else { "" };
        vec![
            row.factor.clone(),
            format!("{} → {}", row.from, row.to),
            format!("{}{averted}", row.severity),
            row.lost.clone(),
            counted(&row.necessity),
            counted(&row.sufficiency),
            row.remarks.join("; "),
        ]
    });
    table(page, &heads, rows);
    if let Some(seeds) = &found.seeds {
        let _ = writeln!(page, "Necessity and sufficiency over {}.\n", line(seeds));
    }
    let averting = found.rows.iter().filter(|row| row.averts);
    commands(page, averting.map(|row| (format!("{}={}", row.factor, row.to), row.replay.clone())));
    if !found.windows.is_empty() {
        let _ = writeln!(page, "When each step leads to {}:\n", found.target);
        list(page, found.windows);
    }
}

/// What prevents all of it.
pub fn fixes(page: &mut String, report: &Report) {
    let matrices = cutsets::matrices(report);
    if matrices.iter().all(|matrix| matrix.fixes.is_empty()) {
        return;
    }
    heading(page, "What prevents all of them");
    let _ = writeln!(page, "Each row is a smallest set of changes that breaks every cut set.\n");
    for matrix in &matrices {
        let _ = writeln!(page, "### {}\n", line(&matrix.name));
        let heads =
            ["change", "cost", "breaks", "with everything else at its worst, on fresh seeds"];
        let rows = matrix.fixes.iter().map(|fix| {
            let broken = matrix.cuts.iter().zip(&fix.breaks).filter(|(_, broken)| **broken);
            let broken: Vec<&str> = broken.map(|(cut, _)| cut.label.as_str()).collect();
            let fresh = fix.fresh.as_ref().map_or("–".to_owned(), |fresh| fresh.text.clone());
            vec![fix.changes.clone(), fix.cost.to_string(), broken.join(", "), fresh]
        });
        table(page, &heads, rows);
    }
}

/// How other ways of responding did.
pub fn league(page: &mut String, report: &Report) {
    let Some(found) = responses::responses(report) else { return };
    heading(page, "Other ways of responding");
    let _ = writeln!(page, "Over {}, the one that lost the least first.\n", line(&found.seeds));
    let against = format!("÷ {}", found.against);
    let heads = ["policy", "what", "lost", against.as_str(), "became total", "half over after"];
    let rows = found.panels.iter().map(|panel| {
        vec![
            panel.name.clone(),
            panel.doc.clone(),
            panel.lost.clone(),
            panel.ratio.clone(),
            panel.total.text.clone(),
            panel.median.clone(),
        ]
    });
    table(page, &heads, rows);
    commands(page, found.panels.iter().map(|panel| (panel.name.clone(), panel.replay.clone())));
    let heads = ["step", "how", "what", "÷ as it was", "became total"];
    let rows = found.variants.iter().map(|one| {
        let (how, what) = (one.how.to_owned(), one.what.clone());
        vec![one.factor.clone(), how, what, one.ratio.clone(), one.total.clone()]
    });
    table(page, &heads, rows);
}
