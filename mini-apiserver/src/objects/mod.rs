//! The objects of the API: what they hold, how they print, how they are stored.
//!
//! An object is one typed struct in every role: as the server works with it, as a client sees it
//! and as etcd keeps it. Go's server has a type for each and converts between them; where a
//! conversion did more than copy, it is in [`convert`]. What is kept of each kind is what the
//! cluster of this project uses; unknown fields of a document are ignored.

#[macro_use]
mod define;

pub mod base64;
pub mod codec;
pub mod config;
pub mod container;
pub mod convert;
pub mod endpoints;
pub mod json;
pub mod kind;
pub mod meta;
pub mod node;
pub mod pod;
pub mod pod_status;
pub mod service;
pub mod values;
pub mod volume;
pub mod wire;
pub mod workload;

#[cfg(test)]
mod tests;

use anatomy_proto::k8s;
use prost::Message;
use serde_json::Value;

pub use config::{ConfigMap, Namespace, Secret};
pub use endpoints::Endpoints;
pub use kind::Kind;
pub use meta::ObjectMeta;
pub use node::Node;
pub use pod::Pod;
pub use service::Service;
pub use workload::{DaemonSet, Deployment};

use crate::Version;
use json::{At, Json, ReadError, Struct, Writer, write_object};
use wire::Wire;

macro_rules! any_object {
    ($($kind:ident),*) => {
        /// An object of any kind.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Object { $($kind($kind)),* }

        impl Object {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self { $(Object::$kind(_) => Kind::$kind),* }
            }

            /// Its metadata.
            pub fn meta(&self) -> &ObjectMeta {
                match self { $(Object::$kind(object) => &object.metadata),* }
            }

            /// Its metadata.
            pub fn meta_mut(&mut self) -> &mut ObjectMeta {
                match self { $(Object::$kind(object) => &mut object.metadata),* }
            }

            /// Writes the members of its JSON object, without `kind` and `apiVersion`.
            fn write_fields(&self, writer: &mut Writer<'_>) {
                match self { $(Object::$kind(object) => object.write_fields(writer)),* }
            }

            /// Reads an object of a known kind from JSON; its `kind` and `apiVersion` are ignored.
            ///
            /// # Errors
            /// Says where the document has the wrong shape.
            pub fn read(kind: Kind, document: Value) -> Result<Object, ReadError> {
                match kind {
                    $(Kind::$kind => $kind::read(document, &At::Root).map(Object::$kind)),*
                }
            }

            fn to_protobuf(&self) -> Vec<u8> {
                match self {
                    $(Object::$kind(object) => {
                        let wire: k8s::$kind = object.to_wire();
                        wire.encode_to_vec()
                    })*
                }
            }

            fn from_protobuf(kind: Kind, raw: &[u8]) -> Result<Object, prost::DecodeError> {
                match kind {
                    $(Kind::$kind => {
                        k8s::$kind::decode(raw).map(|wire| Object::$kind(Wire::from_wire(wire)))
                    })*
                }
            }
        }
    };
}

any_object!(ConfigMap, DaemonSet, Deployment, Endpoints, Namespace, Node, Pod, Secret, Service);

impl Object {
    /// Appends the JSON of a whole document, with `kind` and `apiVersion`.
    pub fn write(&self, api_version: &str, version: Version, out: &mut Vec<u8>) {
        write_object(version, out, |writer| {
            writer.field("kind", &self.kind().name().to_string());
            writer.field("apiVersion", &api_version.to_string());
            self.write_fields(writer);
        });
    }

    /// Appends the JSON of an item in a list. Typed lists of Go print their items without `kind`
    /// and `apiVersion`.
    pub fn write_item(&self, version: Version, out: &mut Vec<u8>) {
        write_object(version, out, |writer| self.write_fields(writer));
    }

    /// The whole document as a JSON value: what patches apply to.
    pub fn to_value(&self, api_version: &str, version: Version) -> Value {
        let mut text = Vec::new();
        self.write(api_version, version, &mut text);
        serde_json::from_slice(&text).expect("what was written is JSON")
    }

    /// The key in etcd.
    pub fn key(&self) -> String {
        let meta = self.meta();
        self.kind().key(&meta.namespace, &meta.name)
    }

    /// The revision of its last write; 0 where it has none.
    pub fn revision(&self) -> i64 {
        self.meta().resource_version.parse().unwrap_or(0)
    }

    /// This object with its revision set.
    #[must_use]
    pub fn at_revision(mut self, revision: i64) -> Self {
        self.meta_mut().resource_version = revision.to_string();
        self
    }
}
