//! Everything impure: shard threads, sockets, queues, clocks.

mod alarm;
pub mod clock;
mod cores;
pub mod hub;
mod placement;
mod ports;
pub mod queue;
mod relay;
mod shard;
pub mod stats;
pub mod tcp;
mod udp;
