//! Locks: nobody has a lock while somebody else has it.
//!
//! The lock is that of etcd's concurrency recipe (clientv3/concurrency `Mutex`): a key of one's own
//! under a prefix, bound to a lease; who made the oldest has the lock. Jepsen's analysis of etcd 3.4.3
//! (jepsen.io/analyses, 2020) shows what such a lock is not: a holder that does not notice the end of
//! its lease goes on working. So a holder here believes that it has the lock only until its lease,
//! counted from when it last *asked* for more time, must have run out: then etcd cannot have given it
//! to another. And what it writes under the lock it writes on the condition that its key is still
//! there, so that in the order of revisions, too, holders come one after the other.

use std::time::Duration;

use crate::outcome::Violation;

/// The name in [`Violation::oracle`].
pub const NAME: &str = "lock";

/// One time of having a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// Which lock.
    pub lock: String,
    /// Who.
    pub holder: String,
    /// When it learned that it has it.
    pub from: Duration,
    /// When it gave it back, or had to believe that it is lost.
    pub until: Duration,
    /// The revisions of what it wrote under it.
    pub revisions: Vec<i64>,
}

/// What is wrong with these holds.
pub fn check(holds: &[Hold]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (n, a) in holds.iter().enumerate() {
        for b in holds[n + 1..].iter().filter(|b| b.lock == a.lock) {
            let (first, second) = if a.from <= b.from { (a, b) } else { (b, a) };
            if second.from < first.until {
                found.push(format!(
                    "{} got {} at {:.3} s while {} had it until {:.3} s",
                    second.holder,
                    first.lock,
                    second.from.as_secs_f64(),
                    first.holder,
                    first.until.as_secs_f64(),
                ));
            }
            if let Some(revision) = interleaved(a, b).or_else(|| interleaved(b, a)) {
                found.push(format!(
                    "{} and {} wrote by turns under {}, at revision {revision} for one",
                    a.holder, b.holder, a.lock
                ));
            }
        }
    }
    let violation = |text| Violation { oracle: NAME.to_owned(), text, data_loss: false };
    found.into_iter().map(violation).collect()
}

/// A revision of `b` between two of `a`.
fn interleaved(a: &Hold, b: &Hold) -> Option<i64> {
    let (first, last) = (a.revisions.iter().min()?, a.revisions.iter().max()?);
    b.revisions.iter().copied().find(|revision| first < revision && revision < last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(holder: &str, from: u64, until: u64, revisions: &[i64]) -> Hold {
        Hold {
            lock: "l".into(),
            holder: holder.into(),
            from: Duration::from_secs(from),
            until: Duration::from_secs(until),
            revisions: revisions.to_vec(),
        }
    }

    fn texts(holds: &[Hold]) -> Vec<String> {
        check(holds).into_iter().map(|violation| violation.text).collect()
    }

    #[test]
    fn holders_one_after_the_other_are_accepted() {
        let holds = [hold("b", 4, 6, &[7, 9]), hold("a", 1, 4, &[3, 5]), hold("a", 6, 8, &[])];
        assert_eq!(texts(&holds), [""; 0]);
        assert_eq!(texts(&[]), [""; 0]);
    }

    #[test]
    fn holders_of_different_locks_are_accepted() {
        let other = Hold { lock: "m".into(), ..hold("b", 2, 3, &[4]) };
        assert_eq!(texts(&[hold("a", 1, 4, &[3, 5]), other]), [""; 0]);
    }

    #[test]
    fn two_holders_at_a_time_are_found() {
        let found = texts(&[hold("b", 3, 6, &[]), hold("a", 1, 4, &[])]);
        assert_eq!(found, ["b got l at 3.000 s while a had it until 4.000 s"]);
    }

    #[test]
    fn holders_whose_writes_mix_are_found() {
        let found = texts(&[hold("a", 1, 4, &[3, 8]), hold("b", 4, 6, &[5, 9])]);
        assert_eq!(found, ["a and b wrote by turns under l, at revision 5 for one"]);
        let found = texts(&[hold("a", 1, 4, &[5]), hold("b", 4, 6, &[3, 9])]);
        assert_eq!(found.len(), 1);
    }
}
