//! Convene: group calls, screen sharing and team chat in one binary.
//!
//! The map of the house is `docs/architecture.md`; the direction of imports is held by `tests/house_rules.rs`.

#![forbid(unsafe_code)]

pub mod api;
pub mod app;
pub mod auth;
pub mod base;
pub mod call;
pub mod chat;
pub mod cli;
pub mod config;
pub mod load;
pub mod media;
pub mod netem;
pub mod observe;
pub mod proto;
pub mod room;
pub mod runtime;
pub mod services;
pub mod store;
pub mod transport;
