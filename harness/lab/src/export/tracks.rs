//! What both trace formats show: a group of tracks for every machine, a track for every process, and
//! on it the events; a group for the journeys with their success ratio; the phases on top.

use std::collections::BTreeMap;

use super::Played;

/// A process on a machine, and what it said.
pub struct Track<'a> {
    /// A number of its own, from 1.
    pub id: u64,
    /// The machine.
    pub machine: &'a str,
    /// The machine's number, from 1.
    pub machine_id: u64,
    /// The process.
    pub process: &'a str,
}

/// The tracks of a run, in order of machine and process.
pub fn tracks<'a>(played: &Played<'a>) -> Vec<Track<'a>> {
    let mut machines: BTreeMap<&str, BTreeMap<&str, ()>> = BTreeMap::new();
    for event in played.events {
        machines.entry(&event.machine).or_default().insert(&event.process, ());
    }
    let mut tracks = Vec::new();
    for (n, (machine, processes)) in machines.into_iter().enumerate() {
        for process in processes.into_keys() {
            let id = tracks.len() as u64 + 1;
            tracks.push(Track { id, machine, machine_id: n as u64 + 1, process });
        }
    }
    tracks
}

/// Where every trace begins: seconds from the scenario's zero.
pub fn beginning(played: &Played) -> f64 {
    let events = played.events.iter().map(|event| event.at);
    let acts = played.outcome.acts.iter().map(|act| act.start);
    events.chain(acts).fold(f64::MAX, f64::min).min(0.0)
}
