//! What analyses of the scenario found, read from the folders that they left it in.

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
    /// Which combinations lead to it.
    pub lattice: Option<Lattice>,
    /// How ways of responding compare.
    pub league: Option<League>,
}

/// Why findings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FindingsError {
    /// The file cannot be read.
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
    /// It is about another scenario, or about another text of it.
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
    /// Reads what there is.
    ///
    /// # Errors
    /// See [`FindingsError`].
    pub fn read(scenario: &Scenario, folders: &Folders) -> Result<Self, FindingsError> {
        let Folders { explanation, lattice, league } = folders;
        Ok(Findings {
            explanation: one(scenario, "--explanation", "explain", explanation.as_deref())?,
            lattice: one(scenario, "--lattice", "lattice", lattice.as_deref())?,
            league: one(scenario, "--league", "league", league.as_deref())?,
        })
    }

    /// Whether a policy is what the people of the scenario really did.
    pub(super) fn is_real(&self, report: &Report, standing: &Standing) -> bool {
        let defaults = report.scenario.defaults();
        let settings = standing.policy.settings(report.scenario, &defaults);
        settings.is_ok_and(|settings| settings == defaults)
    }
}

/// What every result begins with.
#[derive(Deserialize)]
struct About {
    scenario: String,
    text: String,
}

fn one<T: DeserializeOwned>(
    scenario: &Scenario,
    option: &'static str,
    command: &'static str,
    folder: Option<&Path>,
) -> Result<Option<T>, FindingsError> {
    let Some(folder) = folder else { return Ok(None) };
    let path = folder.join(format!("{}.json", option.trim_start_matches('-')));
    let wrong = |error| FindingsError::Wrong { option, path: path.clone(), error };
    let text = std::fs::read(&path).map_err(|error| FindingsError::Io {
        option,
        path: path.clone(),
        command,
        error,
    })?;
    let about: About = serde_json::from_slice(&text).map_err(wrong)?;
    if (&about.scenario, &about.text) != (&scenario.name, &scenario.text()) {
        let told = |name: &str, text: &str| format!("{name} (text {text})");
        let found = told(&about.scenario, &about.text);
        let wanted = told(&scenario.name, &scenario.text());
        return Err(FindingsError::Other { option, path, found, wanted });
    }
    serde_json::from_slice(&text).map(Some).map_err(wrong)
}
