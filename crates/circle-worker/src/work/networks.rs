//! The private networks that a workspace opens to its runs.

use circle_api::worker::Assignment;
use circle_cell::{Cell, Cidr};
use circle_core::run::{Failure, FailureKind};
use circle_core::serving::Isolation;

/// Opens the private networks of the run's workspace to its cell alone. Where no firewall of Circle's stands around cells there
/// is nothing to open; then it gives the sentence that the run says of it.
pub(super) async fn open_networks(
    cell: &Cell,
    isolation: Isolation,
    assignment: &Assignment,
) -> Result<Option<String>, Failure> {
    if assignment.networks.is_empty() {
        return Ok(None);
    }
    let ranges: Result<Vec<Cidr>, _> = assignment.networks.iter().map(|range| range.as_str().parse()).collect();
    let ranges = ranges.map_err(|error| Failure::new(FailureKind::Refused, error.to_string()))?;
    if isolation == Isolation::Shared {
        return Ok(Some(nothing_to_open(&ranges)));
    }
    let opened = cell.allow_networks(&ranges).await;
    opened.map_err(|error| Failure::new(FailureKind::Infrastructure, error.to_string()))?;
    Ok(None)
}

/// Whoever looks for the reason why a private network is not reached, or is by everybody, has to read it here.
fn nothing_to_open(ranges: &[Cidr]) -> String {
    let ranges: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    format!(
        "circle: the workspace opens {} to its runs, which changes nothing on this worker: its cells are containers and reach \
         what the engine of its machine lets containers reach",
        ranges.join(", ")
    )
}
