//! H264 payloads (RFC 6184): is this packet the start of an IDR picture?

const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
const NAL_STAP_A: u8 = 24;
const NAL_FU_A: u8 = 28;

/// True for the packet that starts an IDR access unit.
///
/// That is the one with the SPS where the encoder sends parameter sets in band (browsers do), or the first
/// slice of an IDR picture where it does not.
pub fn starts_keyframe(payload: &[u8]) -> bool {
    let Some((&first, rest)) = payload.split_first() else { return false };
    match first & 0x1F {
        NAL_IDR | NAL_SPS => true,
        NAL_STAP_A => stap_a_has_keyframe(rest),
        NAL_FU_A => rest.first().is_some_and(|header| header & 0x80 != 0 && header & 0x1F == NAL_IDR),
        _ => false,
    }
}

fn stap_a_has_keyframe(mut units: &[u8]) -> bool {
    while let Some((size, rest)) = units.split_first_chunk::<2>() {
        let size = usize::from(u16::from_be_bytes(*size));
        let Some((unit, rest)) = rest.split_at_checked(size) else { return false };
        if unit.first().is_some_and(|nal| matches!(nal & 0x1F, NAL_IDR | NAL_SPS)) {
            return true;
        }
        units = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_are_found_in_every_packing() {
        assert!(starts_keyframe(&[0x65, 0]));
        assert!(starts_keyframe(&[0x67, 0]));
        assert!(starts_keyframe(&[0x78, 0, 1, 0x67, 0, 1, 0x68]));
        assert!(starts_keyframe(&[0x7C, 0x85]));
        assert!(!starts_keyframe(&[0x7C, 0x05]), "a later fragment of an IDR");
        assert!(!starts_keyframe(&[0x61, 0]));
        assert!(!starts_keyframe(&[0x78, 0, 9, 0x67]), "truncated aggregate");
        assert!(!starts_keyframe(&[]));
    }
}
