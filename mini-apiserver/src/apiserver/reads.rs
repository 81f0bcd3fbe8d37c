//! GET of an object and of a collection.

use http::Response;

use super::body::Body;
use super::request::{Asked, Target};
use super::respond;
use super::server::Server;
use crate::status::Status;

/// One object.
pub(super) async fn get(
    server: &Server,
    target: &Target,
    asked: &Asked,
) -> Result<Response<Body>, Status> {
    let revision = asked.query.revision()?;
    let resource = server.resource(target.kind);
    let object = resource.get(target.namespace(), target.name()?, revision).await?;
    Ok(respond::object(200, &target.group_version, server.version(), &object))
}

/// A collection.
pub(super) async fn list(
    server: &Server,
    target: &Target,
    asked: &Asked,
) -> Result<Response<Body>, Status> {
    let revision = asked.query.revision()?;
    let selector = asked.query.selector(target.kind)?;
    let resource = server.resource(target.kind);
    let listed = resource.list(target.namespace.as_deref(), &selector, revision).await?;
    let (gv, version) = (&target.group_version, server.version());
    Ok(respond::list(target.kind, gv, version, &asked.raw_path, &listed))
}
