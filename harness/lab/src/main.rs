//! The program `anatomy`: see [`anatomy_lab::cli`].

fn main() -> std::process::ExitCode {
    anatomy_lab::cli::main(anatomy_lab::run)
}
