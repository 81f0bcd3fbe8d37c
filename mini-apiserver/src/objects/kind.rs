//! The kinds that the server knows: names, paths and keys.
//!
//! Keys in etcd are those of the real server, which are not always the resource's name
//! (kubernetes 1.7.8, pkg/kubeapiserver/default_storage_factory_builder.go,
//! `SpecialDefaultResourcePrefixes`).

use crate::Version;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    ConfigMap,
    DaemonSet,
    Deployment,
    Endpoints,
    Namespace,
    Node,
    Pod,
    Secret,
    Service,
}

impl Kind {
    /// All, by name.
    pub const ALL: [Kind; 9] = [
        Kind::ConfigMap,
        Kind::DaemonSet,
        Kind::Deployment,
        Kind::Endpoints,
        Kind::Namespace,
        Kind::Node,
        Kind::Pod,
        Kind::Secret,
        Kind::Service,
    ];

    /// As in a document's `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ConfigMap => "ConfigMap",
            Kind::DaemonSet => "DaemonSet",
            Kind::Deployment => "Deployment",
            Kind::Endpoints => "Endpoints",
            Kind::Namespace => "Namespace",
            Kind::Node => "Node",
            Kind::Pod => "Pod",
            Kind::Secret => "Secret",
            Kind::Service => "Service",
        }
    }

    /// As in a URL.
    pub fn resource(self) -> &'static str {
        match self {
            Kind::ConfigMap => "configmaps",
            Kind::DaemonSet => "daemonsets",
            Kind::Deployment => "deployments",
            Kind::Endpoints => "endpoints",
            Kind::Namespace => "namespaces",
            Kind::Node => "nodes",
            Kind::Pod => "pods",
            Kind::Secret => "secrets",
            Kind::Service => "services",
        }
    }

    /// What people type instead.
    pub fn short_names(self) -> &'static [&'static str] {
        match self {
            Kind::ConfigMap => &["cm"],
            Kind::DaemonSet => &["ds"],
            Kind::Deployment => &["deploy"],
            Kind::Endpoints => &["ep"],
            Kind::Namespace => &["ns"],
            Kind::Node => &["no"],
            Kind::Pod => &["po"],
            Kind::Secret => &[],
            Kind::Service => &["svc"],
        }
    }

    /// The kind of a resource, by its name in a URL.
    pub fn of_resource(resource: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.resource() == resource)
    }

    /// The group in messages: empty for the core group.
    pub fn group(self) -> &'static str {
        match self {
            Kind::DaemonSet | Kind::Deployment => "extensions",
            _ => "",
        }
    }

    /// `deployments.extensions`, `pods`: the resource in messages.
    pub fn qualified(self) -> String {
        match self.group() {
            "" => self.resource().to_string(),
            group => format!("{}.{group}", self.resource()),
        }
    }

    /// Whether objects live in namespaces.
    pub fn namespaced(self) -> bool {
        !matches!(self, Kind::Namespace | Kind::Node)
    }

    /// Whether the group version serves the kind in a release. `extensions/v1beta1` was joined by
    /// `apps` in three steps: v1beta1 in 1.6, v1beta2 in 1.8, v1 in 1.9.
    pub fn served(self, group_version: &str, version: Version) -> bool {
        let since = match (self, group_version) {
            (Kind::Deployment | Kind::DaemonSet, "extensions/v1beta1") => Version::V1_5,
            (Kind::Deployment, "apps/v1beta1") => Version::V1_7,
            (Kind::Deployment | Kind::DaemonSet, "apps/v1beta2") => Version::V1_8,
            (Kind::Deployment | Kind::DaemonSet, "apps/v1") => Version::V1_10,
            (Kind::Deployment | Kind::DaemonSet, _) => return false,
            (_, "v1") => Version::V1_5,
            _ => return false,
        };
        version >= since
    }

    /// The group version of stored objects.
    pub fn storage_version(self) -> &'static str {
        match self {
            Kind::DaemonSet | Kind::Deployment => "extensions/v1beta1",
            _ => "v1",
        }
    }

    /// What the keys of the kind begin with; ends in a slash.
    pub fn prefix(self) -> String {
        let room = match self {
            Kind::Endpoints => "services/endpoints",
            Kind::Service => "services/specs",
            Kind::Node => "minions",
            _ => self.resource(),
        };
        format!("/registry/{room}/")
    }

    /// The key of one object.
    pub fn key(self, namespace: &str, name: &str) -> String {
        if self.namespaced() {
            format!("{}{namespace}/{name}", self.prefix())
        } else {
            format!("{}{name}", self.prefix())
        }
    }

    /// How many past events the watch cache keeps: 100, and at least 1000 for the kinds that
    /// change most (kubernetes 1.7.8, pkg/registry/cachesize/cachesize.go, for a small cluster).
    pub fn watch_window(self) -> usize {
        match self {
            Kind::Endpoints | Kind::Node | Kind::Pod | Kind::Service => 1000,
            _ => 100,
        }
    }

    /// Whether `/status` is a path of its own.
    pub fn has_status(self) -> bool {
        !matches!(self, Kind::ConfigMap | Kind::Endpoints | Kind::Secret)
    }
}
