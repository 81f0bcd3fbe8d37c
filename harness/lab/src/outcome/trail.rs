//! The trail of a run: two bytes of its rolling digest after every event.
//!
//! Two runs that differ have different digests, which says nothing about where. Two trails say it:
//! the first place where they differ is the first event that differs (or, once in 65,536 times, one
//! soon after it). A trail of a million events is two megabytes, so that it can be kept.

/// The index of the first event that is not the same in both: the shorter one's length where it is
/// the beginning of the other. None where they are the same.
pub fn first_difference(a: &[u16], b: &[u16]) -> Option<usize> {
    match a.iter().zip(b).position(|(a, b)| a != b) {
        None if a.len() == b.len() => None,
        None => Some(a.len().min(b.len())),
        found => found,
    }
}

/// A trail as bytes.
pub fn to_bytes(trail: &[u16]) -> Vec<u8> {
    trail.iter().flat_map(|step| step.to_le_bytes()).collect()
}

/// A trail from its bytes; an odd last byte is left out.
pub fn from_bytes(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found_or_there_is_none() {
        assert_eq!(first_difference(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(first_difference(&[1, 2, 3], &[1, 9, 3]), Some(1));
        assert_eq!(first_difference(&[1, 2], &[1, 2, 3]), Some(2));
        assert_eq!(first_difference(&[], &[]), None);
    }

    #[test]
    fn a_trail_survives_being_written() {
        let trail = [0, 1, 256, u16::MAX];
        assert_eq!(from_bytes(&to_bytes(&trail)), trail);
    }
}
