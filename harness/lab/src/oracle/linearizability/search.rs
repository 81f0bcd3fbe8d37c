//! The search for an order of one part of a history.
//!
//! Wing and Gong ("Testing and verifying concurrent objects", 1993) try orders one after the other;
//! Lowe ("Testing for linearizability", 2017) remembers configurations (what has taken effect, and
//! the state), so that none is entered twice, and lets operations take effect just in time: only when
//! an answer would otherwise stay unexplained. To that are added rules that leave out orders for
//! which another one does as well. With many writes of unknown outcome, which stay open for ever,
//! they are what keeps the search short.
//!
//! * What cannot have changed anything takes effect as soon as the state fits.
//! * Of two neighbours that may change places, the second goes first if its answer is due, or it was
//!   called earlier. So an operation comes early only where the next one *needs* it.
//! * A plain write that would have made no difference just before another operation is *hidden*:
//!   when its answer is due, it may be left where it was hidden. Nobody has to decide that in
//!   advance.
//! * An operation of unknown outcome need not take effect. So a configuration that has used up a set
//!   of them stands for every one that has used up more and is the same otherwise.
//! * What is overwritten and cannot be written again must not be shown by an answer to come.
//! * Values that no answer tells apart are one value, and of operations of unknown outcome that ask
//!   the same, the first is used first.
//!
//! Where a read waits to be explained, what brings the state closer to it is tried first; what a
//! later answer shows is kept for that where something else does.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use super::states::States;
use super::timeline::{Timeline, Which};

/// What a search came to.
pub(super) enum Found {
    /// An order that explains every answer.
    Order,
    /// None does.
    Nothing,
    /// The budget is used up.
    OutOfBudget,
}

/// Searches; each operation that is considered in a configuration takes one from `budget`.
pub(super) fn search(timeline: &Timeline<'_>, budget: &mut u64) -> Found {
    Search::new(timeline).run(budget)
}

/// A set of open operations: one bit for the place of each.
type Set = Vec<u64>;

/// The operations of unknown outcome that have taken effect, in order.
type Used = Rc<[u32]>;

/// What of two configurations alike may differ: what is hidden, and what is used up.
type Spent = (Set, Used);

/// What has taken effect so far.
#[derive(Clone)]
struct Configuration {
    /// The first answer that is not explained.
    level: usize,
    state: u32,
    /// The open operations that have taken effect.
    done: Set,
    /// The open operations that may have taken effect where it made no difference.
    hidden: Set,
    used: Used,
}

/// An operation taking effect in a state, and the state after it.
#[derive(Clone, Copy)]
struct Way {
    operation: Which,
    before: u32,
    after: u32,
}

/// A configuration whose ways onward are being tried.
struct Frame {
    configuration: Configuration,
    /// What has just taken effect, as long as nothing has needed it.
    idle: Option<Way>,
    /// Those to be tried, the last first; `None` before they are listed.
    ways: Option<Vec<Way>>,
}

struct Search<'a> {
    timeline: &'a Timeline<'a>,
    states: States<'a>,
    /// By level: what was entered there, with the most hidden and the least used.
    entered: Vec<BTreeMap<(u32, Set), Vec<Spent>>>,
    stack: Vec<Frame>,
}

impl<'a> Search<'a> {
    fn new(timeline: &'a Timeline<'a>) -> Self {
        let entered = vec![BTreeMap::new(); timeline.known.len()];
        Search { timeline, states: States::new(timeline), entered, stack: Vec::new() }
    }

    fn run(mut self, budget: &mut u64) -> Found {
        let nothing = vec![0; self.timeline.width.div_ceil(64)];
        let (done, hidden) = (nothing.clone(), nothing);
        let begin = Configuration { level: 0, state: 0, done, hidden, used: Rc::from([]) };
        if self.enter(begin, None) {
            return Found::Order;
        }
        while let Some(frame) = self.stack.last_mut() {
            if *budget == 0 {
                return Found::OutOfBudget;
            }
            let Some(ways) = &mut frame.ways else {
                let (configuration, idle) = (frame.configuration.clone(), frame.idle);
                let ways = self.ways(&configuration, idle, budget);
                self.stack.last_mut().expect("a frame").ways = Some(ways);
                continue;
            };
            let Some(way) = ways.pop() else {
                self.stack.pop();
                continue;
            };
            let next = frame.configuration.clone();
            let due = way.operation == Which::Known(next.level as u32);
            let next = self.follow(next, way);
            if self.enter(next, (!due).then_some(way)) {
                return Found::Order;
            }
        }
        Found::Nothing
    }

    /// The configuration after an operation has taken effect.
    fn follow(&mut self, mut next: Configuration, way: Way) -> Configuration {
        for open in &self.timeline.open[next.level] {
            let other = Which::Known(*open);
            let slot = self.timeline.slots[*open as usize];
            let open = !has(&next.done, slot) && !has(&next.hidden, slot);
            if other != way.operation && open && self.can_hide(other, way.operation) {
                let between = self.states.after(way.before, other);
                let after = between.and_then(|state| self.states.after(state, way.operation));
                set(&mut next.hidden, slot, after == Some(way.after));
            }
        }
        next.state = way.after;
        match way.operation {
            Which::Known(n) => set(&mut next.done, self.timeline.slots[n as usize], true),
            Which::Unknown(n) => {
                let place = next.used.partition_point(|used| *used < n);
                let mut used = next.used.to_vec();
                used.insert(place, n);
                next.used = used.into();
            }
        }
        next
    }

    /// Goes as far as it goes by itself, and puts the configuration on the stack if it is a new one.
    /// True at the end of the history.
    fn enter(&mut self, mut configuration: Configuration, mut idle: Option<Way>) -> bool {
        let timeline = self.timeline;
        loop {
            let Configuration { level, state, done, hidden, .. } = &mut configuration;
            let Some(open) = timeline.open.get(*level) else { return true };
            for n in open {
                let slot = timeline.slots[*n as usize];
                if !has(done, slot)
                    && timeline.pure[*n as usize]
                    && self.states.after(*state, Which::Known(*n)).is_some()
                {
                    set(done, slot, true);
                    idle = None;
                }
            }
            let slot = timeline.slots[*level];
            if !has(done, slot) {
                break;
            }
            set(done, slot, false);
            set(hidden, slot, false);
            *level += 1;
        }
        let Configuration { level, state, done, hidden, used } = &configuration;
        let best = self.entered[*level].entry((*state, done.clone())).or_default();
        let covers = |a: &Spent, b: (&Set, &Used)| {
            b.0.iter().zip(&a.0).all(|(b, a)| b & !a == 0) && is_subset(&a.1, b.1)
        };
        if best.iter().any(|known| covers(known, (hidden, used))) {
            return false;
        }
        // What may go on in some ways only does not stand for what may go on in all.
        if idle.is_none() {
            let new = (hidden.clone(), used.clone());
            best.retain(|known| !covers(&new, (&known.0, &known.1)));
            best.push(new);
        }
        self.stack.push(Frame { configuration, idle, ways: None });
        false
    }

    /// The ways onward from a configuration, the most promising last.
    fn ways(&mut self, from: &Configuration, idle: Option<Way>, budget: &mut u64) -> Vec<Way> {
        let answer = Which::Known(from.level as u32);
        let due = self.timeline.known[from.level];
        let open = self.open(from);
        *budget = budget.saturating_sub(open.len() as u64);
        let mut detours: Vec<(usize, bool, Way)> = Vec::new();
        for which in open.iter().copied().filter(|which| *which != answer) {
            let Some(way) = self.way(from.state, which) else { continue };
            let sensible = self.is_needed(idle, way, false) && self.is_wanted(way, &open, answer);
            if !sensible || !self.keeps(from, way) {
                continue;
            }
            let state = self.states.get(way.after);
            let distance = due.answer().map_or(0, |answer| due.request.distance(state, answer));
            let later = self.timeline.is_shown_after(which, from.level);
            detours.push((distance, later, way));
        }
        detours.sort_by_key(|(distance, later, way)| Reverse((*distance, *later, way.operation)));
        let mut ways: Vec<Way> = detours.into_iter().map(|(_, _, way)| way).collect();
        let now = self.way(from.state, answer);
        let now = now.filter(|way| self.is_needed(idle, *way, true));
        let hidden = has(&from.hidden, self.timeline.slots[from.level]) && idle.is_none();
        let hidden =
            hidden.then_some(Way { operation: answer, before: from.state, after: from.state });
        // What somebody sees later was hardly hidden.
        let shown = self.timeline.is_shown_after(answer, from.level);
        let two = if shown { [hidden, now] } else { [now, hidden] };
        ways.extend(two.into_iter().flatten().filter(|way| self.keeps(from, *way)));
        ways
    }

    /// The operations that may take effect now, whatever the state.
    fn open(&self, from: &Configuration) -> Vec<Which> {
        let timeline = self.timeline;
        let known = timeline.open[from.level].iter().copied();
        let known = known.filter(|n| !has(&from.done, timeline.slots[*n as usize]));
        let unknown = 0..timeline.begun[from.level] as u32;
        // Of two that ask the same, the one that was called first can do all that the other can.
        let unused = |n: &u32| from.used.binary_search(n).is_err();
        let unknown = unknown.filter(unused).filter(|n| {
            let twin = timeline.twins[*n as usize];
            twin.is_none_or(|twin| !unused(&twin))
        });
        known.map(Which::Known).chain(unknown.map(Which::Unknown)).collect()
    }

    /// The operation taking effect in a state, where it can and is more than a read.
    fn way(&mut self, before: u32, operation: Which) -> Option<Way> {
        if matches!(operation, Which::Known(n) if self.timeline.pure[n as usize]) {
            return None;
        }
        let after = self.states.after(before, operation)?;
        let nothing = matches!(operation, Which::Unknown(_)) && after == before;
        (!nothing).then_some(Way { operation, before, after })
    }

    /// Whether `way` could not as well have gone without what has just taken effect before it, or
    /// first.
    fn is_needed(&mut self, idle: Option<Way>, way: Way, due: bool) -> bool {
        let Some(idle) = idle else { return true };
        let Some(without) = self.states.after(idle.before, way.operation) else { return true };
        let unknown = matches!(idle.operation, Which::Unknown(_));
        if without == way.after && (unknown || self.can_hide(idle.operation, way.operation)) {
            return false;
        }
        let either = self.states.after(without, idle.operation) == Some(way.after);
        !either || (!due && idle.operation < way.operation)
    }

    /// Whether all operations like `what` may be hidden by `by` together if each of them may: what
    /// each writes is one key, and `by` asks for that one or for none.
    fn can_hide(&self, what: Which, by: Which) -> bool {
        let narrow = |which| self.timeline.request(which).is_narrow();
        self.timeline.is_blind(what) && narrow(what) && (narrow(by) || self.timeline.is_blind(by))
    }

    /// Whether there is an operation that needs `way` right before it, or some others and `way`.
    fn is_wanted(&mut self, way: Way, open: &[Which], due: Which) -> bool {
        let timeline = self.timeline;
        let request = timeline.request(way.operation);
        let others = || open.iter().copied().filter(|next| *next != way.operation);
        let optional = matches!(way.operation, Which::Unknown(_));
        if !request.is_narrow() || !(optional || timeline.is_blind(way.operation)) {
            return others().any(|next| timeline.request(next).meets(request));
        }
        // What happens to one key matters to those alone who ask for it.
        let mut askers = others().filter(|next| !timeline.is_blind(*next));
        if others().any(|next| !timeline.is_blind(next) && !timeline.request(next).is_narrow()) {
            return askers.any(|next| {
                let asks =
                    |key, value| timeline.request(next).asks(timeline.answer(next), key, value);
                let puts = request.puts().any(|(key, value)| asks(key, Some(value)));
                puts || request.deletes().any(|key| asks(key, None))
            });
        }
        askers.any(|next| {
            let Some(after) = self.states.after(way.after, next) else { return false };
            let pure = matches!(next, Which::Known(n) if timeline.pure[n as usize]);
            let next = Way { operation: next, before: way.after, after };
            pure || self.is_needed(Some(way), next, next.operation == due)
        })
    }

    /// Whether nothing is lost by `way` that an answer has yet to show.
    fn keeps(&self, from: &Configuration, way: Way) -> bool {
        let (before, after) = (self.states.get(way.before), self.states.get(way.after));
        let is_done = |which: Which| which == way.operation || self.is_done(from, which);
        let is_lost = |pair: (&Bytes, &Bytes)| {
            let (writers, shown) = self.timeline.evidence(pair);
            let due = shown.partition_point(|n| (*n as usize) < from.level);
            let waits = shown[due..].iter().any(|n| !is_done(Which::Known(*n)));
            waits && writers.iter().all(|writer| is_done(*writer))
        };
        let gone = |pair: &(&Bytes, &Bytes)| after.get(pair.0) != Some(pair.1);
        let request = self.timeline.request(way.operation);
        let mut put = request.puts().filter(gone);
        let mut overwritten = before.iter().filter(gone);
        if way.before == way.after {
            // What it wrote was hidden, or there before.
            return !put.any(is_lost);
        }
        !overwritten.any(is_lost)
    }

    /// Whether an operation has taken effect.
    fn is_done(&self, from: &Configuration, which: Which) -> bool {
        match which {
            Which::Known(n) => {
                let n = n as usize;
                let open = self.timeline.open[from.level].binary_search(&(n as u32)).is_ok();
                n < from.level || (open && has(&from.done, self.timeline.slots[n]))
            }
            Which::Unknown(n) => from.used.binary_search(&n).is_ok(),
        }
    }
}

fn has(set: &Set, slot: usize) -> bool {
    set[slot / 64] >> (slot % 64) & 1 == 1
}

fn set(set: &mut Set, slot: usize, on: bool) {
    let bit = 1 << (slot % 64);
    if on { set[slot / 64] |= bit } else { set[slot / 64] &= !bit }
}

/// Whether every element of `a` is in `b`; both are sorted.
fn is_subset(a: &[u32], b: &[u32]) -> bool {
    a.len() <= b.len() && a.iter().all(|one| b.binary_search(one).is_ok())
}
