//! Answers.
//!
//! Here an object passes the conversion of [`convert`], or does not: [`object`] is the path of a
//! single object, [`list`] that of a list.

use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::Body;
use crate::Version;
use crate::objects::{Kind, Object, convert};
use crate::registry::store::Listed;
use crate::status::Status;

fn answer(code: u16, content_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A text.
pub fn text(code: u16, text: &str) -> Response<Body> {
    answer(code, "text/plain; charset=utf-8", text.as_bytes().to_vec())
}

/// A JSON value.
pub fn value(code: u16, value: &Value) -> Response<Body> {
    let mut body = value.to_string().into_bytes();
    body.push(b'\n');
    answer(code, "application/json", body)
}

/// A failure.
pub fn failure(status: &Status) -> Response<Body> {
    let mut response = value(status.code, &status.to_value());
    if let Some(seconds) = status.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// What the limit of requests in flight answers.
pub fn too_many_requests() -> Response<Body> {
    let mut response = text(429, "Too many requests, please try again later.\n");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// What a deletion that is done answers.
pub fn deleted(kind: Kind, object: &Object) -> Response<Body> {
    let meta = object.meta();
    let details = json!({ "name": meta.name, "kind": kind.resource(), "uid": meta.uid });
    value(200, &success(details))
}

/// A `Status` that says it went well.
pub fn success(details: Value) -> Value {
    let mut status =
        json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
    if !details.is_null() {
        status["details"] = details;
    }
    status
}

/// One object.
pub fn object(code: u16, group_version: &str, version: Version, object: &Object) -> Response<Body> {
    let mut body = Vec::new();
    convert::single(version, object).write(group_version, version, &mut body);
    body.push(b'\n');
    answer(code, "application/json", body)
}

/// A list: its items go out as they are.
pub fn list(
    kind: Kind,
    group_version: &str,
    version: Version,
    path: &str,
    listed: &Listed,
) -> Response<Body> {
    let head = json!({ "selfLink": path, "resourceVersion": listed.revision.to_string() });
    let mut body = format!(
        "{{\"kind\":\"{}List\",\"apiVersion\":\"{group_version}\",\"metadata\":{head},\"items\":[",
        kind.name()
    )
    .into_bytes();
    for (index, item) in listed.items.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        item.write_item(version, &mut body);
    }
    body.extend_from_slice(b"]}\n");
    answer(200, "application/json", body)
}
