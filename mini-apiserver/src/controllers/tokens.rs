//! The default service account's token in each namespace.
//!
//! In Kubernetes two controllers make a ServiceAccount `default` and a Secret with its token in every
//! namespace, and the apiserver mounts that Secret into every pod. Here there are no ServiceAccount
//! objects: the Secret `default-token` is the account. What a pod presents is `namespace:secret:token`,
//! a format of ours that tells the apiserver which Secret holds the token to compare with.

use std::sync::Arc;

use harness_env::{Env, Rng};
use serde_json::json;

use super::informers::Informers;
use super::queue::Queue;
use crate::objects::base64;
use crate::rest_client::informer::Change;
use crate::rest_client::throttle::Throttle;
use crate::rest_client::{Client, Error, view};

/// The Secret of the account that pods have when they name none.
pub(crate) const DEFAULT_SECRET: &str = "default-token";

/// What is in such a Secret.
pub(crate) const SECRET_TYPE: &str = "kubernetes.io/service-account-token";

/// Runs the controller, for ever.
pub(super) async fn run((env, informers): (Env, Informers), client: Client) {
    let queue = Arc::new(Queue::default());
    // Namespaces that every cluster has, whether anybody made objects of them or not.
    for namespace in ["default", "kube-system"] {
        queue.add(namespace);
    }
    informers.namespaces.subscribe({
        let queue = queue.clone();
        move |change| {
            if matches!(change, Change::Added(_)) {
                queue.add(view::name(change.object()));
            }
        }
    });
    let mut rng = env.rng("service account tokens");
    let mut throttle = Throttle::default();
    loop {
        let namespace = queue.next().await;
        let result = make(&client, &namespace, &mut rng).await;
        if let Err(error) = &result
            && let Some(times) = throttle.admit(&namespace)
        {
            tracing::info!(
                kind = "token.create-failed", %namespace, times, %error,
                "cannot make the token of {namespace}: {error}"
            );
        }
        queue.finish(&namespace, &result, u32::MAX);
    }
}

async fn make(client: &Client, namespace: &str, rng: &mut Rng) -> Result<(), Error> {
    let token = format!("{:016x}{:016x}", rng.bits(), rng.bits());
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "namespace": namespace,
            "name": DEFAULT_SECRET,
            "annotations": { "kubernetes.io/service-account.name": "default" },
        },
        "type": SECRET_TYPE,
        "data": {
            "namespace": base64::encode(namespace.as_bytes()),
            "token": base64::encode(token.as_bytes()),
        },
    });
    match client.create(&format!("/api/v1/namespaces/{namespace}/secrets"), &secret).await {
        Err(error) if !error.is_already_exists() => Err(error),
        _ => Ok(()),
    }
}
