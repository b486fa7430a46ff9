//! Warm cells ahead of demand.

mod config;
mod counters;
mod demand;
mod keeper;
mod lane;
mod take;

pub use config::PoolConfig;
pub use counters::PoolCounters;
pub use lane::Pool;
pub use take::PooledCell;
