//! What a Deployment wants done.
//!
//! Thinner than the real one: Kubernetes puts a ReplicaSet between a Deployment and its pods, one
//! for each template it ever had. Here the Deployment owns its pods and tells the templates apart by
//! the label `pod-template-hash`, which is what the ReplicaSets are for. A rollback is therefore
//! what `kubectl rollout undo` comes down to: the old template again.
//!
//! The rolling update follows `pkg/controller/deployment/rolling.go` of 1.7: first as many new pods as
//! the surge allows, then old pods away as far as availability allows, unready ones first.

use serde_json::{Value, json};

use super::template::{self, HASH_LABEL};
use super::workload::{NewPod, Plan};
use crate::rest_client::view;

/// What to do for the Deployment, given the pods that it owns.
pub(super) fn plan(deployment: &Value, pods: &[&Value]) -> Plan {
    let template = &deployment["spec"]["template"];
    let hash = template::hash(template);
    let active = pods.iter().filter(|pod| !view::is_terminating(pod) && !view::is_finished(pod));
    let (new, old): (Vec<&Value>, Vec<&Value>) = active
        .copied()
        .partition(|pod| view::labels(pod).get(HASH_LABEL).is_some_and(|label| *label == hash));
    let mut plan = Plan { status: status(deployment, &new, &old), ..Plan::default() };
    let desired = desired(deployment);
    if new.len() > desired {
        let surplus = new.len() - desired;
        plan.delete.extend(least_wanted(&new).take(surplus).map(str::to_string));
    }
    let wanted = if view::text(deployment, "/spec/strategy/type") == "Recreate" {
        plan.delete.extend(old.iter().map(|pod| view::name(pod).to_string()));
        let old_are_gone = pods.iter().all(|pod| {
            view::is_finished(pod)
                || view::labels(pod).get(HASH_LABEL).is_some_and(|label| *label == hash)
        });
        if old_are_gone { desired.saturating_sub(new.len()) } else { 0 }
    } else {
        let (surge, unavailable) = limits(deployment, desired);
        plan.delete.extend(old_to_delete(&new, &old, desired.saturating_sub(unavailable)));
        let room = (desired + surge).saturating_sub(new.len() + old.len());
        desired.saturating_sub(new.len()).min(room)
    };
    let prefix = format!("{}-{hash}", view::name(deployment));
    plan.create = (0..wanted).map(|_| NewPod { prefix: prefix.clone(), node: None }).collect();
    plan
}

fn desired(deployment: &Value) -> usize {
    view::number(deployment, "/spec/replicas").map_or(1, |n| n.max(0) as usize)
}

/// The old pods to delete so that `min_available` pods remain available: first those that are not
/// ready, which cost nothing, then ready ones as far as there are more than enough.
fn old_to_delete(new: &[&Value], old: &[&Value], min_available: usize) -> Vec<String> {
    let ready = |pods: &[&Value]| pods.iter().filter(|pod| view::is_ready(pod)).count();
    let new_unready = new.len() - ready(new);
    let unready = (new.len() + old.len()).saturating_sub(min_available + new_unready);
    let old_unready = old.len() - ready(old);
    let cleanup = unready.min(old_unready);
    let surplus = (ready(new) + ready(old)).saturating_sub(min_available).min(ready(old));
    least_wanted(old).take(cleanup + surplus).map(str::to_string).collect()
}

/// Names of pods, those first that are missed least: not scheduled, not ready, youngest
/// (`controller.ActivePods`).
fn least_wanted<'a>(pods: &[&'a Value]) -> impl Iterator<Item = &'a str> {
    let mut pods: Vec<&Value> = pods.to_vec();
    pods.sort_by_key(|pod| {
        let created = view::text(pod, "/metadata/creationTimestamp");
        (
            !view::text(pod, "/spec/nodeName").is_empty(),
            view::is_ready(pod),
            std::cmp::Reverse(created),
            view::name(pod),
        )
    });
    pods.into_iter().map(view::name)
}

/// `maxSurge` and `maxUnavailable` in pods. Where neither is given they are 25 % (apps/v1beta1
/// `SetDefaults_Deployment` of 1.7; extensions/v1beta1 had 1 and 1): the surge rounded up, the
/// other down, and not both 0 (`util.ResolveFenceposts`).
fn limits(deployment: &Value, desired: usize) -> (usize, usize) {
    let rolling =
        |field: &str| deployment.pointer(&format!("/spec/strategy/rollingUpdate/{field}"));
    let surge = share(rolling("maxSurge"), desired, usize::div_ceil);
    let unavailable = share(rolling("maxUnavailable"), desired, std::ops::Div::div);
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

/// A number of pods, given as such or as a percentage of `total`.
pub(super) fn share(
    value: Option<&Value>,
    total: usize,
    divide: impl Fn(usize, usize) -> usize,
) -> usize {
    let percent = |percent: usize| divide(total * percent, 100);
    match value {
        Some(Value::Number(number)) => number.as_u64().unwrap_or_default() as usize,
        Some(Value::String(text)) => match text.strip_suffix('%') {
            Some(number) => percent(number.parse().unwrap_or_default()),
            None => text.parse().unwrap_or_default(),
        },
        _ => percent(25),
    }
}

fn status(deployment: &Value, new: &[&Value], old: &[&Value]) -> Value {
    let ready = new.iter().chain(old).filter(|pod| view::is_ready(pod)).count();
    let replicas = new.len() + old.len();
    json!({
        "observedGeneration": view::number(deployment, "/metadata/generation").unwrap_or_default(),
        "replicas": replicas,
        "updatedReplicas": new.len(),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": desired(deployment).saturating_sub(ready),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A world of pods under a Deployment, moved on by the plans themselves.
    struct World {
        deployment: Value,
        pods: Vec<Value>,
        made: usize,
    }

    impl World {
        fn new(replicas: usize, image: &str) -> Self {
            let deployment = json!({
                "metadata": {"namespace": "default", "name": "d", "uid": "u", "generation": 3},
                "spec": {"replicas": replicas, "template": {"spec": {"image": image}}},
            });
            World { deployment, pods: Vec::new(), made: 0 }
        }

        fn plan(&self) -> Plan {
            plan(&self.deployment, &self.pods.iter().collect::<Vec<_>>())
        }

        /// Does what the plan says; new pods are not ready.
        fn act(&mut self) -> Plan {
            let plan = self.plan();
            self.pods.retain(|pod| !plan.delete.iter().any(|name| name == view::name(pod)));
            for _ in &plan.create {
                self.made += 1;
                let name = format!("d-{}", self.made);
                self.pods.push(template::pod(&self.deployment, "Deployment", &name, Some("n")));
            }
            plan
        }

        fn ready(&mut self) {
            for pod in &mut self.pods {
                pod["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}]});
            }
        }

        fn image(&mut self, image: &str) {
            self.deployment["spec"]["template"]["spec"]["image"] = image.into();
        }

        fn available(&self) -> usize {
            self.pods.iter().filter(|pod| view::is_ready(pod)).count()
        }
    }

    #[test]
    fn a_new_deployment_gets_its_pods_and_then_nothing_more() {
        let mut world = World::new(3, "x:1");
        assert_eq!(world.act().create.len(), 3);
        let plan = world.plan();
        assert!(plan.create.is_empty() && plan.delete.is_empty());
        assert_eq!(plan.status["unavailableReplicas"], 3);
        world.ready();
        assert_eq!(world.plan().status["availableReplicas"], 3);
        assert_eq!(world.plan().status["observedGeneration"], 3);
    }

    #[test]
    fn scaling_to_zero_deletes_every_pod() {
        let mut world = World::new(3, "x:1");
        world.act();
        world.deployment["spec"]["replicas"] = 0.into();
        assert_eq!(world.act().delete.len(), 3);
        assert!(world.pods.is_empty());
    }

    #[test]
    fn a_rolling_update_stays_within_surge_and_availability_whoever_is_slow() {
        for replicas in 1..10 {
            let mut world = World::new(replicas, "x:1");
            world.act();
            world.ready();
            world.image("x:2");
            let (surge, unavailable) = limits(&world.deployment, replicas);
            for _ in 0..100 {
                world.act();
                assert!(world.pods.len() <= replicas + surge, "{replicas}: too many");
                assert!(world.available() + unavailable >= replicas, "{replicas}: too few");
                world.ready();
            }
            assert_eq!(world.plan().status["updatedReplicas"], replicas);
            assert_eq!(world.pods.len(), replicas);
        }
    }

    #[test]
    fn an_update_whose_pods_never_get_ready_keeps_the_old_ones() {
        let mut world = World::new(4, "x:1");
        world.act();
        world.ready();
        world.image("x:2");
        for _ in 0..10 {
            world.act();
        }
        assert_eq!(world.available(), 3, "25 % of 4 may be missing");
        world.image("x:1");
        for _ in 0..10 {
            world.act();
            world.ready();
        }
        assert_eq!(world.plan().status["updatedReplicas"], 4, "rolled back");
        assert_eq!(world.pods.len(), 4);
    }

    #[test]
    fn recreate_waits_until_the_old_pods_are_gone() {
        let mut world = World::new(2, "x:1");
        world.deployment["spec"]["strategy"] = json!({"type": "Recreate"});
        world.act();
        world.ready();
        world.image("x:2");
        let first = world.act();
        assert_eq!((first.delete.len(), first.create.len()), (2, 0));
        assert_eq!(world.act().create.len(), 2);
    }

    #[test]
    fn shares_are_rounded_as_their_side_wants() {
        let percent = json!("25%");
        for (total, up, down) in [(1, 1, 0), (3, 1, 0), (4, 1, 1), (5, 2, 1), (10, 3, 2)] {
            assert_eq!(share(Some(&percent), total, usize::div_ceil), up);
            assert_eq!(share(Some(&percent), total, std::ops::Div::div), down);
        }
        assert_eq!(share(Some(&json!(2)), 10, usize::div_ceil), 2);
    }
}
