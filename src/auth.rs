//! Identity: tokens, grants, origins, credentials for TURN servers.

pub mod grants;
pub mod origin;
pub mod token;
pub mod turn_rest;
