//! What a cut set asks of a factor.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A factor that has to be there, or a barrier that must not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Condition {
    /// The factor's name.
    pub factor: String,
    /// Whether it has to be there.
    pub present: bool,
}

/// As people read it: the name, or `no` and the name.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.present { "" } else { "no " })?;
        f.write_str(&self.factor)
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> String {
        condition.to_string()
    }
}

impl From<String> for Condition {
    fn from(told: String) -> Condition {
        match told.strip_prefix("no ") {
            Some(barrier) => Condition { factor: barrier.to_owned(), present: false },
            None => Condition { factor: told, present: true },
        }
    }
}

/// All of them.
pub fn all(conditions: &[Condition]) -> String {
    conditions.iter().map(Condition::to_string).collect::<Vec<_>>().join(" + ")
}

/// None of them holds any more, in words.
pub fn undone(conditions: &[Condition]) -> String {
    let one = |condition: &Condition| {
        let with = if condition.present { "without" } else { "with" };
        format!("{with} {}", condition.factor)
    };
    conditions.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What the conditions ask of a factor, if they ask anything.
pub fn of(conditions: &[Condition], factor: &str) -> Option<bool> {
    conditions.iter().find(|condition| condition.factor == factor).map(|found| found.present)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_reads_back_from_what_was_told_of_it() {
        let told = ["mesh-restart", "no delete-empty-service"];
        let conditions = told.map(|told| Condition::from(told.to_owned()));
        assert_eq!(conditions.each_ref().map(Condition::to_string), told);
        assert_eq!(all(&conditions), "mesh-restart + no delete-empty-service");
        assert_eq!(undone(&conditions), "without mesh-restart, with delete-empty-service");
        assert_eq!(of(&conditions, "delete-empty-service"), Some(false));
        assert_eq!(of(&conditions, "linkerd"), None);
    }
}
