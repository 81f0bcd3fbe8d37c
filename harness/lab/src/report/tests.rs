//! Reports of a run like the record, and of one with nothing in it.

mod arrows;
mod numbers;
mod told;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::*;
use crate::explore::humans::policy;
use crate::explore::runs::Tally;
use crate::explore::{counterfactual, humans, lattice};
use crate::outcome::{Entry, Record, Severity, sample};

fn alarm(at: f64, kind: &str, journey: &str) -> Event {
    let fields = BTreeMap::from([("journey".to_owned(), journey.to_owned())]);
    Event { at, kind: kind.to_owned(), fields, ..Event::default() }
}

fn with_report<T>(test: impl FnOnce(&Report) -> T) -> T {
    let request = sample::request();
    let outcome = sample::outcome(&request);
    let mut events = vec![
        alarm(65.0, "alarm.raised", "current-payment"),
        alarm(4900.0, "alarm.cleared", "current-payment"),
    ];
    events.extend((0..90).map(|n| Event {
        at: f64::from(n) * 20.0,
        kind: "apiserver.timeout".to_owned(),
        ..Event::default()
    }));
    let findings = Findings::default();
    test(&Report {
        scenario: &request.scenario,
        outcome: &outcome,
        events: &events,
        findings: &findings,
        build: "",
    })
}

#[test]
fn the_post_mortem_of_a_run_like_the_record() {
    insta::assert_snapshot!(with_report(|report| report.markdown()));
}

#[test]
fn a_report_is_one_file_that_fetches_nothing() {
    let page = with_report(|report| report.html());
    for reference in ["src=", "href=\"http", "@import", "url(http", "fetch("] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    for id in ["verdict", "timeline", "real", "health", "indicators", "again"] {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
}

#[test]
fn the_numbers_in_a_report_are_those_of_the_outcome() {
    let page = with_report(|report| report.html());
    let start = page.find("id=\"outcome\">").expect("the JSON is there") + "id=\"outcome\">".len();
    let json = &page[start..start + page[start..].find("</script>").expect("and ends")];
    let back: Outcome = serde_json::from_str(json).expect("and is an outcome");
    let request = sample::request();
    assert_eq!(back.timeline, sample::outcome(&request).timeline);
}

#[test]
fn what_a_run_says_cannot_become_markup() {
    let request = sample::request();
    let mut outcome = sample::outcome(&request);
    outcome.timeline.push(Entry {
        at: 1.0,
        actor: "<b>mallory</b>".into(),
        kind: "step.deploy".into(),
        text: "</script><script>alert(1)</script>".into(),
        because: vec!["\"><img onerror=alert(1)>".into()],
    });
    let findings = Findings::default();
    let report = Report {
        scenario: &request.scenario,
        outcome: &outcome,
        events: &[],
        findings: &findings,
        build: "",
    };
    let page = report.html();
    for injected in ["<b>mallory", "<script>alert", "<img"] {
        assert!(!page.contains(injected), "{injected}");
    }
    assert!(!report.markdown().contains("<b>"));
}

#[test]
fn a_missed_objective_without_an_alarm_is_told() {
    let rows = with_report(|report| health::health(report).rows);
    let row = rows.iter().find(|row| row.name == "current-payment").expect("it is a journey");
    assert_eq!(row.detected.as_deref(), Some("1 min 5 s"));
    // Seven buckets before the alarm.
    assert_eq!(row.unseen, "1 min 10 s");
    let blind = rows.iter().find(|row| row.name == "app-feed").expect("it is a journey");
    assert_eq!((blind.missed.clone(), blind.detected.clone()), (blind.unseen.clone(), None));
}

#[test]
fn marks_of_a_lane_do_not_hide_each_other() {
    let marks = with_report(|report| lanes::lanes(report).marks);
    for (n, one) in marks.iter().enumerate() {
        for other in &marks[..n] {
            let apart = (one.x - other.x).abs() >= 13.0 || (one.y - other.y).abs() >= 13.0;
            assert!(apart, "{} and {}", one.text, other.text);
        }
    }
}

#[test]
fn a_run_with_nothing_in_it_has_a_report_too() {
    let request = sample::request();
    let empty = Outcome::of(&request, Record::default());
    let findings = Findings::default();
    let report = Report {
        scenario: &request.scenario,
        outcome: &empty,
        events: &[],
        findings: &findings,
        build: "",
    };
    assert!(report.html().contains("every objective was met"));
    assert!(report.markdown().contains("severity **ok**"));
}

/// What the analyses find in worlds with a known structure.
fn found() -> Findings {
    static FOUND: OnceLock<Findings> = OnceLock::new();
    FOUND.get_or_init(find).clone()
}

fn find() -> Findings {
    let explained = |plan: &mut counterfactual::Plan| (plan.pairs, plan.timing) = (3, true);
    let mut explanation = counterfactual::tests::explained(explained);
    let mut lattice = lattice::tests::found(Severity::Total, None);
    let policies = policy::built_in(&sample::request().scenario);
    let mut league = humans::tests::played(&policies).expect("a league");
    // What it took is another number on every machine.
    for tally in [&mut explanation.tally, &mut lattice.tally, &mut league.tally] {
        *tally = Tally::default();
    }
    // Another text of the scenario does not make them other findings.
    for text in [&mut explanation.text, &mut lattice.text, &mut league.text] {
        "0123456789abcdef".clone_into(text);
    }
    let (explanation, league, lattices) = (Some(explanation), Some(league), vec![lattice]);
    Findings { explanation, lattices, league, remarks: Vec::new() }
}

fn page_of(findings: &Findings) -> String {
    let request = sample::request();
    let outcome = sample::outcome(&request);
    Report { scenario: &request.scenario, outcome: &outcome, events: &[], findings, build: "" }
        .html()
}

/// The browser's tests read this snapshot too.
#[test]
fn findings_of_known_worlds_are_written_and_read_back() {
    let findings = found();
    let text = serde_json::to_string_pretty(&findings).expect("JSON");
    insta::assert_snapshot!("findings", text);
    let back: Findings = serde_json::from_str(&text).expect("the same again");
    // The page ends with every digit of them; up to there nothing hangs on the last one.
    let drawn = |findings: &Findings| {
        let page = page_of(findings);
        page.split("id=\"analyses\"").next().map(str::to_owned)
    };
    assert_eq!(drawn(&back), drawn(&findings));
}

#[test]
fn each_analysis_that_was_made_has_its_section_and_no_other_has() {
    let ids = ["cuts", "explained", "fixes", "responses"];
    let sections = |findings: &Findings| -> Vec<&str> {
        let page = page_of(findings);
        let has = |id: &&str| page.contains(&format!("<section id=\"{id}\">"));
        ids.into_iter().filter(has).collect()
    };
    let all = found();
    assert_eq!(sections(&all), ids);
    assert!(page_of(&all).len() < 2_000_000);
    assert_eq!(sections(&Findings::default()), [""; 0]);
    let only = |findings: Findings| sections(&findings);
    assert_eq!(only(Findings { league: None, lattices: Vec::new(), ..all.clone() }), ["explained"]);
    assert_eq!(only(Findings { league: all.league, ..Findings::default() }), ["responses"]);
}

/// The searches that were found, drawn.
fn matrices() -> Vec<cutsets::Matrix> {
    let request = sample::request();
    let outcome = sample::outcome(&request);
    let (scenario, findings) = (&request.scenario, &found());
    let report = Report { scenario, outcome: &outcome, events: &[], findings, build: "" };
    cutsets::matrices(&report)
}

#[test]
fn the_matrix_marks_what_a_cut_set_needs_and_what_a_safe_set_lacks() {
    let [react, forced] = &matrices()[..] else { panic!("two searches") };
    assert_eq!((react.columns[0].label.as_str(), forced.columns[0].label.as_str()), ("A1", "B1"));
    assert_eq!((react.columns[0].marks.len(), forced.columns[0].marks.len()), (7, 3));
    for column in react.columns.iter().filter(|column| column.safe) {
        assert_eq!(column.marks.len(), 1, "any one of the seven less, and nothing happens");
        assert!(column.marks.iter().all(|mark| mark.class == "off"));
    }
    assert!(react.fixes.iter().all(|fix| fix.breaks == [true]));
    assert_eq!(react.spectrum.orders, [(7, 1, 1)]);
}

#[test]
fn the_sets_of_few_conditions_are_drawn_and_of_many_it_is_said_that_they_are_not() {
    let [react, forced] = &matrices()[..] else { panic!("two searches") };
    assert_eq!((react.matter, react.hasse.is_none()), (7, true));
    let nodes = |matrix: &cutsets::Matrix| matrix.hasse.as_ref().map_or(0, |one| one.nodes.len());
    assert_eq!((forced.matter, nodes(forced)), (3, 8));
    let page = page_of(&found());
    assert!(page.contains("7 conditions matter: of more than six"));
    assert_eq!(page.matches("<svg class=\"hasse\"").count(), 1);
    assert_eq!(page.matches("<g class=\"node ").count(), 8);
    let spectrum = "by order: 1 of order 7 (sum 1)\"";
    assert_eq!(page.matches(spectrum).count(), 1, "as bars, and for those who do not see them");
    // The cut set itself, and the three sets that lack one of it.
    assert_eq!(page.matches("<g class=\"node leads judged outlined\"").count(), 1);
    assert_eq!(page.matches("<g class=\"node safe judged outlined\"").count(), 3);
}

#[test]
fn several_lattices_are_told_apart_by_what_was_looked_for() {
    let mut findings = found();
    let mut other = findings.lattices[0].clone();
    other.target = Severity::Partial;
    findings.lattices.push(other);
    let request = sample::request();
    let outcome = sample::outcome(&request);
    let (scenario, findings) = (&request.scenario, &findings);
    let matrices = cutsets::matrices(&Report {
        scenario,
        outcome: &outcome,
        events: &[],
        findings,
        build: "",
    });
    let heads: Vec<_> = matrices.iter().map(|one| (&*one.columns[0].label, &*one.name)).collect();
    assert_eq!(heads[0], ("A1", "total: as people react"));
    assert_eq!(heads[2], ("C1", "partial: as people react"));
    assert_eq!(heads.len(), 4);
}

/// A folder of findings about the built-in scenario.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("anatomy-findings-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("room");
    }

    fn lattices(&self) -> Result<Findings, findings::FindingsError> {
        let scenario = sample::request().scenario;
        let lattice = Some(self.0.clone());
        let folders = findings::Folders { lattice, ..findings::Folders::default() };
        Findings::read(&scenario, "this build", &folders)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A lattice of this build and this text of the scenario.
fn own_lattice() -> lattice::Lattice {
    let mut lattice = lattice::tests::found(Severity::Total, Some(&["linkerd", "ledger-deploy"]));
    "this build".clone_into(&mut lattice.build);
    lattice
}

fn json(lattice: &lattice::Lattice) -> String {
    serde_json::to_string(lattice).expect("JSON")
}

#[test]
fn findings_that_are_missing_or_about_something_else_are_refused_by_name() {
    let folder = Folder::new("refused");
    let error = || folder.lattices().expect_err("wrong").to_string();
    folder.put("lattice.txt", "notes");
    let missing = error();
    assert!(missing.contains("--lattice") && missing.contains("anatomy lattice"), "{missing}");
    folder.put("lattice-total.json", "{\n1}");
    assert!(error().contains("lattice-total.json: ") && error().contains("line 2"), "{}", error());
    let mut lattice = own_lattice();
    folder.put("lattice-total.json", &json(&lattice));
    assert!(folder.lattices().is_ok());
    "zone-loss-9".clone_into(&mut lattice.scenario);
    folder.put("lattice-partial.json", &json(&lattice));
    let other = error();
    let expected = "lattice-partial.json: it is about zone-loss-9, and this is monzo-2017";
    assert!(other.contains(expected), "{other}");
}

#[test]
fn findings_of_another_build_or_text_are_used_and_that_is_said() {
    let folder = Folder::new("remarked");
    let mut lattice = own_lattice();
    folder.put("lattice-total.json", &json(&lattice));
    let own = folder.lattices().expect("findings");
    assert!(own.lattices.len() == 1 && own.remarks.is_empty(), "{:?}", own.remarks);
    assert!(!page_of(&own).contains("Where the analyses come from"));
    "0".clone_into(&mut lattice.text);
    "that build".clone_into(&mut lattice.build);
    folder.put("lattice-partial.json", &json(&lattice));
    let found = folder.lattices().expect("findings");
    let [text, build] = &found.remarks[..] else { panic!("{:?}", found.remarks) };
    let of_text = "lattice-partial.json: found in another text of the scenario (0; this is ";
    let of_build = "found with another build of this program (that build; this is this build)";
    assert!(text.contains(of_text) && build.contains(of_build), "{:?}", found.remarks);
    let page = page_of(&found);
    assert!(page.contains("Where the analyses come from") && page.contains("(that build; this is"));
}
