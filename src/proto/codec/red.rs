//! Redundant audio (RFC 2198): one packet carries the newest frame and copies of earlier ones.

use arrayvec::ArrayVec;

/// A copy of an earlier frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// How much older than the packet it is.
    pub timestamp_offset: u16,
    pub payload: &'a [u8],
}

/// More copies than this help nobody and are not looked at.
pub const MAX_BLOCKS: usize = 8;
/// Header of a copy: F bit, 7 bits payload type, 14 bits offset, 10 bits length.
const HEADER: usize = 4;

/// The newest frame. `None` if the packet is broken.
pub fn primary(payload: &[u8]) -> Option<&[u8]> {
    let (headers, body) = headers(payload)?;
    body.get(headers.iter().map(|one| one.len).sum()..)
}

/// The copy that is so many frames old; 1 is the frame before the newest.
pub fn copy(payload: &[u8], age: usize) -> Option<Block<'_>> {
    let (headers, body) = headers(payload)?;
    // Oldest first on the wire.
    let wanted = headers.len().checked_sub(age)?;
    let header = headers.get(wanted)?;
    let start = headers.iter().take(wanted).map(|one| one.len).sum();
    let payload = body.get(start..)?.get(..header.len)?;
    (!payload.is_empty()).then_some(Block { timestamp_offset: header.timestamp_offset, payload })
}

#[derive(Debug, Clone, Copy)]
struct Header {
    timestamp_offset: u16,
    len: usize,
}

/// The headers of the copies, and what comes behind all headers.
fn headers(payload: &[u8]) -> Option<(ArrayVec<Header, MAX_BLOCKS>, &[u8])> {
    let mut headers = ArrayVec::new();
    let mut rest = payload;
    loop {
        let (&first, body) = rest.split_first()?;
        if first & 0x80 == 0 {
            return Some((headers, body));
        }
        let (header, behind) = rest.split_first_chunk::<HEADER>()?;
        let [_, high, middle, low] = *header;
        let timestamp_offset = u16::from_be_bytes([high, middle]) >> 2;
        let len = usize::from(u16::from_be_bytes([middle & 0x03, low]));
        headers.try_push(Header { timestamp_offset, len }).ok()?;
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies of 3 and 2 bytes, 1920 and 960 ticks old, and a newest frame.
    pub fn packet() -> Vec<u8> {
        let header = |offset: u16, len: u16| {
            let bits = u32::from(offset) << 10 | u32::from(len);
            let [_, a, b, c] = bits.to_be_bytes();
            [0x80 | 111, a, b, c]
        };
        let mut packet = Vec::new();
        packet.extend(header(1920, 3));
        packet.extend(header(960, 2));
        packet.push(111);
        packet.extend([1, 1, 1, 2, 2, 9, 9, 9, 9]);
        packet
    }

    #[test]
    fn frames_come_out_by_age() {
        let packet = packet();
        assert_eq!(primary(&packet), Some(&[9u8, 9, 9, 9][..]));
        assert_eq!(copy(&packet, 1), Some(Block { timestamp_offset: 960, payload: &[2, 2] }));
        assert_eq!(copy(&packet, 2), Some(Block { timestamp_offset: 1920, payload: &[1, 1, 1] }));
        assert_eq!(copy(&packet, 3), None);
        assert_eq!(copy(&packet, 0), None, "the newest is no copy");
    }

    #[test]
    fn a_lone_frame_has_no_copies() {
        assert_eq!(primary(&[111, 7, 7]), Some(&[7u8, 7][..]));
        assert_eq!(copy(&[111, 7, 7], 1), None);
        assert_eq!(primary(&[]), None);
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let packet = packet();
        for len in 0..13 {
            assert_eq!(primary(&packet[..len]), None, "{len} bytes");
        }
        assert_eq!(copy(&packet[..10], 1), None);
        let many: Vec<u8> = std::iter::repeat_n([0x80 | 111, 0, 0, 0], 40).flatten().collect();
        assert_eq!((primary(&many), copy(&many, 1)), (None, None));
    }
}
