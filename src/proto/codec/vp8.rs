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
}

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
            if flags & 0x30 != 0 {
                let tid = *payload.get(usize::from(at))?;
                if flags & 0x20 != 0 {
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

    /// Overwrites picture id and TL0PICIDX in a copy of the payload this was parsed from.
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) {
        if let Some(original) = self.picture_id {
            original.rewrite(payload, usize::from(self.picture_id_at), picture_id);
        }
        if self.tl0_pic_idx.is_some()
            && let Some(field) = payload.get_mut(usize::from(self.tl0_at))
        {
            *field = tl0_pic_idx;
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
