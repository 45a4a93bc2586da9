//! Identity: passwords, tokens, grants, origins.

pub mod grants;
