//! Messages on their way through: what a proxy takes off, what it puts on, what it says itself.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode, Uri};
use http_body_util::Full;

use crate::dtab::Path;

/// The largest body that passes, in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// The header in which linkerd says what went wrong.
const ERR: HeaderName = HeaderName::from_static("l5d-err");

/// Headers that are about one connection (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Whom a request is for: its target's authority, else its `Host`.
pub fn path_of(parts: &Parts) -> Option<Path> {
    let host = match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => parts.headers.get(header::HOST)?.to_str().ok()?,
    };
    Path::of_host(host)
}

/// Makes a request ready to be sent on: origin form, `Host`, no header of the old connection.
pub fn forward(parts: &mut Parts) {
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.insert(header::HOST, host);
    }
    parts.uri = parts
        .uri
        .path_and_query()
        .and_then(|path| path.as_str().parse().ok())
        .unwrap_or_else(|| Uri::from_static("/"));
    parts.version = http::Version::HTTP_11;
    strip(&mut parts.headers);
    // The body is sent whole, with its length.
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.append(header::VIA, HeaderValue::from_static("1.1 linkerd"));
}

/// Makes a service's answer ready to be passed back.
pub fn back(response: Response<Bytes>) -> Response<Full<Bytes>> {
    let (mut head, body) = response.into_parts();
    head.version = http::Version::HTTP_11;
    strip(&mut head.headers);
    head.headers.append(header::VIA, HeaderValue::from_static("1.1 linkerd"));
    Response::from_parts(head, Full::new(body))
}

/// The proxy's own word on why there is no answer.
pub fn refuse(status: StatusCode, reason: &str) -> Response<Full<Bytes>> {
    let visible = |c: char| if (' '..='~').contains(&c) { c } else { '?' };
    let line: String = reason.chars().map(visible).take(512).collect();
    let mut response = Response::new(Full::new(Bytes::from(reason.to_owned())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ERR, HeaderValue::from_str(&line).expect("visible ASCII"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_target_names_the_service_before_the_host_does() {
        let request = Request::get("http://Ledger/a").header("host", "other");
        assert_eq!(path_of(&parts(request)).unwrap().as_str(), "/svc/ledger");
        let request = Request::get("/a").header("host", "ledger");
        assert_eq!(path_of(&parts(request)).unwrap().as_str(), "/svc/ledger");
        assert_eq!(path_of(&parts(Request::get("/a"))), None);
    }

    #[test]
    fn a_forwarded_request_is_in_origin_form_without_the_old_connections_headers() {
        let mut parts = parts(
            Request::get("http://ledger/a?b=c")
                .header("connection", "close, x-private")
                .header("x-private", "1")
                .header("x-public", "2"),
        );
        forward(&mut parts);
        assert_eq!(parts.uri, "/a?b=c");
        assert_eq!(parts.headers["host"], "ledger");
        assert!(!parts.headers.contains_key("connection"));
        assert!(!parts.headers.contains_key("x-private"));
        assert_eq!(parts.headers["x-public"], "2");
    }

    #[test]
    fn a_refusal_says_why_in_its_body_and_in_a_header() {
        let response = refuse(StatusCode::BAD_GATEWAY, "line one\nline tw\u{f6}");
        assert_eq!(response.status(), 502);
        assert_eq!(response.headers()["l5d-err"], "line one?line tw?");
    }
}
