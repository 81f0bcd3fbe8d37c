//! Containers of a pod.

use std::collections::BTreeMap;

use super::values::{IntOrString, Quantity};
use super::volume::LocalObjectReference;

objects! {
    /// A port that a container listens on.
    ContainerPort {
        /// Its name, which Services can refer to.
        name: String => "name" omitempty,
        /// The same port on the node, 0 for none.
        host_port: i32 => "hostPort" omitempty,
        /// The port.
        container_port: i32 => "containerPort" always,
        /// `TCP` or `UDP`.
        protocol: String => "protocol" omitempty,
        /// The node's address for the host port.
        host_ip: String => "hostIP" omitempty,
    }

    /// A field of the pod.
    ObjectFieldSelector {
        /// The version in whose terms the path is.
        api_version: String => "apiVersion" omitempty,
        /// `status.podIP`, `metadata.name`, …
        field_path: String => "fieldPath" always,
    }

    /// A key of a ConfigMap.
    ConfigMapKeySelector {
        /// The ConfigMap.
        local_object_reference: LocalObjectReference => "" inline,
        /// The key.
        key: String => "key" always,
        /// Whether it may be missing.
        optional: Option<bool> => "optional" omitempty,
    }

    /// A key of a Secret.
    SecretKeySelector {
        /// The Secret.
        local_object_reference: LocalObjectReference => "" inline,
        /// The key.
        key: String => "key" always,
        /// Whether it may be missing.
        optional: Option<bool> => "optional" omitempty,
    }

    /// Where the value of a variable comes from: one of these.
    EnvVarSource {
        /// A field of the pod.
        field_ref: Option<ObjectFieldSelector> => "fieldRef" omitempty,
        /// A key of a ConfigMap.
        config_map_key_ref: Option<ConfigMapKeySelector> => "configMapKeyRef" omitempty,
        /// A key of a Secret.
        secret_key_ref: Option<SecretKeySelector> => "secretKeyRef" omitempty,
    }

    /// An environment variable.
    EnvVar {
        /// Its name.
        name: String => "name" always,
        /// Its value.
        value: String => "value" omitempty,
        /// Where its value comes from instead.
        value_from: Option<EnvVarSource> => "valueFrom" omitempty,
    }

    /// What a container may and wants to use.
    ResourceRequirements {
        /// At most.
        limits: Option<BTreeMap<String, Quantity>> => "limits" omitempty,
        /// At least.
        requests: Option<BTreeMap<String, Quantity>> => "requests" omitempty,
    }

    /// Where a volume appears.
    VolumeMount {
        /// The volume.
        name: String => "name" always,
        /// Whether it cannot be written.
        read_only: bool => "readOnly" omitempty,
        /// The directory.
        mount_path: String => "mountPath" always,
        /// The part of the volume.
        sub_path: String => "subPath" omitempty,
    }

    /// A command to run.
    ExecAction {
        /// The command and its arguments.
        command: Option<Vec<String>> => "command" omitempty,
    }

    /// A URL to get.
    HttpGetAction {
        /// The path.
        path: String => "path" omitempty,
        /// The port, by number or name.
        port: IntOrString => "port" always,
        /// The host; the pod's own address where empty.
        host: String => "host" omitempty,
        /// `HTTP` or `HTTPS`.
        scheme: String => "scheme" omitempty,
    }

    /// A port to connect to.
    TcpSocketAction {
        /// The port, by number or name.
        port: IntOrString => "port" always,
    }

    /// What to do: one of these.
    Handler {
        /// Run a command.
        exec: Option<ExecAction> => "exec" omitempty,
        /// Get a URL.
        http_get: Option<HttpGetAction> => "httpGet" omitempty,
        /// Connect.
        tcp_socket: Option<TcpSocketAction> => "tcpSocket" omitempty,
    }

    /// A health check.
    Probe {
        /// What to do.
        handler: Handler => "" inline,
        /// Seconds before the first.
        initial_delay_seconds: i32 => "initialDelaySeconds" omitempty,
        /// Seconds until one has failed.
        timeout_seconds: i32 => "timeoutSeconds" omitempty,
        /// Seconds between two.
        period_seconds: i32 => "periodSeconds" omitempty,
        /// How many in a row make it healthy.
        success_threshold: i32 => "successThreshold" omitempty,
        /// How many in a row make it sick.
        failure_threshold: i32 => "failureThreshold" omitempty,
    }

    /// A container.
    Container {
        /// Its name in the pod.
        name: String => "name" always,
        /// What it runs.
        image: String => "image" omitempty,
        /// Instead of the image's entry point.
        command: Option<Vec<String>> => "command" omitempty,
        /// Its arguments.
        args: Option<Vec<String>> => "args" omitempty,
        /// Where it starts.
        working_dir: String => "workingDir" omitempty,
        /// What it listens on.
        ports: Option<Vec<ContainerPort>> => "ports" omitempty,
        /// Its environment.
        env: Option<Vec<EnvVar>> => "env" omitempty,
        /// What it may and wants to use.
        resources: ResourceRequirements => "resources" omitempty,
        /// Its mounts.
        volume_mounts: Option<Vec<VolumeMount>> => "volumeMounts" omitempty,
        /// Restarted when this fails.
        liveness_probe: Option<Probe> => "livenessProbe" omitempty,
        /// Gets traffic while this succeeds.
        readiness_probe: Option<Probe> => "readinessProbe" omitempty,
        /// `Always`, `Never`, `IfNotPresent`.
        image_pull_policy: String => "imagePullPolicy" omitempty,
    }
}
