//! What can lie in wait in a run, and by which lines of its record it shows and ends.
//!
//! A program that arms something says so in a line of its own; what a step leaves behind follows from
//! its action. Neither belongs to a scenario: whoever plays one with the same programs and actions has
//! them told.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::outcome::Entry;
use crate::scenario::{Action, Deed};

/// A condition that has come about and does no harm by itself, or not at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Latent {
    /// The etcd client of a resource has lost its stream quota at an endpoint: its next watch or write
    /// waits for ever.
    Quota {
        /// Whose client: the process and its machine.
        of: String,
        /// The resource that it stores.
        resource: String,
        /// The member.
        endpoint: String,
    },
    /// A proxy no longer follows the service discovery, and goes on with what it knows.
    Frozen,
    /// A Service has no pods left.
    Empty {
        /// The service.
        service: String,
    },
    /// etcd counts a member that does not serve yet, so that a quorum is more of those that do.
    Announced,
    /// Machines, their disks, clocks or links are not as they should be.
    Harm {
        /// The machines that it befell and that are still in use.
        machines: BTreeSet<String>,
        /// Whether they are without power.
        dark: bool,
        /// After how long it ends by itself; none where somebody has to end it.
        lasts: Option<Duration>,
    },
}

impl Latent {
    /// The condition that a mark tells of, if any. `action` is that of the step that the mark is of.
    pub fn of(mark: &Entry, action: Option<&Action>) -> Option<Self> {
        let text = &mark.text;
        match mark.kind.as_str() {
            "etcd-client.quota.lost" => Some(Latent::Quota {
                of: mark.actor.clone(),
                resource: word_after(text, "client for ")?.to_owned(),
                endpoint: word_after(text, "quota at ")?.to_owned(),
            }),
            "mesh.namer.frozen" => Some(Latent::Frozen),
            "etcd.member.added" => Some(Latent::Announced),
            _ => left_by(action?, text),
        }
    }

    /// After how long it ends by itself, if it does.
    pub fn lasts(&self) -> Option<Duration> {
        match self {
            Latent::Harm { lasts, .. } => *lasts,
            _ => None,
        }
    }

    /// Whether it shows by a mark. `leader` is the machine that led etcd before it, where that is known.
    pub fn is_shown_by(&self, mark: &Entry, leader: Option<&str>) -> bool {
        let kind = mark.kind.as_str();
        let users_suffer = matches!(kind, "journey.fails" | "alarm.raised");
        match self {
            Latent::Quota { resource, .. } => {
                let kinds = ["endpoints.update-failed", "apiserver.timeout", "pod.mount-failed"];
                kinds.contains(&kind) && mark.text.to_lowercase().contains(resource)
            }
            Latent::Frozen => kind == "step.report.mesh-stale",
            Latent::Empty { .. } => matches!(kind, "mesh.namer.failed" | "mesh.namer.frozen"),
            Latent::Announced => users_suffer,
            Latent::Harm { machines, .. } => match kind {
                // Somebody else leads in place of one that it befell.
                "etcd.leader" => leader.is_some_and(|leader| machines.contains(leader)),
                "process.crashed" | "node.lost" => !machines.is_disjoint(&machines_in(&mark.text)),
                _ => users_suffer,
            },
        }
    }

    /// Takes in a mark that may undo it; says whether that was the end of it.
    pub fn is_over_with(&mut self, mark: &Entry) -> bool {
        let (kind, text) = (mark.kind.as_str(), mark.text.as_str());
        match self {
            Latent::Quota { of, resource, endpoint } if mark.actor == *of => match kind {
                // A new process has new clients.
                "apiserver.started" => true,
                "etcd-client.quota.recovered" => {
                    word_after(text, "client for ") == Some(resource.as_str())
                        && word_after(text, "quota at ") == Some(endpoint.as_str())
                }
                _ => false,
            },
            Latent::Quota { .. } => false,
            Latent::Frozen => kind == "mesh.restarted",
            Latent::Empty { service } => {
                let anew = kind == "step.scale" && !text.ends_with(" to 0");
                let named = text.split_whitespace().any(|word| word == service.as_str());
                (anew || kind == "service.deleted") && named
            }
            Latent::Announced => kind == "etcd.ready",
            Latent::Harm { machines, dark, .. } => {
                let freed = match kind {
                    "step.heal" => return true,
                    "step.power-on" => *dark,
                    // It is no member any more.
                    "step.replaced" | "step.remove-silent-members" => true,
                    _ => false,
                };
                if freed {
                    let named = machines_in(text);
                    machines.retain(|machine| !named.contains(machine));
                }
                machines.is_empty()
            }
        }
    }

    /// Whether a sign that somebody sees is one of it. Machines are known by their names; of the others a
    /// person sees nothing before it has shown (`shown`), and then anything that calls for an action.
    pub fn is_seen_in(&self, sign: &str, shown: bool) -> bool {
        match self {
            Latent::Harm { machines, .. } => !machines.is_disjoint(&machines_in(sign)),
            _ => shown,
        }
    }
}

/// What an action leaves behind that may lie in wait. `text` is what the record says of it.
fn left_by(action: &Action, text: &str) -> Option<Latent> {
    match action {
        Action::Scale { service, replicas: 0 } => Some(Latent::Empty { service: service.clone() }),
        Action::Deed(deed) => {
            let (dark, lasts) = harm(deed)?;
            let machines = machines_in(text);
            (!machines.is_empty()).then_some(Latent::Harm { machines, dark, lasts })
        }
        // What these leave is what was wanted. Where a bug makes it more than that, the program that has
        // the bug says so in a mark of its own.
        Action::Deploy { .. }
        | Action::Rollback { .. }
        | Action::Scale { .. }
        | Action::RestartMesh { .. }
        | Action::RestartApiservers
        | Action::Report
        | Action::DeleteEmptyServices
        | Action::EtcdUpgrade { .. }
        | Action::EtcdGrow { .. }
        | Action::EtcdRollingRestart => None,
    }
}

/// Whether a deed leaves machines without power, and for how long what it does lasts.
fn harm(deed: &Deed) -> Option<(bool, Option<Duration>)> {
    match deed {
        Deed::PowerOff(_) => Some((true, None)),
        Deed::Pause(_, lasts) => Some((false, Some(*lasts))),
        Deed::Cut(.., lasts)
        | Deed::SlowLink(.., lasts)
        | Deed::SlowDisk(.., lasts)
        | Deed::FullDisk(_, lasts)
        | Deed::FailingDisk(_, lasts)
        | Deed::Skew(.., lasts) => Some((false, *lasts)),
        // A supervisor starts at once what is killed; what chaos does has no marks of its own; the others
        // mend, or look.
        Deed::Kill(_)
        | Deed::Chaos(_)
        | Deed::PowerOn(_)
        | Deed::Heal
        | Deed::Replace(_)
        | Deed::Silent(_)
        | Deed::Put(_)
        | Deed::Get(..)
        | Deed::Audit => None,
    }
}

/// The word behind a phrase, without the punctuation behind it.
fn word_after<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(phrase)?;
    rest.split_whitespace().next().map(|word| word.trim_end_matches([':', ',', '.']))
}

/// The machines of a cluster that a sentence names: `etcd-1`, `master-3`, `node-12`.
pub fn machines_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let is_machine = |word: &&str| {
        let (kind, number) = word.split_once('-').unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        ["etcd", "master", "node"].contains(&kind) && is_number
    };
    words.filter(is_machine).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_machines_and_not_what_runs_on_them() {
        let named = |text| machines_in(text).into_iter().collect::<Vec<_>>();
        assert_eq!(
            named("etcd-1, etcd-4 and etcd-12 are without power"),
            ["etcd-1", "etcd-12", "etcd-4"]
        );
        assert_eq!(named("etcd on etcd-2: stopped (etcd-2)."), ["etcd-2"]);
        assert_eq!(named("kubelet on node-11 and node-2 is killed"), ["node-11", "node-2"]);
        assert_eq!(named("master-1 has power again: default/node-x-1 runs"), ["master-1"]);
        assert_eq!(named("etcd has 4 members, etcd-client and etcd- and my-etcd-3"), [""; 0]);
    }

    #[test]
    fn a_word_behind_a_phrase_comes_without_its_punctuation() {
        let text = "the etcd client for endpoints lost its stream quota at 10.0.0.1:2379: gone";
        assert_eq!(word_after(text, "client for "), Some("endpoints"));
        assert_eq!(word_after(text, "quota at "), Some("10.0.0.1:2379"));
        assert_eq!(word_after(text, "nowhere "), None);
    }
}
