//! The monitor and its pager.
//!
//! What operators know of the bank's customers they know from here: counters of the services that
//! requests enter by, read every ten seconds, summed over the last minute. A service that does not
//! answer gives no numbers; then only the check from outside tells of it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /alarms` | the [`Alarm`]s that are on |

mod pager;
mod window;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use http::{Method, StatusCode};
use tokio::time::{Instant, sleep_until};

use self::pager::{Change, Pager};
use self::window::Window;
use super::http::{Answer, Asked, Client, listen, serve};
use super::metrics;

pub use pager::Alarm;

/// Between two readings. Prometheus' default is a minute, and ten seconds a common choice.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long a reading may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pager looks this long after the readings began.
const SETTLED: Duration = Duration::from_secs(1);

/// What is watched.
#[derive(Clone, Debug)]
pub struct MonitorConfig {
    /// The port of `/alarms`.
    pub port: u16,
    /// Who has `/metrics`: entry services, health checks.
    pub targets: Vec<SocketAddr>,
}

/// Watches until dropped.
///
/// # Errors
/// The port is taken.
pub async fn run(env: Env, config: MonitorConfig) -> Result<(), String> {
    let tasks = env.tasks();
    let client = Client::new(&env);
    let window = Arc::new(Mutex::new(Window::default()));
    let pager = Arc::new(Mutex::new(Pager::default()));
    let start = Instant::now();
    for target in config.targets {
        tasks.spawn(read(client.clone(), target, start, window.clone()));
    }
    tasks.spawn(watch(env.clone(), start + SETTLED, window, pager.clone()));
    let listener = listen(&env, config.port).await?;
    let answer = move |asked: Asked| {
        let pager = pager.clone();
        async move {
            match (asked.method, asked.path.as_str()) {
                (Method::GET, "/alarms") => {
                    let alarms = pager.lock().expect("no panic with the lock").alarms();
                    Answer::json(StatusCode::OK, &alarms)
                }
                _ => Answer::not_found("GET /alarms"),
            }
        }
    };
    serve(&tasks, listener, answer).await;
    Ok(())
}

/// The alarms that a monitor has on.
///
/// # Errors
/// It does not answer.
pub async fn alarms(client: &Client, monitor: SocketAddr) -> Result<Vec<Alarm>, String> {
    let answer = client.get(monitor, "/alarms", PATIENCE).await.map_err(|e| e.to_string())?;
    answer.read()
}

async fn read(client: Client, target: SocketAddr, start: Instant, window: Arc<Mutex<Window>>) {
    let mut due = start;
    loop {
        sleep_until(due).await;
        due += INTERVAL;
        let answer = client.get(target, "/metrics", PATIENCE).await;
        let Ok(answer) = answer else { continue };
        if answer.status == StatusCode::OK {
            let counts = metrics::parse(&String::from_utf8_lossy(&answer.body));
            let mut window = window.lock().expect("no panic with the lock");
            window.take(Instant::now(), target, counts);
        }
    }
}

async fn watch(env: Env, start: Instant, window: Arc<Mutex<Window>>, pager: Arc<Mutex<Pager>>) {
    let mut due = start;
    loop {
        sleep_until(due).await;
        due += INTERVAL;
        let minute = window.lock().expect("no panic with the lock").minute(Instant::now());
        let now = env.wall().unix();
        for change in pager.lock().expect("no panic with the lock").look(now, minute) {
            tell(&change);
        }
    }
}

fn tell(change: &Change) {
    let percent = |alarm: &Alarm| (alarm.success * 100.0).round();
    match change {
        Change::Raised(alarm) => {
            let Alarm { journey, .. } = alarm;
            let percent = percent(alarm);
            tracing::info!(
                kind = "alarm.raised",
                journey = %journey,
                percent,
                "pager: {journey} fails, {percent} % of the last minute succeeded"
            );
        }
        Change::Cleared(alarm) => {
            let Alarm { journey, .. } = alarm;
            let percent = percent(alarm);
            tracing::info!(
                kind = "alarm.cleared",
                journey = %journey,
                percent,
                "pager: {journey} is well again, {percent} % of the last minute succeeded"
            );
        }
    }
}
