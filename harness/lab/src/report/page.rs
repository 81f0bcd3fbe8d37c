//! The template filled in.

use std::sync::OnceLock;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::{
    Report, but_for, card, cutsets, health, impact, indicators, lanes, markdown, responses,
};
use crate::narrate;

const NAME: &str = "report.html";

/// The page.
pub fn html(report: &Report) -> String {
    let template = environment().get_template(NAME).expect("it was added");
    let page = template.render(context! {
        title => report.scenario.title.as_str(),
        summary => report.scenario.summary.trim(),
        scenario => report.outcome.scenario.as_str(),
        seed => report.outcome.seed,
        digest => report.outcome.digest.as_str(),
        build => report.build,
        faults => Value::from(Serde(&report.outcome.faults)),
        settings => Value::from(Serde(&report.outcome.settings)),
        chain => narrate::chain(report.scenario, report.outcome),
        card => Value::from(Serde(card::card(report))),
        lanes => Value::from(Serde(lanes::lanes(report))),
        health => Value::from(Serde(health::health(report))),
        explained => Value::from(Serde(but_for::explained(report))),
        matrices => Value::from(Serde(cutsets::matrices(report))),
        responses => Value::from(Serde(responses::responses(report))),
        remarks => report.findings.remarks.clone(),
        left_out => report.findings.left_out(),
        analyses => Value::from_safe_string(embedded(report.findings)),
        indicators => Value::from(Serde(indicators::indicators(report))),
        style => Value::from_safe_string(include_str!("page.css").to_owned()),
        script => Value::from_safe_string(include_str!("page.js").to_owned()),
        postmortem => Value::from_safe_string(embedded(&markdown::markdown(report))),
        outcome => Value::from_safe_string(embedded(report.outcome)),
        impact => Value::from_safe_string(embedded(&impact::impact(report))),
    });
    page.expect("the template names only what it is given")
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        environment.add_template(NAME, include_str!("page.html")).expect("the template is sound");
        environment
    })
}

/// JSON that can stand in a `script` element: nothing in it ends the element.
fn embedded(data: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(data).expect("it has text keys and plain values");
    json.replace('<', "\\u003c")
}
