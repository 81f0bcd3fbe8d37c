//! The wire formats of the project, and nothing else.
//!
//! Package names, message names, field numbers and types are those of the real systems, so that
//! their tools can talk to ours. Repeated fields are `Vec`, maps are ordered, bytes are
//! [`bytes::Bytes`].
#![allow(missing_docs, reason = "generated code; the .proto files say what the fields are")]

/// The formats themselves, as a `FileDescriptorSet`: what reflection hands to tools.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Raft messages and log entries, as etcd 3.x writes them.
pub mod raftpb {
    tonic::include_proto!("raftpb");
}

/// Keys, values and events of etcd's store.
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// What etcd's roles may do.
pub mod authpb {
    tonic::include_proto!("authpb");
}

/// The etcd v3 API.
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

/// Server reflection.
pub mod reflection {
    tonic::include_proto!("grpc.reflection.v1");
}

/// Kubernetes objects as stored in etcd: the `runtime.Unknown` envelope and the messages in it.
pub mod k8s {
    tonic::include_proto!("k8s");
}
