//! Signalling sessions: pure frame, ring and queue logic, and the registry that routes events to them.

pub mod frame;
pub mod outbox;
pub mod registry;
pub mod ring;
pub mod session;
