//! Metrics and logs.

pub mod metrics;
pub mod process;
pub mod trace;
