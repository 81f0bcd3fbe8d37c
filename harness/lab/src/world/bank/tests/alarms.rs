//! What the pager knows.

use std::time::Duration;

use harness_sim::run;
use tokio::time::sleep;

use super::support::*;
use crate::world::bank::http::Client;
use crate::world::bank::monitor::alarms;

async fn firing(bank: &Bank) -> Vec<String> {
    let monitor = bank.web("monitor");
    on(bank.world, "customers", move |env| async move {
        let alarms = alarms(&Client::new(&env), monitor).await.expect("the monitor answers");
        alarms.into_iter().map(|alarm| alarm.journey).collect()
    })
    .await
}

#[test]
fn the_pager_goes_off_for_what_fails_and_stops_when_it_is_well() {
    let report = run(machines(1), |world| async move {
        let bank = Bank::start(world, true);
        let _doors = bank.open_doors();
        sleep(Duration::from_secs(120)).await;
        assert_eq!(firing(&bank).await, [""; 0]);
        bank.kill("ledger");
        sleep(Duration::from_secs(60)).await;
        let said = firing(&bank).await;
        assert!(said.contains(&"current-payment".to_owned()), "{said:?}");
        assert!(!said.contains(&"prepaid-payment".to_owned()), "{said:?}");
        bank.start_service("ledger");
        sleep(Duration::from_secs(90)).await;
        assert_eq!(firing(&bank).await, [""; 0]);
    });
    let pager = report.events.iter().filter(|event| event.machine == "monitor");
    let current = pager.filter(|event| event.fields["journey"] == "current-payment");
    let told: Vec<_> = current.map(|e| (e.kind.as_str(), e.at.as_secs() / 60)).collect();
    assert_eq!(told, [("alarm.raised", 2), ("alarm.cleared", 4)]);
}

#[test]
fn when_the_door_is_shut_only_the_check_from_outside_tells() {
    run(machines(2), |world| async move {
        let bank = Bank::start(world, true);
        let _doors = bank.open_doors();
        sleep(Duration::from_secs(120)).await;
        bank.kill("edge");
        sleep(Duration::from_secs(90)).await;
        assert_eq!(firing(&bank).await, ["health-check"]);
        bank.start_service("edge");
        sleep(Duration::from_secs(90)).await;
        assert_eq!(firing(&bank).await, [""; 0]);
    });
}
