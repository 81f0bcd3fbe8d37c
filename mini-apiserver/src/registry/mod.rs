//! From a verb to etcd and back: rules of the kinds, storage, selection, patches.
//!
//! | module | what it is |
//! |---|---|
//! | [`resource`] | the verbs on one resource |
//! | [`store`] | objects in etcd |
//! | [`etcd`] | what is asked of etcd; [`etcd_client`] asks the real one |
//! | [`rules`] | what each kind demands of a new or changed object |
//! | [`defaults`] | what the server fills in |
//! | [`selector`] | label and field selectors |
//! | [`patch`] | the three patch formats |

pub mod defaults;
pub mod etcd;
pub mod etcd_client;
#[cfg(test)]
pub mod fake;
pub mod names;
pub mod patch;
pub mod resource;
pub mod rules;
pub mod selector;
pub mod store;
