//! What each kind demands of a new or a changed object.
//!
//! As the strategies of kubernetes 1.7.8 (pkg/registry/*/strategy.go): the server owns the uid, the
//! creation time, the generation and, on the main path, the status; a write to `/status` changes
//! nothing else. Validation is a selection: what a mistake in a scenario would run into.

use crate::objects::meta::LabelSelector;
use crate::objects::meta::ObjectMeta;
use crate::objects::pod::PodSpec;
use crate::objects::pod::PodTemplateSpec;
use crate::objects::pod_status::PodStatus;
use crate::objects::values::Time;
use crate::objects::{Object, Pod};
use crate::registry::selector::Selector;
use crate::status::Status;

/// Which path a write came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The object's own.
    Main,
    /// `/status`.
    Status,
}

/// Makes an incoming object a new one.
///
/// # Errors
/// 422.
pub fn create(object: &mut Object, uid: String, now: i64) -> Result<(), Status> {
    let generation = match object {
        Object::Deployment(deployment) => {
            deployment.status = Default::default();
            1
        }
        Object::DaemonSet(daemon_set) => {
            daemon_set.status = Default::default();
            daemon_set.spec.template_generation = 1;
            1
        }
        Object::Pod(pod) => {
            pod.status = PodStatus { phase: "Pending".into(), ..Default::default() };
            0
        }
        Object::Service(service) => {
            service.status = Default::default();
            0
        }
        _ => 0,
    };
    let meta = object.meta_mut();
    meta.uid = uid;
    meta.creation_timestamp = Time::from_unix(now);
    meta.generation = generation;
    meta.deletion_timestamp = Time(None);
    meta.deletion_grace_period_seconds = None;
    meta.resource_version.clear();
    meta.self_link.clear();
    validate(object)
}

/// Makes `new` the successor of `old`.
///
/// # Errors
/// 409 where `new` is about another object or another version, 422.
pub fn update(old: &Object, new: &mut Object, part: Part) -> Result<(), Status> {
    let (kind, name) = (old.kind(), old.meta().name.clone());
    if !new.meta().uid.is_empty() && new.meta().uid != old.meta().uid {
        let why = format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            new.meta().uid,
            old.meta().uid
        );
        return Err(Status::conflict(kind, &name, why));
    }
    let wanted = &new.meta().resource_version;
    if !wanted.is_empty() && wanted != "0" && *wanted != old.meta().resource_version {
        return Err(Status::modified(kind, &name));
    }
    let changed = match part {
        Part::Main => keep_status(old, new),
        Part::Status => {
            keep_all_but_status(old, new);
            false
        }
    };
    let before = old.meta();
    let meta = new.meta_mut();
    meta.uid.clone_from(&before.uid);
    meta.creation_timestamp = before.creation_timestamp;
    meta.generation = before.generation + i64::from(changed);
    meta.deletion_timestamp = before.deletion_timestamp;
    meta.deletion_grace_period_seconds = before.deletion_grace_period_seconds;
    meta.resource_version.clone_from(&before.resource_version);
    validate(new)
}

/// Takes the status of `old`; whether what is wanted has changed.
fn keep_status(old: &Object, new: &mut Object) -> bool {
    match (old, new) {
        (Object::Pod(old), Object::Pod(new)) => {
            new.status.clone_from(&old.status);
            false
        }
        (Object::Node(old), Object::Node(new)) => {
            new.status.clone_from(&old.status);
            false
        }
        (Object::Service(old), Object::Service(new)) => {
            new.status.clone_from(&old.status);
            false
        }
        (Object::Namespace(old), Object::Namespace(new)) => {
            new.status.clone_from(&old.status);
            false
        }
        (Object::Deployment(old), Object::Deployment(new)) => {
            new.status.clone_from(&old.status);
            new.spec != old.spec
        }
        (Object::DaemonSet(old), Object::DaemonSet(new)) => {
            new.status.clone_from(&old.status);
            let template_changed = i64::from(new.spec.template != old.spec.template);
            new.spec.template_generation = old.spec.template_generation + template_changed;
            new.spec != old.spec
        }
        _ => false,
    }
}

/// Takes everything of `old` but its status and its version.
fn keep_all_but_status(old: &Object, new: &mut Object) {
    let mut kept = old.clone();
    match (&mut kept, &*new) {
        (Object::Pod(kept), Object::Pod(new)) => kept.status.clone_from(&new.status),
        (Object::Node(kept), Object::Node(new)) => kept.status.clone_from(&new.status),
        (Object::Service(kept), Object::Service(new)) => kept.status.clone_from(&new.status),
        (Object::Namespace(kept), Object::Namespace(new)) => kept.status.clone_from(&new.status),
        (Object::Deployment(kept), Object::Deployment(new)) => kept.status.clone_from(&new.status),
        (Object::DaemonSet(kept), Object::DaemonSet(new)) => kept.status.clone_from(&new.status),
        _ => {}
    }
    // Metadata may change on this path too: kubelets and controllers annotate what they report.
    kept.meta_mut().annotations.clone_from(&new.meta().annotations);
    kept.meta_mut().labels.clone_from(&new.meta().labels);
    *new = kept;
}

fn validate(object: &Object) -> Result<(), Status> {
    let mut causes = Vec::new();
    validate_meta(object, object.meta(), &mut causes);
    match object {
        Object::Pod(pod) => validate_pod("spec", &pod.spec, &mut causes),
        Object::Service(service) => {
            for (index, port) in service.spec.ports.iter().flatten().enumerate() {
                validate_port(&format!("spec.ports[{index}].port"), port.port, &mut causes);
            }
            if service.spec.ports.iter().flatten().next().is_none()
                && service.spec.cluster_ip != "None"
                && service.spec.r#type != "ExternalName"
            {
                causes.push(("spec.ports".into(), "Required value".into()));
            }
        }
        Object::Endpoints(endpoints) => {
            for (at, subset) in endpoints.subsets.iter().flatten().enumerate() {
                for (index, port) in subset.ports.iter().flatten().enumerate() {
                    let field = format!("subsets[{at}].ports[{index}].port");
                    validate_port(&field, port.port, &mut causes);
                }
                let empty = |list: &Option<Vec<_>>| list.iter().flatten().next().is_none();
                if empty(&subset.addresses) && empty(&subset.not_ready_addresses) {
                    let wrong = "Required value: must specify `addresses` or `notReadyAddresses`";
                    causes.push((format!("subsets[{at}]"), wrong.into()));
                }
            }
        }
        Object::Deployment(deployment) => {
            let spec = &deployment.spec;
            if spec.replicas.is_some_and(|replicas| replicas < 0) {
                let wrong = "Invalid value: must be greater than or equal to 0";
                causes.push(("spec.replicas".into(), wrong.into()));
            }
            validate_template(&spec.selector, &spec.template, &mut causes);
        }
        Object::DaemonSet(daemon_set) => {
            let spec = &daemon_set.spec;
            validate_template(&spec.selector, &spec.template, &mut causes);
        }
        _ => {}
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(object.kind(), &object.meta().name, &causes))
}

type Causes = Vec<(String, String)>;

fn validate_meta(object: &Object, meta: &ObjectMeta, causes: &mut Causes) {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let good = |name: &str| {
        name.len() <= 253
            && name.chars().all(inner)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    if meta.name.is_empty() {
        causes.push(("metadata.name".into(), "Required value: name is required".into()));
    } else if !good(&meta.name) {
        let wrong = format!(
            "Invalid value: {:?}: a DNS-1123 subdomain consists of lower case alphanumeric \
             characters, '-' or '.', and starts and ends with an alphanumeric character",
            meta.name
        );
        causes.push(("metadata.name".into(), wrong));
    }
    if object.kind().namespaced() && meta.namespace.is_empty() {
        causes.push(("metadata.namespace".into(), "Required value".into()));
    }
}

fn validate_port(field: &str, port: i32, causes: &mut Causes) {
    if !(1..=65535).contains(&port) {
        let wrong = format!("Invalid value: {port}: must be between 1 and 65535, inclusive");
        causes.push((field.into(), wrong));
    }
}

fn validate_pod(at: &str, spec: &PodSpec, causes: &mut Causes) {
    let containers = spec.containers.as_deref().unwrap_or_default();
    if containers.is_empty() {
        causes.push((format!("{at}.containers"), "Required value".into()));
    }
    for (index, container) in containers.iter().enumerate() {
        if container.name.is_empty() {
            causes.push((format!("{at}.containers[{index}].name"), "Required value".into()));
        }
        for (number, port) in container.ports.iter().flatten().enumerate() {
            let field = format!("{at}.containers[{index}].ports[{number}].containerPort");
            validate_port(&field, port.container_port, causes);
        }
    }
}

fn validate_template(
    selector: &Option<LabelSelector>,
    template: &PodTemplateSpec,
    causes: &mut Causes,
) {
    match selector {
        None => causes.push(("spec.selector".into(), "Required value".into())),
        Some(selector) => {
            let pod =
                Object::Pod(Pod { metadata: template.metadata.clone(), ..Default::default() });
            if !Selector::of_labels(selector).matches(&pod) {
                let wrong = "Invalid value: `selector` does not match template `labels`";
                causes.push(("spec.template.metadata.labels".into(), wrong.into()));
            }
        }
    }
    validate_pod("spec.template.spec", &template.spec, causes);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::objects::Kind;
    use crate::registry::defaults;

    fn new(kind: Kind, document: Value) -> Result<Object, Status> {
        let mut object = Object::read(kind, document).expect("a good document");
        object.meta_mut().namespace = "default".into();
        defaults::fill(&mut object, "extensions/v1beta1");
        create(&mut object, "u1".into(), 1_509_109_800)?;
        Ok(object)
    }

    fn deployment() -> Object {
        let template =
            json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c"}]}});
        new(Kind::Deployment, json!({"metadata": {"name": "d"}, "spec": {"template": template}}))
            .unwrap()
    }

    #[test]
    fn a_new_object_gets_a_uid_and_a_time_and_loses_its_status() {
        let pod = json!({"metadata": {"name": "p", "uid": "mine"},
            "spec": {"containers": [{"name": "c"}]}, "status": {"phase": "Running"}});
        let pod = new(Kind::Pod, pod).unwrap();
        assert_eq!(pod.meta().uid, "u1");
        assert_eq!(pod.meta().creation_timestamp, Time::from_unix(1_509_109_800));
        assert!(matches!(pod, Object::Pod(pod) if pod.status.phase == "Pending"));
    }

    #[test]
    fn the_generation_counts_changes_of_what_is_wanted_only() {
        let old = deployment();
        let mut new = old.clone();
        update(&old, &mut new, Part::Main).unwrap();
        assert_eq!(new.meta().generation, 1);
        if let Object::Deployment(deployment) = &mut new {
            deployment.spec.replicas = Some(5);
            deployment.status.replicas = 7;
        }
        update(&old, &mut new, Part::Main).unwrap();
        assert_eq!(new.meta().generation, 2);
        assert!(matches!(&new, Object::Deployment(new) if new.status.replicas == 0));
    }

    #[test]
    fn a_write_to_status_changes_the_status_only() {
        let old = deployment();
        let mut new = old.clone();
        if let Object::Deployment(deployment) = &mut new {
            deployment.spec.replicas = Some(5);
            deployment.status.replicas = 7;
        }
        update(&old, &mut new, Part::Status).unwrap();
        let Object::Deployment(new) = new else { unreachable!() };
        assert_eq!((new.spec.replicas, new.status.replicas), (Some(1), 7));
        assert_eq!(new.metadata.generation, 1);
    }

    #[test]
    fn an_update_of_another_version_or_another_object_is_a_conflict() {
        let old = deployment().at_revision(7);
        for change in [
            |meta: &mut ObjectMeta| meta.resource_version = "6".into(),
            |meta: &mut ObjectMeta| meta.uid = "u2".into(),
        ] {
            let mut new = old.clone();
            change(new.meta_mut());
            assert_eq!(update(&old, &mut new, Part::Main).unwrap_err().code, 409);
        }
    }

    #[test]
    fn invalid_objects_are_refused_with_the_field() {
        for (kind, document, field) in [
            (Kind::Pod, json!({"metadata": {"name": "p"}}), "spec.containers"),
            (Kind::ConfigMap, json!({"metadata": {"name": "A_b"}}), "metadata.name"),
            (Kind::ConfigMap, json!({}), "metadata.name"),
            (
                Kind::Service,
                json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 0}]}}),
                "spec.ports[0].port",
            ),
            (
                Kind::Deployment,
                json!({"metadata": {"name": "d"}, "spec": {
                    "selector": {"matchLabels": {"app": "b"}},
                    "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c"}]}}}}),
                "spec.template.metadata.labels",
            ),
        ] {
            let status = new(kind, document).unwrap_err();
            assert_eq!(status.code, 422);
            assert_eq!(status.details["causes"][0]["field"], field);
        }
    }
}
