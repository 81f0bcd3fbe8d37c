//! Services: a name and a selector of pods.

use super::meta::{ObjectMeta, StringMap};
use super::values::IntOrString;

objects! {
    /// One port of a Service.
    ServicePort {
        /// Its name; may be empty where there is only one.
        name: String => "name" omitempty,
        /// `TCP` or `UDP`.
        protocol: String => "protocol" omitempty,
        /// The port that clients use.
        port: i32 => "port" always,
        /// The port of the pods, by number or by the name of a container's port.
        target_port: IntOrString => "targetPort" omitempty,
        /// The port on every node, where the type has one.
        node_port: i32 => "nodePort" omitempty,
    }

    /// What is wanted.
    ServiceSpec {
        /// The ports.
        ports: Option<Vec<ServicePort>> => "ports" omitempty,
        /// The labels of its pods. Without one, nobody maintains its Endpoints.
        selector: StringMap => "selector" omitempty,
        /// The virtual address, or `None`. This server allocates none.
        cluster_ip: String => "clusterIP" omitempty,
        /// `ClusterIP`, …
        r#type: String => "type" omitempty,
        /// `None` or `ClientIP`.
        session_affinity: String => "sessionAffinity" omitempty,
        /// A wished balancer address.
        load_balancer_ip: String => "loadBalancerIP" omitempty,
        /// The target of an `ExternalName` Service.
        external_name: String => "externalName" omitempty,
    }

    /// An address of a balancer.
    LoadBalancerIngress {
        /// By address.
        ip: String => "ip" omitempty,
        /// By name.
        hostname: String => "hostname" omitempty,
    }

    /// A balancer's addresses.
    LoadBalancerStatus {
        /// The addresses.
        ingress: Option<Vec<LoadBalancerIngress>> => "ingress" omitempty,
    }

    /// What is.
    ServiceStatus {
        /// The balancer.
        load_balancer: LoadBalancerStatus => "loadBalancer" omitempty,
    }

    /// A named set of pods behind ports.
    Service {
        /// Metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// What is wanted.
        spec: ServiceSpec => "spec" omitempty,
        /// What is.
        status: ServiceStatus => "status" omitempty,
    }
}
