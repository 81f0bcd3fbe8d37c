//! Which operations have to be looked at together.
//!
//! A history over many keys is linearizable if and only if its part for each key is (P-compositionality:
//! Horn and Kroening, "Faster linearizability checking via P-compositionality", 2015), as long as no
//! operation touches two keys. One that does joins its keys into one part; a range joins all keys of
//! the history that lie in it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::history::Operation;

/// The parts of a history, each in the order of `operations`.
pub(super) fn partition(operations: &[Operation]) -> Vec<Vec<&Operation>> {
    let mut keys = Keys::default();
    for operation in operations {
        keys.add(operation.request.named());
        for reply in operation.answer().into_iter().flat_map(|answer| &answer.replies) {
            if let super::kv::Reply::Got(pairs) = reply {
                keys.add(pairs.iter().map(|(key, _)| key));
            }
        }
    }
    for operation in operations {
        let mut touched = keys.touched(operation);
        if let Some(first) = touched.pop() {
            touched.into_iter().for_each(|other| keys.join(first, other));
        }
    }
    let mut parts: BTreeMap<Option<usize>, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        let part = keys.touched(operation).first().map(|key| keys.root(*key));
        parts.entry(part).or_default().push(operation);
    }
    parts.into_values().collect()
}

/// The keys of a history, as sets that are joined.
#[derive(Default)]
struct Keys {
    numbers: BTreeMap<Bytes, usize>,
    parents: Vec<usize>,
}

impl Keys {
    fn add<'a>(&mut self, keys: impl Iterator<Item = &'a Bytes>) {
        for key in keys {
            let next = self.parents.len();
            if *self.numbers.entry(key.clone()).or_insert(next) == next {
                self.parents.push(next);
            }
        }
    }

    fn touched(&self, operation: &Operation) -> Vec<usize> {
        let request = &operation.request;
        let mut touched: Vec<usize> = request.named().map(|key| self.numbers[key]).collect();
        for range in request.ranges() {
            let inside = self.numbers.range::<[u8], _>(range.bounds());
            touched.extend(inside.map(|(_, number)| number));
        }
        touched
    }

    fn root(&mut self, mut key: usize) -> usize {
        while self.parents[key] != key {
            self.parents[key] = self.parents[self.parents[key]];
            key = self.parents[key];
        }
        key
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a] = b;
    }
}
