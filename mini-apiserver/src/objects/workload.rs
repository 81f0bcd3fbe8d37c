//! Deployments and DaemonSets: what keeps pods running.

use super::meta::{LabelSelector, ObjectMeta};
use super::pod::PodTemplateSpec;
use super::values::{IntOrString, Time};

objects! {
    /// How far a rolling update may go at once.
    RollingUpdateDeployment {
        /// How many pods may be missing, by number or percentage.
        max_unavailable: Option<IntOrString> => "maxUnavailable" omitempty,
        /// How many pods there may be too many, by number or percentage.
        max_surge: Option<IntOrString> => "maxSurge" omitempty,
    }

    /// How pods are replaced.
    DeploymentStrategy {
        /// `RollingUpdate` or `Recreate`.
        r#type: String => "type" omitempty,
        /// Of `RollingUpdate`.
        rolling_update: Option<RollingUpdateDeployment> => "rollingUpdate" omitempty,
    }

    /// What is wanted.
    DeploymentSpec {
        /// How many pods.
        replicas: Option<i32> => "replicas" omitempty,
        /// Which pods are its own.
        selector: Option<LabelSelector> => "selector" omitempty,
        /// What its pods are made from.
        template: PodTemplateSpec => "template" always,
        /// How pods are replaced.
        strategy: DeploymentStrategy => "strategy" omitempty,
        /// Seconds that a pod must be ready before it counts as available.
        min_ready_seconds: i32 => "minReadySeconds" omitempty,
        /// How many old versions are kept.
        revision_history_limit: Option<i32> => "revisionHistoryLimit" omitempty,
        /// Whether nothing shall be done now.
        paused: bool => "paused" omitempty,
        /// Seconds without progress until it counts as failed.
        progress_deadline_seconds: Option<i32> => "progressDeadlineSeconds" omitempty,
    }

    /// One condition of a Deployment.
    DeploymentCondition {
        /// `Available`, `Progressing`, `ReplicaFailure`.
        r#type: String => "type" always,
        /// `True`, `False`, `Unknown`.
        status: String => "status" always,
        /// When it was last said.
        last_update_time: Time => "lastUpdateTime" omitempty,
        /// When it last changed.
        last_transition_time: Time => "lastTransitionTime" omitempty,
        /// Why, for programs.
        reason: String => "reason" omitempty,
        /// Why, for people.
        message: String => "message" omitempty,
    }

    /// How a Deployment is.
    DeploymentStatus {
        /// The generation that this is about.
        observed_generation: i64 => "observedGeneration" omitempty,
        /// Its pods.
        replicas: i32 => "replicas" omitempty,
        /// Those of the wanted template.
        updated_replicas: i32 => "updatedReplicas" omitempty,
        /// Those that are ready.
        ready_replicas: i32 => "readyReplicas" omitempty,
        /// Those that are available.
        available_replicas: i32 => "availableReplicas" omitempty,
        /// Those that are missing.
        unavailable_replicas: i32 => "unavailableReplicas" omitempty,
        /// Its conditions.
        conditions: Option<Vec<DeploymentCondition>> => "conditions" omitempty,
    }

    /// A number of equal pods.
    Deployment {
        /// Metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// What is wanted.
        spec: DeploymentSpec => "spec" omitempty,
        /// What is.
        status: DeploymentStatus => "status" omitempty,
    }

    /// How far a rolling update may go at once.
    RollingUpdateDaemonSet {
        /// How many pods may be missing, by number or percentage.
        max_unavailable: Option<IntOrString> => "maxUnavailable" omitempty,
    }

    /// How pods are replaced.
    DaemonSetUpdateStrategy {
        /// `RollingUpdate` or `OnDelete`.
        r#type: String => "type" omitempty,
        /// Of `RollingUpdate`.
        rolling_update: Option<RollingUpdateDaemonSet> => "rollingUpdate" omitempty,
    }

    /// What is wanted.
    DaemonSetSpec {
        /// Which pods are its own.
        selector: Option<LabelSelector> => "selector" omitempty,
        /// What its pods are made from.
        template: PodTemplateSpec => "template" always,
        /// How pods are replaced.
        update_strategy: DaemonSetUpdateStrategy => "updateStrategy" omitempty,
        /// Seconds that a pod must be ready before it counts as available.
        min_ready_seconds: i32 => "minReadySeconds" omitempty,
        /// Counts the changes of the template.
        template_generation: i64 => "templateGeneration" omitempty,
    }

    /// How a DaemonSet is.
    DaemonSetStatus {
        /// Nodes that should have its pod and do.
        current_number_scheduled: i32 => "currentNumberScheduled" always,
        /// Nodes that have its pod and should not.
        number_misscheduled: i32 => "numberMisscheduled" always,
        /// Nodes that should have its pod.
        desired_number_scheduled: i32 => "desiredNumberScheduled" always,
        /// Nodes whose pod is ready.
        number_ready: i32 => "numberReady" always,
        /// The generation that this is about.
        observed_generation: i64 => "observedGeneration" omitempty,
        /// Nodes whose pod is of the wanted template.
        updated_number_scheduled: i32 => "updatedNumberScheduled" omitempty,
        /// Nodes whose pod is available.
        number_available: i32 => "numberAvailable" omitempty,
        /// Nodes whose pod is missing.
        number_unavailable: i32 => "numberUnavailable" omitempty,
    }

    /// A pod on every node.
    DaemonSet {
        /// Metadata.
        metadata: ObjectMeta => "metadata" omitempty,
        /// What is wanted.
        spec: DaemonSetSpec => "spec" omitempty,
        /// What is.
        status: DaemonSetStatus => "status" omitempty,
    }
}
