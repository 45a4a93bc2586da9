//! Signalling sessions: pure frame, ring and queue logic, and the registry that routes events to them.

pub mod frame;
mod hearing;
pub mod outbox;
pub mod pace;
pub mod registry;
pub mod ring;
pub mod session;
