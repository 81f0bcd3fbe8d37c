//! Which release of Kubernetes a program behaves as.
//!
//! A version never selects an outcome. It selects the code path that the release had; what that
//! leads to is for the run to show.

use std::fmt;
use std::str::FromStr;

/// A minor release of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 1.5: objects are stored as JSON.
    V1_5,
    /// 1.7 (and 1.6): objects are stored as protobuf; one conversion repairs single objects.
    V1_7,
    /// 1.8 (and 1.9): the repair is gone (kubernetes#45294).
    V1_8,
    /// 1.10: `subsets` became optional; time-outs answer 504.
    V1_10,
}

impl Version {
    /// All, oldest first.
    pub const ALL: [Version; 4] = [Version::V1_5, Version::V1_7, Version::V1_8, Version::V1_10];

    /// `1.7`, …
    pub fn name(self) -> &'static str {
        match self {
            Version::V1_5 => "1.5",
            Version::V1_7 => "1.7",
            Version::V1_8 => "1.8",
            Version::V1_10 => "1.10",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Not a version of Kubernetes that there is code for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown Kubernetes version {0:?}: expected one of 1.5, 1.7, 1.8, 1.10")]
pub struct UnknownVersion(pub String);

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Version::ALL.into_iter().find(|version| version.name() == text);
        known.ok_or_else(|| UnknownVersion(text.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_reads_back_from_its_name_and_others_are_refused() {
        for version in Version::ALL {
            assert_eq!(version.name().parse(), Ok(version));
        }
        assert!("1.6.4".parse::<Version>().is_err());
    }
}
