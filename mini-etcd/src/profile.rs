//! Which etcd a member is.
//!
//! A profile selects code paths that existed in that release; it never selects an outcome. Only the
//! differences that a client or another member can notice are kept.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A release of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// etcd 3.1.8: stops without telling its clients, advertises no stream limit.
    V3_1_8,
    /// etcd 3.2.9: graceful stop, advertises the largest stream limit.
    V3_2_9,
    /// etcd 3.4: as 3.2.9, and learners.
    V3_4,
}

impl Profile {
    /// The version as `etcdctl endpoint status` shows it.
    pub fn version(self) -> &'static str {
        match self {
            Profile::V3_1_8 => "3.1.8",
            Profile::V3_2_9 => "3.2.9",
            Profile::V3_4 => "3.4.23",
        }
    }

    /// The version of a cluster of such members.
    pub fn cluster_version(self) -> &'static str {
        match self {
            Profile::V3_1_8 => "3.1.0",
            Profile::V3_2_9 => "3.2.0",
            Profile::V3_4 => "3.4.0",
        }
    }

    /// The `MAX_CONCURRENT_STREAMS` that the HTTP/2 server puts into its SETTINGS.
    ///
    /// From 3.2.3 on a plaintext member advertises the largest value (etcd-io/etcd#8238); before
    /// that the frame does not carry the setting.
    pub fn sends_stream_limit(self) -> Option<u32> {
        match self {
            Profile::V3_1_8 => None,
            Profile::V3_2_9 | Profile::V3_4 => Some(u32::MAX),
        }
    }

    /// How long a stopping member lets calls finish after GOAWAY; `None`: it closes at once.
    ///
    /// The longest request time-out, 5 s + 2 x the election time-out of 1 s (etcd 3.2
    /// embed/etcd.go `stopServers`).
    pub fn graceful_stop(self) -> Option<Duration> {
        match self {
            Profile::V3_1_8 => None,
            Profile::V3_2_9 | Profile::V3_4 => Some(Duration::from_secs(7)),
        }
    }

    /// Whether members can be added as learners (3.4).
    pub fn has_learners(self) -> bool {
        self >= Profile::V3_4
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version())
    }
}

/// A version that no profile stands for.
#[derive(Debug, thiserror::Error)]
#[error("etcd version `{0}` is not known: expected 3.1.8, 3.2.9 or 3.4 (3.4.x)")]
pub struct UnknownVersion(String);

impl FromStr for Profile {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        match text {
            "3.1" | "3.1.8" => Ok(Profile::V3_1_8),
            "3.2" | "3.2.9" => Ok(Profile::V3_2_9),
            _ if text == "3.4" || text.starts_with("3.4.") => Ok(Profile::V3_4),
            _ => Err(UnknownVersion(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_reads_back_as_its_profile() {
        for profile in [Profile::V3_1_8, Profile::V3_2_9, Profile::V3_4] {
            assert_eq!(profile.version().parse::<Profile>().unwrap(), profile);
        }
        assert!("2.3.8".parse::<Profile>().is_err());
    }
}
