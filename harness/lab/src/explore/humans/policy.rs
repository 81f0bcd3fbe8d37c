//! Responses as data: which step people take, and when.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::scenario::Kind;
use crate::{Scenario, Settings};

/// Policies that are built in, by scenario.
const BUILT_IN: &[(&str, &str)] = &[
    ("monzo-2017", include_str!("../../../policies/monzo-2017.toml")),
    ("zone-loss-9", include_str!("../../../policies/zone-loss-9.toml")),
];

/// A way of responding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    #[serde(default)]
    pub doc: String,
    /// The level of each human factor, with a time where it is not the scenario's. One that is not
    /// named is `off`.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    policy: Vec<Policy>,
}

/// Why there are no policies.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The folder or a file cannot be read.
    #[error("--policies {path}: {error}")]
    Io {
        /// The folder or file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file says something wrong.
    #[error("{path}: {error}")]
    Wrong {
        /// The file.
        path: String,
        /// What is wrong, with its line.
        error: String,
    },
    /// There is none.
    #[error("--policies {path}: no .toml file there has a [[policy]]")]
    None {
        /// The folder.
        path: String,
    },
}

impl Policy {
    /// The settings of a run in which people respond like this.
    ///
    /// # Errors
    /// It names what is no human factor, or a level that the factor has not.
    pub fn settings(&self, scenario: &Scenario, base: &Settings) -> Result<Settings, String> {
        let mut settings = base.clone();
        let set = |settings: &mut Settings, factor: &str, level: &str| {
            let wrong = |error| format!("the policy `{}`: {error}", self.name);
            settings.set(scenario, &format!("{factor}={level}")).map_err(wrong)
        };
        let human = || scenario.factors.iter().filter(|factor| factor.kind == Kind::Human);
        for factor in human().filter(|factor| !self.set.contains_key(&factor.name)) {
            set(&mut settings, &factor.name, "off")?;
        }
        for (factor, level) in &self.set {
            if !human().any(|known| known.name == *factor) {
                let names: Vec<&str> = human().map(|factor| factor.name.as_str()).collect();
                let names = names.join(", ");
                let wrong = format!("`{factor}` is no human factor; allowed: {names}");
                return Err(format!("the policy `{}`: {wrong}", self.name));
            }
            set(&mut settings, factor, level)?;
        }
        Ok(settings)
    }
}

/// The policies that are built in for a scenario; for any other one, nobody does anything, and everybody
/// does what the scenario says.
pub fn built_in(scenario: &Scenario) -> Vec<Policy> {
    let own = BUILT_IN.iter().find(|(name, _)| *name == scenario.name);
    own.map_or_else(
        || {
            let human = scenario.factors.iter().filter(|factor| factor.kind == Kind::Human);
            let set = human.map(|f| (f.name.clone(), f.default_level().to_owned())).collect();
            let plain = |name: &str, set| Policy { name: name.to_owned(), doc: String::new(), set };
            vec![plain("hands off", BTreeMap::new()), plain("as it was", set)]
        },
        |(name, text)| read(&format!("{name}.toml"), text).expect("a built-in file is right"),
    )
}

/// The policies in the files of a folder.
///
/// # Errors
/// See [`PolicyError`].
pub fn of_folder(folder: &Path) -> Result<Vec<Policy>, PolicyError> {
    let told = |path: &Path| path.display().to_string();
    let io = |path: &Path, error| PolicyError::Io { path: told(path), error };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| io(folder, error))? {
        let path = entry.map_err(|error| io(folder, error))?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut policies = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|error| io(&path, error))?;
        policies.extend(read(&told(&path), &text)?);
    }
    if policies.is_empty() {
        return Err(PolicyError::None { path: told(folder) });
    }
    Ok(policies)
}

fn read(path: &str, text: &str) -> Result<Vec<Policy>, PolicyError> {
    let file: Result<File, _> = toml::from_str(text);
    let wrong = |error: toml::de::Error| {
        let error = error.to_string().trim_end().to_owned();
        PolicyError::Wrong { path: path.to_owned(), error }
    };
    Ok(file.map_err(wrong)?.policy)
}
