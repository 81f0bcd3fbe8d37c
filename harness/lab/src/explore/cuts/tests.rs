//! Planted cut sets must be found, all and no others, at no more than the expected cost.

use proptest::prelude::*;

use super::planted::{Planted, Shape};
use super::set::minimal;
use super::*;
use crate::explore::stats::{Finding, Sprt, Verdict};

/// Judges without a single run.
struct Exactly<'p>(&'p Planted);

impl Membership for Exactly<'_> {
    fn test(&mut self, cell: Set, _: Effort, _: &[Set]) -> Result<Finding, Stopped> {
        let fails = self.0.fails(cell);
        let verdict = if fails { Verdict::Fail } else { Verdict::Safe };
        Ok(Finding { verdict, hits: u64::from(fails), runs: 1 })
    }
}

fn unconfirmed(scrutiny: Scrutiny) -> Options {
    Options { confirm: false, scrutiny, budget: 10_000, ..Options::default() }
}

fn solve(planted: &Planted, options: &Options) -> Answer {
    search(planted.factors, &mut Exactly(planted), options)
}

fn by_runs(planted: &Planted, test: Sprt, width: usize, options: &Options) -> (Answer, u64) {
    let evaluate = |batch: &[(Set, u64)]| {
        Ok(batch.iter().map(|(cell, seed)| planted.run(*cell, *seed)).collect())
    };
    let mut sampled =
        Sampled::new(test, (0..400).collect(), (1000..1400).collect(), width, evaluate);
    let answer = search(planted.factors, &mut sampled, options);
    (answer, sampled.runs())
}

fn literals(answer: &Answer) -> Vec<Literals> {
    answer.cuts.iter().map(|cut| cut.literals).collect()
}

/// Every maximal safe set of a function in which nothing protects, by looking at all cells.
fn largest_safe(planted: &Planted) -> Vec<Set> {
    let all = Set::below(planted.factors);
    let safe = all.subsets().filter(|cell| !planted.fails(*cell));
    minimal(safe.map(|cell| all - cell))
}

fn shape() -> impl Strategy<Value = Shape> {
    (8..=16usize, 1..=5usize).prop_map(|(factors, cuts)| Shape { factors, cuts, orders: 2..=7 })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn planted_cut_sets_are_found_completely(key in any::<u64>(), shape in shape()) {
        let planted = Planted::draw(key, &shape);
        let answer = solve(&planted, &Options::default());
        prop_assert_eq!(literals(&answer), planted.cuts.clone());
        let missing: Vec<Set> = answer.safe.iter().map(|safe| safe.missing.present()).collect();
        prop_assert_eq!(missing, largest_safe(&planted));
        prop_assert!(answer.is_complete() && answer.ended == Ended::Finished, "{:?}", answer);
        for cut in &answer.cuts {
            prop_assert_eq!(cut.support[0].cell, cut.literals.present());
            let held = cut.confirmation.as_ref().map(|confirmation| confirmation.held);
            prop_assert_eq!(held, Some(Held::Confirmed));
        }
    }

    /// The usual test, which takes a share of 5 % for safe and of 20 % for failing.
    #[test]
    fn noise_hides_no_planted_cut_set(
        key in any::<u64>(), shape in shape(), barrier: bool,
        missed in 0.0..=0.2, spurious in 0.0..=0.01,
    ) {
        let planted = Planted::draw(key, &shape).with_barrier(|_| barrier).with_noise(missed, spurious);
        let test = Sprt { alpha: 0.001, beta: 0.001, cap: 100, ..Sprt::default() };
        let (answer, _) = by_runs(&planted, test, 2, &Options::default());
        prop_assert_eq!(literals(&answer), planted.cuts);
    }

    /// Every fifth run of any cell tells it wrong: then what counts as safe must be chosen so.
    #[test]
    fn noise_of_a_fifth_both_ways_hides_no_planted_cut_set(
        key in any::<u64>(), shape in shape(), barrier: bool,
    ) {
        let planted = Planted::draw(key, &shape).with_barrier(|_| barrier).with_noise(0.2, 0.2);
        let test = Sprt { p0: 0.35, p1: 0.65, alpha: 0.001, beta: 0.001, cap: 100 };
        let (answer, _) = by_runs(&planted, test, 2, &unconfirmed(Scrutiny::Corners));
        prop_assert_eq!(literals(&answer), planted.cuts);
    }

    #[test]
    fn a_barrier_against_everything_is_found_at_the_corners(key in any::<u64>(), shape in shape()) {
        let planted = Planted::draw(key, &shape).with_barrier(|_| true);
        let answer = solve(&planted, &unconfirmed(Scrutiny::Corners));
        prop_assert_eq!(literals(&answer), planted.cuts);
        prop_assert_eq!(answer.protective, Set::one(shape.factors));
        prop_assert!(!answer.witnesses.is_empty() && answer.is_complete());
    }

    #[test]
    fn a_barrier_against_some_is_found_among_the_neighbours(
        key in any::<u64>(), shape in shape(), which in 1..32usize,
    ) {
        let planted = Planted::draw(key, &shape).with_barrier(|n| which >> n & 1 == 1);
        let answer = solve(&planted, &unconfirmed(Scrutiny::Neighbours));
        prop_assert_eq!(literals(&answer), planted.cuts);
    }

    /// It may miss cut sets then, but says of none that it holds whatever else does.
    #[test]
    fn a_cut_set_that_is_told_holds_with_each_other_factor(
        key in any::<u64>(), shape in shape(), which in 1..32usize,
    ) {
        let planted = Planted::draw(key, &shape).with_barrier(|n| which >> n & 1 == 1);
        let answer = solve(&planted, &unconfirmed(Scrutiny::Cuts));
        for cut in literals(&answer) {
            prop_assert!(planted.fails(cut.present()), "{cut:?}");
            let barrier = Set::one(shape.factors);
            let averted = !planted.fails(cut.present() | barrier);
            prop_assert_eq!(averted, cut.absent() == barrier, "{:?}", cut);
        }
    }

    /// Cut sets of any literals: barriers that work together, factors that act both ways.
    #[test]
    fn every_cell_judged_gives_the_prime_implicants(
        terms in prop::collection::vec((0..1u64 << 6, 0..1u64 << 6), 1..5),
    ) {
        let set = Set::from_bits;
        let term = |(present, absent): &(u64, u64)| Literals::of(set(*present), set(absent & !present));
        let cuts = terms.iter().map(term).collect();
        let planted = Planted { factors: 6, cuts, missed: 0.0, spurious: 0.0, key: 0 };
        let answer = solve(&planted, &Options { confirm: true, ..unconfirmed(Scrutiny::Every) });
        let all = Set::below(6);
        let implies = |term: &Literals| all.subsets().all(|c| !term.holds(c) || planted.fails(c));
        let with_all = |p: Set| (all - p).subsets().map(move |a| Literals::of(p, a));
        let prime = literal::absorb(all.subsets().flat_map(with_all).filter(implies));
        prop_assert_eq!(literals(&answer), prime);
        prop_assert!(answer.is_complete(), "{:?}", answer);
        let held = |cut: &Cut| cut.confirmation.as_ref().is_some_and(|c| c.held == Held::Confirmed);
        prop_assert!(answer.cuts.iter().all(held), "{:?}", answer);
    }

    #[test]
    fn what_a_search_says_before_it_was_stopped_holds(
        key in any::<u64>(), shape in shape(), budget in 0..80usize,
    ) {
        let planted = Planted::draw(key, &shape);
        let answer = solve(&planted, &Options { budget, ..unconfirmed(Scrutiny::Corners) });
        prop_assert!(answer.evaluations <= budget);
        prop_assert_eq!(answer.is_complete(), answer.ended == Ended::Finished);
        prop_assert!(answer.open != Some(0) || literals(&answer) == planted.cuts);
        for cut in &answer.cuts {
            prop_assert!(planted.cuts.contains(&cut.literals));
        }
        let safe: Vec<Set> = largest_safe(&planted);
        prop_assert!(answer.safe.iter().all(|set| safe.contains(&set.missing.present())));
    }

    #[test]
    fn how_many_runs_go_on_at_once_changes_no_answer(key in any::<u64>(), shape in shape()) {
        let planted = Planted::draw(key, &shape).with_noise(0.3, 0.1);
        let answers = [1, 2, 5].map(|width| {
            by_runs(&planted, Sprt::default(), width, &Options { budget: 400, ..Options::default() }).0
        });
        prop_assert_eq!(&answers[0], &answers[1]);
        prop_assert_eq!(&answers[0], &answers[2]);
    }
}

/// The mean number of evaluations over 100 planted functions, with `cuts` cut sets of such orders.
fn mean_evaluations(factors: usize, cuts: usize, orders: std::ops::RangeInclusive<usize>) -> f64 {
    let shape = Shape { factors, cuts, orders };
    let spent = |key| {
        let planted = Planted::draw(key, &shape);
        let answer = solve(&planted, &unconfirmed(Scrutiny::Corners));
        assert_eq!(literals(&answer), planted.cuts);
        answer.evaluations
    };
    (0..100).map(spent).sum::<usize>() as f64 / 100.0
}

/// A prototype, whose planted orders are not on record, took 15, 33, 58 and 19, 57, 88. For orders
/// 2 to 7 this takes 15, 37, 55 and 17, 54, 88: about the same, but for three cut sets over ten
/// factors. One evaluation for each of the 14 sets of that boundary cannot be saved, the rest is
/// shrinking; for orders 2 to 4 it takes 36.
#[test]
fn the_boundary_costs_about_as_much_as_expected() {
    for (factors, cuts, bound) in
        [(10, 1, 15.0), (10, 3, 38.0), (10, 5, 58.0), (14, 1, 19.0), (14, 3, 57.0), (14, 5, 89.0)]
    {
        let mean = mean_evaluations(factors, cuts, 2..=7);
        assert!(mean <= bound, "{factors} factors, {cuts} cut sets: {mean}");
    }
    let mean = mean_evaluations(20, 3, 2..=4);
    assert!(mean <= 75.0, "20 factors, 3 cut sets: {mean}");
}

/// With 14 factors they are taken out in pairs, which costs where nearly all are needed: to the end in
/// pairs it would be 21.
#[test]
fn where_most_factors_are_needed_they_are_taken_out_one_by_one() {
    let needed = Set::from_bits(0b101_1111_1111);
    let planted = Planted {
        factors: 14,
        cuts: vec![Literals::of(needed, Set::EMPTY)],
        missed: 0.0,
        spurious: 0.0,
        key: 0,
    };
    let answer = solve(&planted, &unconfirmed(Scrutiny::Corners));
    assert_eq!(literals(&answer), planted.cuts);
    assert_eq!((answer.evaluations, answer.safe.len()), (17, 10));
}

/// The outage of 2017 as it was worked out by hand: G the client's bug, R the resize, D the deploy,
/// N null lists, L the proxy's parser, E the empty service, H the restart of the mesh, A the
/// apiservers restarted before, which nobody has declared to protect.
#[test]
fn the_decomposition_of_the_outage_takes_no_more_than_60_evaluations() {
    let set = |letters: &str| letters.chars().map(|l| "GRDNLEHA".find(l).unwrap()).collect();
    let cut = |present: &str, absent: &str| Literals::of(set(present), set(absent));
    let reactive = vec![cut("GRDNLEH", "A")];
    let forced = vec![cut("NLEH", "")];
    let any_impact = vec![cut("GRD", ""), cut("NLEH", "")];
    for cuts in [reactive, forced, any_impact] {
        let planted = Planted { factors: 8, cuts, missed: 0.0, spurious: 0.0, key: 0 };
        let answer = solve(&planted, &unconfirmed(Scrutiny::Corners));
        assert_eq!(literals(&answer), planted.cuts);
        assert!(answer.is_complete() && answer.evaluations <= 60, "{answer:?}");
    }
}

/// Judges a few cells as told, and all others as planted.
struct Except<'p>(Exactly<'p>, fn(Set) -> Option<Result<Verdict, Stopped>>);

impl Membership for Except<'_> {
    fn test(&mut self, cell: Set, effort: Effort, next: &[Set]) -> Result<Finding, Stopped> {
        let finding = self.0.test(cell, effort, next)?;
        match self.1(cell) {
            Some(verdict) => Ok(Finding { verdict: verdict?, ..finding }),
            None => Ok(finding),
        }
    }
}

fn pair() -> Planted {
    let cuts = vec![Literals::of(Set::below(2), Set::EMPTY)];
    Planted { factors: 5, cuts, missed: 0.0, spurious: 0.0, key: 0 }
}

#[test]
fn what_cannot_be_told_is_said_and_nothing_is_made_of_it() {
    let planted = pair();
    let doubtful = |cell: Set| {
        let in_doubt = Set::from_bits(0b1100).is_subset(cell) && !Set::below(2).is_subset(cell);
        in_doubt.then_some(Ok(Verdict::Undetermined))
    };
    let mut membership = Except(Exactly(&planted), doubtful);
    let answer = search(5, &mut membership, &unconfirmed(Scrutiny::Corners));
    assert_eq!(literals(&answer), planted.cuts, "the cut set is found none the less");
    assert_eq!(answer.pending.len(), 6, "each without 0 or 1, or both; with 4 or not");
    assert_eq!((answer.open, answer.is_complete()), (Some(6), false));
    assert!(answer.safe.iter().all(|safe| doubtful(safe.cell).is_none()));
}

#[test]
fn a_literal_that_nobody_has_shown_to_be_needed_is_marked() {
    let planted = pair();
    let doubtful =
        |cell: Set| (cell & Set::below(2) == Set::one(0)).then_some(Ok(Verdict::Undetermined));
    let mut membership = Except(Exactly(&planted), doubtful);
    let answer = search(5, &mut membership, &Options::default());
    assert_eq!(literals(&answer), planted.cuts);
    assert_eq!(answer.cuts[0].unproven, Literals::of(Set::one(1), Set::EMPTY));
    let held = answer.cuts[0].confirmation.as_ref().map(|confirmation| confirmation.held);
    assert_eq!(held, Some(Held::Undecided));
    assert!(!answer.is_complete());
}

#[test]
fn an_interrupted_search_says_so() {
    let planted = pair();
    let broken = |cell: Set| (cell.len() == 3).then_some(Err(Stopped::Interrupted));
    let mut membership = Except(Exactly(&planted), broken);
    let answer = search(5, &mut membership, &Options::default());
    assert_eq!((answer.ended, answer.cuts.len()), (Ended::Interrupted, 0));
    // Of 32 cells, all within 1 2 3 4 or 0 2 3 4 are safe (24), and 0 1 3 4 and everything fail.
    assert_eq!(answer.open, Some(6));
}

/// One wrong verdict out of many looks like a barrier until it is looked at thoroughly.
#[test]
fn a_wrong_verdict_is_no_barrier() {
    struct Once<'p>(Exactly<'p>);
    impl Membership for Once<'_> {
        fn test(&mut self, cell: Set, effort: Effort, next: &[Set]) -> Result<Finding, Stopped> {
            let finding = self.0.test(cell, effort, next)?;
            let wrong = cell == Set::below(5) && effort == Effort::Usual;
            Ok(if wrong { Finding { verdict: Verdict::Safe, ..finding } } else { finding })
        }
    }
    let planted = pair();
    let answer = search(5, &mut Once(Exactly(&planted)), &Options::default());
    assert_eq!((literals(&answer), answer.protective), (planted.cuts, Set::EMPTY));
    assert!(answer.witnesses.is_empty() && answer.is_complete());
}

#[test]
fn declared_barriers_need_not_be_discovered() {
    let planted = Planted::draw(5, &Shape { factors: 8, cuts: 2, orders: 2..=4 })
        .with_barrier(|_| true)
        .with_barrier(|n| n == 0);
    let options = Options { protective: Set::from_bits(0b11_0000_0000), ..Options::default() };
    let answer = solve(&planted, &options);
    assert_eq!(literals(&answer), planted.cuts);
    assert!(answer.witnesses.is_empty() && answer.is_complete());
}

#[test]
fn what_always_or_never_fails_has_one_cut_set_or_none() {
    let of = |cuts: Vec<Literals>| Planted { factors: 6, cuts, missed: 0.0, spurious: 0.0, key: 0 };
    let always = solve(&of(vec![Literals::default()]), &Options::default());
    assert_eq!((always.cuts[0].order, always.safe.len(), always.is_complete()), (0, 0, true));
    let never = solve(&of(vec![]), &Options::default());
    assert_eq!((never.cuts.len(), never.safe[0].cell), (0, Set::below(6)));
    assert_eq!((never.is_complete(), never.evaluations), (true, 1 + 6 + 15));
}
