//! Outputs: copied out of a container by the engine's archive call, checked entry by entry, laid under later stages, and
//! kept on the server for reruns.

mod check;
mod copy_out;
mod rewrite;
mod unpack;

pub(crate) use copy_out::copy_out;
pub(crate) use unpack::unpack;
