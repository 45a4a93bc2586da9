//! The real binary, driven from outside through its documented doors: it is started, killed, attacked and
//! drained, and what it promised is checked against what it did.

#[path = "support/support.rs"]
mod support;

#[path = "e2e/chat_crash.rs"]
mod chat_crash;
#[path = "e2e/hostile_media.rs"]
mod hostile_media;
#[path = "e2e/hostile_signal.rs"]
mod hostile_signal;
#[path = "e2e/hostile_tokens.rs"]
mod hostile_tokens;
#[path = "e2e/invites.rs"]
mod invites;
#[path = "e2e/operations.rs"]
mod operations;
#[path = "e2e/ringing.rs"]
mod ringing;
#[path = "e2e/scheduled.rs"]
mod scheduled;
#[path = "e2e/spread.rs"]
mod spread;
#[path = "e2e/tools.rs"]
mod tools;
#[path = "e2e/turn.rs"]
mod turn;
