//! Leaf vocabulary shared by every layer: identifiers, units, arithmetic. No I/O, no policy.

pub mod id;
pub mod origin;
pub mod playout;
pub mod quality;
pub mod rng;
pub mod seq;
pub mod time;
