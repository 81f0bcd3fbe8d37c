//! The apiserver over a real etcd member and its real client, on loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use harness_env::real::Machine;
use harness_env::{Env, Task, Tasks};
use mini_apiserver::Version;
use mini_apiserver::apiserver::{self, Config};
use mini_apiserver::rest_client::{Client, EventType, Identity};
use mini_etcd::client::Generation;
use mini_etcd::{Profile, server};
use serde_json::{Value, json};

struct World {
    env: Env,
    etcd: SocketAddr,
    tasks: Tasks,
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound")
}

impl World {
    /// One member of etcd.
    fn new(test: &str) -> World {
        let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).expect("a directory of the test's own");
        let env = Machine::new(test, root).with_ip(Ipv4Addr::LOCALHOST.into()).env();
        let (etcd, tasks) = (free_address(), env.tasks());
        let config = server::Config::new("e1", etcd, free_address(), Profile::V3_2_9);
        let member = server::run(env.clone(), config, std::future::pending());
        tasks.spawn(async move {
            panic!("etcd ended: {:?}", member.await);
        });
        World { env, etcd, tasks }
    }

    /// An apiserver of a release, and a client of it.
    async fn apiserver(&self, version: Version) -> (Task, Client) {
        let listener = self.env.listen_port(0).await.expect("a free port");
        let address = listener.local_addr();
        let generation: Generation = "grpc-1.0.5".parse().expect("a generation");
        let config = Config::new(address.port(), vec![self.etcd], generation, version);
        let serve = apiserver::serve(self.env.clone(), config, listener);
        let task = self.tasks.spawn_owned(async move {
            let _ = serve.await;
        });
        let identity = Identity::User("tester".into());
        (task, Client::new(&self.env, "tester", address, identity))
    }
}

fn subsets(object: &Value) -> Option<Value> {
    object.as_object().expect("an object").get("subsets").cloned()
}

const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints";

/// kubernetes#43203, #43422, #45294 and the tags in k8s.io/api: the same over TCP.
#[tokio::test]
async fn empty_endpoints_print_as_each_release_printed_them() {
    let world = World::new("empty-endpoints");
    let (empty, null) = (Some(json!([])), Some(Value::Null));
    for (version, single, listed) in [
        (Version::V1_10, &None, &None),
        (Version::V1_8, &null, &null),
        (Version::V1_7, &empty, &null),
        (Version::V1_5, &empty, &empty),
    ] {
        let (_server, client) = world.apiserver(version).await;
        let mut watch = client.watch(&format!("{ENDPOINTS}?watch=true")).await.unwrap();
        let object = json!({"metadata": {"name": "a"}, "subsets": []});
        let created = client.create(ENDPOINTS, &object).await.unwrap();
        assert_eq!(&subsets(&created), single, "{version} create");
        let (what, event) = watch.next().await.unwrap().unwrap();
        assert_eq!((what, &subsets(&event)), (EventType::Added, single), "{version} event");
        let got = client.get(&format!("{ENDPOINTS}/a")).await.unwrap();
        assert_eq!(&subsets(&got), single, "{version} get");
        for parameters in ["", "?resourceVersion=0"] {
            let list = client.list(&format!("{ENDPOINTS}{parameters}")).await.unwrap();
            assert_eq!(&subsets(&list["items"][0]), listed, "{version} list{parameters}");
        }
        client.delete(&format!("{ENDPOINTS}/a")).await.unwrap();
        let (what, _) = watch.next().await.unwrap().unwrap();
        assert_eq!(what, EventType::Deleted);
    }
}

/// Scaling to zero under 1.5 leaves `[]` in etcd as JSON; it lasts until something rewrites it.
#[tokio::test]
async fn an_upgrade_from_1_5_turns_the_list_to_null_with_the_next_write() {
    let world = World::new("upgrade");
    {
        let (_server, client) = world.apiserver(Version::V1_5).await;
        let object = json!({"metadata": {"name": "a"}, "subsets": []});
        client.create(ENDPOINTS, &object).await.unwrap();
    }
    let (_server, client) = world.apiserver(Version::V1_7).await;
    let listed = async || subsets(&client.list(ENDPOINTS).await.unwrap()["items"][0]);
    assert_eq!(listed().await, Some(json!([])));
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    client.patch_merge(&format!("{ENDPOINTS}/a"), &labels).await.unwrap();
    assert_eq!(listed().await, Some(Value::Null));
}

#[tokio::test]
async fn a_watch_continues_from_the_version_of_a_list() {
    let world = World::new("watch-from-list");
    let (_server, client) = world.apiserver(Version::V1_7).await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let map = |name: &str| json!({"metadata": {"name": name}, "data": {"k": "v"}});
    client.create(maps, &map("a")).await.unwrap();
    let list = client.list(maps).await.unwrap();
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    client.create(maps, &map("b")).await.unwrap();
    let path = format!("{maps}?watch=true&resourceVersion={version}");
    let mut watch = client.watch(&path).await.unwrap();
    let (what, object) = watch.next().await.unwrap().unwrap();
    assert_eq!((what, &object["metadata"]["name"]), (EventType::Added, &json!("b")));
    let error = client.create(maps, &map("a")).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    let clients = client.get("/debug/etcd-clients").await.unwrap();
    assert_eq!(clients["configmaps"]["pools"][0]["pinned"], true, "{clients}");
}
