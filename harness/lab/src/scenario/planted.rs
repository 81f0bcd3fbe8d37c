//! The factor by which a defect is planted in every member of etcd, for whoever wants to know what the
//! oracles find.
//!
//! No file names it: it belongs to every scenario of etcd alone, and there is none without the feature
//! `defects`.

use mini_etcd::defects::{Defect, Defects};

use super::{Factor, Kind, Settings};

/// The factor's name.
pub const NAME: &str = "defect";
/// Its level in a run of members that are right.
const NONE: &str = "none";

/// The factor.
pub(super) fn factor() -> Factor {
    let defects = Defect::ALL.map(Defect::name);
    Factor {
        name: NAME.to_owned(),
        kind: Kind::Latent,
        levels: [NONE].into_iter().chain(defects).map(str::to_owned).collect(),
        assumption: false,
        doc: "a defect that is planted in every member".to_owned(),
    }
}

/// What the settings plant.
pub fn defects(settings: &Settings) -> Defects {
    let planted = settings.level(NAME).parse::<Defect>();
    planted.map_or_else(|_| Defects::default(), Defects::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::find;

    #[test]
    fn every_scenario_of_etcd_alone_can_have_a_defect_and_has_none_by_itself() {
        let scenario = find("etcd-chaos").expect("it is built in");
        let mut settings = scenario.defaults();
        assert_eq!(defects(&settings), Defects::default());
        settings.set(&scenario, "defect=vote-not-synced").expect("a level");
        assert_eq!(defects(&settings), Defects::from(Defect::VoteNotSynced));
        let bank = find("monzo-2017").expect("it is built in");
        assert!(bank.defaults().set(&bank, "defect=vote-not-synced").is_err());
    }
}
