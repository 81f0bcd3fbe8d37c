//! A world in memory: addresses, listeners, streams, and a clock that jumps when all are idle.
//!
//! Everything a test needs runs on one thread over in-memory pipes, so with tokio's paused clock
//! minutes pass in microseconds and nothing depends on timing.

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub mod apiserver;
pub mod backend;
pub mod memory;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use harness_env::{Env, Tasks};
use mini_mesh::{Config, Server, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use self::apiserver::Apiserver;
use self::backend::Backend;
use self::memory::World;

pub const APISERVER: SocketAddr = addr([10, 1, 0, 1], 8001);
pub const MESH: SocketAddr = addr([10, 2, 0, 1], 4140);
pub const ADMIN: SocketAddr = addr([10, 2, 0, 1], 9990);

pub const fn addr(ip: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])), port)
}

/// The address of pod `n`, port 80.
pub fn pod(n: u8) -> SocketAddr {
    addr([10, 0, 0, n], 80)
}

/// An answer as a test looks at it.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// A mesh, an apiserver and a client in one world.
pub struct Lab {
    pub world: World,
    pub api: Apiserver,
    client: Env,
    tasks: Tasks,
}

impl Lab {
    pub async fn new(version: Version) -> Self {
        let world = World::default();
        let client = world.env("client", [10, 9, 0, 1].into());
        let tasks = client.tasks();
        let api = Apiserver::start(&world, &tasks, APISERVER).await;
        let config = Config { token: Some("secret".into()), ..Config::new(APISERVER, version) };
        let server = Server::bind(world.env("mesh", MESH.ip()), &config).await.unwrap();
        tasks.spawn(server.serve());
        Lab { world, api, client, tasks }
    }

    /// Pod `n`, answering every request with its number.
    pub async fn pod(&self, n: u8) -> Backend {
        Backend::start(&self.world, &self.tasks, pod(n), n.to_string()).await
    }

    /// A request through the mesh, and whatever else it sets going.
    pub async fn get(&self, service: &str) -> Answer {
        let request = format!("GET / HTTP/1.1\r\nhost: {service}\r\nconnection: close\r\n\r\n");
        let answer = self.send(MESH, &request).await;
        self.settle().await;
        answer
    }

    /// A document of the mesh's administration port.
    pub async fn admin(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        self.send(ADMIN, &request).await
    }

    /// `request` as it is, and all that comes back.
    pub async fn send(&self, to: SocketAddr, request: &str) -> Answer {
        let mut stream = self.client.connect(to).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).expect("a status line").parse().unwrap();
        Answer { status, head: head.into(), body: body.into() }
    }

    /// The status of a request for each service.
    pub async fn statuses(&self, services: &[&str]) -> Vec<u16> {
        let mut statuses = Vec::new();
        for service in services {
            statuses.push(self.get(service).await.status);
        }
        statuses
    }

    /// Lets everything happen that happens at once.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
