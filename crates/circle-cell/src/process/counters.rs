//! Counters of the kernel that all cells of a machine share, raised so that one cell does not use them up.
//!
//! inotify's are counted for the user who made the user namespace, and that is root for every cell: with the usual 128 instances
//! one job could end what watches files in all others and on the machine (inotify(7), user_namespaces(7)).

use std::fs;

/// Each counter with the least that it should allow: a thousandth of a cell's open files, and a large checkout for each cell.
const COUNTERS: [(&str, u64); 2] = [
    ("/proc/sys/fs/inotify/max_user_instances", 65_536),
    ("/proc/sys/fs/inotify/max_user_watches", 8_388_608),
];

/// Raises what is lower. A machine that does not allow it is as it was.
pub(super) fn raise() {
    for (file, least) in COUNTERS {
        let now = fs::read_to_string(file)
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok());
        if now.is_some_and(|now| now < least)
            && let Err(error) = fs::write(file, least.to_string())
        {
            tracing::warn!(file, %error, "a counter that all cells share could not be raised: one cell may use it up");
        }
    }
}
