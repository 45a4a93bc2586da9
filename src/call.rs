//! Calls: the ringing state machine, stints, history.

pub mod book;
pub mod live;
pub mod media_plane;
pub mod model;
pub mod quality;
pub mod step;
