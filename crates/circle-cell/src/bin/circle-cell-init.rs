//! PID 1 of a cell and nothing else, for programs that are not `circle` itself: this crate's tests, and those of others.

fn main() -> std::process::ExitCode {
    circle_cell::init::main()
}
