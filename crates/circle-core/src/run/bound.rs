//! Which bound of its cell a failed stage ran into: evidence in, a sentence out.
//!
//! Promise: a sentence names a bound only when the kernel counted it, or the job printed the kernel's own words for it.
//! Absence: a stage that succeeded although something of it was killed or refused is not spoken of.

use super::state::{Failure, FailureKind};

/// What is known when a stage has failed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// Processes that were killed, during this try, because the run's containers together had used up their memory.
    pub memory_kills: u64,
    /// Forks that were refused, during this try, because there were too many processes.
    pub refused_forks: u64,
    /// What the disk under the containers has left; `None` when it cannot be asked any more.
    pub disk: Option<DiskLeft>,
    /// The end of what the stage printed.
    pub said: &'a str,
    /// The bounds of the run's containers together.
    pub cell: CellBounds,
    /// The bound on processes of the stage's own container.
    pub own_pids: Option<u64>,
}

/// What all containers of a run may use together; `None` = unbounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CellBounds {
    pub memory_bytes: Option<u64>,
    pub pids: Option<u64>,
    /// Open files of each process.
    pub open_files: Option<u64>,
    pub disk_bytes: Option<u64>,
}

/// Room on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskLeft {
    pub bytes: u64,
    /// Files that can still be made; `None` when the file system has no such number.
    pub files: Option<u64>,
}

/// Less than this is a full disk: engines and compilers fail on the first block that they do not get.
const FULL_BYTES: u64 = 16 << 20;
/// So few files are none.
const FULL_FILES: u64 = 16;

/// The kernel's words as programs print them (strerror(3)), in lower case.
const NO_SPACE: [&str; 2] = ["no space left on device", "disk quota exceeded"];
const NO_DESCRIPTORS: [&str; 2] = ["too many open files", "no file descriptors available"];

impl Failure {
    /// The same failure, with the bound that explains it where one does. A failure of another nature stays as it is.
    #[must_use]
    pub fn explained(self, evidence: &Evidence<'_>) -> Self {
        if !can_be_a_bound(self.kind) {
            return self;
        }
        match bound(&self.message, evidence) {
            Some(sentence) => Self {
                kind: FailureKind::Bound,
                message: format!("{}; {sentence}", self.message),
                ..self
            },
            None => self,
        }
    }
}

/// What is decided before anything runs in a cell, or outside it, no bound of a cell explains.
fn can_be_a_bound(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Command
        | FailureKind::Build
        | FailureKind::Sidecar
        | FailureKind::Output
        | FailureKind::ImageUnavailable
        | FailureKind::RepositoryUnavailable
        | FailureKind::Infrastructure => true,
        FailureKind::CommitNotFound
        | FailureKind::NoPipeline
        | FailureKind::BadPipeline
        | FailureKind::Refused
        | FailureKind::Push
        | FailureKind::Deploy
        | FailureKind::Bound
        | FailureKind::QueueTimeout
        | FailureKind::WorkerLost
        | FailureKind::CellDied => false,
    }
}

/// What the kernel counted goes before what programs print.
fn bound(message: &str, evidence: &Evidence<'_>) -> Option<String> {
    if evidence.memory_kills > 0 {
        return Some(memory(evidence));
    }
    if evidence.refused_forks > 0 {
        return Some(processes(evidence));
    }
    let said = format!("{message}\n{}", evidence.said).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
    if says(&NO_SPACE) {
        return Some(disk(evidence));
    }
    says(&NO_DESCRIPTORS).then(|| open_files(evidence))
}

/// Whether a failure's message, or the end of what its stage printed, is about a full disk.
pub fn speaks_of_room(message: &str, said: &str) -> bool {
    let speaks = |text: &str| {
        let text = text.to_lowercase();
        NO_SPACE.iter().any(|words| text.contains(words))
    };
    speaks(message) || speaks(said)
}

fn memory(evidence: &Evidence<'_>) -> String {
    let processes = match evidence.memory_kills {
        1 => "a process was".to_owned(),
        many => format!("{many} processes were"),
    };
    let bound = evidence.cell.memory_bytes.map_or_else(
        || "the machine's memory".to_owned(),
        |bytes| format!("their {} of memory", binary(bytes)),
    );
    format!("{processes} killed because the run's containers together had used up {bound}")
}

fn processes(evidence: &Evidence<'_>) -> String {
    let (whose, most) = match (evidence.own_pids, evidence.cell.pids) {
        (Some(own), cell) if cell.is_none_or(|cell| own < cell) => {
            ("the container had reached the bound of its resources.pids", Some(own))
        }
        (_, cell) => ("the run's containers together had reached their bound", cell),
    };
    let most = most.map(|most| format!(", {most}")).unwrap_or_default();
    format!("a process could not be started because {whose} on processes and threads{most}")
}

fn disk(evidence: &Evidence<'_>) -> String {
    let bound = evidence
        .cell
        .disk_bytes
        .map(|bytes| format!(" of {}", binary(bytes)))
        .unwrap_or_default();
    match evidence.disk {
        Some(DiskLeft {
            files: Some(..=FULL_FILES),
            ..
        }) => "the disk of the run's cell has no room for another file (its inodes are used up)".to_owned(),
        Some(left) if left.bytes > FULL_BYTES => format!(
            "the disk of the run's cell still has {}, so it is a tmpfs or a volume of its own that is full",
            binary(left.bytes)
        ),
        _ => format!("the disk{bound} of the run's cell is full"),
    }
}

fn open_files(evidence: &Evidence<'_>) -> String {
    let most = evidence
        .cell
        .open_files
        .map(|most| format!(", {most}"))
        .unwrap_or_default();
    format!("a process had reached the bound on open files{most}")
}

/// `512 MiB`, `1.5 GiB`: as people set bounds.
pub fn binary(bytes: u64) -> String {
    const MEBI: u64 = 1 << 20;
    const GIBI: u64 = 1 << 30;
    let (unit, word) = match bytes {
        GIBI.. => (GIBI, "GiB"),
        MEBI.. => (MEBI, "MiB"),
        _ => return format!("{bytes} bytes"),
    };
    // Not multiplied by ten: a bound may be as large as a number gets.
    let tenths = bytes / unit * 10 + bytes % unit * 10 / unit;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {word}"),
        (whole, tenth) => format!("{whole}.{tenth} {word}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{CellBounds, DiskLeft, Evidence, binary};
    use crate::run::{Failure, FailureKind};

    fn cell() -> CellBounds {
        CellBounds {
            memory_bytes: Some(128 << 20),
            pids: Some(60),
            open_files: Some(65_536),
            disk_bytes: Some(20 << 30),
        }
    }

    fn explained(failure: Failure, evidence: Evidence<'_>) -> (FailureKind, String) {
        let explained = failure.explained(&Evidence {
            cell: cell(),
            ..evidence
        });
        (explained.kind, explained.message)
    }

    fn command() -> Failure {
        Failure::new(FailureKind::Command, "`make` exited with code 2")
    }

    #[test]
    fn what_the_kernel_counted_is_named() {
        let kills = Evidence {
            memory_kills: 1,
            refused_forks: 9,
            said: "Too many open files",
            ..Evidence::default()
        };
        assert_eq!(
            explained(command(), kills),
            (
                FailureKind::Bound,
                "`make` exited with code 2; a process was killed because the run's containers together had used up their \
                 128 MiB of memory"
                    .to_owned()
            )
        );
        let forks = Evidence {
            refused_forks: 3,
            ..Evidence::default()
        };
        let (kind, sentence) = explained(command(), forks);
        assert_eq!(kind, FailureKind::Bound);
        assert!(
            sentence.ends_with("together had reached their bound on processes and threads, 60"),
            "{sentence}"
        );
        let own = Evidence {
            own_pids: Some(5),
            ..forks
        };
        let (_, sentence) = explained(command(), own);
        assert!(
            sentence.ends_with("bound of its resources.pids on processes and threads, 5"),
            "{sentence}"
        );
    }

    #[test]
    fn what_programs_print_is_named_with_what_the_disk_says() {
        let left = |bytes, files| Some(DiskLeft { bytes, files });
        for (disk, end) in [
            (left(0, Some(1_000)), "the disk of 20 GiB of the run's cell is full"),
            (
                left(5 << 30, Some(0)),
                "no room for another file (its inodes are used up)",
            ),
            (
                left(5 << 30, None),
                "still has 5 GiB, so it is a tmpfs or a volume of its own that is full",
            ),
            (None, "the disk of 20 GiB of the run's cell is full"),
        ] {
            let evidence = Evidence {
                said: "dd: writing 'x': No space left on device\n",
                disk,
                ..Evidence::default()
            };
            let (kind, sentence) = explained(command(), evidence);
            assert_eq!(kind, FailureKind::Bound);
            assert!(sentence.ends_with(end), "{sentence}");
        }
        let build = Failure::new(FailureKind::Build, "failed to copy files: disk quota exceeded");
        assert_eq!(
            explained(build, Evidence::default()).0,
            FailureKind::Bound,
            "an engine's own words count"
        );
        let files = Evidence {
            said: "accept: Too many open files",
            ..Evidence::default()
        };
        let (_, sentence) = explained(command(), files);
        assert!(sentence.ends_with("the bound on open files, 65536"), "{sentence}");
    }

    #[test]
    fn a_failure_of_another_nature_stays_as_it_is() {
        let evidence = Evidence {
            memory_kills: 1,
            ..Evidence::default()
        };
        for kind in [
            FailureKind::BadPipeline,
            FailureKind::Refused,
            FailureKind::Bound,
            FailureKind::Push,
        ] {
            let failure = Failure::new(kind, "said already");
            assert_eq!(failure.clone().explained(&evidence), failure);
        }
        let ordinary = command();
        assert_eq!(ordinary.clone().explained(&Evidence::default()), ordinary);
    }

    #[test]
    fn sizes_are_written_as_people_set_them() {
        for (bytes, text) in [
            (1_536 << 20, "1.5 GiB"),
            (512 << 20, "512 MiB"),
            (20 << 30, "20 GiB"),
            (900, "900 bytes"),
        ] {
            assert_eq!(binary(bytes), text);
        }
    }
}
