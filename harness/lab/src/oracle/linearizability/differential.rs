//! The search against two others: `todc-utils` (Wing and Gong with Lowe's memory, no unknown
//! outcomes) and `stateright` (a plain search, operations in flight for unknown outcomes).

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use todc_utils::linearizability::WGLChecker;
use todc_utils::{Action, History, Specification};

use super::generate::{Plan, history, invoke, tamper};
use super::kv::{Answer, Request, State};
use super::{BUDGET, Operation, Verdict, check};

#[derive(Clone)]
struct Store(State);

impl SequentialSpec for Store {
    type Op = Request;
    type Ret = Answer;

    fn invoke(&mut self, request: &Request) -> Answer {
        invoke(&mut self.0, request)
    }
}

impl Specification for Store {
    type State = State;
    type Operation = (Request, Option<Answer>);

    fn init() -> State {
        State::new()
    }

    fn apply((request, answer): &Self::Operation, state: &State) -> (bool, State) {
        let mut after = state.clone();
        let given = invoke(&mut after, request);
        (answer.as_ref() == Some(&given), after)
    }
}

/// Calls and answers in their order: the operation, and whether this is its answer.
fn events(operations: &[Operation]) -> Vec<(usize, bool)> {
    let mut events: Vec<(u64, usize, bool)> = Vec::new();
    for (n, operation) in operations.iter().enumerate() {
        events.push((operation.called.order, n, false));
        events.extend(operation.returned().map(|moment| (moment.order, n, true)));
    }
    events.sort_unstable();
    events.into_iter().map(|(_, n, answer)| (n, answer)).collect()
}

fn by_stateright(operations: &[Operation]) -> bool {
    let mut tester = LinearizabilityTester::new(Store(State::new()));
    for (n, answer) in events(operations) {
        // A thread for each operation: one whose outcome nobody knows is in flight for ever.
        let operation = &operations[n];
        let told = match operation.answer() {
            Some(given) if answer => tester.on_return(n, given.clone()),
            _ => tester.on_invoke(n, operation.request.clone()),
        };
        told.expect("each operation is called once and answered at most once");
    }
    tester.is_consistent()
}

fn by_todc(operations: &[Operation]) -> bool {
    let action = |(n, answer): (usize, bool)| {
        let (request, given) = (operations[n].request.clone(), operations[n].answer().cloned());
        let call = Action::Call((request.clone(), None));
        (n, if answer { Action::Response((request, given)) } else { call })
    };
    let actions = events(operations).into_iter().map(action).collect();
    WGLChecker::<Store>::is_linearizable(History::from_actions(actions))
}

fn ours(operations: &[Operation]) -> bool {
    match check(operations, BUDGET).verdict {
        Verdict::Linearizable => true,
        Verdict::Impossible(_) => false,
        Verdict::Unknown => panic!("a small history is searched to its end"),
    }
}

prop_compose! {
    /// A small history, half of them with an answer or two that somebody tampered with.
    fn small(unknown: f64)(
        operations in 1..9usize,
        clients in 1..5usize,
        keys in 1..4u64,
        wide in prop_oneof![Just(0.0), Just(0.5)],
        seed in any::<u64>(),
        tampered in 0..3u64,
    ) -> Vec<Operation> {
        let mut operations = history(Plan { operations, clients, keys, unknown, wide }, seed);
        for again in 0..tampered {
            tamper(&mut operations, seed ^ again);
        }
        operations
    }
}

fn config(cases: u32) -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(1993);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn we_and_todc_utils_agree_on_histories_without_unknown_outcomes(operations in small(0.0)) {
        let told: Vec<String> = operations.iter().map(Operation::to_string).collect();
        prop_assert_eq!(ours(&operations), by_todc(&operations), "{}", told.join("\n"));
    }

    #[test]
    fn we_and_stateright_agree_on_histories_with_unknown_outcomes(operations in small(0.5)) {
        let told: Vec<String> = operations.iter().map(Operation::to_string).collect();
        prop_assert_eq!(ours(&operations), by_stateright(&operations), "{}", told.join("\n"));
    }
}

#[test]
fn the_histories_that_are_compared_are_of_both_sorts() {
    let sorts = (0..400u64).map(|seed| {
        let plan = Plan { operations: 8, clients: 3, keys: 2, unknown: 0.3, wide: 0.2 };
        let mut operations = history(plan, seed);
        for again in 0..seed % 2 * 3 {
            tamper(&mut operations, seed ^ again);
        }
        (seed % 2 == 1, ours(&operations))
    });
    let sorts: Vec<(bool, bool)> = sorts.collect();
    let count =
        |tampered: bool, fine: bool| sorts.iter().filter(|s| **s == (tampered, fine)).count();
    assert_eq!(count(false, false), 0, "what a right store answers is always linearizable");
    assert!(count(true, false) > 40 && count(true, true) > 40, "{}", count(true, false));
}
