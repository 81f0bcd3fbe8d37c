//! gRPC by tonic works between machines of the simulator.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anatomy_proto::etcdserverpb::kv_client::KvClient;
use anatomy_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use anatomy_proto::etcdserverpb::watch_client::WatchClient;
use anatomy_proto::etcdserverpb::{self as pb, watch_request::RequestUnion};
use anatomy_tests::rpc::{Channel, Exec, MAX_MESSAGE, Service, connect, serve};
use bytes::Bytes;
use futures_util::stream;
use harness_env::Env;
use harness_sim::{Config, Link, MachineSpec, Report, Side, World, run};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Request};

const PORT: u16 = 2379;

async fn server(env: Env, service: Service) -> Result<(), String> {
    let tasks = env.tasks();
    let listener = env.listen_port(PORT).await.map_err(|e| e.to_string())?;
    loop {
        let stream = listener.accept().await.map_err(|e| e.to_string())?;
        tasks.spawn(serve(stream, Exec::Tasks(tasks.executor()), service.clone()));
    }
}

/// Runs `client` with a connection from one machine to a server on another, 1 ms away; then asks the
/// director `after`, who knows the world and the service.
fn between_machines<T, C, F, D, G>(seed: u64, client: C, direct: D) -> Report<T>
where
    T: Send + 'static,
    C: FnOnce(Channel) -> F + Send + 'static,
    F: Future<Output = T> + Send + 'static,
    D: FnOnce(World, Service) -> G + Send + 'static,
    G: Future<Output = ()>,
{
    let config =
        Config::new(seed).machine(MachineSpec::new("client")).machine(MachineSpec::new("server"));
    run(config, move |world| async move {
        let link = Link::with_latency(Duration::from_millis(1));
        world.set_links(link, link);
        let service = Service::answering();
        let served = service.clone();
        world.start("server", "grpc", |env| server(env, served));
        let to = (world.ip("server"), PORT).into();
        let (send, result) = tokio::sync::oneshot::channel();
        world.start("client", "grpc", move |env| async move {
            let tasks = env.tasks();
            let stream = env.connect(to).await.map_err(|e| e.to_string())?;
            let exec = Exec::Tasks(tasks.executor());
            let channel = connect(stream, exec).await.map_err(|e| e.to_string())?;
            let _ = send.send(client(channel).await);
            Ok(())
        });
        direct(world, service).await;
        result.await.expect("the client ends")
    })
}

async fn nothing_else(_: World, _: Service) {}

fn kv(channel: Channel) -> KvClient<Channel> {
    KvClient::with_origin(channel, Channel::origin())
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
}

fn put(key: &str, value: impl Into<Bytes>) -> pb::PutRequest {
    pb::PutRequest { key: key.to_owned().into(), value: value.into(), ..Default::default() }
}

fn get(key: &str) -> pb::RangeRequest {
    pb::RangeRequest { key: key.to_owned().into(), ..Default::default() }
}

fn watch(n: i64) -> pb::WatchRequest {
    let create = pb::WatchCreateRequest {
        watch_id: n,
        key: format!("key {n}").into(),
        ..Default::default()
    };
    pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
}

#[test]
fn a_unary_call_is_answered_and_the_same_seed_gives_the_same_packets() {
    async fn client(channel: Channel) -> Option<Bytes> {
        let mut kv = kv(channel);
        kv.put(put("a", "1")).await.expect("a put is answered");
        let answer = kv.range(get("a")).await.expect("a range is answered").into_inner();
        answer.kvs.into_iter().next().map(|kv| kv.value)
    }
    let report = between_machines(1, client, nothing_else);
    assert_eq!(report.result, Some(Bytes::from("1")));
    assert_eq!(between_machines(1, client, nothing_else).digest, report.digest);
}

#[test]
fn a_server_streams_and_time_passes_as_the_server_lets_it() {
    let report = between_machines(
        1,
        |channel| async {
            let mut maintenance = MaintenanceClient::with_origin(channel, Channel::origin());
            let began = Instant::now();
            let answer = maintenance.snapshot(pb::SnapshotRequest::default()).await;
            let mut chunks = answer.expect("a stream opens").into_inner();
            let mut left = Vec::new();
            while let Some(chunk) = chunks.message().await.expect("no chunk is lost") {
                left.push(chunk.remaining_bytes);
            }
            (left, began.elapsed())
        },
        nothing_else,
    );
    let (left, took) = report.result;
    assert_eq!(left, [4, 3, 2, 1, 0]);
    // Five chunks, 100 ms each, and the way there and back.
    assert_eq!(took, Duration::from_millis(502));
}

#[test]
fn both_sides_stream_at_once_in_order() {
    let report = between_machines(
        1,
        |channel| async {
            let messages = stream::unfold(0, |n| async move {
                sleep(Duration::from_millis(10)).await;
                (n < 50).then(|| (watch(n), n + 1))
            });
            let mut client = WatchClient::with_origin(channel, Channel::origin());
            let answer = client.watch(messages).await;
            let mut answers = answer.expect("a stream opens").into_inner();
            let mut seen = Vec::new();
            while let Some(answer) = answers.message().await.expect("no answer is lost") {
                seen.push((answer.watch_id, answer.cancel_reason));
            }
            seen
        },
        nothing_else,
    );
    let expected: Vec<_> = (0..50).map(|n| (n, format!("key {n}"))).collect();
    assert_eq!(report.result, expected);
}

#[test]
fn the_server_keeps_the_deadline_that_the_client_sends() {
    let report = between_machines(
        1,
        |channel| async {
            let mut request = Request::new(get("slow"));
            request.set_timeout(Duration::from_millis(500));
            let began = Instant::now();
            let status = kv(channel).range(request).await.expect_err("it takes 10 s");
            (status.code(), began.elapsed())
        },
        nothing_else,
    );
    assert_eq!(report.result, (Code::DeadlineExceeded, Duration::from_millis(502)));
}

#[test]
fn a_client_that_stops_waiting_stops_the_call_on_the_server() {
    let report = between_machines(
        1,
        |channel| async {
            let began = Instant::now();
            let mut kv = kv(channel);
            let answer = timeout(Duration::from_secs(3), kv.range(get("slow"))).await;
            assert!(answer.is_err(), "it takes 10 s");
            let waited = began.elapsed();
            // The connection is still good.
            kv.range(get("a")).await.expect("a quick call is answered");
            waited
        },
        |_, service| async move {
            sleep(Duration::from_secs(30)).await;
            assert_eq!(service.counters.slow_answered.load(Ordering::Relaxed), 0);
        },
    );
    assert_eq!(report.result, Duration::from_secs(3));
}

#[test]
fn messages_of_5_mb_go_both_ways() {
    let value: Bytes = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
    let sent = value.clone();
    let report = between_machines(
        1,
        |channel| async {
            let mut kv = kv(channel);
            kv.put(put("large", sent)).await.expect("a large put is answered");
            let answer = kv.range(get("large")).await.expect("a large range is answered");
            answer.into_inner().kvs.remove(0).value
        },
        nothing_else,
    );
    assert!(report.result == value, "the bytes that came back are others");
}

#[test]
fn a_connection_that_a_partition_cuts_for_a_second_goes_on() {
    let report = between_machines(
        1,
        |channel| async {
            let mut kv = kv(channel);
            for n in 0..40 {
                kv.put(put("n", n.to_string())).await.expect("no put is lost");
                sleep(Duration::from_millis(100)).await;
            }
            kv.range(get("n")).await.expect("it is there").into_inner().kvs.remove(0).value
        },
        |world, _| async move {
            sleep(Duration::from_secs(1)).await;
            let (here, there) = ("client".to_owned(), "server".to_owned());
            let cut = world.partition(Side::Machine(here), Side::Machine(there));
            sleep(Duration::from_secs(1)).await;
            world.end(cut);
            assert_eq!(world.connections("client").len(), 1, "it is the same connection");
        },
    );
    assert_eq!(report.result, "39");
    assert_eq!(report.faults.len(), 1);
    assert!(report.faults[0].effects > 0, "the partition touched nothing");
}
