//! What a gate is told when it is opened.

/// Everything a stage's commands need; none of it stands in the container's configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Orders {
    /// The working directory inside the container. Made when it is missing, but only beneath `workspace`.
    pub directory: String,
    /// The folder beneath which the gate may make the working directory.
    pub workspace: String,
    /// Variables that are added to the container's own environment; they win over it.
    pub environment: Vec<(String, String)>,
    /// Files, path and content, that are written before the work begins: for the container's user alone to read. Their
    /// folder must be there; one that is kept in memory leaves no trace.
    pub files: Vec<(String, String)>,
    /// What to run.
    pub work: Work,
    /// Commands that run afterwards in any case, in a shell of their own; they change no verdict.
    pub finally: Vec<String>,
}

/// What a gate runs.
#[derive(Clone, PartialEq, Eq)]
pub enum Work {
    /// Commands, one after the other in one shell, until one fails.
    Commands {
        /// Which shell.
        shell: Shell,
        /// The commands; each may have many lines.
        commands: Vec<String>,
    },
    /// One program, without a shell: an image's own command.
    Program(Vec<String>),
    /// The same, in the gate's own place: the program is the container's first process and has its output; nothing is told
    /// but that the gate stands.
    Become(Vec<String>),
}

/// A shell of the image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shell {
    /// `sh -e`, whatever it is in the image.
    #[default]
    Sh,
    /// `bash -e -o pipefail`.
    Bash,
    /// Another program that understands the words of a POSIX shell, found in `PATH` or by its absolute path.
    Other(String),
}

impl std::fmt::Debug for Orders {
    /// Names the shape, never a value: commands and variables carry secrets.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Orders")
            .field("directory", &self.directory)
            .field("variables", &self.environment.len())
            .field("files", &self.files.len())
            .field("work", &self.work)
            .field("finally", &self.finally.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Commands { shell, commands } => write!(out, "{} commands for {shell:?}", commands.len()),
            Self::Program(argv) | Self::Become(argv) => write!(out, "a program with {} words", argv.len()),
        }
    }
}
