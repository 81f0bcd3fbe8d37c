//! The bank in a small world without Kubernetes.

mod alarms;
mod books;
mod payments;
mod support;
