//! What analyses of the scenario found, read from the folders that they left it in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Report;
use crate::Scenario;
use crate::explore::counterfactual::Explanation;
use crate::explore::humans::{League, Standing};
use crate::explore::lattice::Lattice;

/// What there is; none of it need be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Findings {
    /// Why a run went as it did.
    pub explanation: Option<Explanation>,
    /// Which combinations lead to it: a lattice for each severity and list of factors.
    pub lattices: Vec<Lattice>,
    /// How ways of responding compare.
    pub league: Option<League>,
    /// What of it was found elsewhere: with another build, or in another text of the scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// Why findings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FindingsError {
    /// The file, or the folder, cannot be read.
    #[error("{option} {}: {error}; `anatomy {command}` with `--out` writes it", path.display())]
    Io {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What makes it.
        command: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{option} {}: {error}", path.display())]
    Wrong {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        error: serde_json::Error,
    },
    /// It is about another scenario.
    #[error("{option} {}: it is about {found}, and this is {wanted}", path.display())]
    Other {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// Its scenario.
        found: String,
        /// The report's.
        wanted: String,
    },
}

/// Where each is, if anywhere.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    /// That of `anatomy explain`.
    pub explanation: Option<PathBuf>,
    /// That of `anatomy lattice`.
    pub lattice: Option<PathBuf>,
    /// That of `anatomy league`.
    pub league: Option<PathBuf>,
}

impl Findings {
    /// Reads what there is, for a report of `scenario` by the program whose hash is `build`.
    ///
    /// # Errors
    /// See [`FindingsError`].
    pub fn read(
        scenario: &Scenario,
        build: &str,
        folders: &Folders,
    ) -> Result<Self, FindingsError> {
        let mut reader = Reader { scenario, build, remarks: Vec::new() };
        let explanation = match &folders.explanation {
            Some(folder) => Some(reader.file(EXPLAIN, folder.join("explanation.json"))?),
            None => None,
        };
        let lattices = match &folders.lattice {
            Some(folder) => reader.lattices(folder)?,
            None => Vec::new(),
        };
        let league = match &folders.league {
            Some(folder) => Some(reader.file(LEAGUE, folder.join("league.json"))?),
            None => None,
        };
        Ok(Findings { explanation, lattices, league, remarks: reader.remarks })
    }

    /// What was not asked because the scenario forbids it.
    pub(super) fn left_out(&self) -> Vec<String> {
        let explanation = self.explanation.iter().flat_map(|found| &found.left_out);
        let lattices = self.lattices.iter().flat_map(|found| &found.left_out);
        let league = self.league.iter().flat_map(|found| &found.left_out);
        let all: BTreeSet<&String> = explanation.chain(lattices).chain(league).collect();
        all.into_iter().cloned().collect()
    }

    /// Whether a policy is what the people of the scenario really did.
    pub(super) fn is_real(&self, report: &Report, standing: &Standing) -> bool {
        let defaults = report.scenario.defaults();
        let settings = standing.policy.settings(report.scenario, &defaults);
        settings.is_ok_and(|settings| settings == defaults)
    }
}

/// An option, and the command that writes what it reads.
type Origin = (&'static str, &'static str);

const EXPLAIN: Origin = ("--explanation", "explain");
const LATTICE: Origin = ("--lattice", "lattice");
const LEAGUE: Origin = ("--league", "league");

/// What every result begins with.
#[derive(Deserialize)]
struct About {
    scenario: String,
    text: String,
    build: String,
}

struct Reader<'s> {
    scenario: &'s Scenario,
    build: &'s str,
    remarks: Vec<String>,
}

impl Reader<'_> {
    /// What an analysis left in a file.
    fn file<T: DeserializeOwned>(
        &mut self,
        (option, command): Origin,
        path: PathBuf,
    ) -> Result<T, FindingsError> {
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) => return Err(FindingsError::Io { option, path, command, error }),
        };
        let wrong = |error| FindingsError::Wrong { option, path: path.clone(), error };
        let About { scenario, text: of, build } = serde_json::from_slice(&text).map_err(wrong)?;
        if scenario != self.scenario.name {
            let wanted = self.scenario.name.clone();
            return Err(FindingsError::Other { option, path, found: scenario, wanted });
        }
        let mut remark = |what: &str, theirs: &str, ours: &str| {
            if theirs != ours {
                let place = format!("{option} {}", path.display());
                let remark = format!("{place}: found {what} ({theirs}; this is {ours})");
                self.remarks.push(remark);
            }
        };
        remark("in another text of the scenario", &of, &self.scenario.text());
        remark("with another build of this program", &build, self.build);
        serde_json::from_slice(&text).map_err(wrong)
    }

    /// Every lattice in a folder, by name.
    fn lattices(&mut self, folder: &Path) -> Result<Vec<Lattice>, FindingsError> {
        let (option, command) = LATTICE;
        let io = |error| FindingsError::Io { option, path: folder.to_owned(), command, error };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("lattice-") && name.ends_with(".json") {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            let none = "there is no lattice-*.json";
            return Err(io(std::io::Error::new(std::io::ErrorKind::NotFound, none)));
        }
        paths.sort();
        paths.into_iter().map(|path| self.file(LATTICE, path)).collect()
    }
}
