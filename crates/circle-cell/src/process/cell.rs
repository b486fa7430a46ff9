//! A cell of this machine.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use crate::{CellError, CellId, Death, Folder, InCell, InCellChild, Killed, Layer, Owner, Relay, StartTimings, View};

#[derive(Debug)]
pub(crate) struct ProcessCell {}

#[derive(Debug, Clone)]
pub(crate) struct ProcessKiller {}

#[derive(Debug, Clone)]
pub(crate) struct ChildSignal {}

impl ProcessKiller {
    pub(crate) async fn kill(&self) -> Duration {
        todo!()
    }
}

impl ChildSignal {
    pub(crate) fn dead(&self) -> CellError {
        todo!()
    }
    pub(crate) async fn kill(&self) -> Result<(), CellError> {
        todo!()
    }
}

impl ProcessCell {
    pub(crate) fn id(&self) -> &CellId {
        todo!()
    }
    pub(crate) fn socket(&self) -> &Path {
        todo!()
    }
    pub(crate) fn timings(&self) -> StartTimings {
        todo!()
    }
    pub(crate) fn address(&self) -> Ipv4Addr {
        todo!()
    }
    pub(crate) fn remapped_root(&self) -> Owner {
        todo!()
    }
    pub(crate) fn killer(&self) -> ProcessKiller {
        todo!()
    }
    pub(crate) async fn exec(&self, _command: InCell) -> Result<InCellChild, CellError> {
        todo!()
    }
    pub(crate) async fn new_folder(&self, _name: &str) -> Result<Folder, CellError> {
        todo!()
    }
    pub(crate) async fn new_layer(&self, _name: &str) -> Result<Layer, CellError> {
        todo!()
    }
    pub(crate) async fn mount_view(&self, _name: &str, _lowers: &[&Layer]) -> Result<View, CellError> {
        todo!()
    }
    pub(crate) async fn unmount_view(&self, _view: View) -> Result<Layer, CellError> {
        todo!()
    }
    pub(crate) async fn open_relay(&self, _relay: Relay) -> Result<(), CellError> {
        todo!()
    }
    pub(crate) async fn health(&self) -> Result<(), CellError> {
        todo!()
    }
    pub(crate) async fn died(&self) -> Death {
        todo!()
    }
    pub(crate) async fn end(self) -> Result<Killed, CellError> {
        todo!()
    }
}
