//! Levels that must not come together.
//!
//! Some combinations of levels make no sense: a step that needs what another factor takes away. They are
//! forbidden in the scenario, so that nobody takes what comes of them for a finding.

use std::collections::BTreeMap;
use std::fmt;

use super::error::{Problem, not_among, problem};
use super::{Factor, Scenario, Settings, file, suggest};

/// Levels of some factors that no run has together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The factors, each with its level.
    pub forbid: BTreeMap<String, String>,
    /// Why, for people.
    pub doc: String,
}

impl Constraint {
    /// Reads `FACTOR=LEVEL,OTHER=LEVEL`, as the command line gives it.
    ///
    /// # Errors
    /// What is wrong with it, and what is allowed: a factor or level that the scenario does not have.
    pub fn read(scenario: &Scenario, given: &str) -> Result<Self, String> {
        let mut forbid = BTreeMap::new();
        for one in given.split(',') {
            let Some((name, level)) = one.split_once('=') else {
                return Err("FACTOR=LEVEL,OTHER=LEVEL is expected".to_owned());
            };
            let (name, level) = (name.trim(), level.trim());
            let Some(factor) = scenario.factors.iter().find(|factor| factor.name == name) else {
                let names = scenario.factors.iter().map(|factor| factor.name.as_str());
                let help = suggest::allowed(name, names);
                return Err(format!("`{}` has no factor `{name}`; {help}", scenario.name));
            };
            if !factor.levels.iter().any(|known| known == level) {
                let help = suggest::allowed(level, factor.levels.iter().map(String::as_str));
                return Err(format!("`{name}` has no level `{level}`; {help}"));
            }
            if forbid.insert(name.to_owned(), level.to_owned()).is_some() {
                return Err(format!("the factor `{name}` is there twice"));
            }
        }
        Ok(Constraint { forbid, doc: String::new() })
    }

    /// Whether a run with `settings` has all of it.
    pub fn forbids(&self, settings: &Settings) -> bool {
        self.forbid.iter().all(|(factor, level)| settings.level(factor) == level)
    }

    /// What is forbidden, and why: `linkerd=1.0.0 and mesh-restart=forced together (no mesh)`.
    pub fn told(&self) -> String {
        match self.doc.as_str() {
            "" => format!("{self} together"),
            doc => format!("{self} together ({doc})"),
        }
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let levels: Vec<_> =
            self.forbid.iter().map(|(factor, level)| format!("{factor}={level}")).collect();
        f.write_str(&levels.join(" and "))
    }
}

/// Checks what a file forbids against its factors.
pub(super) fn constraints(
    file: &[file::Constraint],
    factors: &[Factor],
) -> Result<Vec<Constraint>, Problem> {
    let constraint = |written: &file::Constraint| {
        let (mut forbid, mut usual) = (BTreeMap::new(), true);
        for (name, level) in written.forbid.get_ref() {
            let Some(factor) = factors.iter().find(|factor| factor.name == *name.get_ref()) else {
                let names = factors.iter().map(|factor| factor.name.as_str());
                return Err(not_among(name.span(), "the factor", name.get_ref(), names));
            };
            if !factor.levels.contains(level.get_ref()) {
                let what = format!("for the factor {} the level", factor.name);
                let levels = factor.levels.iter().map(String::as_str);
                return Err(not_among(level.span(), &what, level.get_ref(), levels));
            }
            usual &= factor.default_level() == level.get_ref();
            forbid.insert(factor.name.clone(), level.get_ref().clone());
        }
        if forbid.len() < 2 {
            let message = "at least two factors are needed: a level that nothing goes with need \
                           not be listed";
            return Err(problem(written.forbid.span(), message));
        }
        if usual {
            let message = "all of these are defaults: a run that sets nothing would be forbidden";
            return Err(problem(written.forbid.span(), message));
        }
        Ok(Constraint { forbid, doc: written.doc.clone() })
    };
    file.iter().map(constraint).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{BUILT_IN, find};
    use super::*;

    /// The built-in text with this constraint behind it, and the number of its line.
    fn with(forbid: &str) -> (String, usize) {
        let text = format!("{}\n[[constraint]]\nforbid = {forbid}\n", BUILT_IN[0].1);
        let line = text.lines().count();
        (text, line)
    }

    #[test]
    fn what_a_file_forbids_is_checked_against_its_factors() {
        let cases = [
            ("{ likerd = \"1.0.0\", kubernetes = \"1.8\" }", "did you mean `linkerd`?"),
            ("{ linkerd = \"1.0.1\", kubernetes = \"1.8\" }", "did you mean `1.0.0`?"),
            ("{ linkerd = \"1.0.0\", kubernetes = \"2\" }", "allowed: 1.7, 1.5, 1.8, 1.10"),
            ("{ linkerd = \"1.0.0\", mesh-restart = \"forced@14:40\" }", "allowed: reactive, off"),
            ("{ linkerd = \"1.0.0\" }", "at least two factors"),
            ("{}", "at least two factors"),
            ("{ linkerd = \"0.9.1\", kubernetes = \"1.7\" }", "all of these are defaults"),
            ("{ linkerd = 1, kubernetes = \"1.7\" }", "string"),
            ("\"linkerd\"", "map"),
        ];
        for (forbid, expected) in cases {
            let (text, line) = with(forbid);
            let error = Scenario::parse("test", "test.toml", &text).expect_err(forbid);
            let message = format!("{error}; {}", error.allowed().unwrap_or_default());
            assert!(message.contains(expected), "{forbid}: {message}");
            assert_eq!(error.line(), line, "{forbid}: {message}");
        }
        let (text, line) = with("{ linkerd = \"1.0.0\", kubernetes = \"1.8\" }\nwhy = \"\"");
        let error = Scenario::parse("test", "test.toml", &text).expect_err("an unknown key");
        assert_eq!(error.line(), line, "{error}");
    }

    #[test]
    fn settings_are_forbidden_if_they_have_all_of_a_constraint() {
        let (text, _) =
            with("{ linkerd = \"1.0.0\", mesh-restart = \"forced\" }\ndoc = \"a reason\"");
        let scenario = Scenario::parse("test", "test.toml", &text).expect("it is right");
        let mut settings = scenario.defaults();
        assert_eq!(scenario.forbidden(&settings), None);
        settings.set(&scenario, "linkerd=1.0.0").expect("a level");
        assert_eq!(scenario.forbidden(&settings), None);
        // At whatever time.
        settings.set(&scenario, "mesh-restart=forced@14:40").expect("a level");
        let found = scenario.forbidden(&settings).expect("both are there");
        assert_eq!(found.told(), "linkerd=1.0.0 and mesh-restart=forced together (a reason)");
    }

    #[test]
    fn what_the_command_line_forbids_is_checked_against_the_scenario() {
        let scenario = find("monzo-2017").expect("it is built in");
        let read = |given: &str| Constraint::read(&scenario, given);
        let both = read("linkerd=1.0.0, kubernetes=1.8").expect("it is right");
        assert_eq!(both.to_string(), "kubernetes=1.8 and linkerd=1.0.0");
        let cases = [
            ("linkerd", "FACTOR=LEVEL,OTHER=LEVEL is expected"),
            ("", "FACTOR=LEVEL,OTHER=LEVEL is expected"),
            ("likerd=1.0.0,kubernetes=1.8", "did you mean `linkerd`?"),
            ("linkerd=1.0.0,kubernetes=2", "allowed: 1.7, 1.5, 1.8, 1.10"),
            ("services=30", "has no factor `services`"),
            ("linkerd=1.0.0,linkerd=0.9.1", "`linkerd` is there twice"),
        ];
        for (given, expected) in cases {
            let error = read(given).expect_err(given);
            assert!(error.contains(expected), "{given}: {error}");
        }
    }
}
