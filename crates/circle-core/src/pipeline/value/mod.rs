//! Values that have a form of their own. Each function takes a text and answers with the value, or with why not.

mod duration;
mod hosts;
mod image;
mod path;
mod pattern;
mod size;
mod words;

pub(super) use duration::parse_duration;
pub(super) use hosts::{parse_host, parse_user};
pub use image::{ImageReference, is_beneath, parse_image, parse_repository, parse_tag};
pub(crate) use image::{full_repository, split_tag};
pub(super) use path::{absolute_path, is_invisible, relative_path};
pub(crate) use pattern::PatternSet;
pub(super) use size::{parse_cpus, parse_size};
pub(super) use words::split_words;
