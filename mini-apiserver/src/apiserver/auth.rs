//! Who asks.
//!
//! `X-Remote-User` stands for a client certificate and is believed. A bearer token is a service
//! account's. Its format is this project's own: `<namespace>:<secret>:<token>`, where the real one
//! is a signed document that names the same Secret. With `--service-account-lookup` the Secret is
//! read from etcd, through the client of `secrets`, on every request (kubernetes 1.7.8
//! pkg/serviceaccount/jwt.go and its token getter). That read has no time limit of its own, so a
//! `secrets` client that hangs takes every request of every service account with it,
//! whatever the request is about (kubernetes#57061).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::server::Server;
use crate::objects::{Kind, Object};
use crate::status::Status;

/// The name of whoever sent the request.
///
/// # Errors
/// 401.
pub(super) async fn authenticate(server: &Server, headers: &HeaderMap) -> Result<String, Status> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        let user = headers.get("x-remote-user").and_then(|user| user.to_str().ok());
        return Ok(user.unwrap_or("system:anonymous").to_string());
    };
    let header = header.to_str().map_err(|_| Status::unauthorized())?;
    let token = header.strip_prefix("Bearer ").ok_or_else(Status::unauthorized)?;
    let mut parts = token.trim().splitn(3, ':');
    let (Some(namespace), Some(name), Some(secret)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(Status::unauthorized());
    };
    if server.config().service_account_lookup {
        let key = Kind::Secret.key(namespace, name);
        let found = server.resource(Kind::Secret).store().get(&key).await;
        let known = match found {
            Ok(Some(Object::Secret(found))) => {
                let data = found.data.unwrap_or_default();
                data.get("token").is_some_and(|token| token.0 == secret.as_bytes())
            }
            _ => false,
        };
        if !known {
            return Err(Status::unauthorized());
        }
    }
    Ok(format!("system:serviceaccount:{namespace}:{name}"))
}
