//! `anatomy export`.

use std::path::Path;

use super::args::{ExportArgs, ExportCommand};
use super::played;
use super::trouble::Trouble;
use crate::Runner;
use crate::export::{self, Played};

/// Plays a scenario and writes it in another tool's format.
pub fn export(command: &ExportCommand, runner: Runner) -> Result<u8, Trouble> {
    let (ExportCommand::Trace(args) | ExportCommand::Ctk(args)) = command;
    let format = Format::of(command, args)?;
    played::claim("--out", &args.out)?;
    let run = played::play(&args.scenario, &args.choice, args.seed, runner)?;
    let shown = Played { scenario: &run.scenario, outcome: &run.outcome, events: &run.events };
    let bytes = match format {
        Format::Perfetto => export::perfetto(&shown),
        Format::Chrome => export::chrome(&shown).to_string().into_bytes(),
        Format::Journal => format!("{:#}\n", export::journal(&shown)).into_bytes(),
    };
    played::write("--out", &args.out, &bytes)?;
    if args.json {
        played::say(&run, &[&args.out])?;
    }
    Ok(u8::from(!run.outcome.violations.is_empty()))
}

enum Format {
    Perfetto,
    Chrome,
    Journal,
}

impl Format {
    fn of(command: &ExportCommand, args: &ExportArgs) -> Result<Self, Trouble> {
        let ending = args.out.extension().and_then(|ending| ending.to_str());
        match (command, ending) {
            (ExportCommand::Trace(_), Some("pftrace")) => Ok(Format::Perfetto),
            (ExportCommand::Trace(_), Some("json")) => Ok(Format::Chrome),
            (ExportCommand::Ctk(_), Some("json")) => Ok(Format::Journal),
            (ExportCommand::Trace(_), _) => Err(wrong_ending(&args.out, ".pftrace or .json")),
            (ExportCommand::Ctk(_), _) => Err(wrong_ending(&args.out, ".json")),
        }
    }
}

fn wrong_ending(path: &Path, allowed: &str) -> Trouble {
    Trouble::Usage(format!("--out {}: it has to end in {allowed}", path.display()))
}
