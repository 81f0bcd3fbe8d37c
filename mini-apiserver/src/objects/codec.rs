//! What a value in etcd looks like.
//!
//! Up to 1.5 a value is the JSON document. Since 1.6 it is the four bytes `k8s\0` and a
//! `runtime.Unknown` message that holds the object's own message (kubernetes 1.7.8,
//! apimachinery/pkg/runtime/serializer/protobuf). Reading looks at the bytes, not at the release,
//! so that a newer server reads what an older one left behind.

use anatomy_proto::k8s;
use bytes::Bytes;
use prost::Message;

use super::json::ReadError;
use super::{Kind, Object};
use crate::Version;

const MAGIC: &[u8; 4] = b"k8s\0";

/// A value in etcd that is not an object of its kind.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoredError {
    /// Neither the envelope nor JSON.
    #[error("stored value is neither protobuf nor JSON: {0}")]
    Json(String),
    /// JSON of another shape.
    #[error("stored document: {0}")]
    Shape(#[from] ReadError),
    /// A broken message.
    #[error("stored message: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// Another kind.
    #[error("stored value is of kind {found:?}, expected {expected}")]
    Kind {
        /// What it says it is.
        found: String,
        /// What belongs under the key.
        expected: &'static str,
    },
}

/// The value to store. The revision is etcd's to say and is left out.
pub fn encode(object: &Object, version: Version) -> Bytes {
    let mut object = object.clone();
    object.meta_mut().resource_version.clear();
    object.meta_mut().self_link.clear();
    let api_version = object.kind().storage_version();
    if version < Version::V1_7 {
        let mut text = Vec::new();
        object.write(api_version, version, &mut text);
        text.push(b'\n');
        return text.into();
    }
    let unknown = k8s::Unknown {
        type_meta: Some(k8s::TypeMeta {
            api_version: Some(api_version.to_string()),
            kind: Some(object.kind().name().to_string()),
        }),
        raw: Some(object.to_protobuf().into()),
        content_encoding: Some(String::new()),
        content_type: Some(String::new()),
    };
    let mut value = MAGIC.to_vec();
    unknown.encode(&mut value).expect("a vector grows");
    value.into()
}

/// The object in a stored value, as of the revision of its write.
///
/// # Errors
/// The value is not an object of the kind.
pub fn decode(kind: Kind, value: &[u8], revision: i64) -> Result<Object, StoredError> {
    read(kind, value).map(|object| object.at_revision(revision))
}

/// The object in a value, as it says it is.
///
/// # Errors
/// The value is not an object of the kind.
pub fn read(kind: Kind, value: &[u8]) -> Result<Object, StoredError> {
    match value.strip_prefix(MAGIC) {
        Some(envelope) => {
            let unknown = k8s::Unknown::decode(envelope)?;
            let found = unknown.type_meta.and_then(|meta| meta.kind).unwrap_or_default();
            if found != kind.name() {
                return Err(StoredError::Kind { found, expected: kind.name() });
            }
            Ok(Object::from_protobuf(kind, &unknown.raw.unwrap_or_default())?)
        }
        None => {
            let document: serde_json::Value = serde_json::from_slice(value)
                .map_err(|error| StoredError::Json(error.to_string()))?;
            let found = document["kind"].as_str().unwrap_or_default();
            if found != kind.name() {
                let found = found.to_string();
                return Err(StoredError::Kind { found, expected: kind.name() });
            }
            Ok(Object::read(kind, document)?)
        }
    }
}
