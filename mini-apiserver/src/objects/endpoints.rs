//! Endpoints: where a Service is. The object the outage turned on.

use super::meta::ObjectMeta;

objects! {
    /// A reference to an object.
    ObjectReference {
        /// Its kind.
        kind: String => "kind" omitempty,
        /// Its namespace.
        namespace: String => "namespace" omitempty,
        /// Its name.
        name: String => "name" omitempty,
        /// Its uid.
        uid: String => "uid" omitempty,
        /// Its group and version.
        api_version: String => "apiVersion" omitempty,
        /// Its version when the reference was made.
        resource_version: String => "resourceVersion" omitempty,
        /// A part of it.
        field_path: String => "fieldPath" omitempty,
    }

    /// One address.
    EndpointAddress {
        /// An IP address.
        ip: String => "ip" always,
        /// The host's name.
        hostname: String => "hostname" omitempty,
        /// The node it is on.
        node_name: String => "nodeName" omitempty,
        /// The pod behind it.
        target_ref: Option<ObjectReference> => "targetRef" omitempty,
    }

    /// One port.
    EndpointPort {
        /// The name of the Service's port.
        name: String => "name" omitempty,
        /// 1 to 65535.
        port: i32 => "port" always,
        /// `TCP` or `UDP`.
        protocol: String => "protocol" omitempty,
    }

    /// Addresses that have the same ports.
    EndpointSubset {
        /// Addresses that take traffic.
        addresses: Option<Vec<EndpointAddress>> => "addresses" omitempty,
        /// Addresses that do not yet.
        not_ready_addresses: Option<Vec<EndpointAddress>> => "notReadyAddresses" omitempty,
        /// The ports.
        ports: Option<Vec<EndpointPort>> => "ports" omitempty,
    }

    /// Where the Service of the same name is.
    Endpoints {
        /// Metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// All addresses. The tag had no `omitempty` before 1.10 (k8s.io/api core/v1/types.go at
        /// 1.9.0 and 1.10.0).
        subsets: Option<Vec<EndpointSubset>> => "subsets" omitempty_since_1_10,
    }
}
