//! One media packet with everything the SFU wants to know of it, parsed once.

use crate::proto::codec::{Codec, h264, vp8};

/// A decrypted packet of one encoding; the payload stays in the receive buffer (or in the history).
#[derive(Debug, Clone, Copy)]
pub struct MediaPacket<'a> {
    /// Extended sequence within the encoding.
    pub sequence: u64,
    pub facts: Facts,
    pub payload: &'a [u8],
}

/// What is kept of a packet beside its payload.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    pub timestamp: u32,
    pub marker: bool,
    /// First packet of a picture that can be decoded without others.
    pub keyframe: bool,
    pub vp8: Option<vp8::Descriptor>,
    /// The RFC 6464 byte.
    pub audio_level: Option<u8>,
    pub orientation: Option<u8>,
}

impl Facts {
    /// Reads the codec's descriptor. A payload that cannot be read is forwarded as opaque, never as a keyframe.
    pub fn of(codec: Codec, payload: &[u8]) -> Self {
        let mut facts = Self::default();
        match codec {
            Codec::Opus => {}
            Codec::Vp8 => {
                facts.vp8 = vp8::Descriptor::parse(payload);
                facts.keyframe = facts.vp8.is_some_and(|descriptor| descriptor.keyframe);
            }
            Codec::H264 => facts.keyframe = h264::starts_keyframe(payload),
        }
        facts
    }
}
