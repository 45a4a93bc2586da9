//! Everything impure: shard threads, sockets, queues, clocks.

mod alarm;
pub mod clock;
mod cores;
pub mod hub;
mod placement;
pub mod queue;
mod relay;
mod shard;
pub mod stats;
mod udp;
