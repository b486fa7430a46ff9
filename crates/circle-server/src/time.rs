//! The one clock of the server: read here, passed everywhere else.

use jiff::Timestamp;

/// Now, by this machine's clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Now in milliseconds since 1970, as leases and indexes count.
pub(crate) fn now_ms() -> i64 {
    now().as_millisecond()
}

/// The moment of a millisecond count; one beyond what can be written is the epoch.
pub(crate) fn from_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}
