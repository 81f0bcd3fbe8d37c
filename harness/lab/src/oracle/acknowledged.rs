//! Acknowledged writes: what etcd has confirmed is there in the end.
//!
//! The durability half of etcd's KV guarantees ("KV API guarantees": any completed operation is
//! durable). A key that was written again has a later revision; one that has none, or an earlier one,
//! or another value at the same one, has lost the write.

use std::collections::BTreeMap;

use crate::outcome::Violation;

/// The name in [`Violation::oracle`].
pub const NAME: &str = "acknowledged";

/// A value and the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The value.
    pub value: String,
    /// The revision.
    pub revision: i64,
}

/// What is wrong with what there is in the end, where nothing was ever deleted.
pub fn check(
    acknowledged: &[(String, Written)],
    at_the_end: &BTreeMap<String, Written>,
) -> Vec<Violation> {
    let lost = |(key, told): &(String, Written)| {
        let (value, revision) = (shown(&told.value), told.revision);
        let was = format!("{key}={value} was acknowledged with revision {revision}");
        match at_the_end.get(key) {
            None => Some(format!("{was} and is gone")),
            Some(there) if there.revision < told.revision => Some(format!(
                "{was}, but there is {} of revision {}",
                shown(&there.value),
                there.revision
            )),
            Some(there) if there.revision == told.revision && there.value != told.value => {
                Some(format!("{was}, but that wrote {}", shown(&there.value)))
            }
            Some(_) => None,
        }
    };
    let violation = |text| Violation { oracle: NAME.to_owned(), text, data_loss: true };
    acknowledged.iter().filter_map(lost).map(violation).collect()
}

/// As much of a value as a person needs.
fn shown(value: &str) -> String {
    value.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(key: &str, value: &str, revision: i64) -> (String, Written) {
        (key.to_owned(), Written { value: value.to_owned(), revision })
    }

    fn texts(told: &[(String, Written)], there: &[(String, Written)]) -> Vec<String> {
        let found = check(told, &there.iter().cloned().collect());
        assert!(found.iter().all(|violation| violation.data_loss));
        found.into_iter().map(|violation| violation.text).collect()
    }

    #[test]
    fn writes_that_are_there_or_were_written_over_are_accepted() {
        let told = [written("a", "1", 2), written("b", "1", 3), written("a", "2", 5)];
        let there = [written("a", "3", 7), written("b", "1", 3), written("c", "9", 6)];
        assert_eq!(texts(&told, &there), [""; 0]);
    }

    #[test]
    fn a_write_that_is_gone_is_found() {
        let found = texts(&[written("a", "1", 2)], &[written("b", "1", 3)]);
        assert_eq!(found, ["a=1 was acknowledged with revision 2 and is gone"]);
    }

    #[test]
    fn a_write_that_an_older_one_stands_in_for_is_found() {
        let found = texts(&[written("a", "2", 5)], &[written("a", "1", 2)]);
        let text = "a=2 was acknowledged with revision 5, but there is 1 of revision 2";
        assert_eq!(found, [text]);
    }

    #[test]
    fn a_write_whose_revision_wrote_something_else_is_found() {
        let found = texts(&[written("a", "2", 5)], &[written("a", "1", 5)]);
        assert_eq!(found, ["a=2 was acknowledged with revision 5, but that wrote 1"]);
    }
}
