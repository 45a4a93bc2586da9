//! One WebRTC association. Sans-I/O.
