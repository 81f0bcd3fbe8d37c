//! What linkerd reads out of an Endpoints object: a set of addresses and a map of named ports.
//!
//! The two are kept apart, as in linkerd (`EndpointsNamer.scala`: `getEndpoints`, `getPorts`), so an
//! object with two subsets of different ports offers every address on every port. Here is also the
//! one difference between the releases: 0.9.1 walks `subsets` without looking whether there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::Version;
use crate::k8s::{Endpoints, Subset};
use crate::namer::exception::{Exception, dereference};

/// A service as the cache holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The ready pods.
    pub endpoints: BTreeSet<IpAddr>,
    /// Named TCP ports.
    pub ports: BTreeMap<String, u16>,
}

impl Service {
    /// Reads an object as `version` did.
    ///
    /// Throws an [`Exception`]: of a null `subsets` where the release did not expect one
    /// (linkerd#1219), and of an address that is no IP address.
    pub fn read(object: &Endpoints, version: Version) -> Self {
        let subsets = subsets(object, version);
        Service { endpoints: endpoints(subsets), ports: ports(subsets) }
    }

    /// The addresses of the port `name`, sorted; `None` where the service has no such port.
    pub fn addresses(&self, name: &str) -> Option<Vec<SocketAddr>> {
        let port = *self.ports.get(name)?;
        Some(self.endpoints.iter().map(|ip| SocketAddr::new(*ip, port)).collect())
    }
}

fn subsets(object: &Endpoints, version: Version) -> &[Subset] {
    match version {
        // `subsets: Seq[EndpointSubset]`, and then `for (subset <- subsets)`.
        Version::V0_9_1 => dereference(object.subsets.as_deref(), || {
            format!("subsets of endpoints {}", object.name().unwrap_or("?"))
        }),
        // `subsets: Option[Seq[EndpointSubset]] = None`, and then `subsets.getOrElse(Seq.empty)`.
        Version::V1_0_0 => object.subsets.as_deref().unwrap_or_default(),
    }
}

fn endpoints(subsets: &[Subset]) -> BTreeSet<IpAddr> {
    let addresses = subsets.iter().flat_map(|subset| subset.addresses.iter().flatten());
    let resolve = |ip: &str| match ip.parse() {
        Ok(ip) => ip,
        Err(_) => Exception::UnknownHost(ip.to_owned()).throw(),
    };
    addresses.map(|address| resolve(&address.ip)).collect()
}

fn ports(subsets: &[Subset]) -> BTreeMap<String, u16> {
    let ports = subsets.iter().flat_map(|subset| subset.ports.iter().flatten());
    ports
        .filter(|port| {
            port.protocol.as_deref().is_none_or(|protocol| protocol.eq_ignore_ascii_case("tcp"))
        })
        .filter_map(|port| Some((port.name.clone()?, port.port)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namer::exception::non_fatal;

    fn object(json: &str) -> Endpoints {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn null_subsets_throw_in_0_9_1_and_are_empty_in_1_0_0() {
        for json in [r#"{"metadata":{"name":"a"},"subsets":null}"#, r#"{"metadata":{"name":"a"}}"#]
        {
            let object = object(json);
            let thrown = non_fatal(|| Service::read(&object, Version::V0_9_1)).unwrap_err();
            assert_eq!(thrown, Exception::NullPointer("subsets of endpoints a".into()));
            let read = non_fatal(|| Service::read(&object, Version::V1_0_0));
            assert_eq!(read, Ok(Service::default()));
        }
    }

    #[test]
    fn empty_subsets_are_harmless_in_both_releases() {
        let object = object(r#"{"subsets":[]}"#);
        for version in [Version::V0_9_1, Version::V1_0_0] {
            assert_eq!(non_fatal(|| Service::read(&object, version)), Ok(Service::default()));
        }
    }

    #[test]
    fn addresses_of_all_subsets_are_offered_on_the_named_port() {
        let object = object(
            r#"{"subsets":[
                {"addresses":[{"ip":"10.0.0.2"}],"ports":[{"name":"http","port":80}]},
                {"addresses":[{"ip":"10.0.0.1"}],"notReadyAddresses":[{"ip":"10.0.0.9"}],
                 "ports":[{"name":"dns","port":53,"protocol":"UDP"},{"port":1}]}]}"#,
        );
        let service = Service::read(&object, Version::V0_9_1);
        let addresses = ["10.0.0.1:80", "10.0.0.2:80"].map(|a| a.parse().unwrap());
        assert_eq!(service.addresses("http"), Some(addresses.to_vec()));
        assert_eq!(service.addresses("dns"), None);
    }

    #[test]
    fn an_address_that_is_no_ip_throws() {
        let object = object(r#"{"subsets":[{"addresses":[{"ip":"pod-1"}]}]}"#);
        let thrown = non_fatal(|| Service::read(&object, Version::V1_0_0)).unwrap_err();
        assert_eq!(thrown, Exception::UnknownHost("pod-1".into()));
    }
}
