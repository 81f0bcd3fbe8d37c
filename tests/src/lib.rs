//! What the tests and benchmarks share.
//!
//! | module | idea |
//! |---|---|
//! | [`rpc`] | a small gRPC service of etcd's types, for any stream of bytes |

pub mod rpc;
