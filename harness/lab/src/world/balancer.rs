//! A load balancer for TCP connections, as the cloud's classic one: each connection goes to the next
//! backend that passed its last health check, and stays there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::{Env, Stream};
use tokio::time::{sleep, timeout};

/// The health check's interval, its patience, and how many in a row change a verdict (the classic
/// load balancer's documented minimum and its defaults of 2 down and 2 up).
const INTERVAL: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(2);
const IN_A_ROW: i32 = 2;
/// Bytes on their way through, each way. The real one also closes connections that were idle for a
/// configured time; that is not modelled.
const BUFFER: usize = 16 * 1024;

struct Backend {
    address: SocketAddr,
    healthy: bool,
    /// Checks in a row against the verdict.
    against: i32,
}

/// Balances connections to `port` over `backends`, for ever.
///
/// # Errors
/// The port is taken.
pub async fn run(env: Env, port: u16, backends: Vec<SocketAddr>) -> Result<(), String> {
    let tasks = env.tasks();
    let backends: Vec<Backend> = backends
        .into_iter()
        .map(|address| Backend { address, healthy: true, against: 0 })
        .collect();
    let backends = Arc::new(Mutex::new(backends));
    tasks.spawn(check(env.clone(), backends.clone()));
    let listener = env.listen_port(port).await.map_err(|e| e.to_string())?;
    let mut next = 0;
    loop {
        let client = listener.accept().await.map_err(|e| e.to_string())?;
        let chosen = choose(&backends.lock().expect("no panic while locked"), &mut next);
        let env = env.clone();
        tasks.spawn(async move {
            if let Some(address) = chosen
                && let Ok(Ok(server)) = timeout(PATIENCE, env.connect(address)).await
            {
                join(client, server).await;
            }
        });
    }
}

fn choose(backends: &[Backend], next: &mut usize) -> Option<SocketAddr> {
    for _ in 0..backends.len() {
        let backend = &backends[*next % backends.len()];
        *next += 1;
        if backend.healthy {
            return Some(backend.address);
        }
    }
    None
}

/// Passes bytes both ways until both ends have closed or one has failed.
async fn join(mut client: Box<dyn Stream>, mut server: Box<dyn Stream>) {
    // The error is the end of the connection, and both ends learn it from the drop.
    let _ =
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await;
}

async fn check(env: Env, backends: Arc<Mutex<Vec<Backend>>>) {
    let addresses: Vec<SocketAddr> = {
        let backends = backends.lock().expect("no panic while locked");
        backends.iter().map(|backend| backend.address).collect()
    };
    loop {
        sleep(INTERVAL).await;
        for (n, address) in addresses.iter().enumerate() {
            let passed = matches!(timeout(PATIENCE, env.connect(*address)).await, Ok(Ok(_)));
            let mut backends = backends.lock().expect("no panic while locked");
            let backend = &mut backends[n];
            backend.against = if passed == backend.healthy { 0 } else { backend.against + 1 };
            if backend.against >= IN_A_ROW {
                backend.healthy = passed;
                backend.against = 0;
            }
        }
    }
}
