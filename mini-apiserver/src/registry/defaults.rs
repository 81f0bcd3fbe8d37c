//! What the server fills in where a document is silent.
//!
//! Only what this cluster's programs look at (kubernetes 1.7.8 pkg/api/v1/defaults.go,
//! pkg/apis/extensions/v1beta1/defaults.go, pkg/apis/apps/v1beta1/defaults.go). The old group lets
//! a rolling update take away or add one pod at a time, the newer ones a quarter.

use crate::objects::container::Container;
use crate::objects::meta::LabelSelector;
use crate::objects::pod::{PodSpec, PodTemplateSpec};
use crate::objects::values::IntOrString;
use crate::objects::workload::{DeploymentSpec, RollingUpdateDaemonSet, RollingUpdateDeployment};
use crate::objects::{DaemonSet, Object, Service};

/// Fills in an object that came in through `group_version`.
pub fn fill(object: &mut Object, group_version: &str) {
    match object {
        Object::Pod(pod) => fill_pod(&mut pod.spec),
        Object::Service(service) => fill_service(service),
        Object::Endpoints(endpoints) => {
            for subset in endpoints.subsets.iter_mut().flatten() {
                for port in subset.ports.iter_mut().flatten() {
                    or_text(&mut port.protocol, "TCP");
                }
            }
        }
        Object::Secret(secret) => or_text(&mut secret.r#type, "Opaque"),
        Object::Namespace(namespace) => or_text(&mut namespace.status.phase, "Active"),
        Object::Deployment(deployment) => fill_deployment(&mut deployment.spec, group_version),
        Object::DaemonSet(daemon_set) => fill_daemon_set(daemon_set, group_version),
        Object::ConfigMap(_) | Object::Node(_) => {}
    }
}

fn or_text(field: &mut String, text: &str) {
    if field.is_empty() {
        *field = text.to_string();
    }
}

fn fill_pod(spec: &mut PodSpec) {
    or_text(&mut spec.restart_policy, "Always");
    or_text(&mut spec.dns_policy, "ClusterFirst");
    or_text(&mut spec.scheduler_name, "default-scheduler");
    spec.termination_grace_period_seconds.get_or_insert(30);
    let host_network = spec.host_network;
    for container in spec.containers.iter_mut().flatten() {
        fill_container(container, host_network);
    }
    for container in spec.init_containers.iter_mut().flatten() {
        fill_container(container, host_network);
    }
}

fn fill_container(container: &mut Container, host_network: bool) {
    for port in container.ports.iter_mut().flatten() {
        or_text(&mut port.protocol, "TCP");
        if host_network && port.host_port == 0 {
            port.host_port = port.container_port;
        }
    }
    for probe in [&mut container.liveness_probe, &mut container.readiness_probe] {
        let Some(probe) = probe else { continue };
        for (field, default) in [
            (&mut probe.timeout_seconds, 1),
            (&mut probe.period_seconds, 10),
            (&mut probe.success_threshold, 1),
            (&mut probe.failure_threshold, 3),
        ] {
            if *field == 0 {
                *field = default;
            }
        }
    }
}

fn fill_service(service: &mut Service) {
    or_text(&mut service.spec.r#type, "ClusterIP");
    or_text(&mut service.spec.session_affinity, "None");
    for port in service.spec.ports.iter_mut().flatten() {
        or_text(&mut port.protocol, "TCP");
        let unset = match &port.target_port {
            IntOrString::Int(number) => *number == 0,
            IntOrString::Str(name) => name.is_empty(),
        };
        if unset {
            port.target_port = IntOrString::Int(port.port);
        }
    }
}

fn fill_template(template: &mut PodTemplateSpec, selector: &mut Option<LabelSelector>) {
    fill_pod(&mut template.spec);
    if selector.is_none() && template.metadata.labels.is_some() {
        let match_labels = template.metadata.labels.clone();
        *selector = Some(LabelSelector { match_labels, match_expressions: None });
    }
}

fn fill_deployment(spec: &mut DeploymentSpec, group_version: &str) {
    fill_template(&mut spec.template, &mut spec.selector);
    spec.replicas.get_or_insert(1);
    or_text(&mut spec.strategy.r#type, "RollingUpdate");
    if spec.strategy.r#type == "RollingUpdate" {
        let step = match group_version {
            "extensions/v1beta1" => IntOrString::Int(1),
            _ => IntOrString::Str("25%".into()),
        };
        let rolling =
            spec.strategy.rolling_update.get_or_insert_with(RollingUpdateDeployment::default);
        rolling.max_unavailable.get_or_insert(step.clone());
        rolling.max_surge.get_or_insert(step);
    }
}

fn fill_daemon_set(daemon_set: &mut DaemonSet, group_version: &str) {
    let spec = &mut daemon_set.spec;
    fill_template(&mut spec.template, &mut spec.selector);
    let kind = match group_version {
        "extensions/v1beta1" => "OnDelete",
        _ => "RollingUpdate",
    };
    or_text(&mut spec.update_strategy.r#type, kind);
    if spec.update_strategy.r#type == "RollingUpdate" {
        let rolling = &mut spec.update_strategy.rolling_update;
        let rolling = rolling.get_or_insert_with(RollingUpdateDaemonSet::default);
        rolling.max_unavailable.get_or_insert(IntOrString::Int(1));
    }
}
