//! ConfigMaps, Secrets and Namespaces.

use std::collections::BTreeMap;

use super::meta::{ObjectMeta, StringMap};
use super::values::Blob;

objects! {
    /// Settings.
    ConfigMap {
        /// Metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// The settings.
        data: StringMap => "data" omitempty,
    }

    /// Settings that are secret.
    Secret {
        /// Metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// The settings.
        data: Option<BTreeMap<String, Blob>> => "data" omitempty,
        /// What is in it, for programs.
        r#type: String => "type" omitempty,
    }

    /// What is wanted of a namespace.
    NamespaceSpec {
        /// What must be done before it may be gone.
        finalizers: Option<Vec<String>> => "finalizers" omitempty,
    }

    /// How a namespace is.
    NamespaceStatus {
        /// `Active` or `Terminating`.
        phase: String => "phase" omitempty,
    }

    /// A room for names.
    Namespace {
        /// Metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// What is wanted.
        spec: NamespaceSpec => "spec" omitempty,
        /// What is.
        status: NamespaceStatus => "status" omitempty,
    }
}
