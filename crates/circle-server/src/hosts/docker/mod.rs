//! A Docker endpoint as a host.
//!
//! A worker is a container of an image of the host's own: the base image with this server's program copied in once, kept as
//! `circle/worker-run:TAG`. It is not privileged, has a volume of its own for its cells (an overlay does not lie on
//! another), and no way in: it connects out. Everything made carries the label `circle.host` with the host's id.

mod host;
mod image;
mod inspect;
mod trial;

pub(super) use host::DockerHost;
