//! What the card and the post-mortem say of what analyses found.

use super::*;

fn with_findings<T>(findings: &Findings, test: impl FnOnce(&Report) -> T) -> T {
    let request = sample::request();
    let (scenario, outcome) = (&request.scenario, sample::outcome(&request));
    test(&Report { scenario, outcome: &outcome, events: &[], findings, build: "0123" })
}

#[test]
fn the_cause_is_one_sentence_and_only_of_what_happened() {
    let all = found();
    let sentence = |findings: &Findings| with_findings(findings, cause::sentence);
    assert_eq!(sentence(&Findings::default()), None);
    let lattice = Findings { lattices: all.lattices.clone(), ..Findings::default() };
    let jointly = "7 conditions were jointly necessary for total; none of them does it alone.";
    assert_eq!(sentence(&lattice).as_deref(), Some(jointly));
    let mut this = all.clone();
    let explanation = this.explanation.as_mut().expect("it was asked");
    let averting = explanation.but_for.iter().filter(|one| !one.reaches).count();
    explanation.digest = with_findings(&all, |report| report.outcome.digest.clone());
    let told = sentence(&this).expect("both speak");
    let but_for = format!("This run would not have become total but for any one of {averting}.");
    assert_eq!(told, format!("{jointly} {but_for}"));

    let request = sample::request();
    let harmless = Outcome::of(&request, Record::default());
    let (scenario, outcome) = (&request.scenario, &harmless);
    let report = Report { scenario, outcome, events: &[], findings: &lattice, build: "" };
    assert_eq!(cause::sentence(&report), None, "nothing became total");
}

#[test]
fn the_card_says_how_likely_it_was_and_what_the_response_cost() {
    let odds = with_findings(&found(), |report| card::card(report).odds);
    let value = |name: &str| {
        let found = odds.iter().find(|(known, _)| known.starts_with(name));
        found.unwrap_or_else(|| panic!("{name} in {odds:?}")).1.clone()
    };
    assert_eq!(value("P(total) as people responded"), "≥ 72.2 % (10/10)");
    assert_eq!(value("P(total | A1)"), "≥ 43.8 % (3/3)");
    assert_eq!(value("escalation"), "1.92");
    let lasted = value("how long");
    assert!(lasted.contains(" to ") && !lasted.contains("not over"), "{lasted}");
    assert!(with_findings(&Findings::default(), |report| card::card(report).odds).is_empty());
}

#[test]
fn the_post_mortem_holds_what_was_found_with_the_commands_that_play_it() {
    let findings = found();
    let page = with_findings(&findings, |report| report.markdown());
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for (one, other) in [
        ("Impact", "Contributing conditions"),
        ("Contributing conditions", "Which combinations lead to it"),
        ("Which combinations lead to it", "What would have changed it"),
        ("What would have changed it", "What prevents all of them"),
        ("What prevents all of them", "Other ways of responding"),
        ("What went badly", "Timeline"),
        ("Timeline", "To see it again"),
    ] {
        let place = |name: &str| {
            let found = headings.iter().position(|heading| *heading == name);
            found.unwrap_or_else(|| panic!("{name} in {headings:?}"))
        };
        assert!(place(one) < place(other), "{one}, {other}");
    }
    let played = |command: &str| assert!(page.contains(&format!("`{command}`")), "{command}");
    let families = findings.lattices.iter().flat_map(|lattice| &lattice.families);
    families.flat_map(|family| &family.cuts).for_each(|cut| played(&cut.replay));
    let league = findings.league.expect("a league");
    league.standings.iter().for_each(|one| played(&one.replay));
    let explanation = findings.explanation.expect("an explanation");
    explanation.but_for.iter().filter(|one| !one.reaches).for_each(|one| played(&one.replay));
    assert!(page.contains("Interactions (Möbius): 1 of order 7 (sum 1)."));
    assert!(page.contains("1.92 times what doing nothing would have"));
    assert!(!page.to_lowercase().contains("root cause"));
}

#[test]
fn no_table_of_the_post_mortem_has_a_row_of_another_width() {
    let page = with_findings(&found(), |report| report.markdown());
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = page.lines().collect();
    let rows = lines.windows(2).filter(|two| two.iter().all(|line| line.starts_with('|')));
    let mut count = 0;
    for two in rows {
        assert_eq!(columns(two[0]), columns(two[1]), "{two:?}");
        count += 1;
    }
    assert!(count > 40, "{count} rows");
}

#[test]
fn the_report_says_which_program_it_is_of_and_has_a_number_for_everything_drawn() {
    let page = with_findings(&found(), |report| report.html());
    assert!(page.contains("<code>0123</code>"));
    let start = page.find("id=\"impact\">").expect("the JSON is there") + "id=\"impact\">".len();
    let json = &page[start..start + page[start..].find("</script>").expect("and ends")];
    let numbers: serde_json::Value = serde_json::from_str(json).expect("and is JSON");
    assert_eq!(numbers["outage"], 4860.0);
    let drawn = page.split("<script").next().expect("the page");
    assert!(!drawn.contains("NaN"));
}

#[test]
fn a_fault_that_changed_nothing_is_told() {
    let request = sample::request();
    let mut outcome = sample::outcome(&request);
    outcome.faults[0].effects = 0;
    let findings = Findings::default();
    let scenario = &request.scenario;
    let report =
        Report { scenario, outcome: &outcome, events: &[], findings: &findings, build: "" };
    assert!(report.html().contains("<strong class=\"inert\">nothing</strong>"));
}

#[test]
fn what_was_not_asked_is_listed_with_what_forbids_it() {
    let mut findings = found();
    let told = "mesh-restart at another time: kubernetes=1.7 and mesh-restart=forced together";
    findings.lattices[0].left_out.push(told.to_owned());
    let (page, text) = with_findings(&findings, |report| (report.html(), report.markdown()));
    assert!(page.contains(&format!("<li>{told}</li>")));
    assert!(text.contains(&format!("- {told}\n")));
    assert!(!with_findings(&found(), |report| report.html()).contains("Not asked"));
}
