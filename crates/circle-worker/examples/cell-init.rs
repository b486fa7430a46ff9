//! PID 1 of the cells of this crate's tests.

fn main() -> std::process::ExitCode {
    circle_cell::init::main()
}
