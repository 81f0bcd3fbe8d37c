//! What surrounds the cluster.

use harness_sim::World;

use super::manifests::Application;
use super::topology::Topology;
use crate::outcome::{ActSpan, Sample, Violation};
use crate::scenario::Calendar;
use crate::{Scenario, Settings};

/// Everything around the cluster.
#[derive(Clone)]
pub struct Outside {}

impl Outside {
    /// For a scenario with these settings.
    pub fn new(_scenario: &Scenario, _settings: &Settings) -> Self {
        Outside {}
    }
    /// What pods need before they start.
    pub fn start_inside(&self, _world: World, _topology: &Topology) {}
    /// People and the outside world.
    pub fn start_outside(&self, _world: World, _topology: &Topology, _applications: &[Application]) {}
    /// The time after the story.
    pub async fn finish(&self, _world: World, _topology: &Topology) {}
    /// Samples of the acts.
    pub fn samples(&self, _calendar: &Calendar, _acts: &[ActSpan]) -> Vec<Sample> {
        Vec::new()
    }
    /// Violations.
    pub fn violations(&self) -> Vec<Violation> {
        Vec::new()
    }
}
