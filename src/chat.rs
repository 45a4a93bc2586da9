//! Chat: channels, messages, presence, typing. Knows no socket and no SQL.

pub mod broadcast;
pub mod command;
pub mod error;
pub mod limits;
pub mod model;
pub mod presence;
pub mod typing;
