//! Chat: channels, messages, presence, typing. Knows no socket and no SQL.

pub mod broadcast;
pub mod error;
