//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::seeds::{self, Range};
use crate::explore::cuts::Scrutiny;
use crate::outcome::Severity;

/// Takes production outages apart: plays an incident on a real cluster in one deterministic process.
#[derive(Parser)]
#[command(name = "anatomy", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// List the scenarios with their factors and levels
    List,
    /// Play a scenario and tell what happened, and why (what happens without a subcommand)
    Run(RunArgs),
    /// Play a run again and check that it is the same; else name the first event that differs
    Replay(ReplayArgs),
    /// Play a scenario with many seeds, one line of JSON a run; goes on where it was stopped
    Sweep(SweepArgs),
    /// Play each seed twice, in two processes and beside other runs, and compare
    Verify(VerifyArgs),
    /// Tell why one run went as it did, and what would have changed it
    Explain(ExplainArgs),
    /// Find which combinations of conditions lead to it, and what would prevent all of them
    Lattice(LatticeArgs),
    /// Compare ways of responding over the same seeds
    League(LeagueArgs),
    /// Play rows in which every pair, or triple, of levels occurs: a first look at many factors
    Cover(CoverArgs),
    /// Draw trouble over a healthy scenario, and shrink what breaks it to the fewest
    Hunt(HuntArgs),
    /// Play a scenario and write a report: one HTML file that opens from disk
    Report(ReportArgs),
    /// Play a scenario and write it in another tool's format
    #[command(subcommand)]
    Export(ExportCommand),
    /// One half of `verify`
    #[command(name = "__run", hide = true)]
    Child(ChildArgs),
}

/// What every run is told.
#[derive(Args, Clone)]
pub struct Choice {
    /// Set a factor's level or a number; see `anatomy list`
    #[arg(long = "set", value_name = "FACTOR=LEVEL")]
    pub set: Vec<String>,
    /// Stop after this act
    #[arg(long, value_name = "ACT")]
    pub until: Option<String>,
}

#[derive(Args)]
pub struct RunArgs {
    /// A built-in scenario's name, or the path of a file
    #[arg(default_value = "monzo-2017")]
    pub scenario: String,
    /// Where every random stream begins [default: the scenario's]
    #[arg(long, env = "ANATOMY_SEED", value_name = "N", value_parser = seeds::seed)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub choice: Choice,
    /// Write the outcome as JSON; `-` writes it to standard output in place of the story
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write every event, one line of JSON each
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Tell the verdict only
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Args)]
pub struct ReplayArgs {
    /// A built-in scenario's name, or the path of a file
    pub scenario: String,
    /// The run's seed
    #[arg(long, value_name = "N", value_parser = seeds::seed)]
    pub seed: u64,
    /// The run's digest: 32 hexadecimal digits, or at least the first 8
    #[arg(long, value_name = "DIGEST", value_parser = seeds::digest)]
    pub digest: String,
    #[command(flatten)]
    pub choice: Choice,
}

#[derive(Args)]
pub struct SweepArgs {
    /// A built-in scenario's name, or the path of a file
    pub scenario: String,
    /// The seeds: from A up to, not including, B
    #[arg(long, env = "ANATOMY_SEEDS", value_name = "A..B", value_parser = seeds::range)]
    pub seeds: Range,
    /// Runs at a time [default: one a core]
    #[arg(long, env = "ANATOMY_JOBS", value_name = "N", value_parser = seeds::jobs)]
    pub jobs: Option<usize>,
    #[command(flatten)]
    pub choice: Choice,
    /// Where the lines go; seeds that are there already are not played again
    #[arg(long, value_name = "FILE.jsonl")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct VerifyArgs {
    /// A built-in scenario's name, or the path of a file
    #[arg(default_value = "monzo-2017")]
    pub scenario: String,
    /// How many seeds, from 0, or from A up to, not including, B
    #[arg(long, env = "ANATOMY_SEEDS", value_name = "N|A..B", value_parser = seeds::count)]
    pub seeds: Range,
    /// Runs at a time, at least two [default: one a core]
    #[arg(long, env = "ANATOMY_JOBS", value_name = "N", value_parser = seeds::jobs)]
    pub jobs: Option<usize>,
    #[command(flatten)]
    pub choice: Choice,
}

/// What every analysis is told.
#[derive(Args)]
pub struct AnalysisArgs {
    /// Runs at a time [default: one a core]
    #[arg(long, env = "ANATOMY_JOBS", value_name = "N", value_parser = seeds::jobs)]
    pub jobs: Option<usize>,
    /// The folder that keeps the runs: what was played is not played again [default: .anatomy]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the result as JSON to standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ExplainArgs {
    /// A built-in scenario's name, or the path of a file
    #[arg(default_value = "monzo-2017")]
    pub scenario: String,
    /// The run's seed [default: the scenario's]
    #[arg(long, env = "ANATOMY_SEED", value_name = "N", value_parser = seeds::seed)]
    pub seed: Option<u64>,
    /// Set a factor's level, with a time if need be (`forced@14:40`), or a number
    #[arg(long = "set", value_name = "FACTOR=LEVEL")]
    pub set: Vec<String>,
    /// What is explained: degraded, partial, total or data-loss [default: as bad as it got]
    #[arg(long, value_name = "SEVERITY", value_parser = seeds::target)]
    pub target: Option<Severity>,
    /// Over how many seeds necessity and sufficiency are counted; 0: not at all
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub pairs: usize,
    /// Find out from when until when each step could have been taken: it takes many runs
    #[arg(long)]
    pub timing: bool,
    #[command(flatten)]
    pub analysis: AnalysisArgs,
}

#[derive(Args)]
pub struct LatticeArgs {
    /// A built-in scenario's name, or the path of a file
    #[arg(default_value = "monzo-2017")]
    pub scenario: String,
    /// What it leads to: degraded, partial, total or data-loss
    #[arg(long, value_name = "SEVERITY", default_value = "total", value_parser = seeds::target)]
    pub target: Severity,
    /// The factors [default: all that have two levels]
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    pub factors: Option<Vec<String>>,
    /// Human factors whose steps are taken in any case in the second search [default: those that
    /// matter in the first]
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    pub force: Option<Vec<String>>,
    /// Set a factor's level or a number for all cells
    #[arg(long = "set", value_name = "FACTOR=LEVEL")]
    pub set: Vec<String>,
    /// Judge cells so that one seed in five counts: nine times the runs
    #[arg(long)]
    pub strict: bool,
    /// How many cells may be judged in each search
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub budget: usize,
    /// How hard to look for factors that protect though nobody said so
    /// (corners, cuts, neighbours or every: each looks at more cells than the one before)
    #[arg(long, value_name = "HOW", default_value = "cuts", value_parser = seeds::scrutiny)]
    pub scrutiny: Scrutiny,
    /// How many seeds that the search has not seen confirm what it found
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub fresh: usize,
    /// What it costs to change a factor, where fixes are planned: a number, or `never` [default: 1]
    #[arg(long, value_name = "FACTOR=N")]
    pub cost: Vec<String>,
    /// Find out from when until when the steps of each cut set could have been taken: it takes many runs
    #[arg(long)]
    pub timing: bool,
    #[command(flatten)]
    pub analysis: AnalysisArgs,
}

#[derive(Args)]
pub struct LeagueArgs {
    /// A built-in scenario's name, or the path of a file
    #[arg(default_value = "monzo-2017")]
    pub scenario: String,
    /// Files with [[policy]] tables, in place of those that are built in; the first policy is the one
    /// that the others are compared with
    #[arg(long, value_name = "DIR")]
    pub policies: Option<PathBuf>,
    /// The seeds: of these, those with which chance does its part
    #[arg(long, value_name = "A..B", default_value = "0..40", value_parser = seeds::range)]
    pub seeds: Range,
    /// Also vary each step of the responders, over so many of the seeds
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub variants: usize,
    /// Set a factor's level or a number for all policies
    #[arg(long = "set", value_name = "FACTOR=LEVEL")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub analysis: AnalysisArgs,
}

#[derive(Args)]
pub struct CoverArgs {
    /// A built-in scenario's name, or the path of a file
    #[arg(default_value = "monzo-2017")]
    pub scenario: String,
    /// How many factors' levels occur together in every combination: 2 or 3
    #[arg(short = 't', long, value_name = "2|3", default_value_t = 2,
          value_parser = clap::value_parser!(u8).range(2..=3))]
    pub strength: u8,
    /// Levels that no row has together, besides those that the scenario forbids; may be repeated
    #[arg(long, value_name = "FACTOR=LEVEL,..")]
    pub forbid: Vec<String>,
    /// The seed of every row [default: the scenario's]
    #[arg(long, env = "ANATOMY_SEED", value_name = "N", value_parser = seeds::seed)]
    pub seed: Option<u64>,
    /// Where the rows go, one line of JSON each
    #[arg(long, value_name = "FILE.jsonl")]
    pub out: Option<PathBuf>,
    /// Runs at a time [default: one a core]
    #[arg(long, env = "ANATOMY_JOBS", value_name = "N", value_parser = seeds::jobs)]
    pub jobs: Option<usize>,
    /// The folder that keeps the runs: what was played is not played again [default: .anatomy]
    #[arg(long, value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// Write the rows to standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct HuntArgs {
    /// A built-in scenario's name, or the path of a file: one that is healthy by itself
    #[arg(default_value = "ordinary-day")]
    pub scenario: String,
    /// The seeds: each draws a schedule, and is that of its runs
    #[arg(long, env = "ANATOMY_SEEDS", value_name = "A..B", default_value = "0..50",
          value_parser = seeds::range)]
    pub seeds: Range,
    /// What counts as broken, apart from oracles: degraded, partial, total or data-loss
    #[arg(long, value_name = "SEVERITY", default_value = "partial", value_parser = seeds::target)]
    pub target: Severity,
    /// Set a factor's level or a number; see `anatomy list`
    #[arg(long = "set", value_name = "FACTOR=LEVEL")]
    pub set: Vec<String>,
    /// How many runs a schedule that breaks it may be shrunk with
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub budget: usize,
    /// Runs at a time [default: one a core]
    #[arg(long, env = "ANATOMY_JOBS", value_name = "N", value_parser = seeds::jobs)]
    pub jobs: Option<usize>,
    /// The folder for what is found, and for the runs: what was played is not played again
    /// [default: .anatomy/hunt]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the result as JSON to standard output
    #[arg(long)]
    pub json: bool,
}

impl ExplainArgs {
    /// What of it every run is told.
    pub fn choice(&self) -> Choice {
        Choice { set: self.set.clone(), until: None }
    }
}

#[derive(Args)]
pub struct ReportArgs {
    /// What is played: a built-in scenario's name, or the path of a file
    #[arg(long = "run", value_name = "SCENARIO", default_value = "monzo-2017")]
    pub scenario: String,
    /// Where every random stream begins [default: the scenario's]
    #[arg(long, env = "ANATOMY_SEED", value_name = "N", value_parser = seeds::seed)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub choice: Choice,
    /// Where the report goes
    #[arg(long, short, value_name = "FILE.html")]
    pub out: PathBuf,
    /// The folder of `anatomy explain`: what would have changed the run
    #[arg(long, value_name = "DIR")]
    pub explanation: Option<PathBuf>,
    /// The folder of `anatomy lattice`: which combinations of conditions lead to it (all that it has)
    #[arg(long, value_name = "DIR")]
    pub lattice: Option<PathBuf>,
    /// The folder of `anatomy league`: what other responses would have come to
    #[arg(long, value_name = "DIR")]
    pub league: Option<PathBuf>,
    /// Write the post-mortem, which the report offers too, as Markdown
    #[arg(long, value_name = "FILE.md")]
    pub markdown: Option<PathBuf>,
    /// Say as JSON what was played and written
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum ExportCommand {
    /// A trace for Perfetto (FILE.pftrace) or Chrome's trace viewer (FILE.json)
    Trace(ExportArgs),
    /// A journal as Chaos Toolkit writes it (FILE.json)
    Ctk(ExportArgs),
}

#[derive(Args)]
pub struct ExportArgs {
    /// A built-in scenario's name, or the path of a file
    #[arg(default_value = "monzo-2017")]
    pub scenario: String,
    /// Where every random stream begins [default: the scenario's]
    #[arg(long, env = "ANATOMY_SEED", value_name = "N", value_parser = seeds::seed)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub choice: Choice,
    /// Where it goes; what it ends in decides the format of a trace
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Say as JSON what was played and written
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ChildArgs {
    pub scenario: String,
    #[arg(long, value_parser = seeds::seed)]
    pub seed: u64,
    #[command(flatten)]
    pub choice: Choice,
    #[arg(long)]
    pub capture_at: Option<usize>,
    #[arg(long)]
    pub out: PathBuf,
}
