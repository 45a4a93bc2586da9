//! Front doors: decode, run a command, encode. No policy.

mod docs;
pub mod error;
pub mod gateway;
pub mod health;
pub mod identity;
pub mod limits;
pub mod oversight;
pub mod page;
mod probe;
mod race;
pub mod rest;
pub mod router;
pub mod rtc;
pub mod schema;
pub mod server;
pub mod socket;
pub mod state;
pub mod whip;
pub mod ws;
