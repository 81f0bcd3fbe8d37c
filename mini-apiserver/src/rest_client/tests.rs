//! The client, against a server that does as it is told.

use std::time::Duration;

use harness_env::Env;
use serde_json::{Value, json};

use super::fake::{Fake, Reply, serve};
use super::informer::{Change, Informer};
use super::{Client, Error, EventType, Identity, view};

fn env() -> Env {
    harness_env::real::Machine::new("test", std::env::temp_dir()).env()
}

fn client(env: &Env, fake: &Fake) -> Client {
    Client::new(env, "test", fake.addr, Identity::User("tester".to_string()))
}

fn ok(body: Value) -> Reply {
    Reply::Json(200, "", body)
}

#[tokio::test]
async fn one_connection_serves_a_client_that_asks_one_thing_at_a_time() {
    let env = env();
    let fake = serve(&env, |_, body| ok(json!({ "got": body }))).await;
    let client = client(&env, &fake);
    for _ in 0..3 {
        client.get("/version").await.expect("it answers");
    }
    let answer = client.patch_merge("/a", &json!({"b": 1})).await.expect("it answers");
    assert_eq!(answer["got"], r#"{"b":1}"#);
    assert!(fake.requests().iter().all(|request| request.starts_with("0 ")), "one connection");
    let head = fake.heads.lock().expect("no panic").concat().to_lowercase();
    assert!(head.contains("x-remote-user: tester") && head.contains("merge-patch+json"));
}

#[tokio::test]
async fn a_busy_connection_makes_the_client_open_another_and_return_to_the_first() {
    let env = env();
    let fake = serve(&env, |line, _| match line {
        "GET /hangs" => Reply::Never,
        _ => ok(json!({})),
    })
    .await;
    let client = client(&env, &fake);
    let hanging = client.with_timeout(Duration::from_millis(200));
    let (hung, answered) = tokio::join!(hanging.get("/hangs"), client.get("/quick"));
    assert!(matches!(hung, Err(Error::Timeout)));
    answered.expect("it answers");
    assert!(fake.requests().contains(&"1 GET /quick".to_string()));
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_is_replaced_unnoticed() {
    let env = env();
    let fake = serve(&env, |_, _| Reply::JsonThenClose(json!({}))).await;
    let client = client(&env, &fake);
    for _ in 0..5 {
        client.get("/a").await.expect("it answers");
    }
    assert_eq!(fake.requests().len(), 5);
}

#[tokio::test]
async fn a_write_that_may_have_had_an_effect_is_not_sent_twice() {
    let env = env();
    let fake = serve(&env, |line, _| match line {
        "POST /a" => Reply::Close,
        _ => ok(json!({})),
    })
    .await;
    let client = client(&env, &fake);
    client.get("/a").await.expect("it answers");
    let error = client.create("/a", &json!({})).await.expect_err("nobody answered");
    assert!(matches!(error, Error::Io(_)), "{error}");
    assert_eq!(fake.requests(), ["0 GET /a", "0 POST /a"]);
}

#[tokio::test]
async fn a_refusal_says_what_the_status_object_says() {
    let env = env();
    let fake = serve(&env, |_, _| {
        Reply::Json(409, "", json!({"kind": "Status", "reason": "AlreadyExists", "message": "no"}))
    })
    .await;
    let error = client(&env, &fake).create("/a", &json!({})).await.expect_err("refused");
    assert!(error.is_already_exists() && !error.is_conflict());
    assert_eq!(error.to_string(), "409 AlreadyExists: no");
}

#[tokio::test]
async fn a_429_is_asked_again_after_the_time_it_names_and_not_for_ever() {
    let env = env();
    let mut times = 0;
    let fake = serve(&env, move |line, _| {
        times += 1;
        match (line, times) {
            ("GET /twice", 1..=2) => Reply::Json(429, "retry-after: 0\r\n", json!({})),
            ("GET /twice", _) => ok(json!({})),
            _ => Reply::Json(429, "retry-after: 0\r\n", json!({})),
        }
    })
    .await;
    let client = client(&env, &fake);
    client.get("/twice").await.expect("the third try");
    let error = client.get("/always").await.expect_err("it never lets us");
    assert_eq!(error.code(), Some(429));
    assert_eq!(fake.requests().len(), 3 + 11);
}

#[tokio::test]
async fn nobody_listening_is_an_io_error() {
    let env = env();
    let listener = env.listen_port(0).await.expect("a free port");
    let addr = listener.local_addr();
    drop(listener);
    let client = Client::new(&env, "test", addr, Identity::User("tester".to_string()));
    assert!(client.get("/a").await.expect_err("refused").is_connection_refused());
}

#[tokio::test]
async fn a_watch_gives_its_events_whatever_the_chunks_and_its_connection_back() {
    let env = env();
    let fake = serve(&env, |line, _| match line {
        "GET /w" => Reply::Chunks(
            [
                "{\"type\":\"ADDED\",\"obj",
                "ect\":{\"a\":1}}\n{\"type\":\"DELETED\",",
                "\"object\":{}}\n",
            ]
            .map(str::to_string)
            .to_vec(),
            true,
        ),
        "GET /broken" => Reply::Chunks(vec!["{\"type\":".to_string()], false),
        _ => ok(json!({})),
    })
    .await;
    let client = client(&env, &fake);
    let mut watch = client.watch("/w").await.expect("it begins");
    let mut events = Vec::new();
    while let Some(event) = watch.next().await {
        events.push(event.expect("an event").0);
    }
    assert_eq!(events, [EventType::Added, EventType::Deleted]);
    client.get("/a").await.expect("it answers");
    assert_eq!(fake.requests()[1], "0 GET /a", "the same connection");
    let mut broken = client.watch("/broken").await.expect("it begins");
    assert!(matches!(broken.next().await, Some(Err(Error::Io(_)))));
    assert!(broken.next().await.is_none());
}

#[tokio::test]
async fn a_reflector_lists_watches_and_lists_again_after_an_error_event() {
    let env = env();
    let mut lists = 0;
    let fake = serve(&env, move |line, _| {
        let object = |name: &str, version: u32| {
            json!({"metadata": {"name": name, "resourceVersion": version.to_string()}})
        };
        if line == "GET /things?resourceVersion=0" {
            lists += 1;
            let items = if lists == 1 { vec![object("a", 5)] } else { vec![object("b", 9)] };
            return ok(json!({"metadata": {"resourceVersion": "7"}, "items": items}));
        }
        assert!(line.contains("watch=true") && line.contains("timeoutSeconds="), "{line}");
        if lists > 1 {
            return Reply::Never;
        }
        let events = [
            json!({"type": "ADDED", "object": object("c", 8)}),
            json!({"type": "ERROR", "object": {"code": 410, "message": "too old"}}),
        ];
        Reply::Chunks(events.iter().map(|event| format!("{event}\n")).collect(), true)
    })
    .await;
    let tasks = env.tasks();
    let (sender, mut changes) = tokio::sync::mpsc::unbounded_channel();
    let on = move |change: &Change| {
        let what = match change {
            Change::Added(_) => "+",
            Change::Updated(..) => "~",
            Change::Deleted(_) => "-",
        };
        let _ = sender.send(format!("{what}{}", view::name(change.object())));
    };
    let client = client(&env, &fake);
    let informer = Informer::start(&env, &tasks, &client, "/things");
    informer.subscribe(on);
    let mut seen = Vec::new();
    while seen.len() < 5 {
        seen.extend(changes.recv().await);
    }
    informer.synced().await;
    assert_eq!(seen, ["+a", "+c", "+b", "-a", "-c"]);
    assert_eq!(informer.store.all().len(), 1);
}
