//! Traces and journals of a run like the record.

use prost::Message as _;

use super::*;
use crate::outcome::sample;

fn with_played<T>(test: impl FnOnce(&Played) -> T) -> T {
    let request = sample::request();
    let outcome = sample::outcome(&request);
    let event = |at: f64, machine: &str, process: &str, kind: &str| Event {
        at,
        machine: machine.into(),
        process: process.into(),
        kind: kind.into(),
        text: format!("{process} says {kind}"),
        ..Event::default()
    };
    let events = [
        event(-100.0, "etcd-1", "etcd", "etcd.ready"),
        event(5.0, "etcd-1", "etcd", "etcd.leader"),
        event(6.0, "node-1", "kubelet", "pod.started"),
        event(7.0, "", "", ""),
    ];
    test(&Played { scenario: &request.scenario, outcome: &outcome, events: &events })
}

#[test]
fn a_chrome_trace_has_every_event_on_the_track_of_its_process() {
    let trace = with_played(chrome);
    let events = trace["traceEvents"].as_array().expect("a list");
    let instants: Vec<_> = events.iter().filter(|event| event["ph"] == "i").collect();
    assert_eq!(instants.len(), 4);
    assert_eq!(instants[0]["pid"], instants[1]["pid"], "one machine");
    assert_ne!(instants[1]["pid"], instants[2]["pid"]);
    let apart = instants[1]["ts"].as_i64().zip(instants[0]["ts"].as_i64());
    assert_eq!(apart.map(|(b, a)| b - a), Some(105_000_000));
    assert!(events.iter().all(|event| event["ts"].as_i64().is_none_or(|ts| ts >= 0)));
    let phases = events.iter().filter(|event| event["ph"] == "X").map(|e| &e["name"]);
    assert_eq!(phases.collect::<Vec<_>>(), ["healthy", "partial", "total", "recovered"]);
}

#[test]
fn a_perfetto_trace_is_read_back_with_its_tracks() {
    let bytes = with_played(perfetto);
    let trace = super::perfetto::Trace::decode(bytes.as_slice()).expect("its own bytes");
    let tracks: Vec<_> = trace.packet.iter().filter_map(|p| p.track_descriptor.as_ref()).collect();
    let known = |uuid| tracks.iter().any(|track| track.uuid == uuid);
    let events = trace.packet.iter().filter_map(|packet| packet.track_event.as_ref());
    assert!(events.clone().all(|event| known(event.track_uuid)));
    assert!(tracks.iter().filter_map(|track| track.parent_uuid).all(known));
    assert_eq!(events.filter(|event| event.r#type == 3).count(), 4);
    let mut names: Vec<_> = tracks.iter().map(|track| track.name.as_str()).collect();
    names.retain(|name| ["etcd-1", "etcd", "kubelet", "card-payment"].contains(name));
    assert_eq!(names.len(), 4);
}

#[test]
fn a_journal_lists_what_was_done_and_the_steady_state_on_both_ends() {
    let journal = with_played(journal);
    assert_eq!(journal["status"], "completed");
    assert_eq!(journal["deviated"], true);
    assert_eq!(journal["steady_states"]["before"]["steady_state_met"], true);
    assert_eq!(journal["steady_states"]["after"]["steady_state_met"], true);
    let run = journal["run"].as_array().expect("a list");
    let method = journal["experiment"]["method"].as_array().expect("a list");
    assert_eq!(run.len(), method.len());
    assert!(run.len() >= 3);
    let first = run[0]["start"].as_str().expect("a time");
    assert!(first.starts_with("2017-10-") && first.ends_with("+01:00"), "{first}");
}

#[test]
fn what_a_journal_says_of_its_process_plays_the_same_run() {
    let mut request = sample::request();
    let scenario = std::sync::Arc::make_mut(&mut request.scenario);
    scenario.found_by = "my files/day.toml".to_owned();
    request.settings.set(&request.scenario, "linkerd=1.0.0").expect("a level");
    let outcome = sample::outcome(&request);
    let scenario = &*request.scenario;
    let journal = journal(&Played { scenario, outcome: &outcome, events: &[] });
    let arguments = &journal["run"][0]["activity"]["provider"]["arguments"];
    let seed = outcome.seed.to_string();
    let expected =
        ["run", "my files/day.toml", "--seed", &seed, "--set", "linkerd=1.0.0", "--json", "-"];
    assert_eq!(*arguments, serde_json::json!(expected));
    let replay = outcome.replay(scenario);
    assert!(replay.starts_with("anatomy replay 'my files/day.toml' --seed "), "{replay}");
}
