//! `mini-mesh`: the proxy on a real machine.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use harness_env::real::Machine;
use mini_mesh::{Config, Server, Version};

/// A small linkerd 1.x in front of Kubernetes services: send it HTTP with the service's name as
/// the Host.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// The apiserver, or a `kubectl proxy` (plain HTTP).
    #[arg(long, default_value = "127.0.0.1:8001")]
    apiserver: SocketAddr,
    /// A service-account token for the apiserver.
    #[arg(long)]
    token: Option<String>,
    /// The namespace of the services.
    #[arg(long, default_value = "default")]
    namespace: String,
    /// The name of the services' port.
    #[arg(long, default_value = "http")]
    port_name: String,
    /// Where services send their requests.
    #[arg(long, default_value_t = 4140)]
    port: u16,
    /// Where operators look (/admin/ping, /admin/routes.json, /admin/clients.json).
    #[arg(long, default_value_t = 9990)]
    admin_port: u16,
    /// The emulated release: 0.9.1 or 1.0.0.
    #[arg(long, default_value = "0.9.1")]
    emulate: Version,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt().init();
    let config = Config {
        listen_port: options.port,
        admin_port: Some(options.admin_port),
        apiserver: options.apiserver,
        token: options.token,
        namespace: options.namespace,
        port_name: options.port_name,
        version: options.emulate,
    };
    let server = match Server::bind(Machine::new("mini-mesh", ".").env(), &config).await {
        Ok(server) => server,
        Err(error) => {
            eprintln!("mini-mesh: {error}");
            return ExitCode::from(2);
        }
    };
    tracing::info!("linkerd {} listens on {}", config.version, server.proxy_addr());
    server.serve().await;
    ExitCode::SUCCESS
}
