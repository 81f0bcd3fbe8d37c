//! Which client it is.
//!
//! A generation names what an apiserver of a release was linked with. Only what differs between
//! generations may look at it; here that is the stream quota ([`super::pool`]).

use std::fmt;
use std::str::FromStr;

/// The client library as a release of Kubernetes had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// etcd clientv3 3.1.5 over grpc-go 1.0.4: Kubernetes 1.7. Its stream quota can be lost
    /// (grpc-go#1005).
    Grpc104,
    /// The same with the quota pool of grpc-go 1.0.5, where grpc-go#1005 is fixed.
    Grpc105,
}

/// A generation that nobody has heard of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown client generation {given:?}: expected \"grpc-1.0.4\" or \"grpc-1.0.5\"")]
pub struct UnknownGeneration {
    /// What was given.
    pub given: String,
}

impl FromStr for Generation {
    type Err = UnknownGeneration;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "grpc-1.0.4" => Ok(Generation::Grpc104),
            "grpc-1.0.5" => Ok(Generation::Grpc105),
            _ => Err(UnknownGeneration { given: name.into() }),
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Generation::Grpc104 => "grpc-1.0.4",
            Generation::Grpc105 => "grpc-1.0.5",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_read_as_it_is_written() {
        for generation in [Generation::Grpc104, Generation::Grpc105] {
            assert_eq!(generation.to_string().parse(), Ok(generation));
        }
    }

    #[test]
    fn an_unknown_generation_is_an_error_that_names_the_known_ones() {
        let error = "grpc-9".parse::<Generation>().unwrap_err().to_string();
        assert!(error.contains("grpc-9") && error.contains("grpc-1.0.4"), "{error}");
    }
}
