//! Revisions: etcd's own account of the order agrees with what clients lived through.
//!
//! A revision is a logical clock of the whole store ("Revision" in etcd's glossary). Writes that
//! change something have revisions of their own; what is asked after an answer came has a revision
//! that is later (a write), or not earlier (a linearizable read), than that answer's. The check takes
//! the time of sorting, where the search for an order (`linearizability`) may take much longer, and
//! it sees across keys.

use std::collections::BTreeMap;

use super::linearizability::Moment;
use crate::outcome::Violation;

/// The name in [`Violation::oracle`].
pub const NAME: &str = "revisions";

/// An operation that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// What it was, for people.
    pub what: String,
    /// When it was asked for.
    pub called: Moment,
    /// When it was answered.
    pub returned: Moment,
    /// The revision in the answer.
    pub revision: i64,
    /// Whether it changed something.
    pub writes: bool,
}

/// What is wrong with these answers.
pub fn check(stamps: &[Stamp]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut writers: BTreeMap<i64, &Stamp> = BTreeMap::new();
    for stamp in stamps.iter().filter(|stamp| stamp.writes) {
        if let Some(other) = writers.insert(stamp.revision, stamp) {
            let revision = stamp.revision;
            found.push(format!("{} and {} both have revision {revision}", other.what, stamp.what));
        }
    }
    let mut by_call: Vec<&Stamp> = stamps.iter().collect();
    by_call.sort_by_key(|stamp| stamp.called);
    let mut by_return = by_call.clone();
    by_return.sort_by_key(|stamp| stamp.returned);
    let mut answered = by_return.into_iter().peekable();
    let mut latest: Option<&Stamp> = None;
    for stamp in by_call {
        while let Some(before) = answered.next_if(|before| before.returned < stamp.called) {
            if latest.is_none_or(|latest| latest.revision < before.revision) {
                latest = Some(before);
            }
        }
        let Some(before) = latest else { continue };
        let least = before.revision + i64::from(stamp.writes);
        if stamp.revision < least {
            found.push(format!(
                "{} at {:.3} s has revision {}, but {} before it had {}",
                stamp.what,
                stamp.called.at.as_secs_f64(),
                stamp.revision,
                before.what,
                before.revision,
            ));
        }
    }
    let violation = |text| Violation { oracle: NAME.to_owned(), text, data_loss: false };
    found.into_iter().map(violation).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stamp(what: &str, called: u64, returned: u64, revision: i64) -> Stamp {
        let moment = |order| Moment { order, at: Duration::from_secs(order) };
        let writes = what.starts_with("put");
        let (called, returned) = (moment(called), moment(returned));
        Stamp { what: what.to_owned(), called, returned, revision, writes }
    }

    fn texts(stamps: &[Stamp]) -> Vec<String> {
        check(stamps).into_iter().map(|violation| violation.text).collect()
    }

    #[test]
    fn answers_in_the_order_of_their_revisions_are_accepted() {
        let first = [stamp("put a", 1, 4, 3), stamp("put b", 2, 3, 2), stamp("get", 5, 6, 3)];
        let then = [stamp("put c", 7, 9, 4), stamp("get", 8, 10, 3), stamp("get", 11, 12, 4)];
        assert_eq!(texts(&[first, then].concat()), [""; 0]);
        assert_eq!(texts(&[]), [""; 0]);
    }

    #[test]
    fn a_read_that_is_behind_an_answer_before_it_is_found() {
        let found = texts(&[stamp("get", 3, 4, 1), stamp("put a", 1, 2, 2)]);
        assert_eq!(found, ["get at 3.000 s has revision 1, but put a before it had 2"]);
    }

    #[test]
    fn a_write_that_is_not_after_an_answer_before_it_is_found() {
        let found = texts(&[stamp("get", 1, 2, 5), stamp("put a", 3, 4, 5)]);
        assert_eq!(found, ["put a at 3.000 s has revision 5, but get before it had 5"]);
    }

    #[test]
    fn two_writes_with_one_revision_are_found() {
        let found = texts(&[stamp("put a", 1, 4, 2), stamp("put b", 2, 3, 2)]);
        assert_eq!(found, ["put a and put b both have revision 2"]);
    }
}
