//! Identity: tokens, grants, origins.

pub mod grants;
pub mod origin;
pub mod token;
