//! What can be asked of a run.

use std::sync::Arc;

use super::influence;
use super::row::Row;
use crate::outcome::Severity;
use crate::{Request, Scenario, Settings};

/// How much of a run somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Everything, to the end.
    Whole,
    /// Whether it gets as bad as this: a run that does may stop there.
    Reaches(Severity),
    /// What is so when this act is over.
    After(String),
}

/// A run that somebody asks about.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The level of every factor and the value of every number.
    pub settings: Settings,
    /// The seed.
    pub seed: u64,
    /// What of it.
    pub question: Question,
    /// The digest of the run that it is compared with, for [`Row::parted`].
    pub against: Option<String>,
}

impl Ask {
    /// Asks about a run by itself.
    pub fn new(settings: Settings, seed: u64, question: Question) -> Self {
        Ask { settings, seed, question, against: None }
    }

    /// Whether a row answers this.
    pub fn is_answered_by(&self, scenario: &Scenario, row: &Row) -> bool {
        self.seed == row.seed
            && self.question.is_answered_by(row)
            && influence::stands_for(scenario, row, &self.settings)
            && self.against.as_ref().is_none_or(|digest| row.is_compared_with(digest))
    }

    /// The request that answers it.
    pub fn request(&self, scenario: &Arc<Scenario>) -> Request {
        let mut request = Request::new(scenario.clone(), self.settings.clone(), self.seed);
        match &self.question {
            Question::Whole => {}
            Question::Reaches(severity) => request.goal = Some(*severity),
            Question::After(act) => request.until = Some(act.clone()),
        }
        request
    }
}

impl Question {
    /// Whether a row of the right settings and seed answers this.
    fn is_answered_by(&self, row: &Row) -> bool {
        let to_the_end = row.key.until.is_none();
        match self {
            Question::Whole => to_the_end && row.stopped_at.is_none(),
            Question::Reaches(severity) => {
                to_the_end && row.stopped_at.is_none_or(|stopped| stopped >= *severity)
            }
            Question::After(act) => {
                let played = row.acts.iter().any(|played| played.name == *act);
                // The act that a run stopped in is not over.
                let stopped_in = || row.acts.last().is_some_and(|last| last.name == *act);
                played && !(row.stopped_at.is_some() && stopped_in())
            }
        }
    }
}
