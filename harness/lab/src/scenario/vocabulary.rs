//! The words that a scenario may use and the world understands.
//!
//! A factor is either the level of one of these (a component's version, a switch), or it governs
//! steps. A file that names anything else is wrong, and is told what there is.

use super::World;

/// Components whose version a scenario chooses, with the versions that are modelled.
pub const COMPONENTS: &[(&str, &[&str])] = &[
    ("etcd", &["3.1.8", "3.2.9", "3.4"]),
    ("etcd-client", &["grpc-1.0.4", "grpc-1.0.5"]),
    ("kubernetes", &["1.5", "1.7", "1.8", "1.10"]),
    ("linkerd", &["0.9.1", "1.0.0"]),
];

/// Switches of the surroundings with their levels, the usual one first.
pub const SWITCHES: &[(&str, &[&str])] =
    &[("leader-lock", &["configmaps", "endpoints"]), ("standin", &["on", "off"])];

/// Switches of a world of etcd alone.
pub const ETCD_SWITCHES: &[(&str, &[&str])] = &[
    ("members", &["3", "1", "2", "4", "5", "6", "7", "8", "9", "drawn"]),
    ("reads", &["quorum", "serializable"]),
];

/// Numbers with their usual value.
pub const NUMBERS: &[(&str, f64)] = &[
    ("services", 25.0),
    ("workers", 6.0),
    ("preemption", 0.05),
    ("snapshot-count", 10_000.0),
    ("reaction", 0.0),
    ("look-again", 0.0),
];

/// The switches of a world.
pub fn switches(world: World) -> &'static [(&'static str, &'static [&'static str])] {
    match world {
        World::Bank => SWITCHES,
        World::Etcd => ETCD_SWITCHES,
    }
}

/// The levels that a world knows for `name`, where it knows the name at all.
pub fn levels_in(world: World, name: &str) -> Option<&'static [&'static str]> {
    let mut all = COMPONENTS.iter().chain(switches(world));
    all.find(|(known, _)| *known == name).map(|(_, levels)| *levels)
}

/// The levels that any world knows for `name`.
pub fn levels(name: &str) -> Option<&'static [&'static str]> {
    [World::Bank, World::Etcd].into_iter().find_map(|world| levels_in(world, name))
}

/// Whether the world may come to know that nothing has depended on `name`: on the stand-in where nobody
/// needed it, on the client's release where no member limits its streams.
pub fn may_be_idle(name: &str) -> bool {
    ["standin", "etcd-client"].contains(&name)
}

/// The value of the number `name` in a scenario that does not mention it.
pub fn number(name: &str) -> Option<f64> {
    NUMBERS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}
