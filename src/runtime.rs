//! Everything impure: shard threads, sockets, queues, clocks.

pub mod clock;
pub mod hub;
pub mod stats;
