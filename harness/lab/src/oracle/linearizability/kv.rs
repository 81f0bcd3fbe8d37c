//! The sequential etcd that a history is held against: a map, and transactions on it.
//!
//! Every request is a transaction here; a plain put is one that compares nothing. Revisions are left
//! out on purpose: they are etcd's own account of the order, and the search asks whether any order
//! explains what clients saw (`oracle::revisions` checks the account).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use bytes::Bytes;

/// The keys that a step reads or deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// One key.
    One(Bytes),
    /// All from the first up to, not including, the second.
    Range(Bytes, Bytes),
}

impl Keys {
    /// Whether `key` is among them.
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            Keys::One(one) => one == key,
            Keys::Range(from, to) => from <= key && key < to.as_ref(),
        }
    }

    pub(super) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        match self {
            Keys::One(key) => (Bound::Included(key), Bound::Included(key)),
            // A range that ends before it begins is empty, for etcd too.
            Keys::Range(from, to) if from >= to => (Bound::Included(from), Bound::Excluded(from)),
            Keys::Range(from, to) => (Bound::Included(from), Bound::Excluded(to)),
        }
    }
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes a pair.
    Put(Bytes, Bytes),
    /// Deletes keys.
    Delete(Keys),
    /// Reads keys.
    Get(Keys),
}

/// What a transaction asks first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Whether the key has this value; a key that is not there has none.
    Value(Bytes, Bytes),
    /// Whether the key is there.
    Exists(Bytes, bool),
}

impl Compare {
    fn key(&self) -> &Bytes {
        match self {
            Compare::Value(key, _) | Compare::Exists(key, _) => key,
        }
    }

    fn holds(&self, state: &State) -> bool {
        match self {
            Compare::Value(key, value) => state.get(key) == Some(value),
            Compare::Exists(key, there) => state.contains_key(key) == *there,
        }
    }
}

/// A request: if every comparison holds, `success`, else `failure`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What is asked first.
    pub compare: Vec<Compare>,
    /// What is done if all of it holds.
    pub success: Vec<Step>,
    /// What is done otherwise.
    pub failure: Vec<Step>,
}

impl From<Step> for Request {
    fn from(step: Step) -> Self {
        Request { success: vec![step], ..Request::default() }
    }
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The pair is written.
    Put,
    /// So many keys are gone.
    Deleted(u64),
    /// The pairs, in order of their keys.
    Got(Vec<(Bytes, Bytes)>),
}

/// What a request answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether every comparison held.
    pub succeeded: bool,
    /// One reply for each step that was done.
    pub replies: Vec<Reply>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Answer { succeeded: true, replies: vec![reply] }
    }
}

/// What etcd holds.
pub type State = BTreeMap<Bytes, Bytes>;

impl Request {
    /// Does the request. `None` where it cannot have given this answer; without an answer, any is
    /// right.
    pub fn step<'a>(&self, state: &'a State, answer: Option<&Answer>) -> Option<Cow<'a, State>> {
        let succeeded = self.compare.iter().all(|compare| compare.holds(state));
        let steps = if succeeded { &self.success } else { &self.failure };
        if answer.is_some_and(|a| a.succeeded != succeeded || a.replies.len() != steps.len()) {
            return None;
        }
        let mut state = Cow::Borrowed(state);
        for (n, step) in steps.iter().enumerate() {
            let expected = answer.map(|answer| &answer.replies[n]);
            let possible = match step {
                Step::Put(key, value) => {
                    if state.get(key) != Some(value) {
                        state.to_mut().insert(key.clone(), value.clone());
                    }
                    expected.is_none_or(|reply| *reply == Reply::Put)
                }
                Step::Delete(keys) => {
                    let gone: Vec<Bytes> =
                        state.range::<[u8], _>(keys.bounds()).map(|(key, _)| key.clone()).collect();
                    gone.iter().for_each(|key| drop(state.to_mut().remove(key)));
                    expected.is_none_or(|reply| *reply == Reply::Deleted(gone.len() as u64))
                }
                Step::Get(keys) => match expected {
                    None => true,
                    Some(Reply::Got(pairs)) => {
                        let there = state.range::<[u8], _>(keys.bounds());
                        there.eq(pairs.iter().map(|(key, value)| (key, value)))
                    }
                    Some(_) => false,
                },
            };
            if !possible {
                return None;
            }
        }
        Some(state)
    }

    /// Whether the request, having given this answer, cannot have changed anything.
    pub fn is_pure(&self, answer: Option<&Answer>) -> bool {
        let reads = |steps: &[Step]| steps.iter().all(|step| matches!(step, Step::Get(_)));
        let Some(answer) = answer else { return reads(&self.success) && reads(&self.failure) };
        let steps = if answer.succeeded { &self.success } else { &self.failure };
        let changed = |(step, reply): (&Step, &Reply)| match step {
            Step::Get(_) => false,
            Step::Delete(_) => *reply != Reply::Deleted(0),
            Step::Put(..) => true,
        };
        !steps.iter().zip(&answer.replies).any(changed)
    }

    /// Whether what it does and answers is the same in every state.
    pub fn is_blind(&self, answer: Option<&Answer>) -> bool {
        let blind = |step: &Step| match step {
            Step::Put(..) => true,
            Step::Delete(_) => answer.is_none(),
            Step::Get(_) => false,
        };
        self.compare.is_empty() && self.success.iter().all(blind)
    }

    /// Whether it touches one key alone.
    pub fn is_narrow(&self) -> bool {
        let mut named = self.named();
        let first = named.next();
        self.ranges().next().is_none() && named.all(|key| Some(key) == first)
    }

    /// How many of the pairs that the answer shows are not what the state holds: a measure of how
    /// far the state is from one that could have given it.
    pub fn distance(&self, state: &State, answer: &Answer) -> usize {
        let pairs = answer.replies.iter().filter_map(|reply| match reply {
            Reply::Got(pairs) => Some(pairs),
            _ => None,
        });
        pairs.flatten().filter(|(key, value)| state.get(key) != Some(value)).count()
    }

    /// The pairs that it may write.
    pub fn puts(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.success.iter().chain(&self.failure).filter_map(|step| match step {
            Step::Put(key, value) => Some((key, value)),
            Step::Delete(_) | Step::Get(_) => None,
        })
    }

    /// The single keys that it may delete.
    pub fn deletes(&self) -> impl Iterator<Item = &Bytes> {
        self.success.iter().chain(&self.failure).filter_map(|step| match step {
            Step::Delete(Keys::One(key)) => Some(key),
            _ => None,
        })
    }

    /// Whether the two touch a key in common.
    pub fn meets(&self, other: &Request) -> bool {
        let touches = |request: &Request, key: &Bytes| {
            request.named().any(|named| named == key)
                || request.ranges().any(|range| range.contains(key))
        };
        self.named().any(|key| touches(other, key))
            || other.named().any(|key| touches(self, key))
            || (self.ranges().next().is_some() && other.ranges().next().is_some())
    }

    /// Whether an answer to it could need that `key` holds `value`, or nothing.
    pub fn asks(&self, answer: Option<&Answer>, key: &Bytes, value: Option<&Bytes>) -> bool {
        if self.compare.iter().any(|compare| compare.key() == key) {
            return true;
        }
        let steps = self.success.iter().chain(&self.failure);
        let mut reads = steps.filter_map(|step| match step {
            Step::Get(keys) | Step::Delete(keys) => Some(keys),
            Step::Put(..) => None,
        });
        if !reads.any(|keys| keys.contains(key)) {
            return false;
        }
        let shows_pairs = |reply: &Reply| matches!(reply, Reply::Got(_));
        match answer {
            Some(answer) if answer.replies.iter().all(shows_pairs) => {
                answer.replies.iter().any(|reply| match reply {
                    Reply::Got(pairs) => {
                        let shown = pairs.iter().find(|(shown, _)| shown == key);
                        shown.map(|(_, shown)| shown) == value
                    }
                    Reply::Put | Reply::Deleted(_) => false,
                })
            }
            _ => true,
        }
    }

    /// The single keys that the request names.
    pub fn named(&self) -> impl Iterator<Item = &Bytes> {
        let one = |step| match step {
            &Step::Put(ref key, _)
            | &Step::Delete(Keys::One(ref key))
            | &Step::Get(Keys::One(ref key)) => Some(key),
            &Step::Delete(_) | &Step::Get(_) => None,
        };
        let steps = self.success.iter().chain(&self.failure);
        self.compare.iter().map(Compare::key).chain(steps.filter_map(one))
    }

    /// The ranges that the request names.
    pub fn ranges(&self) -> impl Iterator<Item = &Keys> {
        self.success.iter().chain(&self.failure).filter_map(|step| match step {
            Step::Delete(keys @ Keys::Range(..)) | Step::Get(keys @ Keys::Range(..)) => Some(keys),
            _ => None,
        })
    }
}

/// Bytes as people read them.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keys::One(key) => f.write_str(&text(key)),
            Keys::Range(from, to) => write!(f, "{}..{}", text(from), text(to)),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Put(key, value) => write!(f, "put {}={}", text(key), text(value)),
            Step::Delete(keys) => write!(f, "delete {keys}"),
            Step::Get(keys) => write!(f, "get {keys}"),
        }
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compare::Value(key, value) => write!(f, "{} is {}", text(key), text(value)),
            Compare::Exists(key, true) => write!(f, "{} is there", text(key)),
            Compare::Exists(key, false) => write!(f, "{} is not there", text(key)),
        }
    }
}

fn joined<T: fmt::Display>(parts: &[T]) -> String {
    parts.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.compare.is_empty() {
            return f.write_str(&joined(&self.success));
        }
        write!(f, "if {} then {}", joined(&self.compare), joined(&self.success))?;
        if self.failure.is_empty() { Ok(()) } else { write!(f, " else {}", joined(&self.failure)) }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reply = |reply: &Reply| match reply {
            Reply::Put => "ok".to_owned(),
            Reply::Deleted(n) => format!("{n} deleted"),
            Reply::Got(pairs) if pairs.is_empty() => "nothing".to_owned(),
            Reply::Got(pairs) => pairs_text(pairs.iter().map(|(key, value)| (key, value))),
        };
        let replies: Vec<String> = self.replies.iter().map(reply).collect();
        let word = if self.succeeded { "" } else { "refused " };
        write!(f, "{word}{}", replies.join(", "))
    }
}

/// Pairs as people read them.
pub(super) fn pairs_text<'a>(pairs: impl Iterator<Item = (&'a Bytes, &'a Bytes)>) -> String {
    let pairs: Vec<String> =
        pairs.map(|(key, value)| format!("{}={}", text(key), text(value))).collect();
    if pairs.is_empty() { "nothing".to_owned() } else { pairs.join(" ") }
}
