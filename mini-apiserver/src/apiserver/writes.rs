//! Writes: create, update, patch, delete, bind.
//!
//! Each runs in a task of its own that the request waits for, 30 s or as long as its `timeout`
//! parameter says, and answers 504 then; the write goes on (`finishRequest`, kubernetes 1.7.8
//! pkg/endpoints/handlers/rest.go). It may yet succeed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use serde_json::Value;

use super::body::Body;
use super::request::{Asked, Sub, Target};
use super::respond;
use super::server::Server;
use crate::objects::{Kind, Object, base64, codec};
use crate::registry::patch::Format;
use crate::registry::resource::{Deleted, Deletion, Resource};
use crate::registry::rules::Part;
use crate::status::Status;

const WRITE: Duration = Duration::from_secs(30);

/// Waits for a write, but not for ever.
pub(super) async fn finish<T, F>(
    server: &Arc<Server>,
    kind: Kind,
    asked: &Asked,
    write: impl FnOnce(Arc<Server>) -> F,
) -> Result<T, Status>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Status>> + Send + 'static,
{
    let limit = asked.query.timeout().unwrap_or(WRITE);
    let write = Box::pin(write(server.clone()));
    server.patience().within(limit, write).await.unwrap_or_else(|| {
        server.timed_out(kind.resource(), asked.verb, limit);
        Err(Status::timeout("request did not complete within allowed duration"))
    })
}

fn document(request: &Request<Bytes>) -> Result<Value, Status> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Some clients send JSON and do not say so.
    if !content_type.is_empty() && !content_type.contains("json") {
        return Err(Status::unsupported_media_type(content_type));
    }
    serde_json::from_slice(request.body())
        .map_err(|error| Status::bad_request(format!("body of the request: not JSON: {error}")))
}

fn object(target: &Target, request: &Request<Bytes>) -> Result<Object, Status> {
    // Newer tools send some objects in the form in which they are stored.
    if request.body().starts_with(b"k8s\0") {
        return codec::read(target.kind, request.body())
            .map_err(|error| Status::bad_request(format!("body of the request: {error}")));
    }
    let mut document = document(request)?;
    if target.kind == Kind::Secret {
        encode_texts(&mut document);
    }
    let kind = document["kind"].as_str().unwrap_or(target.kind.name());
    if kind != target.kind.name() {
        let expected = target.kind.name();
        return Err(Status::bad_request(format!("kind: expected {expected}, found {kind}")));
    }
    Object::read(target.kind, document).map_err(|error| {
        Status::bad_request(format!("{} in the body: {error}", target.kind.name()))
    })
}

/// A Secret may be written with plain texts (`stringData`); it is kept with bytes.
fn encode_texts(document: &mut Value) {
    let Some(Value::Object(texts)) = document.get("stringData").cloned() else { return };
    for (name, text) in texts {
        if let Value::String(text) = text {
            document["data"][name] = base64::encode(text.as_bytes()).into();
        }
    }
}

fn part(target: &Target) -> Part {
    if target.sub == Some(Sub::Status) { Part::Status } else { Part::Main }
}

/// POST to a collection.
pub(super) async fn create(
    server: &Arc<Server>,
    target: Target,
    asked: &Asked,
    request: Request<Bytes>,
) -> Result<Response<Body>, Status> {
    if target.name.is_some() || target.kind.namespaced() && target.namespace.is_none() {
        return Err(Status::method_not_allowed("POST"));
    }
    let object = object(&target, &request)?;
    let (kind, gv) = (target.kind, target.group_version.clone());
    let created = finish(server, kind, asked, |server| async move {
        let resource = server.resource(target.kind);
        resource.create(target.namespace(), object, &target.group_version).await
    });
    Ok(respond::object(201, &gv, server.version(), &created.await?))
}

/// PUT of an object or its status.
pub(super) async fn update(
    server: &Arc<Server>,
    target: Target,
    asked: &Asked,
    request: Request<Bytes>,
) -> Result<Response<Body>, Status> {
    let name = target.name()?.to_string();
    let object = object(&target, &request)?;
    let (kind, gv) = (target.kind, target.group_version.clone());
    let updated = finish(server, kind, asked, |server| async move {
        let (gv, part) = (&target.group_version, part(&target));
        server.resource(target.kind).replace(target.namespace(), &name, object, part, gv).await
    });
    Ok(respond::object(200, &gv, server.version(), &updated.await?))
}

/// PATCH of an object or its status.
pub(super) async fn patch(
    server: &Arc<Server>,
    target: Target,
    asked: &Asked,
    request: Request<Bytes>,
) -> Result<Response<Body>, Status> {
    let name = target.name()?.to_string();
    let patch = patch_of(&request)?;
    let (kind, gv) = (target.kind, target.group_version.clone());
    let updated = finish(server, kind, asked, |server| async move {
        let (gv, part) = (&target.group_version, part(&target));
        server.resource(target.kind).patch(target.namespace(), &name, patch, part, gv).await
    });
    Ok(respond::object(200, &gv, server.version(), &updated.await?))
}

/// The patch in a request, and its format.
pub(super) fn patch_of(request: &Request<Bytes>) -> Result<(Format, Value), Status> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok((Format::of_content_type(content_type)?, document(request)?))
}

fn deletion(asked: &Asked, request: &Request<Bytes>) -> Result<Deletion, Status> {
    let options = if request.body().is_empty() { Value::Null } else { document(request)? };
    let in_query = asked.query.get("gracePeriodSeconds").parse().ok();
    Ok(Deletion {
        grace: options["gracePeriodSeconds"].as_i64().or(in_query),
        uid: options["preconditions"]["uid"].as_str().map(String::from),
    })
}

/// DELETE of an object.
pub(super) async fn delete(
    server: &Arc<Server>,
    target: Target,
    asked: &Asked,
    request: Request<Bytes>,
) -> Result<Response<Body>, Status> {
    let name = target.name()?.to_string();
    let deletion = deletion(asked, &request)?;
    let (kind, gv) = (target.kind, target.group_version.clone());
    let deleted = finish(server, kind, asked, |server| async move {
        server.resource(target.kind).delete(target.namespace(), &name, &deletion).await
    });
    Ok(match deleted.await? {
        Deleted::Gone(object) => respond::deleted(kind, &object),
        Deleted::Going(object) => respond::object(200, &gv, server.version(), &object),
    })
}

/// DELETE of all selected objects of a collection.
pub(super) async fn delete_collection(
    server: &Arc<Server>,
    target: Target,
    asked: &Asked,
    request: Request<Bytes>,
) -> Result<Response<Body>, Status> {
    let deletion = deletion(asked, &request)?;
    let selector = asked.query.selector(target.kind)?;
    let done = finish(server, target.kind, asked, |server| async move {
        let resource: &Resource = server.resource(target.kind);
        let listed = resource.list(target.namespace.as_deref(), &selector, None).await?;
        for item in &listed.items {
            let meta = item.meta();
            match resource.delete(&meta.namespace, &meta.name, &deletion).await {
                Ok(_) => {}
                // Somebody else was faster.
                Err(status) if status.code == 404 => {}
                Err(status) => return Err(status),
            }
        }
        Ok(())
    });
    done.await?;
    Ok(respond::value(200, &respond::success(Value::Null)))
}

/// POST of a Binding: gives a pod its node.
pub(super) async fn bind(
    server: &Arc<Server>,
    target: Target,
    asked: &Asked,
    request: Request<Bytes>,
) -> Result<Response<Body>, Status> {
    let binding = document(&request)?;
    let named = target.name.clone();
    let name = named.or_else(|| binding["metadata"]["name"].as_str().map(String::from));
    let name = name.ok_or_else(|| Status::bad_request("metadata.name: expected a pod"))?;
    let node = binding["target"]["name"].as_str().unwrap_or_default().to_string();
    if node.is_empty() {
        return Err(Status::bad_request("target.name: expected a node"));
    }
    let bound = finish(server, target.kind, asked, |server| async move {
        server.resource(Kind::Pod).bind(target.namespace(), &name, &node).await
    });
    bound.await?;
    Ok(respond::value(201, &respond::success(Value::Null)))
}
