//! The page for a run like the record.

use anstream::adapter::strip_str;

use super::*;
use crate::outcome::sample;

fn told(request: &crate::Request) -> String {
    let outcome = sample::outcome(request);
    strip_str(&tell(&request.scenario, &outcome)).to_string()
}

#[test]
fn the_story_of_a_run_like_the_record() {
    insta::assert_snapshot!(told(&sample::request()));
}

#[test]
fn what_was_set_is_named_with_its_default() {
    let mut request = sample::request();
    let scenario = std::sync::Arc::clone(&request.scenario);
    request.settings.set(&scenario, "linkerd=1.0.0").expect("a level");
    let page = told(&request);
    assert!(page.contains("linkerd=1.0.0 (default 0.9.1)"));
    assert!(page.contains("--set linkerd=1.0.0"));
}

#[test]
fn no_line_is_wider_than_the_page() {
    let page = told(&sample::request());
    // The command that plays the run again is one line, to be copied.
    let mut lines = page.lines().filter(|line| !line.contains("anatomy replay"));
    let wide = lines.find(|line| line.chars().count() > WIDTH);
    assert_eq!(wide, None);
}

#[test]
fn an_outcome_with_nothing_in_it_is_told_too() {
    let request = sample::request();
    let empty = Outcome::of(&request, crate::outcome::Record::default());
    assert!(tell(&request.scenario, &empty).contains("every objective was met"));
}

#[test]
fn durations_and_numbers_read_well() {
    assert_eq!(duration(31.2), "31 s");
    assert_eq!(duration(4860.0), "1 h 21 min");
    assert_eq!(duration(1_109_000.0), "12 d 20 h");
    assert_eq!(thousands(0), "0");
    assert_eq!(thousands(5700), "5,700");
    assert_eq!(thousands(1_234_567), "1,234,567");
}

#[test]
fn wrapping_keeps_every_word() {
    let text = "a bb ccc dddd eeeee averyveryverylongword f";
    let lines = wrap(text, 8);
    assert_eq!(lines.join(" "), text);
    assert!(lines.iter().all(|line| line.chars().count() <= 8 || !line.contains(' ')));
}
