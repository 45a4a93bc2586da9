//! Identity: tokens and what refreshes them, grants, origins, credentials for TURN servers.

pub mod grants;
pub mod hook;
pub mod invite;
pub mod origin;
pub mod refresh;
pub mod token;
pub mod turn_rest;
