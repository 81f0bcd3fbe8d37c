//! What the mesh makes of the apiserver's answers, by the answers' bytes.

mod support;

use std::time::Duration;

use mini_mesh::Version::{V0_9_1, V1_0_0};
use support::Lab;
use support::apiserver::subsets;
use tokio::time::Instant;

/// Three services on pods of their own, and a fourth that was scaled to zero.
async fn lab(version: mini_mesh::Version, empty: &str) -> (Lab, Vec<support::backend::Backend>) {
    let lab = Lab::new(version).await;
    let mut pods = Vec::new();
    for (name, n) in [("account", 1), ("ledger", 2), ("feed", 3)] {
        lab.api.put(name, subsets(&[n]));
        pods.push(lab.pod(n).await);
    }
    lab.api.put("new", empty);
    (lab, pods)
}

const ALL: [&str; 4] = ["account", "ledger", "feed", "new"];

#[tokio::test(start_paused = true)]
async fn one_null_in_the_list_takes_every_service_of_0_9_1_away() {
    let (lab, _pods) = lab(V0_9_1, "null").await;
    assert_eq!(lab.statuses(&ALL).await, [502; 4]);
    let started = Instant::now();
    let answer = lab.get("ledger").await;
    assert_eq!(started.elapsed().as_secs(), 10, "the binding time-out");
    assert!(answer.body.contains("exceeded 10.seconds"), "{}", answer.body);
    assert!(answer.head.contains("l5d-err: "), "{}", answer.head);
}

#[tokio::test(start_paused = true)]
async fn one_null_in_the_list_takes_only_its_own_service_of_1_0_0() {
    let (lab, _pods) = lab(V1_0_0, "null").await;
    assert_eq!(lab.statuses(&ALL).await, [200, 200, 200, 502]);
    let answer = lab.get("new").await;
    assert!(answer.body.starts_with("No hosts are available for /svc/new"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn an_absent_field_is_a_null() {
    let (lab, _pods) = lab(V0_9_1, "[]").await;
    lab.api.put_absent("new");
    assert_eq!(lab.statuses(&["ledger"]).await, [502]);
    let (lab, _pods) = self::lab(V1_0_0, "[]").await;
    lab.api.put_absent("new");
    assert_eq!(lab.statuses(&["ledger"]).await, [200]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_of_subsets_harms_nobody() {
    for version in [V0_9_1, V1_0_0] {
        let (lab, _pods) = lab(version, "[]").await;
        assert_eq!(lab.statuses(&ALL).await, [200, 200, 200, 502]);
    }
}

#[tokio::test(start_paused = true)]
async fn removing_the_empty_service_brings_all_back_within_ten_seconds() {
    let (lab, _pods) = lab(V0_9_1, "null").await;
    // Long enough for the waits between the lists to have grown to their cap.
    for _ in 0..30 {
        assert_eq!(lab.get("ledger").await.status, 502);
    }
    lab.api.remove("new");
    let removed = Instant::now();
    assert_eq!(lab.get("ledger").await.status, 200);
    assert!(removed.elapsed() <= Duration::from_secs(10), "{:?}", removed.elapsed());
    assert_eq!(lab.statuses(&ALL).await, [200, 200, 200, 502]);
    let routes = lab.admin("/admin/routes.json").await.body;
    let routes: serde_json::Value = serde_json::from_str(&routes).unwrap();
    assert!(routes["default"]["list_failures"].as_u64().unwrap() > 30);
    assert_eq!(routes["default"]["last_failure"], serde_json::Value::Null);
}

#[tokio::test(start_paused = true)]
async fn an_operator_sees_the_exception() {
    let (lab, _pods) = lab(V0_9_1, "null").await;
    lab.get("ledger").await;
    let routes = lab.admin("/admin/routes.json").await.body;
    let routes: serde_json::Value = serde_json::from_str(&routes).unwrap();
    assert_eq!(routes["default"]["state"], "pending");
    assert_eq!(
        routes["default"]["last_failure"],
        "java.lang.NullPointerException: subsets of endpoints new"
    );
    assert_eq!(lab.admin("/admin/ping").await.body, "pong", "the process is in good health");
}

#[tokio::test(start_paused = true)]
async fn a_watch_event_moves_the_traffic() {
    let (lab, pods) = lab(V0_9_1, "[]").await;
    let four = lab.pod(4).await;
    assert_eq!(lab.get("ledger").await.body, "2");
    lab.api.event("MODIFIED", "ledger", &subsets(&[4]));
    lab.settle().await;
    assert_eq!(lab.get("ledger").await.body, "4");
    assert_eq!((pods[1].requests(), four.requests()), (1, 1));
    lab.api.event("ADDED", "new", &subsets(&[1]));
    lab.api.event("DELETED", "feed", "null");
    lab.settle().await;
    assert_eq!(lab.statuses(&ALL).await, [200, 200, 502, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_null_in_an_event_freezes_0_9_1_and_not_1_0_0() {
    for (version, after) in [(V0_9_1, "2"), (V1_0_0, "4")] {
        let (lab, _pods) = lab(version, "[]").await;
        let _four = lab.pod(4).await;
        assert_eq!(lab.get("ledger").await.body, "2");
        lab.api.event("MODIFIED", "new", "null");
        lab.api.event("MODIFIED", "ledger", &subsets(&[4]));
        lab.settle().await;
        assert_eq!(lab.get("ledger").await.body, after);
        // The stream is read on: the apiserver sees a healthy watch.
        assert_eq!(lab.api.watch_count(), 1);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(lab.get("ledger").await.body, after, "for ever");
        let frozen = lab.admin("/admin/routes.json").await.body.contains("NullPointerException");
        assert_eq!(frozen, version == V0_9_1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_is_watched_on_from_its_last_event() {
    let (lab, _pods) = lab(V0_9_1, "[]").await;
    lab.get("ledger").await;
    let listed = lab.api.version();
    lab.api.event("MODIFIED", "ledger", &subsets(&[1]));
    lab.settle().await;
    lab.api.end_watches();
    lab.settle().await;
    let path = "/api/v1/namespaces/default/endpoints";
    let watch = |version| format!("{path}?watch=true&resourceVersion={version}");
    assert_eq!(lab.api.targets(), [path.to_owned(), watch(listed), watch(listed + 1)]);
    lab.api.event("MODIFIED", "ledger", &subsets(&[3]));
    lab.settle().await;
    assert_eq!(lab.get("ledger").await.body, "3");
}

/// In the gap `ledger` moved, `late` came and `feed` went.
async fn gap(lab: &Lab) {
    lab.get("ledger").await;
    lab.api.requests();
    lab.api.put("ledger", subsets(&[1]));
    lab.api.put("late", subsets(&[1]));
    lab.api.remove("feed");
}

#[tokio::test(start_paused = true)]
async fn an_error_event_leads_to_a_new_list_that_neither_adds_nor_removes_names() {
    let (lab, _pods) = lab(V0_9_1, "[]").await;
    gap(&lab).await;
    lab.api.raw("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}\n");
    lab.api.end_watches();
    lab.settle().await;
    assert_eq!(lab.api.targets().len(), 2, "a list and a watch");
    assert_eq!(lab.get("ledger").await.body, "1");
    assert_eq!(lab.statuses(&["late", "feed"]).await, [502, 200]);
}

#[tokio::test(start_paused = true)]
async fn status_410_leads_to_a_new_list() {
    let (lab, _pods) = lab(V0_9_1, "[]").await;
    gap(&lab).await;
    lab.api.event("MODIFIED", "account", &subsets(&[1]));
    lab.settle().await;
    lab.api.gone_once();
    lab.api.end_watches();
    lab.settle().await;
    assert_eq!(lab.get("ledger").await.body, "1");
}

#[tokio::test(start_paused = true)]
async fn a_new_list_with_a_known_null_freezes_0_9_1_and_ends_its_watching() {
    for (version, watches) in [(V0_9_1, 0), (V1_0_0, 1)] {
        let (lab, _pods) = lab(version, "[]").await;
        assert_eq!(lab.get("ledger").await.body, "2");
        lab.api.put("new", "null");
        lab.api.put("ledger", subsets(&[1]));
        // No event at all is no version to go on from.
        lab.api.end_watches();
        lab.settle().await;
        assert_eq!(lab.api.watch_count(), watches);
        // `ledger` stands before `new` in the list, so its change still came through.
        assert_eq!(lab.get("ledger").await.body, "1");
        lab.api.event("MODIFIED", "ledger", &subsets(&[3]));
        lab.settle().await;
        assert_eq!(lab.get("ledger").await.body, if version == V0_9_1 { "1" } else { "3" });
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_apiserver_is_asked_until_it_answers() {
    let (lab, _pods) = lab(V0_9_1, "[]").await;
    lab.api.list_status(Some(500));
    assert_eq!(lab.get("ledger").await.status, 502);
    lab.api.list_status(None);
    assert_eq!(lab.get("ledger").await.status, 200);
    lab.api.event("MODIFIED", "feed", &subsets(&[1]));
    lab.settle().await;
    lab.api.watch_status(Some(503));
    lab.api.end_watches();
    tokio::time::sleep(Duration::from_secs(300)).await;
    lab.api.watch_status(None);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(lab.api.watch_count(), 1);
    lab.api.event("MODIFIED", "ledger", &subsets(&[1]));
    lab.settle().await;
    assert_eq!(lab.get("ledger").await.body, "1");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_refused_or_unreadable_is_never_tried_again() {
    for how in ["refused", "unreadable"] {
        let (lab, _pods) = lab(V1_0_0, "[]").await;
        assert_eq!(lab.get("ledger").await.body, "2");
        match how {
            "refused" => {
                lab.api.watch_status(Some(403));
                lab.api.end_watches();
            }
            _ => lab.api.raw("not json\n"),
        }
        lab.settle().await;
        lab.api.watch_status(None);
        lab.api.requests();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(lab.api.requests(), [""; 0], "{how}");
        assert_eq!(lab.get("ledger").await.body, "2", "{how}: answered from the frozen cache");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_apiserver_is_waited_for_without_end() {
    let (lab, _pods) = lab(V0_9_1, "[]").await;
    lab.api.silence();
    assert_eq!(lab.get("ledger").await.status, 502);
    tokio::time::sleep(Duration::from_secs(7200)).await;
    let requests = lab.api.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].contains("authorization: Bearer secret\r\n"), "{}", requests[0]);
}
