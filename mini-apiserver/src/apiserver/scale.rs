//! `/scale` of a Deployment: how many pods, without the rest.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::body::Body;
use super::request::{Asked, Target, Verb};
use super::respond;
use super::server::Server;
use super::writes::{finish, patch_of};
use crate::objects::{Deployment, Object};
use crate::registry::patch::{self, Format};
use crate::registry::rules::{self, Part};
use crate::status::Status;

fn deployment(object: &Object) -> Result<&Deployment, Status> {
    match object {
        Object::Deployment(deployment) => Ok(deployment),
        _ => Err(Status::no_such_path()),
    }
}

fn document(object: &Object, group_version: &str) -> Result<Value, Status> {
    let deployment = deployment(object)?;
    let meta = &deployment.metadata;
    let selector = deployment.spec.selector.clone().unwrap_or_default();
    Ok(json!({
        "kind": "Scale",
        "apiVersion": group_version,
        "metadata": {
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        },
        "spec": { "replicas": deployment.spec.replicas.unwrap_or(0) },
        "status": {
            "replicas": deployment.status.replicas,
            "selector": selector.match_labels,
        },
    }))
}

/// GET.
pub(super) async fn get(server: &Server, target: &Target) -> Result<Response<Body>, Status> {
    let resource = server.resource(target.kind);
    let object = resource.get(target.namespace(), target.name()?, None).await?;
    Ok(respond::value(200, &document(&object, &target.group_version)?))
}

/// PUT and PATCH.
pub(super) async fn set(
    server: &Arc<Server>,
    target: Target,
    asked: &Asked,
    request: Request<Bytes>,
) -> Result<Response<Body>, Status> {
    let name = target.name()?.to_string();
    let (format, wanted) = match asked.verb {
        Verb::Patch => patch_of(&request)?,
        _ => {
            let wanted: Value = serde_json::from_slice(request.body()).map_err(|error| {
                Status::bad_request(format!("body of the request: not JSON: {error}"))
            })?;
            (Format::Merge, wanted)
        }
    };
    let (kind, gv) = (target.kind, target.group_version.clone());
    let scaled = finish(server, kind, asked, |server| async move {
        let gv = target.group_version.clone();
        let resource = server.resource(target.kind);
        resource
            .change(target.namespace(), &name, move |old| {
                let mut scale = document(old, &gv)?;
                patch::apply(format, &mut scale, &wanted)?;
                let replicas = scale["spec"]["replicas"].as_i64();
                let replicas = replicas.and_then(|replicas| i32::try_from(replicas).ok());
                let replicas = replicas.ok_or_else(|| {
                    Status::bad_request("spec.replicas: expected a 32-bit integer")
                })?;
                let mut new = deployment(old)?.clone();
                new.spec.replicas = Some(replicas);
                let version = scale["metadata"]["resourceVersion"].as_str().unwrap_or_default();
                new.metadata.resource_version = version.to_string();
                let mut new = Object::Deployment(new);
                rules::update(old, &mut new, Part::Main)?;
                Ok(new)
            })
            .await
    });
    Ok(respond::value(200, &document(&scaled.await?, &gv)?))
}
