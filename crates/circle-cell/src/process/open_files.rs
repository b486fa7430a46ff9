//! Files that this process may have open: those of all its cells together.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What one cell can make this process open at most: two files for every connection through its doors and to its job's
/// engine, one for every question of its name service, and some for its own orders, logs and gates.
pub const FILES_OF_A_CELL: u64 = 700;

/// Raises the bound that this process may raise itself to the one that it may not, and gives it. Services are started with
/// 1,024, which two cells could use up; processes in cells have a bound of their own.
///
/// # Errors
/// When the kernel refuses, which it does not do for the process itself.
pub fn raise_open_files() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    use super::raise_open_files;

    #[test]
    fn a_process_may_open_as_much_as_it_is_allowed_to() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a bound");
        setrlimit(Resource::RLIMIT_NOFILE, 256.min(hard), hard).expect("a lower bound");
        assert_eq!(raise_open_files().expect("it is raised"), hard);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE), Ok((hard, hard)));
    }
}
