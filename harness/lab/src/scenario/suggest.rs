//! "Did you mean": the allowed values, nearest first in mind.

/// Names `allowed`, with the one nearest to `found` put first in a question.
pub fn allowed<'a>(found: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    let allowed: Vec<&str> = allowed.into_iter().collect();
    if allowed.is_empty() {
        return "there is none to choose from".to_owned();
    }
    let list = format!("allowed: {}", allowed.join(", "));
    match nearest(found, &allowed) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    }
}

/// The one of `allowed` that `found` was probably meant to be.
pub fn nearest<'a>(found: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let near = allowed.iter().map(|name| (distance(found, name), *name)).min()?;
    let limit = (found.chars().count().max(near.1.chars().count()) / 3).max(1);
    (near.0 <= limit && near.0 > 0).then_some(near.1)
}

/// Help from serde's own words: "unknown field `a`, expected one of `b`, `c`".
pub(super) fn from_expectation(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let found = names.next()?;
    nearest(found, &names.collect::<Vec<_>>()).map(|near| format!("did you mean `{near}`?"))
}

/// Levenshtein's distance, with a swap of neighbours as one change.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let names = ["linkerd", "kubernetes", "standin"];
        assert_eq!(nearest("likerd", &names), Some("linkerd"));
        assert_eq!(nearest("linkred", &names), Some("linkerd"));
        assert_eq!(nearest("kuberentes", &names), Some("kubernetes"));
    }

    #[test]
    fn something_else_is_not_guessed_at() {
        assert_eq!(nearest("volume", &["linkerd", "kubernetes"]), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn serde_s_expectation_gives_a_suggestion() {
        let message = "unknown field `tilte`, expected one of `title`, `zero`";
        assert_eq!(from_expectation(message).as_deref(), Some("did you mean `title`?"));
        assert_eq!(from_expectation("invalid type"), None);
    }
}
