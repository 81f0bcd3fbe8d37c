//! The store that the ledgers write to.
//!
//! It stands for the bank's Cassandra, which ran beside Kubernetes and was not part of the outage;
//! what matters here is its promise: an acknowledged booking is on a disk, and a payment that comes
//! twice is booked once. One machine keeps it, without replicas.
//!
//! | request | answer |
//! |---|---|
//! | `PUT /books/<book>/<id>` with `{"amount": pence}` | 200 when durable; 409 if the id is booked with another amount |
//! | `GET /books/<book>` | the bookings of a book, by id |
//! | `GET /books` | the names of the books |

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use harness_env::Env;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::http::{Answer, Ask, Asked, Client, listen, serve, to_json};
use super::journal::Journal;
use super::payment::Booking;

/// What a write costs the database's machine.
const CPU: Duration = Duration::from_micros(200);
/// The file.
const FILE: &str = "books.log";

/// Where the database listens.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseConfig {
    /// The port.
    pub port: u16,
}

/// The body of a `PUT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    amount: u64,
}

struct Books {
    journal: Journal,
    books: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Serves until dropped.
///
/// # Errors
/// The port is taken, the disk fails at the start, or the file is none of a database's.
pub async fn run(env: Env, config: DatabaseConfig) -> Result<(), String> {
    let (journal, entries) =
        Journal::open::<Booking>(&env, FILE).await.map_err(|e| format!("{FILE}: {e}"))?;
    let mut books: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for entry in entries {
        books.entry(entry.book).or_default().insert(entry.id, entry.amount);
    }
    let books = Arc::new(Mutex::new(Books { journal, books }));
    let tasks = env.tasks();
    let listener = listen(&env, config.port).await?;
    serve(&tasks, listener, move |asked| answer(env.clone(), books.clone(), asked)).await;
    Ok(())
}

async fn answer(env: Env, books: Arc<Mutex<Books>>, asked: Asked) -> Answer {
    let mut path = asked.path.trim_start_matches('/').splitn(3, '/');
    match (asked.method, path.next(), path.next(), path.next()) {
        (Method::PUT, Some("books"), Some(book), Some(id)) => {
            let entry = match serde_json::from_slice::<Entry>(&asked.body) {
                Ok(entry) => entry,
                Err(why) => return Answer::text(StatusCode::BAD_REQUEST, why.to_string()),
            };
            env.work(CPU).await;
            let booking =
                Booking { book: book.to_owned(), id: id.to_owned(), amount: entry.amount };
            books.lock().await.book(booking).await
        }
        (Method::GET, Some("books"), Some(book), None) => {
            let books = books.lock().await;
            let none = BTreeMap::new();
            Answer::json(StatusCode::OK, books.books.get(book).unwrap_or(&none))
        }
        (Method::GET, Some("books"), None, None) => {
            Answer::json(StatusCode::OK, &books.lock().await.books.keys().collect::<Vec<_>>())
        }
        _ => Answer::not_found("PUT /books/<book>/<id>, GET /books/<book> or GET /books"),
    }
}

impl Books {
    async fn book(&mut self, booking: Booking) -> Answer {
        let known = self.books.get(&booking.book).and_then(|book| book.get(&booking.id));
        match known {
            Some(amount) if *amount == booking.amount => {
                return Answer::text(StatusCode::OK, "booked before");
            }
            Some(amount) => {
                let why = format!("{} is booked with {amount}", booking.id);
                return Answer::text(StatusCode::CONFLICT, why);
            }
            None => {}
        }
        if let Err(why) = self.journal.append(&booking).await {
            return Answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{FILE}: {why}"));
        }
        self.books.entry(booking.book).or_default().insert(booking.id, booking.amount);
        Answer::text(StatusCode::OK, "booked")
    }
}

/// Books a payment; returns when it is durable.
///
/// # Errors
/// It is not known to be booked.
pub async fn book(
    client: &Client,
    database: SocketAddr,
    booking: &Booking,
    within: Duration,
) -> Result<(), String> {
    let path = format!("/books/{}/{}", booking.book, booking.id);
    let body: Bytes = to_json(&Entry { amount: booking.amount });
    let ask =
        Ask { method: Method::PUT, to: database, host: "database", path: &path, body, within };
    let answer = client.ask(ask).await.map_err(|e| e.to_string())?;
    match answer.status {
        StatusCode::OK => Ok(()),
        status => Err(format!("{status}: {}", String::from_utf8_lossy(&answer.body))),
    }
}

/// Everything that is booked, in order of books and ids.
///
/// # Errors
/// The database does not answer.
pub async fn booked(
    client: &Client,
    database: SocketAddr,
    within: Duration,
) -> Result<Vec<Booking>, String> {
    let get = async |path: &str| {
        let answer = client.get(database, path, within).await.map_err(|e| e.to_string())?;
        (answer.status == StatusCode::OK).then_some(answer).ok_or(format!("GET {path} failed"))
    };
    let mut all = Vec::new();
    for book in get("/books").await?.read::<Vec<String>>()? {
        let entries: BTreeMap<String, u64> = get(&format!("/books/{book}")).await?.read()?;
        let booking = |(id, amount)| Booking { book: book.clone(), id, amount };
        all.extend(entries.into_iter().map(booking));
    }
    Ok(all)
}
