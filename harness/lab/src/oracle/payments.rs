//! Payments: what a customer was told is made is booked, once and with its amount.
//!
//! The property is the bank's promise to its customers. It is the durability and the exactly-once
//! part of what Jepsen's bank and set tests check of databases (jepsen.io/analyses). Of a payment
//! that nobody was told is made nothing is demanded: a time-out leaves it open.
//!
//! A payment that stand-in approved and still holds is not lost: it is on a data centre's disk, and
//! is replayed. Two data centres may hold the same one, for the card scheme may have asked both; and
//! one that is booked may still be held, where the acknowledgement did not come through.

use std::collections::BTreeMap;

use crate::outcome::Violation;
use crate::world::bank::payment::{Booking, By};
use crate::world::bank::probe::{Acknowledged, Books};

/// The name in [`Violation::oracle`].
pub const NAME: &str = "payments";

/// What is wrong with the books, given what customers were told.
pub fn check(acknowledged: &[Acknowledged], books: &Books) -> Vec<Violation> {
    let booked = by_id(&books.booked);
    let advices = by_id(&books.advices);
    let mut found = Vec::new();
    for payment in acknowledged {
        let id = payment.id.as_str();
        let at_ledger = booked.get(id).map_or(&[][..], Vec::as_slice);
        let held = advices.get(id).map_or(&[][..], Vec::as_slice);
        if at_ledger.is_empty() && (payment.by == By::Cluster || held.is_empty()) {
            let who = match payment.by {
                By::Cluster => "the cluster",
                By::StandIn => "stand-in",
            };
            found.push(violation(format!("{id} was acknowledged by {who} and is not booked")));
        }
        for booking in at_ledger.iter().chain(held).filter(|b| b.amount != payment.amount) {
            let Booking { book, amount, .. } = booking;
            let told = payment.amount;
            found.push(violation(format!("{id} of {told} stands in {book} with {amount}")));
        }
    }
    for (id, bookings) in booked.iter().filter(|(_, bookings)| bookings.len() > 1) {
        let places = bookings.iter().map(|b| format!("{} with {}", b.book, b.amount));
        let places = places.collect::<Vec<_>>().join(", ");
        found.push(violation(format!("{id} is booked {} times: {places}", bookings.len())));
    }
    found
}

fn by_id(bookings: &[Booking]) -> BTreeMap<&str, Vec<&Booking>> {
    let mut by_id: BTreeMap<&str, Vec<&Booking>> = BTreeMap::new();
    for booking in bookings {
        by_id.entry(&booking.id).or_default().push(booking);
    }
    by_id
}

fn violation(text: String) -> Violation {
    Violation { oracle: NAME.to_owned(), text, data_loss: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(id: &str, by: By) -> Acknowledged {
        Acknowledged { id: id.into(), by, amount: 10 }
    }

    fn entry(book: &str, id: &str, amount: u64) -> Booking {
        Booking { book: book.into(), id: id.into(), amount }
    }

    fn texts(told: &[Acknowledged], booked: &[Booking], advices: &[Booking]) -> Vec<String> {
        let books = Books { booked: booked.to_vec(), advices: advices.to_vec() };
        let found = check(told, &books);
        assert!(found.iter().all(|violation| violation.data_loss && violation.oracle == NAME));
        found.into_iter().map(|violation| violation.text).collect()
    }

    #[test]
    fn a_history_in_which_every_promise_is_kept_is_accepted() {
        let told = [told("a", By::Cluster), told("b", By::StandIn), told("c", By::StandIn)];
        let booked = [
            entry("ledger", "a", 10),
            entry("ledger", "b", 10),
            entry("ledger", "nobody-was-told", 99),
        ];
        // `c` waits for its replay in both centres, `b` and one that was declined after all too.
        let advices = [
            entry("dc-1", "c", 10),
            entry("dc-2", "c", 10),
            entry("dc-1", "b", 10),
            entry("dc-2", "timed-out", 7),
        ];
        assert_eq!(texts(&told, &booked, &advices), [""; 0]);
        assert_eq!(texts(&[], &[], &[]), [""; 0]);
    }

    #[test]
    fn a_payment_that_is_gone_is_found() {
        let told = [told("a", By::Cluster), told("b", By::StandIn)];
        assert_eq!(
            texts(&told, &[entry("ledger", "c", 10)], &[]),
            [
                "a was acknowledged by the cluster and is not booked",
                "b was acknowledged by stand-in and is not booked"
            ]
        );
    }

    #[test]
    fn what_the_cluster_acknowledged_is_gone_even_if_stand_in_holds_it() {
        let found = texts(&[told("a", By::Cluster)], &[], &[entry("dc-1", "a", 10)]);
        assert_eq!(found, ["a was acknowledged by the cluster and is not booked"]);
    }

    #[test]
    fn a_payment_booked_twice_is_found() {
        let booked = [entry("ledger", "a", 10), entry("prepaid-ledger", "a", 10)];
        let found = texts(&[told("a", By::Cluster)], &booked, &[]);
        assert_eq!(found, ["a is booked 2 times: ledger with 10, prepaid-ledger with 10"]);
        assert_eq!(texts(&[], &booked, &[]), found, "whether or not anybody was told");
    }

    #[test]
    fn a_payment_with_another_amount_is_found() {
        let booked = [entry("ledger", "a", 11)];
        let found = texts(&[told("a", By::Cluster)], &booked, &[]);
        assert_eq!(found, ["a of 10 stands in ledger with 11"]);
        let held = [entry("dc-1", "b", 1)];
        let found = texts(&[told("b", By::StandIn)], &[], &held);
        assert_eq!(found, ["b of 10 stands in dc-1 with 1"]);
    }
}
