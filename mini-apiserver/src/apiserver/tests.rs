//! The server over an etcd in memory, without a network, in virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use harness_env::real::Machine;
use harness_env::{Env, Tasks};
use http::{Request, Response};
use http_body_util::BodyExt;
use mini_etcd::client::Generation;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::body::Body;
use super::config::Config;
use super::server::Server;
use crate::Version;
use crate::objects::{Kind, Object, codec};
use crate::registry::fake::Fake;

struct World {
    server: Arc<Server>,
    etcd: BTreeMap<Kind, Arc<Fake>>,
    tasks: Tasks,
}

fn env() -> Env {
    Machine::new("apiserver", ".").env()
}

/// A server whose etcd hangs from the beginning for some resources.
fn world_with(version: Version, hanging: &[Kind]) -> World {
    let (env, etcd) = (env(), Kind::ALL.map(|kind| (kind, Fake::new())));
    let etcd = BTreeMap::from(etcd);
    for kind in hanging {
        etcd[kind].hang(true);
    }
    let tasks = env.tasks();
    let config = Config::new(0, vec![], "grpc-1.0.4".parse::<Generation>().unwrap(), version);
    let server = Server::new(&env, &tasks, config, |kind| etcd[&kind].clone());
    World { server: Arc::new(server), etcd, tasks }
}

fn world() -> World {
    world_with(Version::V1_7, &[])
}

impl World {
    async fn send(&self, request: http::request::Builder, body: Value) -> Response<Body> {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        self.server.handle(request.body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> Response<Body> {
        self.send(Request::get(path), Value::Null).await
    }

    async fn create(&self, path: &str, body: Value) -> Response<Body> {
        self.send(Request::post(path), body).await
    }

    /// Sends a request whose answer nobody waits for.
    fn send_and_forget(&self, path: &str) {
        let (server, request) = (self.server.clone(), Request::get(path).body(Bytes::new()));
        self.tasks.spawn(async move {
            server.handle(request.unwrap()).await;
        });
    }
}

async fn json(response: Response<Body>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)))
}

async fn event(response: &mut Response<Body>) -> Option<Value> {
    let frame = response.body_mut().frame().await?.unwrap();
    Some(serde_json::from_slice(&frame.into_data().unwrap()).unwrap())
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn empty_endpoints(name: &str) -> Value {
    json!({"metadata": {"name": name}, "subsets": []})
}

/// What each release sends for Endpoints without subsets, wherever it can be seen. The table is
/// that of kubernetes#43203, #43422 and #45294; 1.10 is the tag in k8s.io/api.
#[tokio::test(start_paused = true)]
async fn empty_endpoints_print_as_each_release_printed_them() {
    let (empty, null) = (Some(json!([])), Some(Value::Null));
    for (version, single, listed) in [
        (Version::V1_5, &empty, &empty),
        (Version::V1_7, &empty, &null),
        (Version::V1_8, &null, &null),
        (Version::V1_10, &None, &None),
    ] {
        let world = world_with(version, &[]);
        let subsets = |object: &Value| object.as_object().unwrap().get("subsets").cloned();
        let mut watch = world.get(&format!("{ENDPOINTS}?watch=true")).await;
        let created = json(world.create(ENDPOINTS, empty_endpoints("a")).await).await;
        assert_eq!(&subsets(&created), single, "{version} answer to a create");
        let event = event(&mut watch).await.unwrap();
        assert_eq!(&subsets(&event["object"]), single, "{version} event of a watch");
        for parameters in ["", "?resourceVersion=0"] {
            let got = json(world.get(&format!("{ENDPOINTS}/a{parameters}")).await).await;
            assert_eq!(&subsets(&got), single, "{version} get {parameters}");
            let list = json(world.get(&format!("{ENDPOINTS}{parameters}")).await).await;
            assert_eq!(&subsets(&list["items"][0]), listed, "{version} list {parameters}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hung_get_gives_its_place_back_after_exactly_60_s_and_leaves_a_task() {
    let world = world();
    world.etcd[&Kind::Secret].hang(true);
    let began = Instant::now();
    let response = world.get(&format!("{SECRETS}/a")).await;
    assert_eq!(began.elapsed(), Duration::from_secs(60));
    assert_eq!(world.server.in_flight(), (0, 0));
    assert_eq!(world.server.patience().abandoned(), 1);
    let status = json(response).await;
    assert_eq!((&status["code"], &status["reason"]), (&json!(500), &json!("ServerTimeout")));
    world.etcd[&Kind::Secret].hang(false);
    settle().await;
    assert_eq!(world.server.patience().abandoned(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_is_504_since_1_10() {
    let world = world_with(Version::V1_10, &[]);
    world.etcd[&Kind::Secret].hang(true);
    assert_eq!(world.get(&format!("{SECRETS}/a")).await.status(), 504);
}

#[tokio::test(start_paused = true)]
async fn the_401st_read_is_refused_at_once_whatever_it_reads() {
    let world = world();
    settle().await;
    world.etcd[&Kind::Secret].hang(true);
    for _ in 0..400 {
        world.send_and_forget(&format!("{SECRETS}/a"));
    }
    settle().await;
    let began = Instant::now();
    let response = world.get(ENDPOINTS).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(world.get(&format!("{ENDPOINTS}?watch=true")).await.status(), 200);
    assert_eq!(world.create(ENDPOINTS, empty_endpoints("a")).await.status(), 201);
    tokio::time::sleep(Duration::from_secs(60)).await;
    settle().await;
    assert_eq!(world.get(ENDPOINTS).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_hung_write_answers_after_30_s_and_happens_later() {
    let world = world();
    settle().await;
    world.etcd[&Kind::Endpoints].hang(true);
    let began = Instant::now();
    let response = world.create(ENDPOINTS, empty_endpoints("a")).await;
    assert_eq!((response.status().as_u16(), began.elapsed().as_secs()), (504, 30));
    let message = "Timeout: request did not complete within allowed duration";
    assert_eq!(json(response).await["message"], message);
    let impatient = Request::post(format!("{ENDPOINTS}?timeout=3s"));
    let began = Instant::now();
    assert_eq!(world.send(impatient, empty_endpoints("b")).await.status(), 504);
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    world.etcd[&Kind::Endpoints].hang(false);
    settle().await;
    assert_eq!(world.get(&format!("{ENDPOINTS}/a")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn the_watch_cache_answers_while_requests_of_etcd_hang() {
    let world = world();
    world.create(ENDPOINTS, empty_endpoints("a")).await;
    settle().await;
    world.etcd[&Kind::Endpoints].hang(true);
    let began = Instant::now();
    assert_eq!(world.get(&format!("{ENDPOINTS}/a?resourceVersion=0")).await.status(), 200);
    let list = json(world.get(&format!("{ENDPOINTS}?resourceVersion=0")).await).await;
    assert_eq!(list["items"][0]["metadata"]["name"], "a");
    let mut watch = world.get(&format!("{ENDPOINTS}?watch=1")).await;
    assert_eq!(event(&mut watch).await.unwrap()["type"], "ADDED");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_watch_gets_no_answer_before_the_cache_is_ready() {
    let world = world_with(Version::V1_7, &[Kind::Endpoints]);
    let path = format!("{ENDPOINTS}?watch=true");
    let watch = world.get(&path);
    tokio::pin!(watch);
    let hour = Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, &mut watch).await.is_err());
    world.etcd[&Kind::Endpoints].hang(false);
    assert_eq!(watch.await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn hanging_secrets_hang_every_request_with_a_token() {
    let world = world();
    let secret = json!({"metadata": {"name": "robot"}, "data": {"token": "aHVudGVyMg=="}});
    world.create(SECRETS, secret).await;
    let with =
        |token: &str| Request::get(ENDPOINTS).header("authorization", format!("Bearer {token}"));
    let good = "default:robot:hunter2";
    assert_eq!(world.send(with(good), Value::Null).await.status(), 200);
    for bad in ["default:robot:hunter3", "default:nobody:hunter2", "robot", ""] {
        assert_eq!(world.send(with(bad), Value::Null).await.status(), 401, "{bad}");
    }
    world.etcd[&Kind::Secret].hang(true);
    let began = Instant::now();
    assert_eq!(world.send(with(good), Value::Null).await.status(), 500);
    assert_eq!(began.elapsed(), Duration::from_secs(60));
    let user = Request::get(ENDPOINTS).header("x-remote-user", "kubelet-a1");
    assert_eq!(world.send(user, Value::Null).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_too_old_a_version_is_200_and_one_event_with_410() {
    let world = world();
    settle().await;
    let data = |n: u32| json!({"metadata": {"name": "a"}, "data": {"n": n.to_string()}});
    let created = json(world.create(CONFIG_MAPS, data(0)).await).await;
    let first = created["metadata"]["resourceVersion"].as_str().unwrap().to_string();
    for n in 1..=101 {
        let put = world.send(Request::put(format!("{CONFIG_MAPS}/a")), data(n)).await;
        assert_eq!(put.status(), 200);
        settle().await;
    }
    let mut watch = world.get(&format!("{CONFIG_MAPS}?watch=true&resourceVersion={first}")).await;
    assert_eq!(watch.status(), 200);
    let error = event(&mut watch).await.unwrap();
    assert_eq!((&error["type"], &error["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(event(&mut watch).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_watch_lives_30_to_60_minutes_or_as_long_as_it_says() {
    let world = world();
    let began = Instant::now();
    let mut watch = world.get(&format!("{ENDPOINTS}?watch=true")).await;
    assert_eq!(event(&mut watch).await, None);
    assert!((1800..=3600).contains(&began.elapsed().as_secs()));
    let began = Instant::now();
    let mut watch = world.get(&format!("{ENDPOINTS}?watch=true&timeoutSeconds=7")).await;
    assert_eq!(event(&mut watch).await, None);
    assert_eq!(began.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn watches_end_when_the_cache_begins_anew() {
    let world = world();
    let mut watch = world.get(&format!("{ENDPOINTS}?watch=true")).await;
    settle().await;
    let began = Instant::now();
    world.etcd[&Kind::Endpoints].break_watches();
    assert_eq!(event(&mut watch).await, None);
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert_eq!(world.get(&format!("{ENDPOINTS}?watch=true")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_and_the_others_are_not() {
    let world = world();
    let mut slow = world.get(&format!("{ENDPOINTS}?watch=true")).await;
    let mut fast = world.get(&format!("{ENDPOINTS}?watch=true")).await;
    for n in 0..20 {
        world.create(ENDPOINTS, empty_endpoints(&format!("e{n}"))).await;
        let event = event(&mut fast).await.unwrap();
        assert_eq!(event["object"]["metadata"]["name"], format!("e{n}"));
    }
    let mut events = 0;
    while event(&mut slow).await.is_some() {
        events += 1;
    }
    assert!((10..20).contains(&events), "{events}");
}

#[tokio::test(start_paused = true)]
async fn a_read_of_a_version_that_does_not_come_is_504_after_3_s() {
    let world = world();
    let began = Instant::now();
    let response = world.get(&format!("{ENDPOINTS}?resourceVersion=1000")).await;
    assert_eq!((response.status().as_u16(), began.elapsed().as_secs()), (504, 3));
    assert_eq!(response.headers()["retry-after"], "1");
}

#[tokio::test(start_paused = true)]
async fn writes_of_an_old_version_conflict_and_without_a_version_win() {
    let world = world();
    settle().await;
    let path = format!("{CONFIG_MAPS}/a");
    let old = json(world.create(CONFIG_MAPS, json!({"metadata": {"name": "a"}})).await).await;
    settle().await;
    let mut new = old.clone();
    new["data"] = json!({"k": "1"});
    assert_eq!(world.send(Request::put(&path), new.clone()).await.status(), 200);
    settle().await;
    new["data"] = json!({"k": "2"});
    let conflict = world.send(Request::put(&path), new.clone()).await;
    assert_eq!(conflict.status(), 409);
    assert_eq!(json(conflict).await["reason"], "Conflict");
    new["metadata"]["resourceVersion"] = Value::Null;
    assert_eq!(world.send(Request::put(&path), new).await.status(), 200);
    let again = world.create(CONFIG_MAPS, json!({"metadata": {"name": "a"}})).await;
    assert_eq!(json(again).await["reason"], "AlreadyExists");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_changes_nothing_writes_nothing() {
    let world = world();
    let created = json(world.create(CONFIG_MAPS, json!({"metadata": {"name": "a"}})).await).await;
    settle().await;
    let path = format!("{CONFIG_MAPS}/a");
    let same = json(world.send(Request::put(path), created.clone()).await).await;
    assert_eq!(same["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_may_come_as_texts_and_an_object_as_protobuf() {
    let world = world();
    let secret = json!({"metadata": {"name": "s"}, "stringData": {"a": "b"}});
    let created = json(world.create(SECRETS, secret).await).await;
    assert_eq!((&created["data"], &created["stringData"]), (&json!({"a": "Yg=="}), &Value::Null));
    let map = json!({"metadata": {"name": "m"}, "data": {"a": "b"}});
    let map = codec::encode(&Object::read(Kind::ConfigMap, map).unwrap(), Version::V1_7);
    let request =
        Request::post(CONFIG_MAPS).header("content-type", "application/vnd.kubernetes.protobuf");
    let created = world.server.handle(request.body(map).unwrap()).await;
    assert_eq!(json(created).await["data"], json!({"a": "b"}));
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_bound_once_and_asked_to_go_before_it_goes() {
    let world = world();
    let pods = "/api/v1/namespaces/default/pods";
    let pod = json!({"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c"}]}});
    let pod = json(world.create(pods, pod).await).await;
    let name = pod["metadata"]["name"].as_str().unwrap();
    assert_eq!((pod["status"]["phase"].as_str(), name.len()), (Some("Pending"), 7));
    settle().await;
    let binding = json!({"target": {"kind": "Node", "name": "n1"}});
    let bind = format!("{pods}/{name}/binding");
    assert_eq!(world.create(&bind, binding.clone()).await.status(), 201);
    settle().await;
    assert_eq!(world.create(&bind, binding).await.status(), 409);
    let list = json(world.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1").await).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["kind"], Value::Null);

    let path = format!("{pods}/{name}");
    let going = json(world.send(Request::delete(&path), Value::Null).await).await;
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 30);
    settle().await;
    let now = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": "other"}});
    assert_eq!(world.send(Request::delete(&path), now).await.status(), 409);
    let now = json!({"gracePeriodSeconds": 0});
    let gone = json(world.send(Request::delete(&path), now).await).await;
    assert_eq!((&gone["kind"], &gone["status"]), (&json!("Status"), &json!("Success")));
    assert_eq!(world.get(&path).await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_scales_by_its_subresource() {
    let world = world();
    let deployments = "/apis/extensions/v1beta1/namespaces/default/deployments";
    let template =
        json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c"}]}});
    let created = world
        .create(deployments, json!({"metadata": {"name": "d"}, "spec": {"template": template}}));
    let created = json(created.await).await;
    assert_eq!(
        (&created["spec"]["replicas"], &created["metadata"]["generation"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(created["spec"]["selector"]["matchLabels"]["app"], "a");
    settle().await;
    let path = format!("{deployments}/d/scale");
    let patch = Request::patch(&path).header("content-type", "application/merge-patch+json");
    let scaled = json(world.send(patch, json!({"spec": {"replicas": 0}})).await).await;
    assert_eq!((&scaled["kind"], &scaled["spec"]["replicas"]), (&json!("Scale"), &json!(0)));
    settle().await;
    let mut scale = json(world.get(&path).await).await;
    scale["spec"]["replicas"] = json!(4);
    assert_eq!(world.send(Request::put(&path), scale.clone()).await.status(), 200);
    settle().await;
    assert_eq!(world.send(Request::put(&path), scale).await.status(), 409);
    let apps = "/apis/apps/v1beta1/namespaces/default/deployments/d";
    let deployment = json(world.get(apps).await).await;
    assert_eq!(
        (&deployment["spec"]["replicas"], &deployment["metadata"]["generation"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(deployment["apiVersion"], "apps/v1beta1");
}

#[tokio::test(start_paused = true)]
async fn wrong_requests_get_a_status_that_says_what_is_wrong() {
    let world = world();
    let put = |path: &str| Request::put(path.to_string());
    for (request, body, code) in [
        (Request::get("/api/v1/colours"), Value::Null, 404),
        (Request::get("/nowhere"), Value::Null, 404),
        (Request::get(format!("{ENDPOINTS}/none")), Value::Null, 404),
        (Request::get(format!("{ENDPOINTS}?resourceVersion=x")), Value::Null, 400),
        (Request::get(format!("{ENDPOINTS}?labelSelector=a%20in")), Value::Null, 400),
        (Request::post("/api/v1/endpoints"), empty_endpoints("a"), 405),
        (Request::post(ENDPOINTS), json!({"kind": "Pod"}), 400),
        (Request::post(ENDPOINTS), json!({"metadata": {"name": "A"}}), 422),
        (Request::post(ENDPOINTS), json!({"metadata": {"name": "a", "namespace": "b"}}), 400),
        (Request::post(ENDPOINTS).header("content-type", "application/yaml"), json!({}), 415),
        (put(&format!("{ENDPOINTS}/b")), empty_endpoints("a"), 400),
        (put(&format!("{ENDPOINTS}/a")), empty_endpoints("a"), 404),
        (Request::patch(format!("{ENDPOINTS}/a")), json!({}), 415),
        (Request::options(ENDPOINTS), Value::Null, 405),
    ] {
        let what = format!("{:?} {:?}", request.method_ref(), request.uri_ref());
        let response = world.send(request, body).await;
        assert_eq!(response.status(), code, "{what}");
        let status = json(response).await;
        assert_eq!((&status["kind"], &status["code"]), (&json!("Status"), &json!(code)), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_paths_for_people_answer() {
    let world = world();
    settle().await;
    assert_eq!(json(world.get("/healthz").await).await, json!("ok"));
    assert_eq!(json(world.get("/version").await).await["gitVersion"], "v1.7.8");
    let clients = json(world.get("/debug/etcd-clients").await).await;
    assert_eq!(clients["endpoints"]["watchCacheReady"], true);
    let resources = json(world.get("/apis/apps/v1beta1").await).await;
    assert_eq!(resources["resources"][0]["name"], "deployments");
    assert_eq!(world.get("/apis/apps/v1").await.status(), 404);
}
