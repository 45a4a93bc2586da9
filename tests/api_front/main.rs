//! The front doors against a running server: sockets, resume, hostile input, REST, WHIP, drain, metrics.

mod drain;
mod hostile;
mod http;
mod net_test;
mod sessions;
mod support;
mod turn;
mod whip;
