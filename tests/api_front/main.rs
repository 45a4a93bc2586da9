//! The front doors against a running server: sockets, resume, hostile input, REST, WHIP, drain, metrics.

mod contract;
mod drain;
mod filters;
mod hooks;
mod hostile;
mod http;
mod invites;
mod logins;
mod matrix;
mod moderation;
mod net_test;
#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/postgres.rs"]
mod postgres;
mod privacy;
mod sessions;
mod support;
mod turn;
mod whip;
