//! What a kubelet says of a pod.

use super::values::Time;

objects! {
    /// One condition of a pod.
    PodCondition {
        /// `Ready`, `PodScheduled`, `Initialized`.
        r#type: String => "type" always,
        /// `True`, `False`, `Unknown`.
        status: String => "status" always,
        /// When it was last looked at.
        last_probe_time: Time => "lastProbeTime" always,
        /// When it last changed.
        last_transition_time: Time => "lastTransitionTime" always,
        /// Why, for programs.
        reason: String => "reason" omitempty,
        /// Why, for people.
        message: String => "message" omitempty,
    }

    /// Not started yet.
    ContainerStateWaiting {
        /// Why, for programs.
        reason: String => "reason" omitempty,
        /// Why, for people.
        message: String => "message" omitempty,
    }

    /// Running.
    ContainerStateRunning {
        /// Since when.
        started_at: Time => "startedAt" omitempty,
    }

    /// Ended.
    ContainerStateTerminated {
        /// Its exit status.
        exit_code: i32 => "exitCode" always,
        /// The signal that ended it.
        signal: i32 => "signal" omitempty,
        /// Why, for programs.
        reason: String => "reason" omitempty,
        /// Why, for people.
        message: String => "message" omitempty,
        /// When it started.
        started_at: Time => "startedAt" always,
        /// When it ended.
        finished_at: Time => "finishedAt" always,
        /// Which container it was.
        container_id: String => "containerID" omitempty,
    }

    /// How a container is: one of these.
    ContainerState {
        /// Not started yet.
        waiting: Option<ContainerStateWaiting> => "waiting" omitempty,
        /// Running.
        running: Option<ContainerStateRunning> => "running" omitempty,
        /// Ended.
        terminated: Option<ContainerStateTerminated> => "terminated" omitempty,
    }

    /// How one container is.
    ContainerStatus {
        /// Its name.
        name: String => "name" always,
        /// Now.
        state: ContainerState => "state" omitempty,
        /// Before its last restart.
        last_state: ContainerState => "lastState" omitempty,
        /// Whether its readiness probe succeeds.
        ready: bool => "ready" always,
        /// How often it was restarted.
        restart_count: i32 => "restartCount" always,
        /// Its image.
        image: String => "image" always,
        /// Its image's digest.
        image_id: String => "imageID" always,
        /// Which container it is.
        container_id: String => "containerID" omitempty,
    }

    /// How a pod is.
    PodStatus {
        /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
        phase: String => "phase" omitempty,
        /// Its conditions.
        conditions: Option<Vec<PodCondition>> => "conditions" omitempty,
        /// Why, for people.
        message: String => "message" omitempty,
        /// Why, for programs.
        reason: String => "reason" omitempty,
        /// Its node's address.
        host_ip: String => "hostIP" omitempty,
        /// Its address.
        pod_ip: String => "podIP" omitempty,
        /// When the kubelet took it up.
        start_time: Time => "startTime" omitempty,
        /// Its containers.
        container_statuses: Option<Vec<ContainerStatus>> => "containerStatuses" omitempty,
        /// `Guaranteed`, `Burstable`, `BestEffort`.
        qos_class: String => "qosClass" omitempty,
    }
}
