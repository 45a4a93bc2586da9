//! One media packet with everything the SFU wants to know of it, parsed once.

use crate::proto::{
    codec::{Codec, av1, h264, vp8, vp9},
    ext::CaptureTime,
};

/// A decrypted packet of one encoding; the payload stays in the receive buffer (or in the history).
#[derive(Debug, Clone, Copy)]
pub struct MediaPacket<'a> {
    /// Extended sequence within the encoding.
    pub sequence: u64,
    pub facts: Facts,
    pub payload: &'a [u8],
    /// The dependency descriptor, which is forwarded as well. Empty without one.
    pub dependencies: &'a [u8],
}

/// What is kept of a packet beside its payload.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    pub timestamp: u32,
    pub marker: bool,
    /// First packet of a picture that can be decoded without others.
    pub keyframe: bool,
    pub descriptor: Descriptor,
    /// The RFC 6464 byte.
    pub audio_level: Option<u8>,
    pub orientation: Option<u8>,
    /// Of the packets that say it; a receiver works the others out.
    pub captured: Option<CaptureTime>,
}

/// What the codec says of a packet.
#[derive(Debug, Clone, Copy, Default)]
pub enum Descriptor {
    #[default]
    None,
    Vp8(vp8::Descriptor),
    Vp9(vp9::Descriptor),
    Av1(av1::Frame),
    /// Opus with copies of earlier frames (RFC 2198).
    Red,
}

/// The place of a picture among the layers of one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LayerId {
    pub spatial: u8,
    pub temporal: u8,
}

impl MediaPacket<'_> {
    /// Bytes that are forwarded.
    pub fn len(&self) -> usize {
        self.dependencies.len() + self.payload.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Facts {
    /// Reads the codec's descriptor. A payload that cannot be read is forwarded as opaque, never as a keyframe.
    pub fn of(codec: Codec, payload: &[u8]) -> Self {
        let mut facts = Self::default();
        match codec {
            Codec::Opus => {}
            Codec::Vp8 => {
                if let Some(descriptor) = vp8::Descriptor::parse(payload) {
                    facts.keyframe = descriptor.keyframe;
                    facts.descriptor = Descriptor::Vp8(descriptor);
                }
            }
            Codec::Vp9 => {
                if let Some(descriptor) = vp9::Descriptor::parse(payload) {
                    facts.keyframe = descriptor.is_keyframe();
                    facts.descriptor = Descriptor::Vp9(descriptor);
                }
            }
            Codec::Av1 => facts.keyframe = av1::starts_sequence(payload),
            Codec::H264 => facts.keyframe = h264::starts_keyframe(payload),
        }
        facts
    }

    /// AV1 with a dependency descriptor; `known` keeps the structure that later descriptors refer to.
    pub fn of_av1(payload: &[u8], dependencies: &[u8], known: &mut Option<Box<av1::Structure>>) -> Self {
        let Some(descriptor) = av1::Descriptor::parse(dependencies, known.as_deref()) else {
            // Without its structure a frame cannot be placed: only a keyframe helps.
            let keyframe = dependencies.is_empty() && av1::starts_sequence(payload);
            return Self { keyframe, ..Self::default() };
        };
        if let Some(structure) = descriptor.structure {
            *known = Some(Box::new(structure));
        }
        let frame = descriptor.frame;
        Self { keyframe: frame.keyframe, descriptor: Descriptor::Av1(frame), ..Self::default() }
    }

    pub fn layer(&self) -> LayerId {
        match &self.descriptor {
            Descriptor::None | Descriptor::Red => LayerId::default(),
            Descriptor::Vp8(one) => LayerId { spatial: 0, temporal: one.temporal_layer },
            Descriptor::Vp9(one) => LayerId { spatial: one.spatial, temporal: one.temporal },
            Descriptor::Av1(one) => LayerId { spatial: one.spatial, temporal: one.temporal },
        }
    }

    /// Picture id, or the frame number of AV1; 0 without.
    pub fn picture(&self) -> u16 {
        match &self.descriptor {
            Descriptor::Vp8(one) => one.picture_id.map_or(0, |picture| picture.value),
            Descriptor::Vp9(one) => one.picture_id.map_or(0, |picture| picture.value),
            Descriptor::Av1(one) => one.number,
            Descriptor::None | Descriptor::Red => 0,
        }
    }

    pub fn tl0_pic_idx(&self) -> u8 {
        match &self.descriptor {
            Descriptor::Vp8(one) => one.tl0_pic_idx.unwrap_or(0),
            Descriptor::Vp9(one) => one.tl0_pic_idx.unwrap_or(0),
            Descriptor::None | Descriptor::Av1(_) | Descriptor::Red => 0,
        }
    }

    /// With a keyframe: the highest spatial layer that will follow in its picture, as far as it says so.
    pub fn announced_spatial(&self) -> u8 {
        match &self.descriptor {
            Descriptor::Vp9(one) if self.keyframe => one.announced_layers.saturating_sub(1),
            Descriptor::Av1(one) if self.keyframe => one.spatial_switch,
            _ => 0,
        }
    }

    /// First packet of a frame of one spatial layer.
    pub fn begins_frame(&self) -> bool {
        match &self.descriptor {
            Descriptor::None | Descriptor::Red => true,
            Descriptor::Vp8(one) => one.start_of_frame,
            Descriptor::Vp9(one) => one.begins_frame,
            Descriptor::Av1(one) => one.begins_frame,
        }
    }

    /// Last packet of a frame of one spatial layer, where the codec has such.
    pub fn ends_frame(&self) -> bool {
        match &self.descriptor {
            Descriptor::None | Descriptor::Red | Descriptor::Vp8(_) => self.marker,
            Descriptor::Vp9(one) => one.ends_frame,
            Descriptor::Av1(one) => one.ends_frame,
        }
    }
}
