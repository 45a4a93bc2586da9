//! The part of SDP (RFC 8866, RFC 8829) that matters to an SFU which only answers.
//!
//! `rtc-sdp` reads the grammar; `Offer` keeps the meaning. Limits are checked before anything is parsed.

mod answer;
mod offer;
#[cfg(test)]
mod tests;

pub use answer::{Answer, AnswerSection, DataAnswer, MediaAnswer, Redundancy, RejectedAnswer, SendStream};
pub use offer::{Direction, Fingerprint, MediaKind, Offer, OfferCodec, OfferSection, SimulcastLayer};

/// Largest SDP that is looked at.
pub const MAX_SDP_BYTES: usize = 256 * 1024;
/// RFC 8829 has no limit; a client with more sections than this gains nothing from one connection.
pub const MAX_SECTIONS: usize = 512;
/// Attribute lines of the whole description.
pub const MAX_ATTRIBUTES: usize = 32 * 1024;
/// Candidates are ignored (ICE-lite learns addresses from checks), but a flood of them is refused.
pub const MAX_CANDIDATES: usize = 64;
/// Most simulcast layers that are routed.
pub const MAX_LAYERS: usize = 3;

/// Why an offer was refused. The text goes to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    #[error("the SDP is larger than {MAX_SDP_BYTES} bytes or has too many lines")]
    TooLarge,
    #[error("the SDP cannot be parsed: {0}")]
    Syntax(String),
    #[error("the offer lacks {0}")]
    Missing(&'static str),
    #[error("the offer has an invalid {0}")]
    Invalid(&'static str),
    #[error("not supported: {0}")]
    Unsupported(&'static str),
}
