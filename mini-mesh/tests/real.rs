//! The same program over real TCP, on the loopback addresses of this machine.

use std::net::{Ipv4Addr, SocketAddr};

use harness_env::real::Machine;
use harness_env::{Env, Listener, Tasks};
use mini_mesh::{Config, Server, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Answers each connection's first request with `answer` and closes.
fn serve(tasks: &Tasks, listener: Box<dyn Listener>, answer: String) {
    tasks.spawn(async move {
        while let Ok(mut stream) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
}

fn http(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

async fn get(env: &Env, to: SocketAddr, host: &str) -> String {
    let mut stream = env.connect(to).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_request_finds_its_pod_over_real_tcp() {
    let local = Ipv4Addr::LOCALHOST.into();
    let env = Machine::new("mesh", std::env::temp_dir()).with_ip(local).env();
    let tasks = env.tasks();

    let pod = env.listen_port(0).await.unwrap();
    let port = pod.local_addr().port();
    serve(&tasks, pod, http("balance: 7"));
    let items = format!(
        r#"[{{"metadata":{{"name":"ledger"}},"subsets":[{{"addresses":[{{"ip":"127.0.0.1"}}],
            "ports":[{{"name":"http","port":{port}}}]}}]}},
            {{"metadata":{{"name":"new"}},"subsets":null}}]"#
    );
    let list = format!(r#"{{"metadata":{{"resourceVersion":"5"}},"items":{items}}}"#);
    let apiserver = env.listen_port(0).await.unwrap();
    let apiserver_addr = apiserver.local_addr();
    // The watch gets the list too, cannot read it, and leaves the cache as it is.
    serve(&tasks, apiserver, http(&list));

    let config = Config {
        listen_port: 0,
        admin_port: Some(0),
        ..Config::new(apiserver_addr, Version::V1_0_0)
    };
    let server = Server::bind(env.clone(), &config).await.unwrap();
    let (proxy, admin) = (server.proxy_addr(), server.admin_addr().unwrap());
    tasks.spawn(server.serve());

    assert!(get(&env, proxy, "ledger").await.ends_with("balance: 7"));
    assert!(get(&env, proxy, "new").await.starts_with("HTTP/1.1 502"));
    assert!(get(&env, admin, "ledger").await.starts_with("HTTP/1.1 404"));
}
