//! What somebody can do in a step, and what can make them do it.

use std::ops::Range;
use std::time::Duration;

use super::World;
use super::acts::Place;
use super::deed::{self, Deed};
use super::error::{Problem, not_among, problem};
use super::factor::Factor;
use super::file;
use super::resolve::duration;

/// What somebody does, through the cluster's own API or on its machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Rolls out a version of a service; a service that is not there yet is made.
    Deploy {
        /// The service.
        service: String,
        /// The version: the pods' image.
        version: String,
        /// The pods of a service that is made.
        replicas: u32,
    },
    /// Rolls a service back to the version before.
    Rollback {
        /// The service.
        service: String,
    },
    /// Gives a service this many pods.
    Scale {
        /// The service.
        service: String,
        /// The pods.
        replicas: u32,
    },
    /// Deletes the pods of the mesh one by one, which its daemon set replaces.
    RestartMesh {
        /// From the first new proxy to the last, if none keeps people waiting.
        within: Duration,
    },
    /// Restarts the apiserver processes one after the other.
    RestartApiservers,
    /// Does nothing but say what is seen.
    Report,
    /// Deletes every Service that has no endpoints.
    DeleteEmptyServices,
    /// Replaces the etcd members' binary one after the other.
    EtcdUpgrade {
        /// The new version.
        version: String,
    },
    /// Adds etcd members one by one.
    EtcdGrow {
        /// The members there are to be.
        members: u32,
    },
    /// Restarts the etcd members that the apiservers list, one after the other; in a world of etcd
    /// alone, all of them.
    EtcdRollingRestart,
    /// What befalls machines, and what people do with etcd in a world of etcd alone.
    Deed(Deed),
}

const NAMES: &[&str] = &[
    "deploy",
    "rollback",
    "scale",
    "restart-mesh",
    "restart-apiservers",
    "report",
    "delete-empty-services",
    "etcd-upgrade",
    "etcd-grow",
    "etcd-rolling-restart",
];

impl Action {
    /// Its name in files.
    pub fn name(&self) -> &'static str {
        if let Action::Deed(deed) = self {
            return deed.name();
        }
        NAMES[match self {
            Action::Deploy { .. } => 0,
            Action::Rollback { .. } => 1,
            Action::Scale { .. } => 2,
            Action::RestartMesh { .. } => 3,
            Action::RestartApiservers => 4,
            Action::Report => 5,
            Action::DeleteEmptyServices => 6,
            Action::EtcdUpgrade { .. } => 7,
            Action::EtcdGrow { .. } => 8,
            Action::EtcdRollingRestart | Action::Deed(_) => 9,
        }]
    }

    /// The action that a step of the file writes, in a world that has it.
    pub(super) fn resolve(
        step: &file::Step,
        factors: &[Factor],
        place: &Place,
    ) -> Result<Self, Problem> {
        let name = step.action.get_ref().as_str();
        let is_here = |name: &&&str| place.world == World::Bank || name.starts_with("etcd-");
        let names = NAMES.iter().filter(is_here).chain(deed::names(place.world));
        let names: Vec<&str> = names.copied().collect();
        if !names.contains(&name) {
            return Err(not_among(step.action.span(), "the action", name, names));
        }
        if let Some(deed) = Deed::resolve(step, factors, place)? {
            return Ok(Action::Deed(deed));
        }
        let mut args = Arguments::of(step);
        let action = match step.action.get_ref().as_str() {
            "deploy" => Action::Deploy {
                service: args.service()?,
                version: args.version()?,
                replicas: args.replicas.take().map_or(2, |n| *n.get_ref()),
            },
            "rollback" => Action::Rollback { service: args.service()? },
            "scale" => Action::Scale {
                service: args.service()?,
                replicas: *args.need(args.replicas, "replicas")?.get_ref(),
            },
            "restart-mesh" => {
                Action::RestartMesh { within: duration(args.need(args.within, "within")?)? }
            }
            "restart-apiservers" => Action::RestartApiservers,
            "report" => Action::Report,
            "delete-empty-services" => Action::DeleteEmptyServices,
            "etcd-upgrade" => Action::EtcdUpgrade { version: args.version()? },
            "etcd-grow" => {
                Action::EtcdGrow { members: *args.need(args.members, "members")?.get_ref() }
            }
            _ => Action::EtcdRollingRestart,
        };
        args.nothing_beside(&action)?;
        Ok(action)
    }
}

/// The arguments of a step that no action has asked for yet.
struct Arguments<'a> {
    step: &'a file::Step,
    service: Option<&'a toml::Spanned<String>>,
    version: Option<&'a toml::Spanned<String>>,
    replicas: Option<&'a toml::Spanned<u32>>,
    members: Option<&'a toml::Spanned<u32>>,
    within: Option<&'a toml::Spanned<String>>,
}

impl<'a> Arguments<'a> {
    fn of(step: &'a file::Step) -> Self {
        Arguments {
            step,
            service: step.service.as_ref(),
            version: step.version.as_ref(),
            replicas: step.replicas.as_ref(),
            members: step.members.as_ref(),
            within: step.within.as_ref(),
        }
    }

    fn need<T>(&self, argument: Option<&'a T>, name: &str) -> Result<&'a T, Problem> {
        let action = &self.step.action;
        let missing = || problem(action.span(), format!("`{}` needs `{name}`", action.get_ref()));
        argument.ok_or_else(missing)
    }

    fn service(&mut self) -> Result<String, Problem> {
        let service = self.service.take();
        Ok(self.need(service, "service")?.get_ref().clone())
    }

    fn version(&mut self) -> Result<String, Problem> {
        let version = self.version.take();
        Ok(self.need(version, "version")?.get_ref().clone())
    }

    fn nothing_beside(&self, action: &Action) -> Result<(), Problem> {
        let replicas = self.replicas.filter(|_| !matches!(action, Action::Scale { .. }));
        let members = self.members.filter(|_| !matches!(action, Action::EtcdGrow { .. }));
        let within = self.within.filter(|_| !matches!(action, Action::RestartMesh { .. }));
        let left: [(&str, Option<Range<usize>>); 5] = [
            ("service", self.service.map(toml::Spanned::span)),
            ("version", self.version.map(toml::Spanned::span)),
            ("replicas", replicas.map(toml::Spanned::span)),
            ("members", members.map(toml::Spanned::span)),
            ("within", within.map(toml::Spanned::span)),
        ];
        let left = left.into_iter().find_map(|(name, span)| Some((name, span?)));
        let known = left_names();
        let others = self.step.given().find(|(name, _)| !known.contains(name));
        match left.or(others) {
            Some((name, span)) => {
                Err(problem(span, format!("`{}` takes no `{name}`", action.name())))
            }
            None => Ok(()),
        }
    }
}

/// The arguments that [`Arguments`] knows.
fn left_names() -> [&'static str; 5] {
    ["service", "version", "replicas", "members", "within"]
}

/// What operators can see that calls for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symptom {
    /// The alarm of a journey is firing.
    JourneysFailing,
    /// Proxies send requests to addresses that no pod has.
    MeshStale,
    /// Pods have been waiting to start for minutes.
    PodsNotStarting,
    /// Proxies log that they cannot read the service discovery.
    DiscoveryFailing,
    /// Members of etcd do not say how they are.
    MembersSilent,
}

impl Symptom {
    /// What people look for in a world.
    pub fn of(world: World) -> &'static [Symptom] {
        match world {
            World::Bank => &[
                Symptom::JourneysFailing,
                Symptom::MeshStale,
                Symptom::PodsNotStarting,
                Symptom::DiscoveryFailing,
            ],
            World::Etcd => &[Symptom::MembersSilent],
        }
    }

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Symptom::JourneysFailing => "journeys-failing",
            Symptom::MeshStale => "mesh-stale",
            Symptom::PodsNotStarting => "pods-not-starting",
            Symptom::DiscoveryFailing => "discovery-failing",
            Symptom::MembersSilent => "members-silent",
        }
    }
}
