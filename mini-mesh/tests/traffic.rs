//! What becomes of requests when pods die, answer badly, or not at all.

mod support;

use std::time::Duration;

use mini_mesh::Version::V1_0_0;
use support::apiserver::subsets;
use support::{Lab, MESH};
use tokio::time::Instant;

/// A service `ledger` with these pods, of which none runs yet.
async fn lab(pods: &[u8]) -> Lab {
    let lab = Lab::new(V1_0_0).await;
    lab.api.put("ledger", subsets(pods));
    lab
}

#[tokio::test(start_paused = true)]
async fn requests_are_shared_among_the_pods_over_few_connections() {
    let lab = lab(&[1, 2]).await;
    let (one, two) = (lab.pod(1).await, lab.pod(2).await);
    for _ in 0..100 {
        assert_eq!(lab.get("ledger").await.status, 200);
    }
    assert!(one.requests() > 30 && two.requests() > 30, "{} {}", one.requests(), two.requests());
    assert_eq!((one.connections(), two.connections()), (1, 1), "connections are kept");
}

#[tokio::test(start_paused = true)]
async fn a_body_passes_both_ways_and_a_huge_one_does_not() {
    let lab = lab(&[1]).await;
    let _one = lab.pod(1).await;
    let post = |body: &str| {
        let length = body.len();
        let head = "POST http://ledger/transfer HTTP/1.1\r\nhost: x\r\nconnection: close";
        format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let answer = lab.send(MESH, &post("hello")).await;
    assert_eq!((answer.status, &*answer.body), (200, "1hello"));
    assert!(answer.head.contains("via: 1.1 linkerd"), "{}", answer.head);
    let huge =
        "POST / HTTP/1.1\r\nhost: ledger\r\nconnection: close\r\ncontent-length: 2000000\r\n\r\n";
    assert_eq!(lab.send(MESH, huge).await.status, 413);
    let nobody = "GET / HTTP/1.0\r\n\r\n";
    assert_eq!(lab.send(MESH, nobody).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_refuses_is_requeued_away_from() {
    let lab = lab(&[1, 2]).await;
    let (one, two) = (lab.pod(1).await, lab.pod(2).await);
    lab.get("ledger").await;
    drop(one);
    lab.settle().await;
    for _ in 0..50 {
        assert_eq!(lab.get("ledger").await.body, "2");
    }
    assert!(two.requests() >= 50);
    assert!(lab.admin("/admin/clients.json").await.body.contains("\"dead\""));
}

#[tokio::test(start_paused = true)]
async fn addresses_that_nobody_has_any_more_cost_a_second_each_and_end_in_502() {
    let lab = lab(&[8, 9]).await;
    let started = Instant::now();
    let answer = lab.get("ledger").await;
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("connection timed out"), "{}", answer.body);
    // The first try and the twenty requeues that a quiet service's budget gives one request.
    assert_eq!(started.elapsed().as_secs(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_dead_pod_that_comes_back_is_probed_and_used_again() {
    let lab = lab(&[1]).await;
    let one = lab.pod(1).await;
    one.set_status(500);
    for _ in 0..5 {
        assert_eq!(lab.get("ledger").await.status, 500);
    }
    assert!(lab.admin("/admin/clients.json").await.body.contains("\"dead\""));
    one.set_status(200);
    assert_eq!(lab.get("ledger").await.status, 200, "all are dead, so one is taken all the same");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(lab.get("ledger").await.status, 200);
    assert!(lab.admin("/admin/clients.json").await.body.contains("\"alive\""));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_never_answers_is_waited_for() {
    let lab = lab(&[1]).await;
    let one = lab.pod(1).await;
    one.set_status(0);
    let hour = Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, lab.get("ledger")).await.is_err());
    assert_eq!(one.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_service_may_have_seen_is_not_sent_again() {
    let lab = lab(&[1, 2]).await;
    let (one, two) = (lab.pod(1).await, lab.pod(2).await);
    one.set_status(0);
    two.set_status(0);
    let kill = async {
        lab.settle().await;
        let seen = (one.requests(), two.requests());
        drop((one, two));
        seen
    };
    let (answer, seen) = tokio::join!(biased; lab.get("ledger"), kill);
    assert_eq!(answer.status, 502);
    assert_eq!(seen.0 + seen.1, 1);
}
