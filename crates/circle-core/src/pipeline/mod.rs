//! The pipeline file: from bytes to a syntax tree, with everything that is wrong in it reported at once.
//!
//! [`parse`] takes any bytes and never panics; size, depth, nodes and findings are bounded (`bounds`). What the grammar has
//! and this version cannot do is refused, never ignored. What a run will do is decided later, by `plan::plan`.

mod bounds;
mod check;
mod code;
mod diagnostic;
mod foreign_rules;
mod keys;
mod lower;
mod parse;
mod reference;
mod report;
mod schema;
mod source;
mod suggest;
mod tree;
mod value;
mod yaml;

pub use bounds::{MAX_DEPTH, MAX_DIAGNOSTICS, MAX_FILE_BYTES, MAX_NODES, RUN_TIMEOUT_S, SILENCE_S};
pub use check::check_secrets;
pub use code::Code;
pub use diagnostic::{Diagnostic, Severity};
pub use parse::{FILE_NAME, RootFolder, parse, without_file};
pub use reference::{ExampleOf, reference};
pub use schema::schema;
pub use source::{Position, Source, Span};
pub use tree::PipelineFile;
pub use value::{ImageReference, is_beneath, parse_image, parse_repository, parse_tag};

pub(crate) use bounds::{DEFAULT_READY_TIMEOUT_S, DEFAULT_STAGE_TIMEOUT_S};
pub(crate) use check::{container_texts, image_texts, undefined};
pub(crate) use report::{Report, quote};
pub(crate) use source::Spanned;
pub(crate) use tree::{
    ContainerSpec, DeployEntry, EventWord, ImageSpec, Job, Limits, Pair, Patterns, PreBuildForm, SidecarEntry,
    StageName, StageSet, TriggerRule,
};
pub(crate) use value::{PatternSet, full_repository, split_tag};
