//! Half-open key ranges, with etcd's two special ends.

use std::ops::Bound;

use bytes::Bytes;

/// The keys that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    start: Bytes,
    end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// The one key.
    Single,
    /// All keys from the start on.
    Open,
    /// Up to this key, without it.
    Before(Bytes),
}

impl Keys {
    /// Reads `key` and `range_end` of a request: an empty end means the one key, `"\0"` no end.
    pub fn new(key: Bytes, range_end: Bytes) -> Self {
        let end = match &range_end[..] {
            [] => End::Single,
            [0] => End::Open,
            _ => End::Before(range_end),
        };
        Keys { start: key, end }
    }

    /// One key.
    pub fn single(key: Bytes) -> Self {
        Keys { start: key, end: End::Single }
    }

    /// The first key of the range.
    pub fn start(&self) -> &Bytes {
        &self.start
    }

    /// Whether this is one key, not a range.
    pub fn is_single(&self) -> bool {
        self.end == End::Single
    }

    /// Whether `key` is among them.
    pub fn contains(&self, key: &[u8]) -> bool {
        match &self.end {
            End::Single => key == self.start,
            End::Open => key >= &self.start[..],
            End::Before(end) => key >= &self.start[..] && key < &end[..],
        }
    }

    /// The bounds for a `BTreeMap::range`, or `None` where the range holds nothing.
    pub fn bounds(&self) -> Option<(Bound<Bytes>, Bound<Bytes>)> {
        let start = Bound::Included(self.start.clone());
        match &self.end {
            End::Single => Some((start.clone(), start)),
            End::Open => Some((start, Bound::Unbounded)),
            End::Before(_) if self.is_empty() => None,
            End::Before(end) => Some((start, Bound::Excluded(end.clone()))),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(&self.end, End::Before(end) if *end <= self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(start: &'static str, end: &'static str) -> Keys {
        Keys::new(Bytes::from_static(start.as_bytes()), Bytes::from_static(end.as_bytes()))
    }

    #[test]
    fn an_empty_end_is_one_key_and_a_zero_end_is_no_end() {
        assert!(keys("a", "").contains(b"a") && !keys("a", "").contains(b"aa"));
        assert!(keys("b", "\0").contains(b"z") && !keys("b", "\0").contains(b"a"));
        assert!(keys("a", "b").contains(b"az") && !keys("a", "b").contains(b"b"));
        assert!(keys("b", "a").bounds().is_none());
    }
}
