//! Transfers: money moves between accounts and none is made or lost.
//!
//! The bank test of Jepsen (jepsen.io, "bank" workload): every reading of all accounts at one moment
//! shows the same sum, and no account is overdrawn, for a transfer is a transaction that looks first.

use std::collections::BTreeMap;

use crate::outcome::Violation;

/// The name in [`Violation::oracle`].
pub const NAME: &str = "transfers";

/// All accounts as somebody read them at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Who and when, for people.
    pub by: String,
    /// What each account held.
    pub balances: BTreeMap<String, i64>,
}

/// What is wrong with the readings, where `accounts` hold `total` together.
pub fn check(readings: &[Reading], accounts: usize, total: i64) -> Vec<Violation> {
    let mut found = Vec::new();
    for Reading { by, balances } in readings {
        let sum: i64 = balances.values().sum();
        if balances.len() != accounts || sum != total {
            let count = balances.len();
            found.push(format!("{by}: {count} accounts of {accounts} hold {sum} of {total}"));
        }
        for (account, balance) in balances.iter().filter(|(_, balance)| **balance < 0) {
            found.push(format!("{by}: {account} is overdrawn by {}", -balance));
        }
    }
    let violation = |text| Violation { oracle: NAME.to_owned(), text, data_loss: true };
    found.into_iter().map(violation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(balances: &[(&str, i64)]) -> Vec<String> {
        let balances = balances.iter().map(|(name, balance)| ((*name).to_owned(), *balance));
        let reading = Reading { by: "r".into(), balances: balances.collect() };
        let found = check(&[reading], 2, 20);
        assert!(found.iter().all(|violation| violation.data_loss));
        found.into_iter().map(|violation| violation.text).collect()
    }

    #[test]
    fn a_reading_with_the_whole_sum_is_accepted() {
        assert_eq!(texts(&[("a", 10), ("b", 10)]), [""; 0]);
        assert_eq!(texts(&[("a", 0), ("b", 20)]), [""; 0]);
    }

    #[test]
    fn money_that_is_made_or_lost_is_found() {
        assert_eq!(texts(&[("a", 10), ("b", 11)]), ["r: 2 accounts of 2 hold 21 of 20"]);
        assert_eq!(texts(&[("a", 9), ("b", 10)]), ["r: 2 accounts of 2 hold 19 of 20"]);
    }

    #[test]
    fn an_account_that_is_gone_is_found_though_the_sum_is_right() {
        assert_eq!(texts(&[("a", 20)]), ["r: 1 accounts of 2 hold 20 of 20"]);
    }

    #[test]
    fn an_overdrawn_account_is_found() {
        assert_eq!(texts(&[("a", -1), ("b", 21)]), ["r: a is overdrawn by 1"]);
    }
}
