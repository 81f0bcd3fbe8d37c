//! What an operator tells the program, and what can be wrong with it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;

/// The emulated release of linkerd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 0.9.1, of March 2017: cannot read an Endpoints object whose `subsets` is `null`
    /// (linkerd#1219).
    V0_9_1,
    /// 1.0.0, of April 2017: the first release that can (linkerd#1223).
    V1_0_0,
}

/// A version that is not emulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown linkerd version `{0}`: expected 0.9.1 or 1.0.0")]
pub struct UnknownVersion(pub String);

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "0.9.1" => Ok(Version::V0_9_1),
            "1.0.0" => Ok(Version::V1_0_0),
            _ => Err(UnknownVersion(text.to_owned())),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V0_9_1 => "0.9.1",
            Version::V1_0_0 => "1.0.0",
        })
    }
}

/// The settings of one proxy.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where services send their requests; linkerd's documentation uses 4140. 0: any free port.
    pub listen_port: u16,
    /// Where operators look ([`crate::proxy`]); linkerd's default is 9990. 0: any free port.
    pub admin_port: Option<u16>,
    /// The apiserver, or the `kubectl proxy` in front of it. Plain HTTP, as linkerd's namer spoke.
    pub apiserver: SocketAddr,
    /// Sent to the apiserver as `Authorization: Bearer …`: the pod's service-account token, which
    /// `kubectl proxy` would add.
    pub token: Option<String>,
    /// The namespace whose services are reachable by their bare names.
    pub namespace: String,
    /// The name of the port that services take requests on.
    pub port_name: String,
    /// The emulated release.
    pub version: Version,
}

impl Config {
    /// linkerd's usual settings for services in the `default` namespace.
    pub fn new(apiserver: SocketAddr, version: Version) -> Self {
        Config {
            listen_port: 4140,
            admin_port: Some(9990),
            apiserver,
            token: None,
            namespace: "default".into(),
            port_name: "http".into(),
            version,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        for (field, value) in [("namespace", &self.namespace), ("port name", &self.port_name)] {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if value.is_empty() || value.len() > 63 || !value.chars().all(fits) {
                return Err(Error::Name { field, value: value.clone() });
            }
        }
        if let Some(token) = &self.token
            && http::HeaderValue::from_str(token).is_err()
        {
            return Err(Error::Token);
        }
        Ok(())
    }
}

/// Why a proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken, or may not be used.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The asked port.
        port: u16,
        /// What the machine said.
        source: io::Error,
    },
    /// A name that cannot be part of a path.
    #[error("{field} `{value}`: expected 1 to 63 of a-z, 0-9 and -")]
    Name {
        /// Which setting.
        field: &'static str,
        /// What it was.
        value: String,
    },
    /// A token that cannot be sent in a header.
    #[error("token: expected visible ASCII characters")]
    Token,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_reads_as_it_prints_and_an_unknown_one_is_refused() {
        for version in [Version::V0_9_1, Version::V1_0_0] {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
        let refused = "1.3.5".parse::<Version>().unwrap_err();
        assert_eq!(refused.to_string(), "unknown linkerd version `1.3.5`: expected 0.9.1 or 1.0.0");
    }

    #[test]
    fn a_namespace_that_is_no_path_segment_is_refused() {
        let mut config = Config::new(([127, 0, 0, 1], 8001).into(), Version::V0_9_1);
        assert!(config.check().is_ok());
        config.namespace = "a/b".into();
        assert!(matches!(config.check(), Err(Error::Name { field: "namespace", .. })));
    }
}
