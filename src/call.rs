//! Calls: the ringing state machine, stints, history.

pub mod media_plane;
