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

/// The scenario called `name`, or in the file `name`.
///
/// # Errors
/// See [`FindError`].
pub fn find(name: &str) -> Result<Scenario, FindError> {
    if let Some((name, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Ok(Scenario::parse(name, &format!("{name}.toml"), text)?);
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
    Ok(Scenario::parse(&stem, name, &text)?)
}
