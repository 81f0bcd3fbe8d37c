//! Nodes: machines with a kubelet.

use std::collections::BTreeMap;

use super::meta::ObjectMeta;
use super::values::{Quantity, Time};

objects! {
    /// What keeps pods off a node.
    Taint {
        /// Its name.
        key: String => "key" always,
        /// Its value.
        value: String => "value" omitempty,
        /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`.
        effect: String => "effect" always,
        /// Since when.
        time_added: Time => "timeAdded" omitempty,
    }

    /// What is wanted.
    NodeSpec {
        /// The addresses of its pods.
        pod_cidr: String => "podCIDR" omitempty,
        /// The cloud's name of it, old form.
        external_id: String => "externalID" omitempty,
        /// The cloud's name of it.
        provider_id: String => "providerID" omitempty,
        /// Whether it takes no new pods.
        unschedulable: bool => "unschedulable" omitempty,
        /// What keeps pods off it.
        taints: Option<Vec<Taint>> => "taints" omitempty,
    }

    /// One condition of a node.
    NodeCondition {
        /// `Ready`, …
        r#type: String => "type" always,
        /// `True`, `False`, `Unknown`.
        status: String => "status" always,
        /// When the kubelet last said so.
        last_heartbeat_time: Time => "lastHeartbeatTime" always,
        /// When it last changed.
        last_transition_time: Time => "lastTransitionTime" always,
        /// Why, for programs.
        reason: String => "reason" omitempty,
        /// Why, for people.
        message: String => "message" omitempty,
    }

    /// An address of a node.
    NodeAddress {
        /// `InternalIP`, `Hostname`, …
        r#type: String => "type" always,
        /// The address.
        address: String => "address" always,
    }

    /// What a node runs.
    NodeSystemInfo {
        /// The machine.
        machine_id: String => "machineID" always,
        /// The machine, by its firmware.
        system_uuid: String => "systemUUID" always,
        /// The boot.
        boot_id: String => "bootID" always,
        /// The kernel.
        kernel_version: String => "kernelVersion" always,
        /// The distribution.
        os_image: String => "osImage" always,
        /// The container engine.
        container_runtime_version: String => "containerRuntimeVersion" always,
        /// The kubelet.
        kubelet_version: String => "kubeletVersion" always,
        /// The kube-proxy.
        kube_proxy_version: String => "kubeProxyVersion" always,
        /// The operating system.
        operating_system: String => "operatingSystem" always,
        /// The processor.
        architecture: String => "architecture" always,
    }

    /// How a node is.
    NodeStatus {
        /// What it has.
        capacity: Option<BTreeMap<String, Quantity>> => "capacity" omitempty,
        /// What of that pods may have.
        allocatable: Option<BTreeMap<String, Quantity>> => "allocatable" omitempty,
        /// Out of use.
        phase: String => "phase" omitempty,
        /// Its conditions.
        conditions: Option<Vec<NodeCondition>> => "conditions" omitempty,
        /// Its addresses.
        addresses: Option<Vec<NodeAddress>> => "addresses" omitempty,
        /// What it runs.
        node_info: NodeSystemInfo => "nodeInfo" omitempty,
    }

    /// A machine with a kubelet.
    Node {
        /// Metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// What is wanted.
        spec: NodeSpec => "spec" omitempty,
        /// What is.
        status: NodeStatus => "status" omitempty,
    }
}
