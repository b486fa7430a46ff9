//! The worker protocol, as `circle_api::worker` describes it. Who a worker is comes from its token; what it may say of a
//! run comes from the run's token and the lease's fence, checked again in the compare-and-swap.

mod access;
mod assignment;
mod claim;
mod enrol;
mod events;
mod heartbeat;
mod log;
mod orders;
mod outputs;
mod permission;
mod roots;
mod routes;

pub use routes::ROUTES;
pub(super) use routes::router;
