//! The bank: what people use, what it is built of, and who watches it.
//!
//! Card payments leave the cluster's fate first: the scheme's network reaches the bank through two
//! physical data centres, and these answer on their own ("stand in") where the cluster does not.
//! That is how most payments survived an outage in which no request passed the mesh (slides of the
//! talk at KubeCon EU 2018; monzo.com/blog, "Processing payments in Monzo stand-in"). The bank never
//! published how these programs were built: where a constant is not cited it is an assumption.
//!
//! ```text
//! customers ─────────────► edge ──► proxy ──► feed, account, current-account, ledger, …
//! scheme ──► data centre ► card-processor ► proxy ──► ledger ──► database
//! health check ──────────► edge                     monitor ◄── /metrics of edge, card-processor
//! ```
//!
//! | module | the question it answers |
//! |---|---|
//! | [`payment`] | what a request carries from hop to hop |
//! | [`service`] | what a pod of any service does |
//! | [`database`] | where a booked payment is kept |
//! | [`customers`] | what people ask for, and how long they wait |
//! | [`scheme`], [`data_centre`] | how a card payment comes in, and who answers it |
//! | [`monitor`], [`health_check`] | when the pager goes off |
//! | [`probe`] | what really happened to whom, for the oracles |
//! | [`http`], [`journal`], [`metrics`] | what they are made of |

pub mod customers;
pub mod data_centre;
pub mod database;
pub mod health_check;
pub mod http;
pub mod journal;
pub mod metrics;
pub mod monitor;
pub mod payment;
pub mod probe;
pub mod scheme;
pub mod service;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::scenario::{Entry, Journey, Workload};

/// Where the services that are reached from outside are reached: a load balancer's address by the
/// service's name.
pub type Entries = BTreeMap<String, SocketAddr>;

/// The journeys that come from `entry`, each with the address of the first service on its path.
///
/// # Errors
/// A journey has no path, or its first service has no address.
pub fn journeys_from(
    workload: &Workload,
    entry: Entry,
    entries: &Entries,
) -> Result<Vec<(Arc<Journey>, SocketAddr)>, String> {
    let journeys = workload.journeys.iter().filter(|journey| journey.entry == entry);
    let reached = |journey: &Journey| {
        let name = &journey.name;
        let first = journey.path.first().ok_or(format!("the journey {name} has no path"))?;
        let address = entries.get(first).copied();
        let known = || entries.keys().cloned().collect::<Vec<_>>().join(", ");
        address
            .map(|address| (Arc::new(journey.clone()), address))
            .ok_or_else(|| format!("{name}: no address of {first} among those of {}", known()))
    };
    journeys.map(reached).collect()
}
