//! Cuts a stream of chunks into lines.
//!
//! A watch answers with one JSON object a line. How the bytes are cut into chunks is the network's
//! business: linkerd's parser once stopped for ever because of it (linkerd#1755), so this one knows
//! of nothing but bytes and newlines.

/// The longest line: an object of etcd's 1.5 MiB may grow in JSON, but not to this.
const LINE_MAX: usize = 8 << 20;

/// A line got longer than 8 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of the watch is longer than 8 MiB")]
pub(crate) struct TooLong;

/// The lines of a byte stream.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where there is no newline.
    searched: usize,
}

impl Lines {
    /// Takes the next chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), TooLong> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        if self.searched + chunk.len() > LINE_MAX && !chunk.contains(&b'\n') {
            return Err(TooLong);
        }
        self.buffer.extend_from_slice(chunk);
        Ok(())
    }

    /// The next whole line that is not blank, without its end.
    pub(crate) fn next_line(&mut self) -> Option<&[u8]> {
        loop {
            let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            let Some(length) = found else {
                self.searched = self.buffer.len();
                return None;
            };
            let (start, end) = (self.start, self.searched + length);
            self.start = end + 1;
            self.searched = end + 1;
            if !self.buffer[start..end].trim_ascii().is_empty() {
                return Some(self.buffer[start..end].trim_ascii());
            }
        }
    }

    /// What came after the last newline: not empty where the stream broke off.
    pub(crate) fn rest(&self) -> &[u8] {
        self.buffer[self.start..].trim_ascii()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(bytes: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut at = 0;
        let ends = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([bytes.len()]);
        for end in ends {
            if end < at {
                continue;
            }
            lines.push(&bytes[at..end]).expect("short lines");
            at = end;
            while let Some(line) = lines.next_line() {
                found.push(line.to_vec());
            }
        }
        (found, lines.rest().to_vec())
    }

    proptest! {
        #[test]
        fn the_lines_do_not_depend_on_the_chunks(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), any::<u8>()], 0..200),
            mut cuts in prop::collection::vec(0usize..200, 0..20),
        ) {
            cuts.sort_unstable();
            prop_assert_eq!(cut(&bytes, &cuts), cut(&bytes, &[]));
        }
    }

    #[test]
    fn blank_lines_are_skipped_and_a_broken_end_is_kept() {
        let (lines, rest) = cut(b"one\n\n \r\ntwo\r\nthr", &[]);
        assert_eq!(lines, [b"one".to_vec(), b"two".to_vec()]);
        assert_eq!(rest, b"thr");
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; 1 << 20];
        let taken = (0..20).take_while(|_| {
            let good = lines.push(&chunk).is_ok();
            assert!(lines.next_line().is_none());
            good
        });
        assert_eq!(taken.count(), 8);
    }
}
