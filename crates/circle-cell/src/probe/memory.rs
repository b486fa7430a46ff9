//! The memory that is left.

use std::fs;

/// Waiting containers take some megabytes each; a machine with less than this left needs them for what runs.
const LEAST_LEFT_BYTES: u64 = 512 << 20;

/// Whether the machine has little memory left. One that does not tell counts as having enough.
pub fn is_memory_short() -> bool {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    available(&text).is_some_and(|left| left < LEAST_LEFT_BYTES)
}

/// `MemAvailable`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::available;

    #[test]
    fn what_is_available_is_read_as_the_kernel_writes_it() {
        let text = "MemTotal:       24689764 kB\nMemFree:  1 kB\nMemAvailable:   23050224 kB\n";
        assert_eq!(available(text), Some(23_050_224 * 1024));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }
}
