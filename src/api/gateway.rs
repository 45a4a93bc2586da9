//! Signalling sessions: frame, ring and queue logic, which is pure, the registry that routes events to them, and
//! the rounds in which the sockets of crowds are written to.

pub mod frame;
mod hearing;
pub mod outbox;
pub mod pace;
pub mod registry;
pub mod ring;
mod rounds;
pub mod session;
