//! What this machine can do, for `circle doctor`: facts with a grade, and what to do about the bad ones.

mod disk;
mod fact;
mod kernel;
mod memory;
mod programs;
mod rights;

pub use disk::free_bytes;
pub use fact::{Fact, Grade};
pub use memory::is_memory_short;

/// Looks at this machine: rights, kernel, programs, and the disk where cells would live. Changes nothing; blocks for up
/// to a second, since it asks programs for their versions.
pub fn facts(state: &std::path::Path) -> Vec<Fact> {
    let mut facts = vec![
        rights::root(),
        rights::administration(),
        rights::resources(),
        rights::open_files(),
    ];
    facts.extend([
        kernel::cgroups(),
        kernel::overlay(),
        kernel::user_namespaces(),
        kernel::services(),
    ]);
    facts.extend([
        programs::daemon(),
        programs::firewall(),
        programs::links(),
        programs::forwarding(),
        programs::ipv6(),
    ]);
    facts.extend(disk::facts(state));
    facts
}

#[cfg(test)]
mod tests {
    use super::{Grade, facts};

    #[test]
    fn a_machine_that_runs_cells_has_no_failing_fact() {
        let facts = facts(std::path::Path::new("/var/lib/circle-is-not-there-yet"));
        let failing: Vec<_> = facts.iter().filter(|fact| fact.grade == Grade::Fail).collect();
        assert!(failing.is_empty(), "this machine runs the tests of cells: {failing:?}");
        let mut names: Vec<_> = facts.iter().map(|fact| fact.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), facts.len(), "each fact has a name of its own");
        let silent: Vec<_> = facts
            .iter()
            .filter(|fact| fact.grade != Grade::Ok && fact.advice.is_none())
            .collect();
        assert!(silent.is_empty(), "a bad fact without advice: {silent:?}");
    }
}
