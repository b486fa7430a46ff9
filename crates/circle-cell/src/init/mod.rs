//! PID 1 of a cell: the same executable started again.

/// Becomes PID 1 of a cell; returns only when it could not. The hidden command `circle cell-init` calls this before it
/// starts any thread.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
