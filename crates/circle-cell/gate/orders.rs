//! The orders as bytes: texts with their lengths before them, lists with their counts before them (32 bits, little
//! endian), in the order of the fields.

/// What the worker ordered.
pub(crate) struct Orders {
    pub(crate) directory: String,
    pub(crate) workspace: String,
    pub(crate) environment: Vec<(String, String)>,
    /// Path and content.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) work: Work,
    pub(crate) finally: Vec<String>,
}

pub(crate) enum Work {
    /// The shell's words, and the commands.
    Commands {
        shell: Vec<String>,
        commands: Vec<String>,
    },
    Program(Vec<String>),
    Become(Vec<String>),
}

impl Orders {
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let mut reader = Reader(body);
        let directory = reader.text()?;
        let workspace = reader.text()?;
        let pairs = reader.list()?;
        let mut environment = Vec::new();
        for pair in pairs {
            let (name, value) = pair.split_once('=').ok_or("a variable without a value")?;
            environment.push((name.to_owned(), value.to_owned()));
        }
        let mut files = Vec::new();
        for pair in reader.list()?.chunks(2) {
            let [path, content] = pair else {
                return Err("a file without content".to_owned());
            };
            files.push((path.clone(), content.clone()));
        }
        let work = match reader.number()? {
            0 => Work::Commands {
                shell: reader.list()?,
                commands: reader.list()?,
            },
            1 => Work::Program(reader.list()?),
            2 => Work::Become(reader.list()?),
            kind => return Err(format!("there is no work of kind {kind}")),
        };
        let finally = reader.list()?;
        if !reader.0.is_empty() {
            return Err("bytes follow the last field".to_owned());
        }
        Ok(Self {
            directory,
            workspace,
            environment,
            files,
            work,
            finally,
        })
    }

    /// The main list's shell, or plain `sh` when a program was run.
    pub(crate) fn shell_of_finally(&self) -> Vec<String> {
        match &self.work {
            Work::Commands { shell, .. } => shell.clone(),
            Work::Program(_) | Work::Become(_) => vec!["sh".to_owned(), "-e".to_owned()],
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Result<usize, String> {
        let (number, rest) = self.0.split_first_chunk::<4>().ok_or("it is cut")?;
        self.0 = rest;
        usize::try_from(u32::from_le_bytes(*number)).map_err(|error| error.to_string())
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.number()?;
        let (text, rest) = self.0.split_at_checked(length).ok_or("it is cut")?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| "a text is not UTF-8".to_owned())
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        (0..self.number()?).map(|_| self.text()).collect()
    }
}
