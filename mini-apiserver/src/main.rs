//! An apiserver on a real machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Parser;
use harness_env::real::Machine;
use mini_apiserver::Version;
use mini_apiserver::apiserver::{self, Config};
use mini_etcd::client::Generation;

/// A small Kubernetes apiserver. It is plain HTTP and believes who its clients say they are: for
/// the loopback interface only.
#[derive(Parser)]
#[command(name = "mini-apiserver", version)]
struct Arguments {
    /// The members of etcd: HOST:PORT, separated by commas
    #[arg(long, required = true, value_delimiter = ',', value_name = "ADDR", value_parser = address)]
    etcd_servers: Vec<SocketAddr>,

    /// The address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "IP")]
    insecure_bind_address: IpAddr,

    /// The port to listen on
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    insecure_port: u16,

    /// The release to behave as: 1.5, 1.7, 1.8 or 1.10
    #[arg(long, default_value = "1.7", value_name = "VERSION")]
    version_profile: Version,

    /// The client of etcd that it is linked with: grpc-1.0.4 or grpc-1.0.5
    #[arg(long, default_value = "grpc-1.0.4", value_name = "GENERATION")]
    etcd_client: Generation,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    text.parse().map_err(|_| format!("expected IP:PORT, found {text:?}"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), apiserver::Error> {
    let arguments = Arguments::parse();
    let env = Machine::new("apiserver", ".").with_ip(arguments.insecure_bind_address).env();
    let config = Config::new(
        arguments.insecure_port,
        arguments.etcd_servers,
        arguments.etcd_client,
        arguments.version_profile,
    );
    eprintln!("apiserver {} on port {}", config.version, config.port);
    apiserver::run(env, config).await
}
