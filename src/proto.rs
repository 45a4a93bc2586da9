//! Wire codecs: bytes to types and back. Sans-I/O, every parser bounds-checked and fuzzed.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

pub mod client_hello;
pub mod codec;
pub mod demux;
pub mod dtls;
pub mod ext;
pub mod framing;
pub mod fuzz;

pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod stun;
pub mod twcc;
