//! VP9 payload descriptor (RFC 9628 4.2).

use super::PictureId;

/// The descriptor of one packet. Offsets point into the payload, for rewriting in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Descriptor {
    pub picture_id: Option<PictureId>,
    /// Only of streams in non-flexible mode.
    pub tl0_pic_idx: Option<u8>,
    pub tl0_at: u8,
    pub spatial: u8,
    pub temporal: u8,
    /// B: first packet of a layer frame.
    pub begins_frame: bool,
    /// E: last packet of a layer frame.
    pub ends_frame: bool,
    /// P: the layer frame is predicted from earlier pictures.
    pub inter_picture: bool,
    /// D: it is predicted from the spatial layer below.
    pub inter_layer: bool,
    /// U: higher temporal layers may be joined here.
    pub switching_up: bool,
    /// Z: no higher spatial layer refers to it.
    pub not_referenced: bool,
    /// How many spatial layers the scalability structure announces; 0 without one.
    pub announced_layers: u8,
}

/// RFC 9628 4.2: the picture id directly follows the first byte.
const PICTURE_ID_AT: usize = 1;
/// At most this many P_DIFF per packet.
const MAX_REFERENCES: usize = 3;

impl Descriptor {
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let has = |bit: u8| first & bit != 0;
        let (flexible, inter_picture) = (has(0x10), has(0x40));
        let mut descriptor = Self {
            begins_frame: has(0x08),
            ends_frame: has(0x04),
            inter_picture,
            not_referenced: has(0x01),
            ..Self::default()
        };
        let mut at = PICTURE_ID_AT;
        if has(0x80) {
            let picture = PictureId::read(payload, at)?;
            at += usize::from(picture.len());
            descriptor.picture_id = Some(picture);
        }
        if has(0x20) {
            let layers = *payload.get(at)?;
            at += 1;
            descriptor.temporal = layers >> 5;
            descriptor.switching_up = layers & 0x10 != 0;
            descriptor.spatial = (layers >> 1) & 0x07;
            descriptor.inter_layer = layers & 0x01 != 0;
            if !flexible {
                descriptor.tl0_pic_idx = Some(*payload.get(at)?);
                descriptor.tl0_at = u8::try_from(at).ok()?;
                at += 1;
            }
        }
        if flexible && inter_picture {
            let mut more = true;
            for _ in 0..MAX_REFERENCES {
                if !more {
                    break;
                }
                more = *payload.get(at)? & 0x01 != 0;
                at += 1;
            }
            if more {
                return None;
            }
        }
        if has(0x02) {
            descriptor.announced_layers = scalability_structure(payload.get(at..)?)?;
        }
        Some(descriptor)
    }

    /// First packet of a picture that can be decoded without others, with the spatial layers that follow in it.
    pub fn is_keyframe(&self) -> bool {
        self.begins_frame && !self.inter_picture && self.spatial == 0
    }

    /// Overwrites picture id and TL0PICIDX in a copy of the payload this was parsed from.
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) {
        if let Some(original) = self.picture_id {
            original.rewrite(payload, PICTURE_ID_AT, picture_id);
        }
        if self.tl0_pic_idx.is_some()
            && let Some(field) = payload.get_mut(usize::from(self.tl0_at))
        {
            *field = tl0_pic_idx;
        }
    }
}

/// Returns the number of spatial layers, once the whole structure is known to be there.
fn scalability_structure(structure: &[u8]) -> Option<u8> {
    let (&first, mut rest) = structure.split_first()?;
    let layers = (first >> 5) + 1;
    if first & 0x10 != 0 {
        (_, rest) = rest.split_at_checked(usize::from(layers) * 4)?;
    }
    if first & 0x08 != 0 {
        let (&pictures, mut group) = rest.split_first()?;
        for _ in 0..pictures {
            let (&picture, behind) = group.split_first()?;
            (_, group) = behind.split_at_checked(usize::from((picture >> 2) & 0x03))?;
        }
    }
    Some(layers)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use rtp::{codec::vp9::Vp9Packet, packetizer::Depacketizer as _};

    use super::*;

    #[test]
    fn a_key_superframe_of_three_layers_is_read_and_rewritten() {
        // I L B V | 15-bit picture id 0x1234 | tid 0, U, sid 0 | tl0 7 | SS: 3 layers, sizes, no group
        let mut payload = vec![0xAA, 0x92, 0x34, 0x10, 7, 0x50];
        payload.extend([0; 12]);
        payload.push(0xFF);
        let descriptor = Descriptor::parse(&payload).unwrap();
        assert!(descriptor.is_keyframe() && descriptor.switching_up && !descriptor.ends_frame);
        assert_eq!(descriptor.picture_id, Some(PictureId { value: 0x1234, wide: true }));
        assert_eq!((descriptor.tl0_pic_idx, descriptor.announced_layers), (Some(7), 3));
        descriptor.rewrite(&mut payload, 0x0001, 200);
        let again = Descriptor::parse(&payload).unwrap();
        assert_eq!(again.picture_id, Some(PictureId { value: 1, wide: true }));
        assert_eq!(again.tl0_pic_idx, Some(200));
        assert_eq!(again.announced_layers, 3);
    }

    #[test]
    fn an_upper_layer_of_a_key_superframe_is_no_keyframe_of_its_own() {
        // I L B E | 7-bit id | tid 0, sid 1, D | tl0
        let descriptor = Descriptor::parse(&[0xAC, 0x05, 0x03, 9, 0]).unwrap();
        assert!(!descriptor.is_keyframe() && !descriptor.inter_picture && descriptor.inter_layer);
        assert_eq!((descriptor.spatial, descriptor.temporal), (1, 0));
    }

    #[test]
    fn flexible_mode_has_references_instead_of_tl0() {
        // I P L F B | id | tid 2, sid 0 | P_DIFF 1, more | P_DIFF 4
        let payload = [0xF8, 0x05, 0x40, 0x03, 0x08, 0xFF];
        let descriptor = Descriptor::parse(&payload).unwrap();
        assert_eq!((descriptor.temporal, descriptor.tl0_pic_idx), (2, None));
        assert_eq!(Descriptor::parse(&[0xF8, 0x05, 0x40, 3, 3, 3, 3]), None, "a fourth reference");
    }

    #[test]
    fn truncations_are_refused() {
        // Everything at once: I L B V with a group of two pictures.
        let payload = [0xAA, 0x92, 0x34, 0x10, 7, 0x18, 0, 1, 0, 1, 2, 0x04, 1, 0x28, 1, 2];
        let whole = payload.len();
        for len in 0..whole {
            assert_eq!(Descriptor::parse(&payload[..len]), None, "{len} bytes");
        }
        assert!(Descriptor::parse(&payload).is_some());
    }

    proptest! {
        /// Differential: wherever the `rtp` crate accepts a descriptor, this one must agree with it.
        #[test]
        fn agrees_with_the_rtp_crate(bytes in proptest::collection::vec(any::<u8>(), 1..60)) {
            let mut theirs = Vp9Packet::default();
            let accepted = theirs.depacketize(&Bytes::from(bytes.clone())).is_ok();
            let Some(ours) = Descriptor::parse(&bytes) else {
                prop_assert!(!accepted, "refused: {bytes:?}");
                return Ok(());
            };
            if accepted {
                prop_assert_eq!(theirs.i.then_some(theirs.picture_id), ours.picture_id.map(|one| one.value));
                prop_assert_eq!((theirs.tid, theirs.sid), (ours.temporal, ours.spatial));
                prop_assert_eq!((theirs.u, theirs.d), (ours.switching_up, ours.inter_layer));
                prop_assert_eq!((theirs.b, theirs.e, theirs.p), (ours.begins_frame, ours.ends_frame, ours.inter_picture));
                prop_assert_eq!(ours.announced_layers, if theirs.v { theirs.ns + 1 } else { 0 });
                if let Some(tl0) = ours.tl0_pic_idx {
                    prop_assert_eq!(theirs.tl0picidx, tl0);
                }
            }
        }
    }
}
