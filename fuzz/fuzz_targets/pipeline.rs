//! Any bytes as a pipeline file: no panic, no hang, and every promise about findings and plans is kept.
//!
//! ```console
//! $ cargo +nightly fuzz run pipeline fuzz/corpus/pipeline crates/circle-core/tests/corpus/broken crates/circle-core/tests/corpus/good -- -max_total_time=300
//! ```
#![no_main]

#[path = "../../crates/circle-core/tests/support/answer.rs"]
mod answer;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(broken) = answer::check_answer(bytes) {
        panic!("{broken}");
    }
});
