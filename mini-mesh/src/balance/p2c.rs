//! Power of two choices, least loaded (finagle 6 `P2C`, `LeastLoaded`, linkerd's default).
//!
//! The balancer keeps its nodes in two halves, those that were fit when it last looked and the
//! others, and looks again when it notices a change. Where no node is fit it chooses among the unfit
//! ones: its view may be out of date, and a request that may fail is better than one that must.

use harness_env::Rng;

/// How often a chosen node that turns out unfit is chosen anew (finagle's `MaxEffort` default).
pub const MAX_EFFORT: usize = 5;

/// What is balanced over.
pub trait Node: Clone {
    /// Requests under way.
    fn load(&self) -> usize;
    /// Whether it is fit to take one (finagle's `Status.Open`).
    fn is_open(&self) -> bool;
}

/// A balancer.
#[derive(Debug)]
pub struct P2c<N> {
    up: Vec<N>,
    down: Vec<N>,
    saw_down: bool,
    rng: Rng,
}

impl<N: Node> P2c<N> {
    /// A balancer over nothing.
    pub fn new(rng: Rng) -> Self {
        P2c { up: Vec::new(), down: Vec::new(), saw_down: false, rng }
    }

    /// Balances over `nodes` from here on. Their order is part of the choice, so keep it stable.
    pub fn set(&mut self, nodes: Vec<N>) {
        (self.up, self.down) = nodes.into_iter().partition(N::is_open);
        self.saw_down = false;
    }

    /// All nodes, the fit ones first.
    pub fn nodes(&self) -> impl Iterator<Item = &N> {
        self.up.iter().chain(&self.down)
    }

    /// The node for the next request; `None` where there is no node at all.
    pub fn pick(&mut self) -> Option<N> {
        let mut picked = None;
        for _ in 0..MAX_EFFORT {
            let node = self.draw()?;
            if node.is_open() {
                picked = Some(node);
                break;
            }
        }
        if picked.is_none() {
            self.rebuild();
            picked = self.draw();
        }
        if self.saw_down || self.down.iter().any(N::is_open) {
            self.rebuild();
        }
        picked
    }

    /// Sorts the nodes into fit and unfit; keeps the order of addresses out of it, so that which
    /// node is where depends on what happened to it only.
    fn rebuild(&mut self) {
        let mut nodes = std::mem::take(&mut self.up);
        nodes.append(&mut self.down);
        self.set(nodes);
    }

    /// The less loaded of two different ones, of the fit ones if there are any.
    fn draw(&mut self) -> Option<N> {
        let nodes = if self.up.is_empty() { &self.down } else { &self.up };
        if nodes.len() < 2 {
            return nodes.first().cloned();
        }
        let first = self.rng.below(nodes.len() as u64) as usize;
        let mut second = self.rng.below(nodes.len() as u64 - 1) as usize;
        if second >= first {
            second += 1;
        }
        let (a, b) = (&nodes[first], &nodes[second]);
        let (any_up, both_open) = (!self.up.is_empty(), a.is_open() && b.is_open());
        if any_up && !both_open {
            self.saw_down = true;
        }
        Some(if a.load() < b.load() { a.clone() } else { b.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[derive(Clone)]
    struct Fake {
        id: usize,
        load: Rc<Cell<usize>>,
        open: Rc<Cell<bool>>,
    }

    impl Node for Fake {
        fn load(&self) -> usize {
            self.load.get()
        }
        fn is_open(&self) -> bool {
            self.open.get()
        }
    }

    fn balancer(count: usize) -> (P2c<Fake>, Vec<Fake>) {
        let fake = |id| Fake { id, load: Rc::default(), open: Rc::new(Cell::new(true)) };
        let nodes: Vec<Fake> = (0..count).map(fake).collect();
        let mut p2c = P2c::new(Rng::from_key(7));
        p2c.set(nodes.clone());
        (p2c, nodes)
    }

    fn counts(p2c: &mut P2c<Fake>, nodes: usize, picks: usize) -> Vec<usize> {
        let mut counts = vec![0; nodes];
        (0..picks).for_each(|_| counts[p2c.pick().unwrap().id] += 1);
        counts
    }

    #[test]
    fn no_node_is_no_choice_and_one_node_is_the_choice() {
        assert!(balancer(0).0.pick().is_none());
        assert_eq!(balancer(1).0.pick().unwrap().id, 0);
    }

    #[test]
    fn equal_loads_share_evenly() {
        let counts = counts(&mut balancer(4).0, 4, 4000);
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_most_loaded_node_of_all_is_never_chosen() {
        let (mut p2c, nodes) = balancer(3);
        nodes[1].load.set(10);
        assert_eq!(counts(&mut p2c, 3, 1000)[1], 0);
    }

    #[test]
    fn an_unfit_node_is_passed_by_until_it_is_fit_again() {
        let (mut p2c, nodes) = balancer(3);
        nodes[0].open.set(false);
        assert_eq!(counts(&mut p2c, 3, 1000)[0], 0);
        nodes[0].open.set(true);
        assert!(counts(&mut p2c, 3, 1000)[0] > 200);
    }

    #[test]
    fn where_all_are_unfit_one_is_chosen_all_the_same() {
        let (mut p2c, nodes) = balancer(2);
        nodes.iter().for_each(|node| node.open.set(false));
        let counts = counts(&mut p2c, 2, 1000);
        assert!(counts.iter().all(|count| *count > 300), "{counts:?}");
    }
}
