//! Messages that are too large.
//!
//! A request above `--max-request-bytes` is refused by etcd, with an error of its own; gRPC refuses
//! one that is larger still by 512 KiB, before etcd sees it (etcd 3.2 etcdserver/api/v3rpc/grpc.go
//! `grpcOverheadBytes`). tonic's refusal has another code and text than grpc-go's.

use http::{HeaderValue, Response};
use tonic::body::Body;
use tonic::{Code, Status};

/// What gRPC allows beyond the largest request, in bytes.
const OVERHEAD: usize = 512 << 10;

/// The largest message that is decoded.
pub(super) fn message_bytes(max_request_bytes: usize) -> usize {
    max_request_bytes.saturating_add(OVERHEAD)
}

/// Puts tonic's refusal of a large message into grpc-go's words.
pub(super) fn as_in_go(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    let Some(message) = headers.get(Status::GRPC_MESSAGE) else { return response };
    let Some((found, limit)) = message.to_str().ok().and_then(sizes) else { return response };
    let message = format!("grpc: received message larger than max ({found} vs. {limit})");
    let message = message.replace(' ', "%20");
    if let Ok(message) = HeaderValue::from_str(&message) {
        headers.insert(Status::GRPC_MESSAGE, message);
        headers.insert(Status::GRPC_STATUS, HeaderValue::from(Code::ResourceExhausted as i32));
    }
    response
}

/// The two sizes in tonic's text, whose spaces are escaped.
fn sizes(message: &str) -> Option<(&str, &str)> {
    let rest = message.split_once("message%20length%20too%20large:%20found%20")?.1;
    let (found, rest) = rest.split_once("%20bytes,%20the%20limit%20is:%20")?;
    Some((found, rest.split_once("%20bytes")?.0))
}
