//! Failures as a client sees them: `Status` objects.
//!
//! Codes, reasons and wording follow kubernetes 1.7.8 apimachinery/pkg/api/errors/errors.go,
//! because tools and people read them.

use serde_json::{Value, json};

use crate::objects::Kind;

/// A failed request.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable reason: `NotFound`, …
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// What it is about, as JSON; null where there is nothing to say.
    pub details: Value,
    /// Seconds after which to try again.
    pub retry_after: Option<u32>,
}

impl Status {
    fn new(code: u16, reason: &'static str, message: String) -> Self {
        Status { code, reason, message, details: Value::Null, retry_after: None }
    }

    fn about(mut self, kind: Kind, name: &str) -> Self {
        self.details = json!({ "name": name, "kind": kind.resource() });
        if !kind.group().is_empty() {
            self.details["group"] = kind.group().into();
        }
        self
    }

    /// 400: the request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Status::new(400, "BadRequest", message.into())
    }

    /// 401: no identity, or one that could not be confirmed.
    pub fn unauthorized() -> Self {
        Status::new(401, "Unauthorized", "Unauthorized".into())
    }

    /// 404: no such object.
    pub fn not_found(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified());
        Status::new(404, "NotFound", message).about(kind, name)
    }

    /// 404: no such path.
    pub fn no_such_path() -> Self {
        Status::new(404, "NotFound", "the server could not find the requested resource".into())
    }

    /// 405: the path does not take the method.
    pub fn method_not_allowed(method: &str) -> Self {
        let message = format!("the server does not allow {method} on the requested resource");
        Status::new(405, "MethodNotAllowed", message)
    }

    /// 409: the name is taken.
    pub fn already_exists(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Status::new(409, "AlreadyExists", message).about(kind, name)
    }

    /// 409: the object is not as the request takes it to be.
    pub fn conflict(kind: Kind, name: &str, why: impl Into<String>) -> Self {
        let why = why.into();
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Status::new(409, "Conflict", message).about(kind, name)
    }

    /// 409: somebody else wrote first.
    pub fn modified(kind: Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Status::conflict(kind, name, why)
    }

    /// 410: the version is out of the watch cache's window.
    pub fn too_old(asked: i64, oldest: i64) -> Self {
        Status::new(410, "Gone", format!("too old resource version: {asked} ({oldest})"))
    }

    /// 415: a body of a type that the path does not take.
    pub fn unsupported_media_type(found: &str) -> Self {
        let message = format!("the body of the request was in an unknown format: {found:?}");
        Status::new(415, "UnsupportedMediaType", message)
    }

    /// 422: the object breaks rules; each is a (field, what is wrong).
    pub fn invalid(kind: Kind, name: &str, causes: &[(String, String)]) -> Self {
        let list: Vec<String> =
            causes.iter().map(|(field, wrong)| format!("{field}: {wrong}")).collect();
        let list = if list.len() == 1 { list[0].clone() } else { format!("[{}]", list.join(", ")) };
        let message = format!("{} \"{name}\" is invalid: {list}", kind.name());
        let mut status = Status::new(422, "Invalid", message).about(kind, name);
        let cause = |(field, wrong): &(String, String)| json!({ "reason": "FieldValueInvalid", "message": wrong, "field": field });
        status.details["causes"] = causes.iter().map(cause).collect();
        status
    }

    /// 500: something in the server, or behind it, broke.
    pub fn internal(message: impl Into<String>) -> Self {
        let message = format!("Internal error occurred: {}", message.into());
        Status::new(500, "InternalError", message)
    }

    /// 500: the server gave up on an operation (the time-out filter up to 1.9).
    pub fn server_timeout(verb: &str, resource: &str) -> Self {
        let message = format!(
            "The {verb} operation against {resource} could not be completed at this time, please \
             try again."
        );
        Status::new(500, "ServerTimeout", message)
    }

    /// 504: not done in time.
    pub fn timeout(what: impl Into<String>) -> Self {
        Status::new(504, "Timeout", format!("Timeout: {}", what.into()))
    }

    /// 504: the watch cache did not reach the wanted version in time.
    pub fn too_large(wanted: i64, current: i64) -> Self {
        let what = format!("Too large resource version: {wanted}, current: {current}");
        let mut status = Status::timeout(what);
        status.retry_after = Some(1);
        status.details = json!({ "retryAfterSeconds": 1 });
        status
    }

    /// The `Status` object.
    pub fn to_value(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_kubernetes() {
        for (status, message) in [
            (Status::not_found(Kind::Pod, "a"), "pods \"a\" not found"),
            (
                Status::already_exists(Kind::Deployment, "a"),
                "deployments.extensions \"a\" already exists",
            ),
            (Status::too_old(7, 9), "too old resource version: 7 (9)"),
            (
                Status::invalid(Kind::Pod, "a", &[("spec.containers".into(), "Required".into())]),
                "Pod \"a\" is invalid: spec.containers: Required",
            ),
        ] {
            assert_eq!(status.message, message);
        }
    }
}
