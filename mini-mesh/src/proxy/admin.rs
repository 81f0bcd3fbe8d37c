//! What operators can see of a proxy.
//!
//! | path | what |
//! |---|---|
//! | `/admin/ping` | `pong`, as soon as the program listens: true of a proxy that can route nothing |
//! | `/admin/routes.json` | per namespace: state, services with addresses, failures of the list |
//! | `/admin/clients.json` | per cached binding: endpoints with their load and reputation |
//!
//! linkerd has the first; the others stand for its delegator page, and tell more than it did.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use crate::balance::p2c::Node;
use crate::namer::Namespace;
use crate::proxy::message;
use crate::router::Router;

/// Answers a request for `path`.
pub fn answer(router: &Router, method: &Method, path: &str) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return message::refuse(StatusCode::METHOD_NOT_ALLOWED, "expected GET");
    }
    match path {
        "/admin/ping" => Response::new(Full::new(Bytes::from_static(b"pong"))),
        "/admin/routes.json" => document(&routes(router)),
        "/admin/clients.json" => document(&clients(router)),
        _ => message::refuse(
            StatusCode::NOT_FOUND,
            "expected /admin/ping, /admin/routes.json or /admin/clients.json",
        ),
    }
}

fn document(value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{value:#}\n"))));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn routes(router: &Router) -> Value {
    let namespaces = router.namer().namespaces();
    let namespaces = namespaces.iter().map(|ns| (ns.name().to_owned(), namespace(ns)));
    Value::Object(namespaces.collect::<Map<_, _>>())
}

fn namespace(namespace: &Namespace) -> Value {
    let (cache, health) = (namespace.snapshot(), namespace.health());
    let services = cache.services().map(|services| {
        let services = services.iter().map(|(name, service)| {
            (name.clone(), json!({ "endpoints": service.endpoints, "ports": service.ports }))
        });
        Value::Object(services.collect::<Map<_, _>>())
    });
    json!({
        "state": if services.is_some() { "ok" } else { "pending" },
        "services": services,
        "list_failures": health.list_failures,
        "last_failure": health.last_failure,
        "frozen": health.frozen,
    })
}

fn clients(router: &Router) -> Value {
    let clients = router.bindings().into_iter().map(|binding| {
        let endpoints = binding.endpoints().into_iter().map(|endpoint| {
            json!({
                "address": endpoint.address(),
                "load": endpoint.load(),
                "state": endpoint.describe(),
            })
        });
        (binding.path().to_string(), Value::Array(endpoints.collect()))
    });
    Value::Object(clients.collect::<Map<_, _>>())
}
