//! How a key is declared.

/// What every key is of that says nothing else.
const FIRST_VERSION: &str = "0.1.0";

/// A map of the grammar: which keys it may hold.
#[derive(Debug)]
pub(crate) struct Section {
    /// Unique; names the definition in the schema and the table in the guide.
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// Groups, so that sections can share keys.
    pub(crate) groups: &'static [&'static [Key]],
    /// Keys that begin with `x-` are free.
    pub(crate) extensions: bool,
    /// What to write instead of a named sub-step of the original format.
    pub(crate) sub_steps: Option<&'static str>,
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) doc: &'static str,
    /// As it would be written; empty when there is none.
    pub(crate) default: &'static str,
    /// The version that first took it.
    pub(crate) since: &'static str,
    pub(crate) status: Status,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Works,
    /// Must be there.
    Required,
    /// Another name from the original format for the key named.
    OtherName(&'static str),
    /// Understood and refused until a later version can do it.
    NotYet(&'static str),
    /// Of the original format; the sentence says what to write instead.
    Original(&'static str),
    /// A credential.
    Credential(&'static str),
    /// Belongs to another kind of container; the sentence says what to write here.
    Misplaced(&'static str),
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Kind {
    Text,
    /// A text; numbers and truth values are taken as written.
    Scalar,
    Bool,
    Integer {
        min: u64,
        max: u64,
    },
    /// A number with a fraction.
    Number,
    /// A number that may be negative.
    Signed,
    /// `90s`, `20m`, `1h30m`, `14d`.
    Duration,
    /// `512m`, `1g`, `1GiB`.
    Size,
    Port,
    Choice(&'static [&'static str]),
    List(&'static Kind),
    /// Names of the user's choice.
    Map(&'static Kind),
    Section(&'static Section),
    Either(&'static [Kind]),
    Anything,
}

impl Section {
    pub(crate) const fn new(name: &'static str, doc: &'static str, groups: &'static [&'static [Key]]) -> Self {
        Self {
            name,
            doc,
            groups,
            extensions: false,
            sub_steps: None,
        }
    }

    pub(crate) const fn sub_steps(mut self, instead: &'static str) -> Self {
        self.sub_steps = Some(instead);
        self
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    /// How a message speaks of it.
    pub(crate) fn said(&self) -> String {
        match self.name {
            "file" => "the file".to_owned(),
            "trigger" => "a rule of `triggers`".to_owned(),
            "step" => "a step of `deploy`".to_owned(),
            "sidecar" | "job" | "image" | "cache" | "output" | "artifact" | "input" => format!("the {}", self.name),
            name => format!("`{name}`"),
        }
    }

    /// Names that are worth proposing.
    pub(crate) fn proposals(&self) -> impl Iterator<Item = &'static str> {
        self.keys().filter(|key| key.is_accepted()).map(|key| key.name)
    }
}

impl Key {
    pub(crate) const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            doc,
            default: "",
            since: FIRST_VERSION,
            status: Status::Works,
        }
    }

    /// A key that is always refused with this sentence.
    pub(crate) const fn refused(name: &'static str, status: Status) -> Self {
        Self {
            name,
            kind: Kind::Anything,
            doc: "",
            default: "",
            since: FIRST_VERSION,
            status,
        }
    }

    pub(crate) const fn default(mut self, text: &'static str) -> Self {
        self.default = text;
        self
    }

    pub(crate) const fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    pub(crate) const fn required(self) -> Self {
        self.status(Status::Required)
    }

    pub(crate) const fn not_yet(self, sentence: &'static str) -> Self {
        self.status(Status::NotYet(sentence))
    }

    /// Whether a file with this key can be taken.
    pub(crate) const fn is_accepted(&self) -> bool {
        matches!(self.status, Status::Works | Status::Required | Status::OtherName(_))
    }
}
