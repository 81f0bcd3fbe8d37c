//! What the database and a data centre's disk promise.

use std::time::Duration;

use harness_env::Env;
use harness_sim::run;

use super::support::*;
use crate::world::bank::data_centre::{AMOUNT_MAX, CARD_MAX};
use crate::world::bank::database::{book, booked};
use crate::world::bank::http::{Ask, Client, to_json};
use crate::world::bank::payment::{Authorisation, Booking, Request};

const WITHIN: Duration = Duration::from_secs(1);

fn entry(id: &str, amount: u64) -> Booking {
    Booking { book: "ledger".into(), id: id.into(), amount }
}

#[test]
fn a_payment_that_comes_again_is_booked_once_and_not_with_another_amount() {
    run(machines(1), |world| async move {
        let database = Bank::start(world, true).web("database");
        on(world, "monitor", move |env| async move {
            let client = Client::new(&env);
            for _ in 0..3 {
                book(&client, database, &entry("a", 5), WITHIN).await.expect("booked");
            }
            let conflict = book(&client, database, &entry("a", 6), WITHIN).await;
            assert!(conflict.expect_err("another amount").contains("409"));
            assert_eq!(booked(&client, database, WITHIN).await, Ok(vec![entry("a", 5)]));
        })
        .await;
    });
}

#[test]
fn what_the_database_acknowledged_survives_a_power_loss() {
    for seed in 0..5 {
        run(machines(seed), move |world| async move {
            let bank = Bank::start(world, true);
            let database = bank.web("database");
            let promised = on(world, "monitor", move |env| async move {
                let client = Client::new(&env);
                let mut promised = Vec::new();
                for n in 0..20 {
                    let entry = entry(&format!("p-{n:02}"), n);
                    book(&client, database, &entry, WITHIN).await.expect("booked");
                    promised.push(entry);
                }
                promised
            })
            .await;
            // One more is under way when the power goes.
            let last = world.start("monitor", "last", move |env| async move {
                book(&Client::new(&env), database, &entry("p-99", 99), WITHIN).await
            });
            tokio::time::sleep(Duration::from_millis(41 + seed)).await;
            world.power_off("database");
            world.power_on("database");
            bank.start_database();
            let acknowledged = last.exited().await == harness_sim::Exit::Returned(Ok(()));
            on(world, "monitor", move |env| async move {
                let client = Client::new(&env);
                let mut held = booked(&client, database, WITHIN).await.expect("it is back");
                if held.len() > promised.len() {
                    assert_eq!(held.pop(), Some(entry("p-99", 99)));
                } else {
                    assert!(!acknowledged, "an acknowledged booking is gone");
                }
                assert_eq!(held, promised);
                book(&client, database, &entry("p-00", 0), WITHIN).await.expect("as before");
            })
            .await;
        });
    }
}

async fn authorise(env: &Env, to: std::net::SocketAddr, card: u32, id: &str, amount: u64) -> bool {
    let (id, journey) = (id.to_owned(), "card-payment".to_owned());
    let request = Request { id, journey, amount, card: Some(card), hops: Vec::new() };
    let (method, host, path) = (http::Method::POST, "data-centre", "/card-payment");
    let ask = Ask { method, to, host, path, body: to_json(&request), within: WITHIN * 10 };
    let answer = Client::new(env).ask(ask).await.expect("an answer");
    answer.read::<Authorisation>().expect("an authorisation").approved
}

#[test]
fn stand_in_keeps_its_limits_over_a_power_loss() {
    run(machines(3), |world| async move {
        let bank = Bank::start(world, true);
        bank.kill("card-processor");
        let to = bank.web("dc-1");
        on(world, "mastercard", move |env| async move {
            assert!(!authorise(&env, to, 1, "dear", AMOUNT_MAX + 1).await);
            for n in 0..CARD_MAX / AMOUNT_MAX {
                assert!(authorise(&env, to, 1, &format!("p-{n}"), AMOUNT_MAX).await);
                assert!(authorise(&env, to, 1, &format!("p-{n}"), AMOUNT_MAX).await, "the same");
            }
            assert!(!authorise(&env, to, 1, "too-much", 1).await);
            assert!(authorise(&env, to, 2, "another-card", 1).await);
        })
        .await;
        world.power_off("dc-1");
        world.power_on("dc-1");
        bank.start_centre("dc-1");
        on(world, "mastercard", move |env| async move {
            assert!(!authorise(&env, to, 1, "still-too-much", 1).await);
        })
        .await;
        bank.start_service("card-processor");
        tokio::time::sleep(Duration::from_secs(30)).await;
        on(world, "mastercard", move |env| async move {
            assert!(authorise(&env, to, 1, "by-the-ledger", 1).await);
        })
        .await;
        let books = bank.close_doors(Vec::new()).await;
        assert_eq!(books.advices, []);
        assert_eq!(books.booked.len() as u64, CARD_MAX / AMOUNT_MAX + 2);
    });
}
