//! System calls that neither the standard library nor nix wraps safely: the only `unsafe` code of Circle stands here
//! and in the fork of a cell's init.

#![expect(
    unsafe_code,
    reason = "the kernel's calls for namespaces, pidfds and passed descriptors have no safe wrapper"
)]

mod clone;
mod files;
mod packet;
mod pidfd;
mod watch;

pub(crate) use clone::{clone_into_namespaces, control_socket};
pub(crate) use files::{btrfs_id, clone_file, enable_simple_quota};
pub(crate) use packet::{accept_packets, connect_packets, listen_packets, packet_pair, receive, send};
pub(crate) use pidfd::{kill_by_pidfd, open_pidfd};
pub(crate) use watch::watch;
