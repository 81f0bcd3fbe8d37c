//! From when until when could a step be taken for it to happen all the same?
//!
//! Both ends of the window are found by bisection, which takes for granted that it is one window. So
//! five times between the ends are tried as well, and where one of them does not lead to it the window
//! is said to have holes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::runs::{Ask, Question, Row, Runs};
use super::order::{Timed, moved, timed};
use crate::outcome::Severity;
use crate::scenario::{Calendar, End};

/// How finely the ends are found, in seconds.
const GRAIN: i64 = 120;
/// How many times between the ends are tried.
const INSIDE: i64 = 5;

/// The times at which a step leads to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The factor of the step.
    pub factor: String,
    /// When it was taken, in seconds from the scenario's zero; the other times are too.
    pub taken: i64,
    /// The earliest time that leads to it, and the latest earlier one that does not: none where every
    /// earlier time of the act does.
    pub earliest: i64,
    /// See `earliest`.
    pub not_yet: Option<i64>,
    /// The latest time that leads to it, and the earliest later one that does not.
    pub latest: i64,
    /// See `latest`.
    pub no_more: Option<i64>,
    /// Times between the ends that do not lead to it.
    pub holes: Vec<i64>,
}

impl Window {
    /// In words: `mesh-restart from any time until 15:20:00, not at 14:30:00`.
    pub fn told(&self, calendar: &Calendar) -> String {
        let clock = |at: i64| calendar.time(at as f64);
        let end =
            |time: i64, beyond: Option<i64>| beyond.map_or("any time".to_owned(), |_| clock(time));
        let (from, until) = (end(self.earliest, self.not_yet), end(self.latest, self.no_more));
        let holes: Vec<String> = self.holes.iter().map(|at| clock(*at)).collect();
        let but =
            if holes.is_empty() { String::new() } else { format!(", not at {}", holes.join(", ")) };
        format!("{} from {from} until {until}{but}", self.factor)
    }
}

/// The search for one window: says which times to try, and is told what came of them.
#[derive(Clone, Debug)]
pub struct Search {
    taken: i64,
    start: i64,
    end: i64,
    earliest: i64,
    not_yet: Option<i64>,
    latest: i64,
    no_more: Option<i64>,
    began: bool,
    inside: bool,
    holes: Vec<i64>,
}

impl Search {
    /// Within the act, from `start` to `end`, around a time that leads to it.
    pub fn new(start: i64, taken: i64, end: i64) -> Self {
        Search {
            taken,
            start,
            end,
            earliest: taken,
            not_yet: None,
            latest: taken,
            no_more: None,
            began: false,
            inside: false,
            holes: Vec::new(),
        }
    }

    /// The times to try next; none where the search is over.
    pub fn next(&self) -> Vec<i64> {
        let mut times = Vec::new();
        if !self.began {
            times.extend([self.start, self.end]);
            times.retain(|time| *time != self.taken);
            return times;
        }
        let middle = |a: i64, b: i64| (b - a > GRAIN).then_some(a + (b - a) / 2);
        times.extend(self.not_yet.and_then(|not_yet| middle(not_yet, self.earliest)));
        times.extend(self.no_more.and_then(|no_more| middle(self.latest, no_more)));
        if times.is_empty() && !self.inside {
            let step = (self.latest - self.earliest) / (INSIDE + 1);
            times.extend((1..=INSIDE).filter(|_| step > 0).map(|n| self.earliest + n * step));
        }
        times
    }

    /// Takes in what came of the times that [`Search::next`] gave.
    pub fn tell(&mut self, tried: &[(i64, bool)]) {
        let ends_are_found = self.began && self.ends_are_found();
        for (time, leads) in tried.iter().copied() {
            if ends_are_found {
                if !leads {
                    self.holes.push(time);
                }
            } else if time < self.taken {
                if leads { self.earliest = time } else { self.not_yet = Some(time) }
            } else if leads {
                self.latest = time;
            } else {
                self.no_more = Some(time);
            }
        }
        self.inside |= ends_are_found;
        self.began = true;
    }

    fn ends_are_found(&self) -> bool {
        self.not_yet.is_none_or(|not_yet| self.earliest - not_yet <= GRAIN)
            && self.no_more.is_none_or(|no_more| no_more - self.latest <= GRAIN)
    }

    pub(super) fn window(self, factor: &str) -> Window {
        let Search { taken, earliest, not_yet, latest, no_more, holes, .. } = self;
        let factor = factor.to_owned();
        Window { factor, taken, earliest, not_yet, latest, no_more, holes }
    }
}

/// The window of every step of the main act that was taken and can be moved; what the scenario forbids is
/// left out.
///
/// # Errors
/// As [`Runs::answer`].
pub fn windows(runs: &Runs, base: &Arc<Row>, target: Severity) -> Result<Vec<Window>, String> {
    let scenario = runs.scenario().clone();
    let act = scenario.main_act();
    let start = scenario.calendar.offset_of(act.starts);
    let end = match act.end {
        End::At(end) => scenario.calendar.offset_of(end),
        End::Settled { .. } => base.ended(),
    };
    let mut steps = timed(&scenario, base);
    steps.retain(|step| {
        // What is forbidden is so at whatever time.
        let settings = moved(&scenario, &base.key.settings, step.factor, step.due);
        let what = format!("{} at another time", step.factor.name);
        settings.is_some_and(|settings| runs.allows(&what, &settings))
    });
    // A step at the very end of the act would have no time to do anything.
    let search = |step: &Timed| {
        Search::new(start.ceil() as i64, step.due.round() as i64, end.floor() as i64 - GRAIN)
    };
    let mut searches: Vec<Search> = steps.iter().map(search).collect();
    loop {
        let mut points = Vec::new();
        for (n, search) in searches.iter().enumerate() {
            points.extend(search.next().into_iter().map(|time| (n, time)));
        }
        if points.is_empty() {
            break;
        }
        let ask = |(n, time): &(usize, i64)| {
            let settings = &base.key.settings;
            let settings = moved(&scenario, settings, steps[*n].factor, *time as f64)
                .ok_or_else(|| format!("{} cannot be moved", steps[*n].factor.name))?;
            Ok::<_, String>(Ask::new(settings, base.seed, Question::Reaches(target)))
        };
        let asks: Vec<Ask> = points.iter().map(ask).collect::<Result<_, _>>()?;
        let rows = runs.answer("steps at other times", &asks)?;
        let mut tried: Vec<Vec<(i64, bool)>> = vec![Vec::new(); searches.len()];
        for ((n, time), row) in points.into_iter().zip(rows) {
            tried[n].push((time, row.reaches(target)));
        }
        for (search, tried) in searches.iter_mut().zip(tried) {
            if !tried.is_empty() {
                search.tell(&tried);
            }
        }
    }
    let told = searches.into_iter().zip(&steps);
    Ok(told.map(|(search, step)| search.window(&step.factor.name)).collect())
}
