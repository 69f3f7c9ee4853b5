//! The `nigh` binary.

fn main() -> std::process::ExitCode {
    cli::main()
}
