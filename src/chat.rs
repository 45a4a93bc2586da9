//! Chat: channels, messages, presence, typing. Knows no socket and no SQL.

pub mod broadcast;
pub mod command;
pub mod directory;
pub mod error;
pub mod filter;
pub mod invite;
pub mod limits;
pub mod line;
pub mod lobby;
pub mod mentions;
pub mod model;
pub mod moderation;
pub mod presence;
pub mod privacy;
pub mod receipts;
pub mod schedule;
pub mod search;
pub mod typing;
