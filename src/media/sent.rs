//! What one subscription sent lately, so that a NACK can be answered from the publisher's history.

use super::forwarder::Placement;
use crate::base::seq::low16;

/// 1.4 s of a 1.7 Mb/s camera, 0.4 s of a 6 Mb/s screen; 16 bytes each.
const SLOTS: usize = 256;
/// Of audio: 0.6 s; what comes later is not heard.
const AUDIO_SLOTS: usize = 32;

/// One packet as it was rewritten for this subscriber.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    out: u16,
    used: bool,
    pub marker: bool,
    pub layer: u8,
    pub tl0_pic_idx: u8,
    pub picture_id: u16,
    pub timestamp: u32,
    /// Low half of the publisher's extended sequence.
    source: u32,
}

/// Allocated with the first packet.
#[derive(Debug)]
pub struct SentRing {
    video: bool,
    slots: Vec<Sent>,
}

impl SentRing {
    pub fn new(video: bool) -> Self {
        Self { video, slots: Vec::new() }
    }

    pub fn push(&mut self, out: u64, source: u64, sent: Sent) {
        if self.slots.is_empty() {
            self.slots = vec![Sent::default(); if self.video { SLOTS } else { AUDIO_SLOTS }];
        }
        let sent = Sent { out: low16(out), used: true, source: low32(source), ..sent };
        let mask = self.slots.len() - 1; // a power of two
        if let Some(slot) = self.slots.get_mut(usize::from(low16(out)) & mask) {
            *slot = sent;
        }
    }

    pub fn get(&self, out: u16) -> Option<&Sent> {
        let mask = self.slots.len().checked_sub(1)?;
        self.slots.get(usize::from(out) & mask).filter(|sent| sent.used && sent.out == out)
    }

    pub fn allocated(&self) -> usize {
        self.slots.capacity() * size_of::<Sent>()
    }
}

impl Sent {
    pub fn new(at: &Placement) -> Self {
        Self {
            layer: at.layer,
            marker: at.marker,
            timestamp: at.timestamp,
            picture_id: at.picture_id,
            tl0_pic_idx: at.tl0_pic_idx,
            ..Self::default()
        }
    }

    /// Of audio: the transport-wide number, which it keeps when it is sent again.
    pub fn transport(&self) -> u16 {
        self.picture_id
    }

    /// The publisher's extended sequence, given a recent one of the same encoding.
    pub fn source_near(&self, reference: u64) -> u64 {
        let delta = self.source.wrapping_sub(low32(reference)).cast_signed();
        reference.saturating_add_signed(i64::from(delta))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is kept")]
fn low32(value: u64) -> u32 {
    value as u32
}
