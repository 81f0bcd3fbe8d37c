//! The command line.

/// Runs the program.
pub fn main(_runner: crate::Runner) -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
