//! The lattice of the factors that matter, drawn whole (Hasse's diagram): a node for each set of their
//! conditions, a line where one more is added, and everything else at its worst.
//!
//! A factor that is in no cut set changes nothing. So a node stands for all cells that differ in such
//! factors alone, and what runs said of one of these is told of the node. Nobody can read the drawing of
//! more than six factors; their boundary says the same ([`super::cutsets`]).

use std::collections::BTreeMap;

use serde::Serialize;

use super::axis::round;
use crate::explore::cuts::answer::Judged;
use crate::explore::cuts::{Answer, Cut, Literal, Literals, SafeSet, Set};
use crate::explore::lattice::condition::{self, Condition};
use crate::explore::lattice::factors::Axis;
use crate::explore::stats::{Finding, Verdict};

/// The most factors that are drawn.
pub const MOST: usize = 6;

const LEFT: f64 = 60.0;
const WIDTH: f64 = 760.0;
const TOP: f64 = 20.0;
const LAYER: f64 = 58.0;

/// The drawing: the most conditions at the top.
#[derive(Serialize)]
pub struct Hasse {
    pub width: f64,
    pub height: f64,
    pub layers: Vec<Layer>,
    pub nodes: Vec<Node>,
    /// From a node (x, y) to one with a condition more.
    pub lines: Vec<(f64, f64, f64, f64)>,
}

/// The sets of one size.
#[derive(Serialize)]
pub struct Layer {
    pub y: f64,
    pub text: String,
}

/// A set of conditions.
#[derive(Serialize)]
pub struct Node {
    pub x: f64,
    pub y: f64,
    /// `leads`, `safe` or `open`.
    pub class: &'static str,
    /// Whether runs said so; otherwise it follows from others.
    pub judged: bool,
    /// Its name, where it is a cut set or a maximal safe set.
    pub label: Option<String>,
    pub text: String,
}

/// The factors that are in any cut set.
pub fn matter(answer: &Answer) -> Set {
    let of = |cut: &Cut| cut.literals.present() | cut.literals.absent();
    answer.cuts.iter().map(of).fold(Set::EMPTY, |all, one| all | one)
}

/// The drawing of one search, where there is something to draw and it is not too much.
pub fn hasse(letter: char, axes: &[Axis], answer: &Answer) -> Option<Hasse> {
    let matter = matter(answer);
    let count = matter.len();
    if !(1..=MOST).contains(&count) {
        return None;
    }
    let quotient = Quotient { letter, axes, answer, matter };
    let (mut layers, mut nodes, mut places) = (Vec::new(), Vec::new(), BTreeMap::new());
    for size in 0..=count {
        let y = TOP + LAYER * (count - size) as f64;
        layers.push(Layer { y, text: format!("{size} of {count}") });
        let sets: Vec<Set> = matter.subsets().filter(|set| set.len() == size).collect();
        let width = (WIDTH - LEFT) / sets.len() as f64;
        for (n, set) in sets.into_iter().enumerate() {
            let x = round(LEFT + width * (n as f64 + 0.5));
            places.insert(set, (x, y));
            nodes.push(quotient.node(set, x, y));
        }
    }
    let mut lines = Vec::new();
    for (set, from) in &places {
        for factor in (matter - *set).iter() {
            let to = places[&set.with(factor)];
            lines.push((from.0, from.1, to.0, to.1));
        }
    }
    let height = TOP + LAYER * count as f64 + 28.0;
    Some(Hasse { width: WIDTH, height, layers, nodes, lines })
}

/// The lattice of the factors that matter. Its sets are of factors that do their harm, be it by being
/// there or by being away.
struct Quotient<'a> {
    letter: char,
    axes: &'a [Axis],
    answer: &'a Answer,
    matter: Set,
}

impl Quotient<'_> {
    /// From the factors of a cell to those that do their harm in it, and back.
    fn turned(&self, set: Set) -> Set {
        (set ^ self.answer.protective) & self.matter
    }

    /// The set of what a cut set asks for.
    fn of(&self, cut: Literals) -> Set {
        let protective = self.answer.protective;
        (cut.present() - protective) | (cut.absent() & protective)
    }

    /// Whether a set is safe because this one is, with everything else at its worst.
    fn is_within(&self, set: Set, safe: &SafeSet) -> bool {
        let (lacks, given) = (safe.missing.present() | safe.missing.absent(), safe.given);
        lacks.is_subset(self.matter - set)
            && (given.present() & self.matter).is_subset(set)
            && (given.absent() & self.matter).is_disjoint(set)
    }

    fn verdict(&self, set: Set) -> Verdict {
        let cell = self.turned(set);
        if self.answer.cuts.iter().any(|cut| cut.literals.holds(cell)) {
            return Verdict::Fail;
        }
        let is_safe = self.answer.safe.iter().any(|safe| self.is_within(set, safe));
        if is_safe { Verdict::Safe } else { Verdict::Undetermined }
    }

    /// What runs said of a set, where that is why it has its verdict.
    fn finding(&self, set: Set, verdict: Verdict) -> Option<Finding> {
        let is_here =
            |judged: &&Judged| self.turned(judged.cell) == set && judged.finding.verdict == verdict;
        let judged = |all: &[Judged]| all.iter().find(is_here).map(|judged| judged.finding);
        match verdict {
            Verdict::Fail => self.answer.cuts.iter().find_map(|cut| judged(&cut.support)),
            Verdict::Safe => self.safe_set(set)?.1.finding,
            Verdict::Undetermined => judged(&self.answer.pending),
        }
    }

    /// The maximal safe set that a set is, with its number.
    fn safe_set(&self, set: Set) -> Option<(usize, &SafeSet)> {
        let is_it = |safe: &SafeSet| self.turned(safe.cell) == set && self.is_within(set, safe);
        self.answer.safe.iter().enumerate().find(|(_, safe)| is_it(safe))
    }

    fn label(&self, set: Set) -> Option<String> {
        let letter = self.letter;
        let cut = self.answer.cuts.iter().position(|cut| self.of(cut.literals) == set);
        let cut = cut.map(|n| format!("{letter}{}", n + 1));
        cut.or_else(|| self.safe_set(set).map(|(n, _)| format!("{letter}s{}", n + 1)))
    }

    fn node(&self, set: Set, x: f64, y: f64) -> Node {
        let verdict = self.verdict(set);
        let finding = self.finding(set, verdict);
        let (class, what) = match verdict {
            Verdict::Fail => ("leads", "leads to it"),
            Verdict::Safe => ("safe", "does not lead to it"),
            Verdict::Undetermined => ("open", "unknown"),
        };
        let how = match (finding, verdict) {
            (Some(finding), _) => format!(", {}", finding.share()),
            (None, Verdict::Undetermined) => String::new(),
            (None, _) => ", which follows from others".to_owned(),
        };
        let label = self.label(set);
        let name = label.as_ref().map_or(String::new(), |label| format!("{label}: "));
        let text = format!("{name}{}: {what}{how}", self.told(set));
        Node { x, y, class, judged: finding.is_some(), label, text }
    }

    fn told(&self, set: Set) -> String {
        let protective = self.answer.protective;
        let literals = Literals::of(set - protective, set & protective);
        let one = |literal: Literal| {
            let axis = self.axes.get(literal.factor())?;
            let present = matches!(literal, Literal::Present(_));
            Some(Condition { factor: axis.name.clone(), present })
        };
        let conditions: Vec<Condition> = literals.iter().filter_map(one).collect();
        match conditions.as_slice() {
            [] => "none of them".to_owned(),
            conditions => condition::all(conditions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::cuts::planted::Planted;
    use crate::explore::cuts::{Effort, Membership, Options, Scrutiny, Stopped, search};
    use crate::scenario::Kind;

    /// Judges without a single run.
    struct Exactly(Planted);

    impl Membership for Exactly {
        fn test(&mut self, cell: Set, _: Effort, _: &[Set]) -> Result<Finding, Stopped> {
            let fails = self.0.fails(cell);
            let verdict = if fails { Verdict::Fail } else { Verdict::Safe };
            Ok(Finding { verdict, hits: u64::from(fails), runs: 1 })
        }
    }

    /// What a search finds of a function with these cut sets.
    fn found(factors: usize, cuts: &[Literals]) -> Answer {
        let cuts = cuts.to_vec();
        let planted = Planted { factors, cuts, missed: 0.0, spurious: 0.0, key: 0 };
        let scrutiny = Scrutiny::Every;
        let options = Options { confirm: false, scrutiny, ..Options::default() };
        search(factors, &mut Exactly(planted), &options)
    }

    /// The drawing of it; the factors are `a`, `b` and so on.
    fn drawn(answer: &Answer) -> Option<Hasse> {
        let axis = |letter: char| Axis {
            name: letter.to_string(),
            kind: Kind::Environment,
            present: "on".to_owned(),
            absent: "off".to_owned(),
        };
        let axes: Vec<Axis> = ('a'..='z').take(answer.factors).map(axis).collect();
        hasse('A', &axes, answer)
    }

    fn present(bits: u64) -> Literals {
        Literals::of(Set::from_bits(bits), Set::EMPTY)
    }

    fn count(drawn: &Hasse, class: &str) -> usize {
        drawn.nodes.iter().filter(|node| node.class == class).count()
    }

    /// The texts of the nodes that have a label, from the fewest conditions to the most.
    fn outlined(drawn: &Hasse) -> Vec<&str> {
        let outlined = drawn.nodes.iter().filter(|node| node.label.is_some());
        outlined.map(|node| node.text.split_once(", ").map_or("", |(text, _)| text)).collect()
    }

    #[test]
    fn every_set_is_a_node_in_the_layer_of_its_size_and_a_line_adds_one() {
        for count in 1..=MOST {
            let answer = found(count + 1, &[present((1 << count) - 1)]);
            let drawn = drawn(&answer).expect("a drawing");
            assert_eq!((drawn.nodes.len(), drawn.layers.len()), (1 << count, count + 1));
            assert_eq!(drawn.lines.len(), count << (count - 1));
            assert!(drawn.lines.iter().all(|(_, from, _, to)| from - to == LAYER));
            for (n, node) in drawn.nodes.iter().enumerate() {
                assert!(node.x > LEFT && node.x < drawn.width && node.y < drawn.height);
                let mut others = drawn.nodes[..n].iter().filter(|other| other.y == node.y);
                assert!(others.all(|other| node.x - other.x > 20.0), "{}", node.text);
            }
        }
    }

    #[test]
    fn cut_sets_and_maximal_safe_sets_are_outlined_and_what_does_not_matter_is_left_out() {
        let drawn = drawn(&found(5, &[present(0b00011), present(0b00110)])).expect("a drawing");
        assert_eq!(drawn.nodes.len(), 8);
        assert_eq!((count(&drawn, "leads"), count(&drawn, "safe")), (3, 5));
        let mut outlined = outlined(&drawn);
        outlined.sort_unstable();
        let [one, two, safe, other] = &outlined[..] else { panic!("{outlined:?}") };
        assert_eq!((*one, *two), ("A1: a + b: leads to it", "A2: b + c: leads to it"));
        let mut sets = [safe, other].map(|text| text.split_once(": ").expect("a label").1);
        sets.sort_unstable();
        assert_eq!(sets, ["a + c: does not lead to it", "b: does not lead to it"]);
        let judged = drawn.nodes.iter().filter(|node| node.judged).count();
        assert_eq!(judged, 4, "what is outlined was run, and the rest follows");
        let follows = drawn.nodes.iter().filter(|node| node.text.contains("follows from others"));
        assert_eq!(follows.count(), 4);
    }

    #[test]
    fn a_barrier_does_its_harm_by_being_away() {
        let cut = Literals::of(Set::one(0), Set::one(1));
        let drawn = drawn(&found(3, &[cut])).expect("a drawing");
        let mut outlined = outlined(&drawn);
        outlined.sort_unstable();
        assert_eq!(outlined.len(), 3, "{outlined:?}");
        assert_eq!(outlined[0], "A1: a + no b: leads to it");
        assert!(outlined.iter().any(|text| text.ends_with(": no b: does not lead to it")));
        let none = drawn.nodes.iter().find(|node| node.text.starts_with("none of them"));
        assert_eq!(none.map(|node| node.class), Some("safe"), "the barrier stands");
    }

    #[test]
    fn what_is_not_known_is_taken_for_neither() {
        let mut answer = found(3, &[present(0b011)]);
        answer.safe.clear();
        let drawn = drawn(&answer).expect("a drawing");
        assert_eq!((count(&drawn, "leads"), count(&drawn, "open")), (1, 3));
        assert!(drawn.nodes.iter().any(|node| node.text == "b: unknown"));
    }

    #[test]
    fn more_than_six_factors_are_not_drawn_and_neither_are_none() {
        let seven = found(7, &[present(0b111_1111)]);
        assert_eq!((matter(&seven).len(), drawn(&seven).is_none()), (7, true));
        let none = found(3, &[]);
        assert_eq!((matter(&none).len(), drawn(&none).is_none()), (0, true));
    }
}
