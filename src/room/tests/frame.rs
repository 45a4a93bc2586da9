//! Frames of VP8 that say which layer they are of and whose they are.

use crate::proto::codec::vp8;

/// The octet of the temporal layer is there.
const T: u8 = 0x20;

/// A video frame as a receiver sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The stream it came in, and whose it is.
    pub ssrc: u32,
    pub from: u8,
    pub layer: u8,
    /// 0 where there are none.
    pub temporal: u8,
    pub keyframe: bool,
    pub timestamp: u32,
}

impl Frame {
    /// Any packet of it.
    pub fn parse(ssrc: u32, timestamp: u32, payload: &[u8]) -> Self {
        let descriptor = vp8::Descriptor::parse(payload).unwrap();
        let tag = 5 + usize::from(payload[1] & T != 0);
        Self {
            ssrc,
            from: payload[tag + 2],
            layer: payload[tag + 1],
            temporal: descriptor.temporal_layer,
            keyframe: descriptor.keyframe,
            timestamp,
        }
    }
}

/// Where a stream is in the order 0 2 1 2 of its temporal layers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Order {
    since_key: u8,
    tl0: u8,
}

impl Order {
    /// The descriptor of the next picture: TL0PICIDX, and the octet of the temporal layer.
    pub fn next(&mut self, keyframe: bool) -> [u8; 2] {
        self.since_key = if keyframe { 0 } else { (self.since_key + 1) % 4 };
        self.tl0 = self.tl0.wrapping_add(u8::from(self.since_key == 0));
        // The last of four refers to the middle layer, the others to the base.
        let octet = [0x00, 0xA0, 0x60, 0x80][usize::from(self.since_key)];
        [self.tl0, octet]
    }
}

/// The first bytes of a frame. Without `layers` it is of a stream without temporal layers.
pub fn head(picture: u16, keyframe: bool, layers: Option<[u8; 2]>, layer: u8, from: u8) -> Vec<u8> {
    let [high, low] = picture.to_be_bytes();
    let mut head = vec![0x90, 0xC0, 0x80 | high, low, 7];
    if let Some([tl0, octet]) = layers {
        head[1] |= T;
        head[4] = tl0;
        head.push(octet);
    }
    head.extend([u8::from(!keyframe), layer, from, 0, 0]);
    head
}
