//! The scenarios that are built in, and those that lie in files.

use std::path::Path;

use super::{Error, Scenario, suggest};

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),*]
    };
}

/// The built-in scenarios: name and text.
pub const BUILT_IN: &[(&str, &str)] = built_in![
    "monzo-2017",
    "ordinary-day",
    "quiet-etcd",
    "zone-loss-9",
    "growth",
    "member-replace",
    "rolling-upgrade-under-load",
    "disk-full",
    "slow-disk",
    "partial-partition",
    "etcd-chaos",
];

/// Why there is no scenario to play.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum FindError {
    /// Neither a built-in name nor a file.
    #[error("there is no scenario `{name}`; {help}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        help: String,
    },
    /// A file that cannot be read.
    #[error("cannot read the scenario file {path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file that says something wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Wrong(Box<Error>),
}

impl From<Box<Error>> for FindError {
    fn from(error: Box<Error>) -> Self {
        FindError::Wrong(error)
    }
}

/// The text of a scenario, and what it is called.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name: that of the built-in one, or the file's without its ending.
    pub name: String,
    /// What the command line finds it by.
    pub found_by: String,
    /// The file that errors name.
    pub file: String,
    /// What is written.
    pub text: String,
}

impl Source {
    /// Reads it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(&self) -> Result<Scenario, Box<Error>> {
        let scenario = Scenario::parse(&self.name, &self.file, &self.text)?;
        Ok(Scenario { found_by: self.found_by.clone(), ..scenario })
    }
}

/// The text of the scenario called `name`, or of the file `name`.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn source(name: &str) -> Result<Source, FindError> {
    if let Some((name, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        let (name, file, text) = ((*name).to_owned(), format!("{name}.toml"), (*text).to_owned());
        return Ok(Source { found_by: name.clone(), name, file, text });
    }
    let path = Path::new(name);
    let a_path = name.ends_with(".toml") || name.contains(std::path::MAIN_SEPARATOR);
    if !a_path && !path.is_file() {
        let help = suggest::allowed(name, BUILT_IN.iter().map(|(known, _)| *known));
        let help = format!("{help}, or the path of a .toml file");
        return Err(FindError::Unknown { name: name.to_owned(), help });
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| FindError::Unreadable { path: name.to_owned(), error })?;
    let stem = path.file_stem().map_or(name.into(), |stem| stem.to_string_lossy());
    let file = name.to_owned();
    Ok(Source { name: stem.into_owned(), found_by: file.clone(), file, text })
}

/// A path as a shell takes it for one word.
pub fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=@%,:".contains(c);
    match path.chars().all(plain) && !path.is_empty() {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

/// The scenario called `name`, or in the file `name`.
///
/// # Errors
/// See [`FindError`].
pub fn find(name: &str) -> Result<Scenario, FindError> {
    Ok(source(name)?.parse()?)
}
