//! VP8 payload descriptor (RFC 7741 4.2).

use super::PictureId;

/// The descriptor of one packet. Offsets point into the payload, for rewriting in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Descriptor {
    /// First packet of the first partition.
    pub start_of_frame: bool,
    pub keyframe: bool,
    pub picture_id: Option<PictureId>,
    pub tl0_pic_idx: Option<u8>,
    pub temporal_layer: u8,
    pub layer_sync: bool,
    pub picture_id_at: u8,
    pub tl0_at: u8,
    /// Where the octet with the KEYIDX is; 0 without one.
    pub key_index_at: u8,
}

const FLAGS_AT: usize = 1;
/// The octet of temporal layer and KEYIDX carries a temporal layer.
const T: u8 = 0x20;
/// It carries a KEYIDX.
const K: u8 = 0x10;
const KEY_INDEX: u8 = 0x1F;

impl Descriptor {
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut at: u8 = 1;
        let first = *payload.first()?;
        let mut descriptor =
            Self { start_of_frame: first & 0x10 != 0 && first & 0x07 == 0, ..Self::default() };
        if first & 0x80 != 0 {
            let flags = *payload.get(usize::from(at))?;
            at += 1;
            if flags & 0x80 != 0 {
                descriptor.picture_id_at = at;
                let picture = PictureId::read(payload, usize::from(at))?;
                at += picture.len();
                descriptor.picture_id = Some(picture);
            }
            if flags & 0x40 != 0 {
                descriptor.tl0_at = at;
                descriptor.tl0_pic_idx = Some(*payload.get(usize::from(at))?);
                at += 1;
            }
            if flags & (T | K) != 0 {
                let tid = *payload.get(usize::from(at))?;
                if flags & K != 0 {
                    descriptor.key_index_at = at;
                }
                if flags & T != 0 {
                    descriptor.temporal_layer = tid >> 6;
                    descriptor.layer_sync = tid & 0x20 != 0;
                }
                at += 1;
            }
        }
        // RFC 6386 9.1: the lowest bit of the frame tag is 0 in keyframes.
        descriptor.keyframe =
            descriptor.start_of_frame && payload.get(usize::from(at)).is_some_and(|tag| tag & 1 == 0);
        Some(descriptor)
    }

    /// Overwrites picture id and TL0PICIDX in a copy of the payload this was parsed from, and takes a KEYIDX out.
    ///
    /// KEYIDX counts the encoder's key frames, so that a receiver that sees it jump knows it has lost one. After a
    /// switch it is another encoder's count. Unlike picture id and TL0PICIDX nothing needs it to find references,
    /// and it is optional (4.2, K bit): browsers do not send it, and none is better than one that jumps.
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) {
        if let Some(original) = self.picture_id {
            original.rewrite(payload, usize::from(self.picture_id_at), picture_id);
        }
        if self.tl0_pic_idx.is_some()
            && let Some(field) = payload.get_mut(usize::from(self.tl0_at))
        {
            *field = tl0_pic_idx;
        }
        if self.key_index_at != 0 {
            self.forget_key_index(payload);
        }
    }

    fn forget_key_index(&self, payload: &mut [u8]) {
        let Some(flags) = payload.get_mut(FLAGS_AT) else { return };
        let layered = *flags & T != 0;
        // The octet stays, so that nothing has to move. Without a temporal layer it says the base layer.
        *flags = *flags & !K | T;
        if let Some(field) = payload.get_mut(usize::from(self.key_index_at)) {
            *field = if layered { *field & !KEY_INDEX } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_descriptor_is_read_and_rewritten() {
        // X, S | I L T | 15-bit picture id 0x1234 | tl0 7 | tid 1, sync | keyframe tag
        let mut payload = vec![0x90, 0xE0, 0x92, 0x34, 7, 0x60, 0x10, 0, 0];
        let descriptor = Descriptor::parse(&payload).unwrap();
        assert!(descriptor.keyframe && descriptor.start_of_frame);
        assert_eq!(descriptor.picture_id, Some(PictureId { value: 0x1234, wide: true }));
        assert_eq!(descriptor.tl0_pic_idx, Some(7));
        assert_eq!((descriptor.temporal_layer, descriptor.layer_sync), (1, true));
        descriptor.rewrite(&mut payload, 0x7FFF, 9);
        let again = Descriptor::parse(&payload).unwrap();
        assert_eq!(again.picture_id, Some(PictureId { value: 0x7FFF, wide: true }));
        assert_eq!(again.tl0_pic_idx, Some(9));
    }

    #[test]
    fn a_key_frame_index_is_taken_out_and_nothing_else_changes() {
        // X, S | I L T K | 7-bit picture id | tl0 | tid 2, sync, KEYIDX 21 | delta
        let mut payload = vec![0x90, 0xF0, 0x11, 7, 0xB5, 0x01, 9];
        let before = Descriptor::parse(&payload).unwrap();
        before.rewrite(&mut payload, 0x12, 8);
        assert_eq!(payload, [0x90, 0xE0, 0x12, 8, 0xA0, 0x01, 9]);
        let after = Descriptor::parse(&payload).unwrap();
        assert_eq!((after.temporal_layer, after.layer_sync, after.key_index_at), (2, true, 0));

        // K alone: what the other bits of the octet say is not meant.
        let mut payload = vec![0x90, 0x10, 0xF5, 0x00, 9];
        Descriptor::parse(&payload).unwrap().rewrite(&mut payload, 0, 0);
        assert_eq!(payload, [0x90, 0x20, 0, 0x00, 9]);
        let after = Descriptor::parse(&payload).unwrap();
        assert!(after.keyframe && after.temporal_layer == 0);
    }

    #[test]
    fn narrow_picture_id_stays_narrow() {
        let mut payload = vec![0x80, 0x80, 0x05, 0x11];
        let descriptor = Descriptor::parse(&payload).unwrap();
        assert!(!descriptor.keyframe);
        descriptor.rewrite(&mut payload, 300, 0);
        assert_eq!(payload[2], 300u16.to_be_bytes()[1] & 0x7F);
    }

    #[test]
    fn truncations_are_refused() {
        let payload = [0x90, 0xF0, 0x92, 0x34, 7, 0x60];
        for len in 0..payload.len() {
            assert_eq!(Descriptor::parse(&payload[..len]), None, "{len} bytes");
        }
        assert!(Descriptor::parse(&payload).is_some());
    }
}
