//! Somebody's connection to etcd: a client that is thrown away when it fails.
//!
//! The clients of 2017 keep a connection to a machine that has fallen silent, and wait two minutes
//! before they dial again (grpc-go 1.0, without keep-alive). Programs that had to live with that made
//! a new client when a call failed; so does a session.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use mini_etcd::client::{Client, Config, Error, Generation};
use tokio::time::timeout;
use tonic::Code;

/// Why a call gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// etcd refused: it did not happen.
    Refused(String),
    /// Nobody knows whether it happened.
    Unknown(String),
}

impl Failure {
    /// The words of it.
    pub fn text(&self) -> &str {
        match self {
            Failure::Refused(text) | Failure::Unknown(text) => text,
        }
    }

    fn of(error: &Error) -> Self {
        use Code::{FailedPrecondition, InvalidArgument, NotFound, OutOfRange, ResourceExhausted};
        match error {
            Error::Status(code, text) => {
                let refusals =
                    [FailedPrecondition, InvalidArgument, NotFound, OutOfRange, ResourceExhausted];
                let refused = refusals.contains(code) && text.starts_with("etcdserver: ");
                let text = text.clone();
                if refused { Failure::Refused(text) } else { Failure::Unknown(text) }
            }
            other => Failure::Unknown(other.to_string()),
        }
    }
}

/// A connection to etcd. Clones share it.
#[derive(Clone)]
pub struct Session {
    env: Env,
    name: Arc<str>,
    endpoints: Arc<[SocketAddr]>,
    patience: Duration,
    client: Arc<Mutex<(u64, Client)>>,
}

impl Session {
    /// A session with whichever of `endpoints` is there. `name` keys its random streams.
    pub fn new(env: &Env, name: &str, endpoints: &[SocketAddr], patience: Duration) -> Self {
        let client = Arc::new(Mutex::new((0, client(env, name, 0, endpoints))));
        let (name, endpoints) = (name.into(), endpoints.into());
        Session { env: env.clone(), name, endpoints, patience, client }
    }

    /// The client of the moment, with its number.
    pub fn client(&self) -> (u64, Client) {
        self.client.lock().expect("no panic with the lock").clone()
    }

    /// Throws a client away, unless somebody has done so.
    pub fn renew(&self, number: u64) {
        let mut client = self.client.lock().expect("no panic with the lock");
        if client.0 == number {
            *client =
                (number + 1, self::client(&self.env, &self.name, number + 1, &self.endpoints));
        }
    }

    /// Makes a call, for as long as somebody waits.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn call<T, F>(&self, call: impl FnOnce(Client) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (number, client) = self.client();
        let failure = match timeout(self.patience, call(client)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Failure::of(&error),
            Err(_) => Failure::Unknown("no answer".to_owned()),
        };
        if matches!(failure, Failure::Unknown(_)) {
            self.renew(number);
        }
        Err(failure)
    }
}

fn client(env: &Env, name: &str, number: u64, endpoints: &[SocketAddr]) -> Client {
    let endpoints = endpoints.to_vec();
    let config = Config { endpoints, generation: Generation::Grpc105 };
    Client::new(env, &format!("{name} {number}"), config)
}
