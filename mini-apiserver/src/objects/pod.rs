//! Pods: containers on a node.

use super::container::Container;
use super::meta::{ObjectMeta, StringMap};
use super::pod_status::PodStatus;
use super::volume::Volume;

objects! {
    /// Which taints a pod bears.
    Toleration {
        /// The taint; all where empty.
        key: String => "key" omitempty,
        /// `Exists` or `Equal`.
        operator: String => "operator" omitempty,
        /// The taint's value.
        value: String => "value" omitempty,
        /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`; all where empty.
        effect: String => "effect" omitempty,
        /// For how long, in seconds; for ever where absent.
        toleration_seconds: Option<i64> => "tolerationSeconds" omitempty,
    }

    /// What is wanted.
    PodSpec {
        /// The volumes.
        volumes: Option<Vec<Volume>> => "volumes" omitempty,
        /// Containers that run to their end before the others start.
        init_containers: Option<Vec<Container>> => "initContainers" omitempty,
        /// The containers. The tag has no `omitempty`.
        containers: Option<Vec<Container>> => "containers" always,
        /// `Always`, `OnFailure`, `Never`.
        restart_policy: String => "restartPolicy" omitempty,
        /// Seconds between asking it to stop and making it.
        termination_grace_period_seconds: Option<i64> => "terminationGracePeriodSeconds" omitempty,
        /// Where it asks for names.
        dns_policy: String => "dnsPolicy" omitempty,
        /// Labels that its node must have.
        node_selector: StringMap => "nodeSelector" omitempty,
        /// As whom it talks to the apiserver.
        service_account_name: String => "serviceAccountName" omitempty,
        /// Whether the account's token is mounted.
        automount_service_account_token: Option<bool> => "automountServiceAccountToken" omitempty,
        /// Its node, once it has one.
        node_name: String => "nodeName" omitempty,
        /// Whether it uses the node's network.
        host_network: bool => "hostNetwork" omitempty,
        /// Its host name.
        hostname: String => "hostname" omitempty,
        /// Its domain.
        subdomain: String => "subdomain" omitempty,
        /// Who gives it a node.
        scheduler_name: String => "schedulerName" omitempty,
        /// The taints it bears.
        tolerations: Option<Vec<Toleration>> => "tolerations" omitempty,
    }

    /// A pod.
    Pod {
        /// Metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// What is wanted.
        spec: PodSpec => "spec" omitempty,
        /// What is.
        status: PodStatus => "status" omitempty,
    }

    /// What a controller makes pods from.
    PodTemplateSpec {
        /// The pods' metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// The pods' spec.
        spec: PodSpec => "spec" omitempty,
    }
}
