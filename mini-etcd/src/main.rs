//! A member on a real machine.

mod flags;
mod lines;

use std::fs::{File, TryLockError};
use std::process::ExitCode;

use clap::Parser;
use flags::Flags;
use harness_env::real::Machine;
use mini_etcd::server::{Config, run};

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Keeps other processes off the data directory for as long as the file is open.
fn lock(config: &Config) -> Result<File, String> {
    let (dir, path) = (&config.data_dir, config.data_dir.join("lock"));
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    std::fs::create_dir_all(dir).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(format!("another process uses the data directory {}", dir.display()))
        }
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}

fn serve(config: Config) -> Result<(), String> {
    let _lock = lock(&config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| e.to_string())?.block_on(async {
        let env = Machine::new("etcd", ".").env();
        run(env, config, stopped()).await.map_err(|e| e.to_string())
    })
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    lines::start(flags.logger, flags.log_level);
    let config = match flags.config() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("mini-etcd: {error}");
            return ExitCode::from(2);
        }
    };
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mini-etcd: {error}");
            ExitCode::FAILURE
        }
    }
}
