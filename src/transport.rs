//! One WebRTC association: ICE-lite, DTLS, SRTP, SCTP and its negotiation. Sans-I/O.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

pub mod dtls;
pub mod ice;
pub mod negotiate;
pub mod outbox;
pub mod remote;
pub mod sctp;
pub mod session;
pub mod srtp;
