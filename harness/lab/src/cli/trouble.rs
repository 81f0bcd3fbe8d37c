//! Why the program does not do what it was asked.

use crate::scenario::FindError;

/// Bad usage (exit status 2), or something that failed (1).
#[derive(Debug)]
pub enum Trouble {
    /// What clap says: bad usage, or help that was asked for.
    Arguments(Box<clap::Error>),
    /// A scenario that is wrong or missing.
    Scenario(Box<FindError>),
    /// Bad usage, in words.
    Usage(String),
    /// Something that failed, in words.
    Failed(String),
}

impl Trouble {
    /// The exit status.
    pub fn code(&self) -> u8 {
        match self {
            Trouble::Arguments(error) => u8::try_from(error.exit_code()).unwrap_or(2),
            Trouble::Scenario(_) | Trouble::Usage(_) => 2,
            Trouble::Failed(_) => 1,
        }
    }

    /// Tells it: one message.
    pub fn print(&self) {
        match self {
            Trouble::Arguments(error) => {
                let _ = error.print();
            }
            Trouble::Scenario(error) => match &**error {
                FindError::Wrong(wrong) => super::output::complain(&pointed(wrong)),
                other => super::output::complain(&format!("error: {other}\n")),
            },
            Trouble::Usage(text) | Trouble::Failed(text) => {
                super::output::complain(&format!("error: {text}\n"));
            }
        }
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        match self {
            Trouble::Arguments(error) => error.to_string(),
            Trouble::Scenario(error) => error.to_string(),
            Trouble::Usage(text) | Trouble::Failed(text) => text.clone(),
        }
    }
}

/// The line of the scenario file with a pointer at what is wrong.
fn pointed(wrong: &crate::scenario::Error) -> String {
    let mut page = String::new();
    let handler = miette::GraphicalReportHandler::new().with_wrap_lines(false);
    let drawn = handler.render_report(&mut page, wrong);
    if drawn.is_err() { format!("error: {wrong}\n") } else { page }
}

impl From<clap::Error> for Trouble {
    fn from(error: clap::Error) -> Self {
        Trouble::Arguments(Box::new(error))
    }
}

impl From<FindError> for Trouble {
    fn from(error: FindError) -> Self {
        Trouble::Scenario(Box::new(error))
    }
}
