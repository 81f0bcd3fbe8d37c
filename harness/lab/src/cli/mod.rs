//! The command line of `anatomy`: scripts rely on it.
//!
//! Exit status: 0 the run completed, whatever its severity; 1 an oracle was violated or a check
//! failed; 2 bad usage. Bad usage is one message that says where and what is allowed. Progress and
//! messages go to standard error, results to standard output.

mod analysis;
mod args;
mod child;
mod cover;
mod explain;
mod export;
mod hunt;
mod lattice;
mod league;
mod list;
mod output;
mod played;
mod prepare;
mod replay;
mod report;
mod run;
pub mod seeds;
mod state;
mod sweep;
#[cfg(test)]
mod tests;
mod trouble;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::Runner;
use args::{Cli, Command};
use trouble::Trouble;

/// Runs the program with the process's arguments; `runner` plays the runs.
pub fn main(runner: Runner) -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    match dispatch(arguments, runner) {
        Ok(code) => ExitCode::from(code),
        Err(trouble) => {
            trouble.print();
            ExitCode::from(trouble.code())
        }
    }
}

fn dispatch(arguments: Vec<std::ffi::OsString>, runner: Runner) -> Result<u8, Trouble> {
    let command = match Cli::try_parse_from(arguments)?.command {
        Some(command) => command,
        None => Cli::try_parse_from(["anatomy", "run"])?.command.expect("a subcommand was given"),
    };
    match command {
        Command::List => {
            list::list();
            Ok(0)
        }
        Command::Run(args) => run::run(&args, runner),
        Command::Replay(args) => replay::replay(&args, runner),
        Command::Sweep(args) => sweep::sweep(&args, runner),
        Command::Verify(args) => verify::verify(&args, runner),
        Command::Explain(args) => explain::run(&args, runner),
        Command::Lattice(args) => lattice::run(&args, runner),
        Command::League(args) => league::run(&args, runner),
        Command::Hunt(args) => hunt::run(&args, runner),
        Command::Cover(args) => cover::run(&args, runner),
        Command::Report(args) => report::report(&args, runner),
        Command::Export(command) => export::export(&command, runner),
        Command::Child(args) => child::child(&args, runner),
    }
}
