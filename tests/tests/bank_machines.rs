//! Harm to the machines of a bank: what is there again when it is over.

mod short_day;
mod steer;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use anatomy_lab::outcome::Event;
use anatomy_lab::sweep::pool;
use anatomy_lab::{Outcome, Scenario, scenario};

/// When the power goes and when it is back, in seconds from the beginning: long enough for a node to be
/// lost, not so long that its pods are deleted.
const GOES: f64 = 60.0;
const BACK: f64 = 180.0;

/// Plays the first minutes of an ordinary day of three workers, in which somebody loses power and gets
/// it back; and everything that programs said.
fn power_loss(whom: &str) -> (Outcome, Vec<Event>) {
    let source = scenario::source("ordinary-day").expect("the built-in text");
    let ends = "ends = 2017-10-12T14:40:00";
    assert_eq!(source.text.matches(ends).count(), 1);
    let mut text = source.text.replace(ends, "ends = 2017-10-12T14:12:00");
    for (at, what) in [(GOES, "power-off"), (BACK, "power-on")] {
        text += &format!(
            "\n[[step]]\nact = \"afternoon\"\nat = \"+{at}s\"\nactor = \"chance\"\n\
             do = \"{what}\"\non = \"{whom}\"\n"
        );
    }
    let scenario = Scenario::parse("ordinary-day", "power-loss.toml", &text);
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    let mut request = short_day::request(scenario, &["workers=3"], steer::seed(0));
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = said.clone();
    request.on_event = Some(Arc::new(move |event: &Event| {
        heard.lock().expect("no panic with the lock").push(event.clone());
    }));
    let outcome = pool::play(anatomy_lab::run, request).expect("the cluster can be built");
    let said = said.lock().expect("no panic with the lock").clone();
    assert_eq!(outcome.violations, []);
    let off = outcome.faults.iter().filter(|fault| fault.kind == "power off");
    let effects: Vec<u64> = off.map(|fault| fault.effects).collect();
    assert!(!effects.is_empty() && !effects.contains(&0), "{effects:?}");
    (outcome, said)
}

/// The pods that started on a node, and where: before the power went, and since it was back.
fn started<'e>(said: &'e [Event], node: &str) -> [Vec<(&'e str, &'e str)>; 2] {
    let field = |event: &'e Event, name: &str| event.fields.get(name).map(String::as_str);
    let (mut before, mut since) = (Vec::new(), Vec::new());
    for event in said.iter().filter(|event| event.kind == "pod.started") {
        let found = (field(event, "node"), field(event, "pod"), field(event, "ip"));
        let (Some(on), Some(pod), Some(ip)) = found else { continue };
        if on == node {
            let pods = if event.at < BACK { &mut before } else { &mut since };
            pods.push((pod, ip));
        }
    }
    [before, since]
}

#[test]
fn a_worker_that_was_without_power_is_lost_and_runs_its_pods_again() {
    let (outcome, said) = power_loss("node-1");
    let lost = outcome.timeline.iter().find(|entry| entry.kind == "node.lost");
    let lost = lost.expect("it does not report");
    assert!(lost.text.contains("node-1") && (GOES + 30.0..BACK).contains(&lost.at), "{lost:?}");
    let [before, since] = started(&said, "node-1");
    let names = |pods: &[(&str, &str)]| -> BTreeSet<String> {
        pods.iter().map(|(pod, _)| (*pod).to_owned()).collect()
    };
    let (were, are) = (names(&before), names(&since));
    assert!(were.len() > 1 && were == are, "{were:?} and {are:?}");
    // The node's own address is that of pods on its network.
    let moved = since.iter().filter(|(_, ip)| ip.starts_with("100."));
    let moved: Vec<_> = moved.map(|(_, ip)| before.iter().all(|(_, was)| was != ip)).collect();
    assert!(!moved.is_empty() && !moved.contains(&false), "{before:?} and {since:?}");
    let last = outcome.phases.last().expect("there is one");
    assert!(["healthy", "recovered"].contains(&last.name.as_str()), "{:?}", outcome.phases);
}

#[test]
fn a_zone_that_was_without_power_has_its_member_apiserver_and_pods_again() {
    let (_, said) = power_loss("zone a");
    let again = |kind: &str, machine: &str| {
        said.iter().any(|one| one.kind == kind && one.machine == machine && one.at > BACK)
    };
    assert!(again("etcd.ready", "etcd-1"));
    assert!(again("apiserver.started", "master-1"));
    let [_, since] = started(&said, "node-1");
    assert!(!since.is_empty());
}
