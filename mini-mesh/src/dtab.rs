//! Names: from what a client writes in `Host` to what the Kubernetes namer is asked for.
//!
//! linkerd calls services by paths and rewrites their prefixes by a delegation table. One rule is
//! all this proxy needs: `/svc => /#/io.l5d.k8s/default/http`, which turns `/svc/ledger` into the
//! port `http` of the service `ledger` of the namespace `default`.

use std::fmt;

/// A delegation table of the one rule that finds services in a Kubernetes namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dtab {
    namespace: String,
    port: String,
}

/// What the Kubernetes namer is asked for: `/#/io.l5d.k8s/<namespace>/<port>/<service>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The Kubernetes namespace.
    pub namespace: String,
    /// The name of the service's port.
    pub port: String,
    /// The Kubernetes service.
    pub service: String,
}

impl Dtab {
    /// `/svc => /#/io.l5d.k8s/<namespace>/<port>`.
    pub fn new(namespace: &str, port: &str) -> Self {
        Dtab { namespace: namespace.to_owned(), port: port.to_owned() }
    }

    /// What `path` delegates to, or `None` where no rule fits or a segment is missing.
    pub fn delegate(&self, path: &Path) -> Option<Target> {
        let mut segments = path.0.strip_prefix("/svc/")?.split('/');
        let service = segments.next().filter(|segment| !segment.is_empty())?;
        Some(Target {
            namespace: self.namespace.clone(),
            port: self.port.clone(),
            service: service.to_owned(),
        })
    }
}

impl fmt::Display for Dtab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/svc=>/#/io.l5d.k8s/{}/{}", self.namespace, self.port)
    }
}

/// A logical name: `/svc/<host>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// The name of the service that a request to `host` is for, or `None` for an empty host.
    ///
    /// The host is taken as it is, a port included, as the header-token identifier does
    /// (linkerd 1.0.0 `HeaderTokenIdentifier`); the Kubernetes namer knows lower case only.
    pub fn of_host(host: &str) -> Option<Self> {
        (!host.is_empty()).then(|| Path(format!("/svc/{}", host.to_ascii_lowercase())))
    }

    /// The path's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_delegates_to_a_port_of_a_kubernetes_service() {
        let dtab = Dtab::new("default", "http");
        let target = dtab.delegate(&Path::of_host("Ledger").unwrap()).unwrap();
        assert_eq!((&*target.namespace, &*target.port), ("default", "http"));
        assert_eq!(target.service, "ledger");
        assert_eq!(dtab.to_string(), "/svc=>/#/io.l5d.k8s/default/http");
    }

    #[test]
    fn no_host_is_no_name() {
        assert_eq!(Path::of_host(""), None);
    }
}
