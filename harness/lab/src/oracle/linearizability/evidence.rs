//! Who writes each pair of key and value, and which answers show it.
//!
//! Clients that write each value once leave a trail: what an answer shows can have come from one
//! operation only, and once it is overwritten nothing brings it back.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::history::Operation;
use super::kv::{Compare, Reply, Request, Step};
use super::timeline::Which;

/// The trail of a part of a history.
#[derive(Default)]
pub(super) struct Evidence(BTreeMap<(Bytes, Bytes), Pair>);

#[derive(Default)]
struct Pair {
    writers: Vec<Which>,
    /// The operations, by number, whose answer needs it: in order.
    shown: Vec<u32>,
    /// Whether a comparison of unknown outcome names it.
    compared: bool,
}

impl Evidence {
    pub fn of(known: &[&Operation], unknown: &[&Operation]) -> Self {
        let mut evidence = Evidence::default();
        for (n, operation) in (0..).zip(known) {
            evidence.add(Which::Known(n), operation);
        }
        for (n, operation) in (0..).zip(unknown) {
            evidence.add(Which::Unknown(n), operation);
        }
        evidence
    }

    fn add(&mut self, which: Which, operation: &Operation) {
        let request = &operation.request;
        for (key, value) in request.puts() {
            self.pair(key, value).writers.push(which);
        }
        let succeeded = operation.answer().is_some_and(|answer| answer.succeeded);
        for compare in &request.compare {
            if let Compare::Value(key, value) = compare {
                let pair = self.pair(key, value);
                pair.compared = true;
                if let (Which::Known(n), true) = (which, succeeded) {
                    pair.shown.push(n);
                }
            }
        }
        let Some(answer) = operation.answer() else { return };
        let Which::Known(n) = which else { return };
        // What a transaction reads of what it has itself written needs nobody else.
        let own: Vec<(&Bytes, &Bytes)> = request.puts().collect();
        for reply in &answer.replies {
            let Reply::Got(pairs) = reply else { continue };
            for (key, value) in pairs.iter().map(|(key, value)| (key, value)) {
                let pair = self.pair(key, value);
                pair.compared = true;
                if !own.contains(&(key, value)) {
                    pair.shown.push(n);
                }
            }
        }
    }

    fn pair(&mut self, key: &Bytes, value: &Bytes) -> &mut Pair {
        self.0.entry((key.clone(), value.clone())).or_default()
    }

    fn get(&self, (key, value): (&Bytes, &Bytes)) -> Option<&Pair> {
        self.0.get(&(key.clone(), value.clone()))
    }

    /// The operations that write a pair.
    pub fn writers(&self, pair: (&Bytes, &Bytes)) -> &[Which] {
        self.get(pair).map_or(&[], |pair| &pair.writers)
    }

    /// The operations that need a pair to be there.
    pub fn shown(&self, pair: (&Bytes, &Bytes)) -> &[u32] {
        self.get(pair).map_or(&[], |pair| &pair.shown)
    }

    /// A request with one value in place of all that nothing tells from others.
    pub fn without_names(&self, request: &Request) -> Request {
        let mut request = request.clone();
        for step in request.success.iter_mut().chain(&mut request.failure) {
            if let Step::Put(key, value) = step
                && !self.get((key, value)).is_some_and(|pair| pair.compared)
            {
                *value = Bytes::from_static(b"(never read)");
            }
        }
        request
    }
}
