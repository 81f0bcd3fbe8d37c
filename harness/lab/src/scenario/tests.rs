//! The built-in file is right, and whatever is done to it is told with its line.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn monzo() -> Scenario {
    find("monzo-2017").expect("the built-in scenario is right")
}

fn text() -> &'static str {
    BUILT_IN[0].1
}

fn parse(text: &str) -> Result<Scenario, Box<Error>> {
    Scenario::parse("test", "test.toml", text)
}

/// The built-in text with `from` (which must be there) replaced by `to`.
fn with(from: &str, to: &str) -> String {
    assert!(text().contains(from), "{from}");
    text().replacen(from, to, 1)
}

/// What the file says when `from` is `to`, and the text of the line it points at.
fn complaint(from: &str, to: &str) -> (String, String) {
    let text = with(from, to);
    let error = parse(&text).expect_err(to);
    let line = text.lines().nth(error.line() - 1).unwrap_or_default().to_owned();
    (format!("{error}; {}", error.allowed().unwrap_or_default()), line)
}

#[test]
fn the_built_in_scenario_has_the_factors_and_acts_of_the_record() {
    let scenario = monzo();
    let factors: Vec<_> = scenario.factors.iter().map(|f| (&*f.name, f.levels.join("|"))).collect();
    let expected = [
        ("etcd-client", "grpc-1.0.4|grpc-1.0.5"),
        ("etcd-upgrade", "on|off"),
        ("etcd-resize", "on|off"),
        ("etcd-restart", "on|off"),
        ("leader-lock", "configmaps|endpoints"),
        ("empty-service", "on|off"),
        ("kubernetes", "1.7|1.5|1.8|1.10"),
        ("linkerd", "0.9.1|1.0.0"),
        ("ledger-deploy", "on|off"),
        ("ledger-rollback", "reactive|off|forced"),
        ("mesh-restart", "reactive|off|forced|canary"),
        ("apiserver-restart", "reactive|off|forced"),
        ("delete-empty-service", "reactive|off|forced"),
        ("standin", "on|off"),
    ];
    assert_eq!(factors, expected.map(|(name, levels)| (name, levels.to_owned())));
    let acts: Vec<_> = scenario.acts.iter().map(|act| act.name.as_str()).collect();
    assert_eq!(acts, ["reconfiguration", "empty-service", "morning", "outage"]);
    assert_eq!(scenario.main_act().name, "outage");
    let assumed = scenario.factors.iter().filter(|f| f.assumption).map(|f| f.name.as_str());
    assert_eq!(assumed.collect::<Vec<_>>(), ["etcd-restart", "leader-lock"]);
}

#[test]
fn a_step_is_taken_as_its_factor_says() {
    let scenario = monzo();
    let mut settings = scenario.defaults();
    let outage = scenario.act("outage").expect("an act");
    let restart = &outage.steps[3];
    assert_eq!(restart.action, Action::RestartMesh { within: Duration::from_secs(36 * 60) });
    assert_eq!(restart.at, Duration::from_secs(19 * 60));
    assert_eq!(restart.decision(&settings), Decision::IfSeen);
    settings.set(&scenario, "mesh-restart=forced").expect("a level");
    assert_eq!(restart.decision(&settings), Decision::Always);
    settings.set(&scenario, "mesh-restart=off").expect("a level");
    assert_eq!(restart.decision(&settings), Decision::Never);
    assert_eq!(outage.steps[0].decision(&settings), Decision::Always);
    assert_eq!(restart.manner(&settings), Manner::Whole);
    settings.set(&scenario, "mesh-restart=canary").expect("a level");
    assert_eq!(
        (restart.decision(&settings), restart.manner(&settings)),
        (Decision::IfSeen, Manner::Canary)
    );
}

#[test]
fn settings_take_only_what_the_scenario_allows() {
    let scenario = monzo();
    let mut settings = scenario.defaults();
    settings.set(&scenario, "services=500").expect("a number");
    assert_eq!(settings.number("services"), 500.0);
    assert_eq!(settings.overrides(&scenario).count(), 1);
    let error = |given: &str| {
        let mut settings = scenario.defaults();
        settings.set(&scenario, given).expect_err(given).to_string()
    };
    assert!(error("linkerd=1.0.1").contains("did you mean `1.0.0`? allowed: 0.9.1, 1.0.0"));
    assert!(error("likerd=1.0.0").contains("did you mean `linkerd`?"));
    assert!(error("linkerd").contains("`=`"));
    assert!(error("services=5").contains("a whole number from 12 to 2000"));
    assert!(error("services=30.5").contains("a whole number from 12 to 2000"));
    assert!(error("preemption=nan").contains("a number from 0 to 1"));
}

#[test]
fn versions_come_from_the_file_or_from_a_factor() {
    let scenario = monzo();
    let settings = scenario.defaults();
    assert_eq!(scenario.version(&settings, "etcd"), "3.1.8");
    assert_eq!(scenario.version(&settings, "kubernetes"), "1.7");
}

#[test]
fn what_does_not_fit_together_is_told_with_its_line_and_the_allowed_values() {
    let cases = [
        ("factor = \"etcd-upgrade\"", "factor = \"etcd-upgrad\"", "did you mean `etcd-upgrade`?"),
        ("levels = [\"0.9.1\", \"1.0.0\"]", "levels = [\"0.9.2\"]", "allowed: 0.9.1, 1.0.0"),
        (
            "levels = [\"reactive\", \"off\", \"forced\"]",
            "levels = [\"on\"]",
            "off, reactive, forced",
        ),
        (
            "levels = [\"reactive\", \"off\", \"forced\"]",
            "levels = [\"canary\"]",
            "off, reactive, forced",
        ),
        ("lost = [\"endpoints\"]", "lost = []", "at least one resource"),
        ("name = \"empty-service\"\nkind", "name = \"linkerd\"\nkind", "is there twice"),
        ("kind = \"latent\"", "kind = \"latant\"", "did you mean `latent`?"),
        ("at = \"14:12:00\"", "at = \"14:09:00\"", "the step before it in this act is later"),
        ("at = \"14:12:00\"", "at = \"16:12:00\"", "the act has ended by then"),
        ("at = \"14:12:00\"", "at = \"13:12:00\"", "not before its beginning"),
        ("at = \"+1m\"", "at = \"+1 minute\"", "an offset like"),
        ("do = \"rollback\"", "do = \"roll-back\"", "did you mean `rollback`?"),
        ("do = \"restart-mesh\"", "do = \"rollback\"", "`rollback` needs `service`"),
        ("do = \"rollback\"", "do = \"restart-mesh\"", "`restart-mesh` needs `within`"),
        ("do = \"rollback\"", "do = \"restart-apiservers\"", "takes no `service`"),
        ("within = \"36m\"", "within = \"36\"", "like \"90s\""),
        ("within = \"36m\"\n", "", "`restart-mesh` needs `within`"),
        ("symptom = \"mesh-stale\"", "symptom = \"mesh-stall\"", "did you mean `mesh-stale`?"),
        ("symptom = \"mesh-stale\"\n", "", "`report` needs `symptom`"),
        ("symptom = \"pods-not-starting\"\n", "", "needs `symptom`"),
        ("act = \"morning\"", "act = \"mornin\"", "did you mean `morning`?"),
        ("quiet = \"30s\"", "quiet = \"half a minute\"", "like \"90s\""),
        ("ends = 2017", "ends = 2016", "the act ends before it begins"),
        ("starts = 2017-10-27T09:00:00", "starts = 2017-10-25T09:00:00", "before the act before"),
        ("zero = 2017-10-27T14:10:00+01:00", "zero = 2017-10-27T14:10:00", "with its offset"),
        ("path = [\"edge\", \"feed\"", "path = [\"egde\", \"feed\"", "did you mean `edge`?"),
        ("entry = \"app\"", "entry = \"apps\"", "did you mean `app`?"),
        ("rate = 2.0", "rate = nan", "`rate` is NaN"),
        ("min = 12", "min = 3", "services are named"),
        ("default = 25", "default = \"25\"", "a number is expected"),
        ("etcd = \"3.1.8\"", "etcd = \"3.1.9\"", "allowed: 3.1.8, 3.2.9"),
        ("etcd = \"3.1.8\"", "linkerd = \"0.9.1\"", "a factor already decides"),
        ("zones = [\"a\", \"b\"", "zones = [\"a\", \"a\"", "the zone `a` is there twice"),
        ("service = \"savings-pots\"\nreplicas", "service = \"pots\"\nreplicas", "`pots`"),
        ("etcd-members = 3", "etcd-members = -3", "-3"),
    ];
    for (from, to, expected) in cases {
        let (message, line) = complaint(from, to);
        assert!(message.contains(expected), "{to}: {message}");
        let near = from.lines().chain(to.lines()).any(|written| line.contains(written));
        let beside = ["do =", "service =", "factor ="].iter().any(|key| line.starts_with(key));
        assert!(near || beside, "{to}: points at `{line}`");
    }
}

#[test]
fn a_file_without_acts_or_of_no_toml_is_refused() {
    assert!(parse("").is_err());
    assert!(parse("title = ").is_err());
    assert_eq!(parse("a = 1\nb = = 2").expect_err("no TOML").line(), 2);
}

/// The lines of the built-in text that have a key.
fn keyed_lines() -> Vec<usize> {
    let keyed = |line: &str| !line.starts_with('#') && line.contains(" = ");
    (0..text().lines().count()).filter(|n| keyed(text().lines().nth(*n).unwrap_or(""))).collect()
}

#[test]
fn every_key_that_is_not_known_is_told_with_its_line() {
    for n in keyed_lines() {
        let lines = text().lines().enumerate();
        let wrong: Vec<String> = lines
            .map(|(i, line)| if i == n { format!("x{line}") } else { line.to_owned() })
            .collect();
        let error = parse(&wrong.join("\n")).expect_err(&wrong[n]);
        assert_eq!(error.line(), n + 1, "{error} for {}", wrong[n]);
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_refused_without_a_panic(text in any::<String>()) {
        prop_assert!(parse(&text).is_err());
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_without_a_panic(
        at in 0..text().len(),
        gone in 0usize..40,
        new in "[ -~\\n]{0,12}",
    ) {
        let end = (at + gone).min(text().len());
        let mut damaged = text().as_bytes()[..at].to_vec();
        damaged.extend_from_slice(new.as_bytes());
        damaged.extend_from_slice(&text().as_bytes()[end..]);
        let damaged = String::from_utf8_lossy(&damaged);
        if let Err(error) = parse(&damaged) {
            prop_assert!((1..=damaged.lines().count() + 1).contains(&error.line()));
            let report = miette::GraphicalReportHandler::new();
            let mut printed = String::new();
            prop_assert!(report.render_report(&mut printed, &*error).is_ok());
        }
    }

    #[test]
    fn arbitrary_settings_are_taken_or_refused_without_a_panic(given in "\\PC{0,30}") {
        let scenario = monzo();
        let _ = scenario.defaults().set(&scenario, &given);
    }
}

/// A small world of etcd alone, with `from` replaced by `to`.
fn etcd_with(from: &str, to: &str) -> Result<Scenario, Box<Error>> {
    let text = r#"
title = "etcd"
world = "etcd"
zero = 2018-03-01T12:00:00Z
[cluster]
zones = ["a", "b"]
etcd-members = 3
[workload]
patience = "10s"
[[workload.journey]]
name = "writes"
entry = "write"
rate = 1.0
objective = 0.9
[[client]]
kind = "kv"
count = 2
pause = "1s"
[[act]]
name = "act"
starts = 2018-03-01T12:00:00Z
ends = 2018-03-01T12:01:00Z
[[step]]
act = "act"
at = "+1s"
actor = "somebody"
do = "power-off"
on = "zone {zone}"
[[step]]
act = "act"
at = "+2s"
actor = "somebody"
do = "cut"
from = "the leader"
to = "2 of the rest"
[[factor]]
name = "zone"
kind = "environment"
levels = ["a", "b"]
"#;
    assert!(text.contains(from), "{from}");
    parse(&text.replacen(from, to, 1))
}

#[test]
fn a_target_stands_for_what_the_level_of_its_factor_says() {
    let scenario = etcd_with("etcd", "etcd").expect("it is right");
    assert_eq!(scenario.world, World::Etcd);
    let Action::Deed(Deed::PowerOff(target)) = &scenario.acts[0].steps[0].action else {
        panic!("{:?}", scenario.acts[0].steps[0])
    };
    let mut settings = scenario.defaults();
    assert_eq!(target.who(&settings, &scenario.cluster.zones), Who::Zone("a".to_owned()));
    settings.set(&scenario, "zone=b").expect("a level");
    assert_eq!(target.who(&settings, &scenario.cluster.zones), Who::Zone("b".to_owned()));
}

#[test]
fn what_does_not_fit_a_world_of_etcd_alone_is_told() {
    let cases = [
        ("world = \"etcd\"", "world = \"ectd\"", "did you mean `etcd`?"),
        ("zones = ", "namespace = \"n\"\nzones = ", "this world has no `namespace`"),
        ("entry = \"write\"", "entry = \"app\"", "allowed: write, read, serializable-read"),
        ("entry = \"write\"", "entry = \"write\"\npath = []", "this world has no `path`"),
        ("entry = \"write\"", "entry = \"write\"\nmesh = true", "this world has no `mesh`"),
        ("kind = \"kv\"", "kind = \"vk\"", "allowed: kv, lock, read, transfer, watch"),
        ("do = \"power-off\"", "do = \"rollback\"", "the action `rollback` is not known"),
        ("do = \"power-off\"", "do = \"power-of\"", "did you mean `power-off`?"),
        ("do = \"power-off\"", "do = \"heal\"", "`heal` takes no `on`"),
        ("on = \"zone {zone}\"\n", "", "`power-off` needs `on`"),
        ("on = \"zone {zone}\"", "on = \"zone {zoen}\"", "did you mean `zone`?"),
        ("on = \"zone {zone}\"", "on = \"zone c\"", "`zone c` is nobody"),
        ("levels = [\"a\", \"b\"]", "levels = [\"a\", \"d\"]", "`zone d` is nobody"),
        ("on = \"zone {zone}\"", "on = \"member 3\"", "decides nothing"),
        ("from = \"the leader\"", "from = \"a leader\"", "`a leader` is nobody"),
        ("to = \"2 of the rest\"", "to = \"0 of the rest\"", "`0 of the rest` is nobody"),
        (
            "to = \"2 of the rest\"",
            "to = \"all\"\nsymptom = \"mesh-stale\"",
            "allowed: members-silent",
        ),
    ];
    for (from, to, expected) in cases {
        let error = etcd_with(from, to).expect_err(to);
        let message = format!("{error}; {}", error.allowed().unwrap_or_default());
        assert!(message.contains(expected), "{to}: {message}");
    }
    assert!(parse(&with("title = ", "client = []\ntitle = ")).is_ok());
}

/// The afternoon of a bank with this step, and the number of the line at which the step says what it does.
fn bank_with(does: &str) -> (Result<Scenario, Box<Error>>, usize) {
    let day = source("ordinary-day").expect("the built-in text").text;
    let step = "[[step]]\nact = \"afternoon\"\nat = \"+1m\"\nactor = \"chance\"";
    let before = format!("{day}\n{step}\n");
    (parse(&format!("{before}{does}\n")), before.lines().count() + 1)
}

#[test]
fn harm_may_befall_every_machine_of_a_bank() {
    for does in [
        "do = \"power-off\"\non = \"node-200\"",
        "do = \"power-on\"\non = \"zone b\"",
        "do = \"kill\"\non = \"master-3\"",
        "do = \"pause\"\non = \"the leader\"\nlasts = \"10s\"",
        "do = \"cut\"\nfrom = \"etcd-9\"\nto = \"the fullest zone\"\none-way = true",
        "do = \"slow-link\"\nfrom = \"node-1\"\nto = \"all\"\nby = \"50ms\"",
        "do = \"slow-disk\"\non = \"member 2\"\nby = \"50ms\"",
        "do = \"full-disk\"\non = \"a follower\"\nlasts = \"1m\"",
        "do = \"failing-disk\"\non = \"2 of the rest\"",
        "do = \"skew\"\non = \"node-3\"\nby = \"5s\"",
        "do = \"heal\"",
    ] {
        let (read, _) = bank_with(does);
        let scenario = read.unwrap_or_else(|error| panic!("{does}: {error}"));
        assert!(matches!(scenario.main_act().steps[0].action, Action::Deed(_)), "{does}");
    }
}

#[test]
fn what_cannot_befall_a_bank_is_told_with_its_line_and_what_can() {
    let machines = "machines: etcd-1 to etcd-9, master-1 to master-3, node-1 to node-200";
    for (does, line, expected, allowed) in [
        ("do = \"chaos\"\nwithin = \"1m\"", 0, "the action `chaos` is not known", "skew, heal"),
        ("do = \"audit\"", 0, "the action `audit` is not known", "power-off, power-on, kill"),
        ("do = \"etcd-replace\"\non = \"etcd-1\"", 0, "`etcd-replace` is not", "etcd-grow"),
        ("do = \"power-of\"\non = \"etcd-1\"", 0, "`power-of` is not", "did you mean `power-off`?"),
        ("do = \"kill\"", 0, "`kill` needs `on`", ""),
        ("do = \"kill\"\non = \"node-201\"", 1, "`node-201` is nobody; a machine's name", machines),
        ("do = \"kill\"\non = \"master-4\"", 1, "`master-4` is nobody", machines),
        ("do = \"kill\"\non = \"node-0\"", 1, "`node-0` is nobody", "zones: a, b, c"),
        ("do = \"kill\"\non = \"node-01\"", 1, "`node-01` is nobody", machines),
        ("do = \"kill\"\non = \"database\"", 1, "`database` is nobody", machines),
    ] {
        let (read, at) = bank_with(does);
        let error = read.expect_err(does);
        let help = error.allowed().unwrap_or_default();
        assert!(error.to_string().contains(expected), "{does}: {error}");
        assert!(help.contains(allowed), "{does}: {help}");
        assert_eq!(error.line(), at + line, "{does}: {error}");
    }
    // In a world of etcd alone there is nobody but members.
    let error = etcd_with("on = \"zone {zone}\"", "on = \"etcd-1\"").expect_err("no such form");
    assert!(error.to_string().contains("`etcd-1` is nobody; \"all\""), "{error}");
}

#[test]
fn every_built_in_scenario_is_right() {
    for (name, text) in BUILT_IN {
        let scenario = Scenario::parse(name, &format!("{name}.toml"), text);
        assert!(scenario.is_ok(), "{:?}", scenario.map(|_| ()));
    }
    let zones = find("zone-loss-9").expect("it is right");
    assert!(zones.factors.len() >= 6, "the interaction of factors is looked for on it");
}
