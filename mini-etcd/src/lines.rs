//! What a member tells goes to standard error, one line an event.

use std::fmt::{Debug, Write};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

use crate::flags::{Level, Logger};

/// Prints events of at least this level.
struct Lines {
    logger: Logger,
    level: tracing::Level,
}

/// From here on, what a member tells is printed.
pub fn start(logger: Logger, level: Level) {
    let level = match level {
        Level::Debug => tracing::Level::DEBUG,
        Level::Info => tracing::Level::INFO,
        Level::Warn => tracing::Level::WARN,
        Level::Error | Level::Panic | Level::Fatal => tracing::Level::ERROR,
    };
    let set = tracing::subscriber::set_global_default(Lines { logger, level });
    set.expect("nobody else sets one");
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("mini_etcd") && *metadata.level() <= self.level
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = jiff::Timestamp::now();
        let level = event.metadata().level().as_str();
        match self.logger {
            Logger::Capnslog => {
                let first = level.chars().next().unwrap_or(' ');
                eprintln!("{time:.6} {first} | {}{}", fields.message, fields.text());
            }
            Logger::Zap => {
                let head = [
                    ("level", Value::from(level.to_lowercase())),
                    ("ts", format!("{time:.3}").into()),
                    ("caller", event.metadata().target().into()),
                    ("msg", fields.message.into()),
                ];
                let all: Map<String, Value> =
                    head.into_iter().map(|(k, v)| (k.to_owned(), v)).chain(fields.rest).collect();
                eprintln!("{}", Value::Object(all));
            }
        }
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(String, Value)>,
}

impl Fields {
    fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.rest {
            write!(text, " {name}={value}").expect("a string grows");
        }
        text
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.rest.push((field.name().into(), value.into()));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.rest.push((field.name().into(), value.into()));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.rest.push((field.name().into(), value.into()));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.rest.push((field.name().into(), value.into()));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.rest.push((field.name().into(), format!("{value:?}").into()));
        }
    }
}
