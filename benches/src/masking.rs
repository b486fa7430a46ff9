//! Masking: a log through the needles of a thousand secrets, beside a plain copy of the same bytes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use circle_core::mask::{MASK, Masker};

use crate::figures::Report;

/// Secrets of one run.
const SECRETS: u64 = 1_000;
/// Bytes of the log of one try.
const LOG_BYTES: usize = 64 * 1024 * 1024;
/// A piece, as it comes from an engine.
const PIECE_BYTES: usize = 16 * 1024;
/// One line in so many holds a secret.
const SECRET_EVERY: usize = 500;
/// Tries; the median counts.
const TRIES: usize = 5;
/// What is promised, in bytes a second.
const GOAL: f64 = 100e6;

/// Prints the throughput and its ratio to a copy.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    let secrets: Vec<String> = (0..SECRETS).map(secret).collect();
    let began = Instant::now();
    let masker = Masker::new(secrets.iter().map(String::as_str));
    let made = began.elapsed();
    let log = log(&secrets);
    let mut masked = Vec::with_capacity(log.len());
    let masking = median(|| {
        masked.clear();
        let mut stream = masker.stream();
        for piece in log.chunks(PIECE_BYTES) {
            stream.write(piece, &mut masked);
        }
        stream.finish(&mut masked);
    });
    let mut copied = Vec::with_capacity(log.len());
    let copying = median(|| {
        copied.clear();
        for piece in log.chunks(PIECE_BYTES) {
            copied.extend_from_slice(black_box(piece));
        }
        black_box(&copied);
    });
    let text = String::from_utf8(masked)?;
    ensure!(
        text.contains(MASK) && !secrets.iter().any(|secret| text.contains(secret.as_str())),
        "a secret is shown"
    );
    let speed = log.len() as f64 / masking.as_secs_f64();
    report.row(
        "masking 1,000 secrets",
        &format!("{:.0} MB/s", speed / 1e6),
        ">= 100 MB/s",
        speed >= GOAL,
    );
    let ratio = masking.as_secs_f64() / copying.as_secs_f64();
    report.fact("… beside a plain copy, so many times as long", &format!("{ratio:.1}"));
    report.fact("… making the needles, once a run", &format!("{} ms", made.as_millis()));
    Ok(())
}

/// Values that share no beginning, as tokens do.
fn secret(number: u64) -> String {
    hex::encode(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()) + "Zq"
}

/// What a build prints, now and then with a secret.
fn log(secrets: &[String]) -> Vec<u8> {
    let mut log = Vec::with_capacity(LOG_BYTES + 256);
    let mut line = 0;
    while log.len() < LOG_BYTES {
        let text = format!(
            "2026-01-01T00:00:{:02}Z INFO [{line}] compiling crate number {line} with debug info\n",
            line % 60
        );
        log.extend_from_slice(text.as_bytes());
        if line % SECRET_EVERY == 0 {
            log.extend_from_slice(format!("token={}\n", secrets[line % secrets.len()]).as_bytes());
        }
        line += 1;
    }
    log
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..TRIES)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[TRIES / 2]
}
