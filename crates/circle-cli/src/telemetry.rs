//! Logs go to standard error: lines for people on a terminal, JSON otherwise. A panic is one sentence.

use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

/// What is logged when RUST_LOG says nothing.
const DEFAULT_FILTER: &str = "info";
/// For commands that only talk to a server, whose errors are told anyway.
const QUIET_FILTER: &str = "warn";

/// Sets up logs for this process, once.
pub(crate) fn start(long_running: bool) {
    let fallback = if long_running { DEFAULT_FILTER } else { QUIET_FILTER };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(fallback));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if long_running && !std::io::stderr().is_terminal() {
        builder.json().flatten_event(true).init();
    } else {
        builder
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .init();
    }
}

/// A panic is a fault of ours: one sentence with the place; RUST_BACKTRACE=1 shows the way there.
pub(crate) fn tell_panics_in_a_sentence() {
    let detailed = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if detailed {
            before(info);
            return;
        }
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let what = info.payload_as_str().unwrap_or("an unknown fault").replace('\n', " ");
        // Standard error may be closed; then there is nobody to tell.
        let _unheard = writeln!(
            std::io::stderr().lock(),
            "circle: this is a fault of Circle at {place}: {what} (RUST_BACKTRACE=1 shows more)"
        );
    }));
}
