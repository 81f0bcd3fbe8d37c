//! The kubelet's cache of Secrets.
//!
//! After `pkg/kubelet/secret/secret_manager.go` of 1.7. A Secret is good for a minute. A pod that is
//! new forgets what is cached, so that it is fetched afresh, from etcd; a periodic refresh is content
//! with the apiserver's watch cache, and with the old content where the apiserver does not answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::controllers::tokens;
use crate::objects::base64;
use crate::rest_client::{Client, Error, view};

/// `defaultTTL`.
const TTL: Duration = Duration::from_secs(60);

/// The content of a ConfigMap or Secret: text by key.
pub(super) type Content = Arc<BTreeMap<String, String>>;

type Entry = Arc<tokio::sync::Mutex<Option<(Instant, Content)>>>;

/// Secrets by namespace and name.
pub(super) struct Secrets {
    client: Client,
    entries: Mutex<BTreeMap<(String, String), Entry>>,
}

impl Secrets {
    pub(super) fn new(client: Client) -> Self {
        Secrets { client, entries: Mutex::default() }
    }

    /// A new pod uses this Secret: what is cached of it may be older than the pod.
    pub(super) fn forget(&self, namespace: &str, name: &str) {
        let mut entries = self.entries.lock().expect("no panic with the lock");
        entries.remove(&(namespace.to_string(), name.to_string()));
    }

    /// The content of a Secret. Of those who want the same one at once, one asks.
    pub(super) async fn get(&self, namespace: &str, name: &str) -> Result<Content, Error> {
        let entry = {
            let mut entries = self.entries.lock().expect("no panic with the lock");
            entries.entry((namespace.to_string(), name.to_string())).or_default().clone()
        };
        let mut cached = entry.lock().await;
        if let Some((at, content)) = &*cached
            && at.elapsed() < TTL
        {
            return Ok(content.clone());
        }
        let source = if cached.is_some() { "?resourceVersion=0" } else { "" };
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}{source}");
        match (self.client.get(&path).await, &*cached) {
            (Ok(secret), _) => {
                let content = Arc::new(decode(&secret));
                *cached = Some((Instant::now(), content.clone()));
                Ok(content)
            }
            (Err(error), Some((_, content))) if !error.is_not_found() => Ok(content.clone()),
            (Err(error), _) => {
                *cached = None;
                Err(error)
            }
        }
    }
}

/// The text of a Secret. Of a service account's the file `token` is what the pod presents as its
/// bearer token: in our format `namespace:secret:` and what the Secret holds.
fn decode(secret: &Value) -> BTreeMap<String, String> {
    let text = |coded: String| {
        let bytes = base64::decode(&coded).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let data = view::map(secret, "/data").into_iter();
    let mut content: BTreeMap<_, _> = data.map(|(key, coded)| (key, text(coded))).collect();
    if view::text(secret, "/type") == tokens::SECRET_TYPE
        && let Some(token) = content.get_mut("token")
    {
        *token = format!("{}:{}:{token}", view::namespace(secret), view::name(secret));
    }
    content
}
