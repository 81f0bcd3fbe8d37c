//! The promises of the engine.

use crate::Load;

/// One measurement.
pub struct Cell {
    pub engine: &'static str,
    pub machines: usize,
    pub load: Load,
    pub rate: f64,
}

/// Says for each promise whether it is kept; returns whether all are.
pub fn check(cells: &[Cell]) -> bool {
    let rate = |engine: &str, machines: usize, load: Load| {
        cells
            .iter()
            .find(|c| (c.engine, c.machines, c.load) == (engine, machines, load))
            .map_or(f64::NAN, |c| c.rate)
    };
    let ours = rate("harness-sim", 22, Load::Heartbeats);
    let classic = rate("classic 10 ms", 22, Load::Heartbeats);
    let floor = rate("floor", 22, Load::Heartbeats);
    let (few, many) = (rate("harness-sim", 5, Load::Idle), rate("harness-sim", 100, Load::Idle));
    [
        ("22 machines under load: classic at 10 ms, times at least 3", ours / classic, 3.0),
        ("22 machines under load: the floor, times at least 0.5", ours / floor, 0.5),
        ("idle: 100 machines against 5, times at least 0.7", many / few, 0.7),
    ]
    .into_iter()
    .map(|(promise, found, least)| {
        let kept = found >= least;
        println!("{} {promise}: {found:.2}", if kept { "kept  " } else { "BROKEN" });
        kept
    })
    .filter(|kept| !kept)
    .count()
        == 0
}
