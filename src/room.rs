//! Rooms: membership and policy over the media core. Sans-I/O.

pub mod command;
pub mod event;
