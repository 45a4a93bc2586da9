//! Payload descriptors: what the SFU must know of a frame without decoding it.

pub mod av1;
pub mod h264;
pub mod red;
pub mod vp8;
pub mod vp9;

/// Codecs that are routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    Opus,
    Vp8,
    Vp9,
    Av1,
    H264,
}

impl Codec {
    pub const ALL: [Self; 5] = [Self::Opus, Self::Vp8, Self::Vp9, Self::Av1, Self::H264];

    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
            Self::H264 => "H264",
        }
    }

    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H264 => 90_000,
        }
    }

    pub fn is_video(self) -> bool {
        self != Self::Opus
    }

    /// Whether its packets say which temporal layer they belong to.
    pub fn has_temporal_layers(self) -> bool {
        matches!(self, Self::Vp8 | Self::Vp9 | Self::Av1)
    }

    /// Whether one stream of it may carry several spatial layers.
    pub fn is_scalable(self) -> bool {
        matches!(self, Self::Vp9 | Self::Av1)
    }
}

/// 7- or 15-bit picture id of VP8 and VP9; the width is kept when it is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    pub value: u16,
    pub wide: bool,
}

impl PictureId {
    fn read(payload: &[u8], at: usize) -> Option<Self> {
        let high = *payload.get(at)?;
        if high & 0x80 == 0 {
            return Some(Self { value: u16::from(high), wide: false });
        }
        let low = *payload.get(at + 1)?;
        Some(Self { value: u16::from_be_bytes([high & 0x7F, low]), wide: true })
    }

    fn len(self) -> u8 {
        if self.wide { 2 } else { 1 }
    }

    /// Overwrites the field this was read from.
    fn rewrite(self, payload: &mut [u8], at: usize, value: u16) {
        let [high, low] = value.to_be_bytes();
        if self.wide {
            if let Some(field) = payload.get_mut(at..at + 2) {
                field.copy_from_slice(&[0x80 | (high & 0x7F), low]);
            }
        } else if let Some(field) = payload.get_mut(at) {
            *field = low & 0x7F;
        }
    }
}
