//! One thing that is wrong with a scenario, and where.

use std::ops::Range;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::suggest;

/// What is wrong with a scenario file: one message that names the line.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{file}, line {line}: {message}")]
pub struct Error {
    file: String,
    line: usize,
    message: String,
    #[source_code]
    source_code: NamedSource<String>,
    #[label("here")]
    at: SourceSpan,
    #[help]
    help: Option<String>,
}

impl Error {
    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// What is allowed there, where that can be said.
    pub fn allowed(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// What a check found: the place is bytes of the text.
#[derive(Debug)]
pub(super) struct Problem {
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

/// A problem without help.
pub(super) fn problem(span: Range<usize>, message: impl Into<String>) -> Problem {
    Problem { span, message: message.into(), help: None }
}

/// `found` is none of `allowed`.
pub(super) fn not_among<'a>(
    span: Range<usize>,
    what: &str,
    found: &str,
    allowed: impl IntoIterator<Item = &'a str>,
) -> Problem {
    let help = suggest::allowed(found, allowed);
    Problem { span, message: format!("{what} `{found}` is not known"), help: Some(help) }
}

impl Problem {
    /// What toml or serde found.
    pub(super) fn from_toml(error: &toml::de::Error) -> Self {
        let message = error.message().replace('\n', ", ");
        Problem {
            span: error.span().unwrap_or(0..0),
            help: suggest::from_expectation(&message),
            message,
        }
    }

    /// The error that a person gets.
    pub(super) fn into_error(self, file: &str, text: &str) -> Error {
        let start = boundary(text, self.span.start);
        let end = boundary(text, self.span.end.max(start));
        // A span that covers a whole table points at its first line only.
        let end = text[start..end].find('\n').map_or(end, |newline| start + newline);
        Error {
            file: file.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            message: self.message,
            source_code: NamedSource::new(file, text.to_owned()),
            at: (start..end).into(),
            help: self.help,
        }
    }
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
