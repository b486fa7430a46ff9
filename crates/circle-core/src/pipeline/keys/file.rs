//! Keys of the file itself.

use super::build::BUILD;
use super::deploy::DEPLOY;
use super::inputs::INPUT;
use super::kind::{Key, Kind, Section};
use super::stages::{INTEGRATION, POST_BUILD, PRE_BUILD};
use super::triggers::{CONCURRENCY, TRIGGER};

/// The whole file.
pub(crate) static FILE: Section = Section {
    extensions: true,
    ..Section::new(
        "file",
        "The pipeline of a service. Keys that begin with `x-` are free, to hold anchors.",
        &[&[
            Key::new(
                "version",
                Kind::Integer { min: 1, max: 1 },
                "The version of this grammar.",
            )
            .default("1"),
            Key::new(
                "triggers",
                Kind::List(&Kind::Section(&TRIGGER)),
                "Ordered rules: what runs when.",
            ),
            Key::new(
                "concurrency",
                Kind::Section(&CONCURRENCY),
                "How runs of the same ref get along.",
            ),
            Key::new(
                "integration",
                Kind::Section(&INTEGRATION),
                "Tests beside the services that they need.",
            ),
            Key::new("pre_build", Kind::Section(&PRE_BUILD), "Compile in a full tool chain."),
            Key::new("build", Kind::Section(&BUILD), "Pack into images, and push."),
            Key::new("post_build", Kind::Section(&POST_BUILD), "A container after the push."),
            Key::new(
                "deploy",
                Kind::List(&Kind::Section(&DEPLOY)),
                "Deployments, in the order of their `needs`.",
            ),
            Key::new(
                "inputs",
                Kind::Map(&Kind::Section(&INPUT)),
                "Values that whoever starts a run by hand may give, 20 at most; names have small letters, digits and underscores.",
            ),
        ]],
    )
};
