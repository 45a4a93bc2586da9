//! The SFU proper: what comes in, what is remembered, what goes out. Sans-I/O, single-threaded.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

pub mod allocator;
pub mod bwe;
pub mod clock;
pub mod forwarder;
pub mod history;
pub mod ingest;
pub mod keyframe;
pub mod ladder;
pub mod layers;
pub mod nack;
pub mod pacer;
pub mod packet;
pub mod quality;
pub mod redundancy;
pub mod sent;
pub mod speaker;
pub mod steadiness;
