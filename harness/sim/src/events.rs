//! The `tracing` layer: stamps what programs say with time, machine, process and parent, and rolls
//! it into the digest.
//!
//! Only events of this project's crates count (targets `mini_*`, `harness_*`, `anatomy_*`), from
//! DEBUG up; libraries' own chatter is theirs and may change with their releases.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::record::{Event, What, When};
use crate::scope;
use crate::state::with_state;

pub(crate) struct Recorder;

fn is_ours(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    metadata.is_event()
        && *metadata.level() <= Level::DEBUG
        && ["mini_", "harness_", "anatomy"].iter().any(|ours| target.starts_with(ours))
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_ours(metadata)
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::DEBUG)
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        record(event.metadata().level(), fields);
    }
}

fn level_name(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

fn record(level: &Level, fields: Fields) {
    let current = scope::current();
    let parent = scope::cause();
    let id = with_state(|state| {
        let at = state.now();
        let wall = state.wall(0).0;
        let (machine_name, process_name, machine) = match current.and_then(|p| state.process(p)) {
            // A dead process says nothing.
            Some(process) if !process.is_alive() => return None,
            Some(process) => {
                let machine = process.machine;
                (state.machines[machine].name.clone(), process.name.clone(), Some(machine))
            }
            None => (String::new(), String::new(), None),
        };
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&(at.as_nanos() as u64).to_le_bytes());
        for part in [&machine_name, &process_name, &fields.kind, &fields.message] {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(0);
        }
        for (name, value) in &fields.others {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b'=');
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        }
        let digest = match machine {
            Some(machine) => &mut state.machines[machine].digest,
            None => &mut state.world_digest,
        };
        state.record.step(digest, &bytes, When { at, wall }, || {
            let mut text = fields.message.clone();
            for (name, value) in &fields.others {
                let _ = write!(text, " {name}={value}");
            }
            let (machine, process) = (machine_name.clone(), process_name.clone());
            What { machine, process, kind: fields.kind.clone(), text }
        });
        if *level > Level::INFO && !state.record.keep_debug {
            return None;
        }
        let id = state.record.next_event;
        state.record.next_event += 1;
        state.record.events.push(Event {
            id,
            parent,
            at,
            wall,
            machine: machine_name,
            process: process_name,
            level: level_name(level),
            kind: fields.kind,
            message: fields.message,
            fields: fields.others,
        });
        Some(id)
    });
    if let Some(Some(id)) = id {
        scope::set_cause(id);
    }
}

#[derive(Default)]
struct Fields {
    kind: String,
    message: String,
    others: BTreeMap<String, String>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        match field.name() {
            "kind" => self.kind = value,
            "message" => self.message = value,
            name => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
