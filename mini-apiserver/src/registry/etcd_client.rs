//! [`Etcd`] by the real client.

use std::sync::Arc;

use anatomy_proto::etcdserverpb as pb;
use async_trait::async_trait;
use harness_env::Env;
use mini_etcd::client;
use serde_json::Value;

use super::etcd::{Etcd, EtcdError, EtcdWatch};

/// The client of one resource.
pub struct EtcdClient(client::Client);

impl EtcdClient {
    /// A client named after its resource.
    pub fn connect(env: &Env, name: &str, config: client::Config) -> Arc<dyn Etcd> {
        Arc::new(EtcdClient(client::Client::new(env, name, config)))
    }
}

fn failed(error: client::Error) -> EtcdError {
    EtcdError(error.to_string())
}

#[async_trait]
impl Etcd for EtcdClient {
    async fn range(&self, request: pb::RangeRequest) -> Result<pb::RangeResponse, EtcdError> {
        self.0.range(request).await.map_err(failed)
    }

    async fn txn(&self, request: pb::TxnRequest) -> Result<pb::TxnResponse, EtcdError> {
        self.0.txn(request).await.map_err(failed)
    }

    async fn watch(
        &self,
        request: pb::WatchCreateRequest,
    ) -> Result<Box<dyn EtcdWatch>, EtcdError> {
        let stream = self.0.watch(request).await.map_err(failed)?;
        Ok(Box::new(ClientWatch(stream)))
    }

    fn pools(&self) -> Value {
        let pool = |pool: &client::PoolState| {
            serde_json::json!({
                "endpoint": pool.endpoint.to_string(),
                "limit": pool.limit,
                "channel": pool.channel,
                "field": pool.field,
                "active": pool.active,
                "waiting": pool.waiting,
                "pinned": pool.pinned,
                "stuck": pool.is_stuck(),
            })
        };
        self.0.pools().iter().map(pool).collect()
    }
}

struct ClientWatch(client::WatchStream);

#[async_trait]
impl EtcdWatch for ClientWatch {
    async fn next(&mut self) -> Option<Result<pb::WatchResponse, EtcdError>> {
        self.0.next().await.map(|event| event.map_err(failed))
    }
}
