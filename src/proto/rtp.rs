//! RTP packets (RFC 3550 5.1, header extensions RFC 8285) as a view: parsed once, nothing copied.
//!
//! The packet path cannot afford the owned packets of the `rtp` crate; `tests` compares this parser with it.

use smallvec::SmallVec;

/// Facts of one RTP header. Offsets point into the datagram it was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Where the payload starts: the length of the header with CSRCs and extensions.
    pub payload_start: usize,
    /// Profile of the extension block: `0xBEDE`, `0x1000..=0x100F`, or something unknown.
    pub ext_profile: u16,
    /// Range of the extension elements within the datagram.
    pub ext_start: usize,
    pub ext_end: usize,
    /// The P bit: the last byte of the (decrypted) payload counts padding.
    pub padding: bool,
}

pub const ONE_BYTE_PROFILE: u16 = 0xBEDE;
pub const TWO_BYTE_PROFILE: u16 = 0x1000;
const FIXED_HEADER: usize = 12;

impl Header {
    /// Reads the header of an RTP or SRTP packet; the payload is not looked at.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let [b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *packet.first_chunk::<FIXED_HEADER>()?;
        if b0 >> 6 != 2 {
            return None;
        }
        let mut offset = FIXED_HEADER + usize::from(b0 & 0x0F) * 4;
        let (mut ext_profile, mut ext_start, mut ext_end) = (0, 0, 0);
        if b0 & 0x10 != 0 {
            let [p0, p1, l0, l1] = *packet.get(offset..)?.first_chunk::<4>()?;
            ext_profile = u16::from_be_bytes([p0, p1]);
            ext_start = offset + 4;
            ext_end = ext_start + usize::from(u16::from_be_bytes([l0, l1])) * 4;
            offset = ext_end;
        }
        if offset > packet.len() {
            return None;
        }
        Some(Self {
            marker: b1 & 0x80 != 0,
            payload_type: b1 & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload_start: offset,
            ext_profile,
            ext_start,
            ext_end,
            padding: b0 & 0x20 != 0,
        })
    }

    /// The extension elements, both one-byte and two-byte form. Stops at the first broken element.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> ExtensionIter<'a> {
        let elements = packet.get(self.ext_start..self.ext_end).unwrap_or_default();
        let form = match self.ext_profile {
            ONE_BYTE_PROFILE => Form::OneByte,
            0x1000..=0x100F => Form::TwoByte,
            _ => return ExtensionIter { rest: &[], form: Form::OneByte },
        };
        ExtensionIter { rest: elements, form }
    }

    /// The payload without RTP padding, of a decrypted packet. `None` if the padding count lies.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let payload = packet.get(self.payload_start..)?;
        if !self.padding {
            return Some(payload);
        }
        let padding = usize::from(*payload.last()?);
        if padding == 0 {
            return None;
        }
        payload.get(..payload.len().checked_sub(padding)?)
    }
}

#[derive(Debug, Clone, Copy)]
enum Form {
    OneByte,
    TwoByte,
}

#[derive(Debug, Clone)]
pub struct ExtensionIter<'a> {
    rest: &'a [u8],
    form: Form,
}

impl<'a> Iterator for ExtensionIter<'a> {
    /// (id, value)
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.rest.split_first()?;
            if first == 0 {
                self.rest = rest; // padding between elements
                continue;
            }
            let (id, len, rest) = match self.form {
                Form::OneByte if first >> 4 == 15 => return None,
                Form::OneByte => (first >> 4, usize::from(first & 0x0F) + 1, rest),
                Form::TwoByte => {
                    let (&len, rest) = rest.split_first()?;
                    (first, usize::from(len), rest)
                }
            };
            let (value, rest) = rest.split_at_checked(len)?;
            self.rest = rest;
            return Some((id, value));
        }
    }
}

/// Builds extension blocks for outgoing packets: in the one-byte form, unless an element needs the two-byte form.
/// That one is only understood by receivers that negotiated `a=extmap-allow-mixed` (RFC 8285 6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtensionBlock {
    /// Room for all but the longest dependency descriptors.
    bytes: SmallVec<[u8; 64]>,
    two_byte: bool,
}

impl ExtensionBlock {
    /// Ignores empty elements and those that no form can carry (id 0, more than 255 bytes).
    pub fn push(&mut self, id: u8, value: &[u8]) {
        let Ok(len) = u8::try_from(value.len()) else { return };
        if id == 0 || len == 0 {
            return;
        }
        if !self.two_byte {
            if id <= 14 && len <= 16 {
                self.bytes.push((id << 4) | (len - 1));
                self.bytes.extend_from_slice(value);
                return;
            }
            self.widen();
        }
        self.bytes.extend_from_slice(&[id, len]);
        self.bytes.extend_from_slice(value);
    }

    /// Rewrites what there is in the two-byte form.
    fn widen(&mut self) {
        let elements = ExtensionIter { rest: &self.bytes, form: Form::OneByte };
        let mut wide = SmallVec::new();
        for (id, value) in elements {
            wide.extend_from_slice(&[id, u8::try_from(value.len()).unwrap_or(0)]);
            wide.extend_from_slice(value);
        }
        self.bytes = wide;
        self.two_byte = true;
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.two_byte = false;
    }

    /// Bytes of the elements so far.
    pub fn elements_len(&self) -> usize {
        self.bytes.len()
    }

    /// Goes back to the elements that were there at `elements_len`. `false` if that cannot be told any more, since
    /// what followed needed the two-byte form.
    #[must_use]
    pub fn rewind(&mut self, len: usize) -> bool {
        self.bytes.truncate(len);
        !self.two_byte
    }

    /// Another value of the same length for the first element, which is of the one-byte form.
    pub fn set_first<const N: usize>(&mut self, value: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(1..=N) {
            place.copy_from_slice(&value);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Size in the packet: profile, length and padding included; 0 if there are no elements.
    pub fn wire_len(&self) -> usize {
        if self.bytes.is_empty() { 0 } else { 4 + self.bytes.len().next_multiple_of(4) }
    }
}

/// What an outgoing header says.
#[derive(Debug, Clone, Copy)]
pub struct HeaderFields {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

/// Writes a header with extensions; returns its length, or `None` if `out` is too short.
pub fn write_header(out: &mut [u8], fields: &HeaderFields, ext: &ExtensionBlock) -> Option<usize> {
    let ext_len = ext.wire_len();
    let header = out.get_mut(..FIXED_HEADER + ext_len)?;
    let (fixed, rest) = header.split_at_mut_checked(FIXED_HEADER)?;
    let fixed = fixed.first_chunk_mut::<FIXED_HEADER>()?;
    let [s0, s1] = fields.sequence.to_be_bytes();
    let [t0, t1, t2, t3] = fields.timestamp.to_be_bytes();
    let [c0, c1, c2, c3] = fields.ssrc.to_be_bytes();
    let b0 = if ext_len > 0 { 0x90 } else { 0x80 };
    let b1 = (u8::from(fields.marker) << 7) | (fields.payload_type & 0x7F);
    *fixed = [b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
    if ext_len > 0 {
        let words = u16::try_from((ext_len - 4) / 4).ok()?;
        let (head, elements) = rest.split_at_mut_checked(4)?;
        let profile = if ext.two_byte { TWO_BYTE_PROFILE } else { ONE_BYTE_PROFILE };
        let [p0, p1] = profile.to_be_bytes();
        let [l0, l1] = words.to_be_bytes();
        head.copy_from_slice(&[p0, p1, l0, l1]);
        let (used, padding) = elements.split_at_mut_checked(ext.bytes.len())?;
        used.copy_from_slice(&ext.bytes);
        padding.fill(0);
    }
    Some(FIXED_HEADER + ext_len)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use rtc_shared::marshal::Unmarshal as _;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut ext = ExtensionBlock::default();
        ext.push(3, b"0");
        ext.push(5, &[0x85]);
        let fields =
            HeaderFields { marker: true, payload_type: 96, sequence: 7, timestamp: 1234, ssrc: 0xDEAD_BEEF };
        let mut packet = [0u8; 64];
        let len = write_header(&mut packet, &fields, &ext).unwrap();
        let header = Header::parse(&packet).unwrap();
        assert_eq!(header.payload_start, len);
        assert!(header.marker);
        assert_eq!((header.sequence, header.timestamp, header.ssrc), (7, 1234, 0xDEAD_BEEF));
        let seen: Vec<_> = header.extensions(&packet).collect();
        assert_eq!(seen, vec![(3, b"0".as_slice()), (5, &[0x85][..])]);
    }

    #[test]
    fn a_long_element_turns_the_block_into_the_two_byte_form() {
        let long = [7u8; 40];
        for order in [[0usize, 1, 2], [1, 0, 2], [2, 1, 0]] {
            let elements: [(u8, &[u8]); 3] = [(3, b"mid"), (12, &long), (20, b"x")];
            let mut ext = ExtensionBlock::default();
            for index in order {
                ext.push(elements[index].0, elements[index].1);
            }
            let fields =
                HeaderFields { marker: false, payload_type: 96, sequence: 7, timestamp: 1234, ssrc: 1 };
            let mut packet = [0u8; 96];
            let len = write_header(&mut packet, &fields, &ext).unwrap();
            assert_eq!(len, FIXED_HEADER + ext.wire_len());
            let header = Header::parse(&packet).unwrap();
            assert_eq!((header.ext_profile, header.payload_start), (TWO_BYTE_PROFILE, len));
            let seen: Vec<_> = header.extensions(&packet).collect();
            assert_eq!(seen, order.map(|index| elements[index]));
            ext.clear();
            ext.push(3, b"mid");
            write_header(&mut packet, &fields, &ext).unwrap();
            assert_eq!(
                Header::parse(&packet).unwrap().ext_profile,
                ONE_BYTE_PROFILE,
                "the next one is short again"
            );
        }
    }

    #[test]
    fn lying_padding_is_refused() {
        let mut packet = vec![0xA0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9];
        assert_eq!(Header::parse(&packet).unwrap().payload(&packet), None);
        packet.push(1);
        assert_eq!(Header::parse(&packet).unwrap().payload(&packet), Some(&[9u8][..]));
    }

    proptest! {
        /// Differential: wherever the `rtp` crate accepts a packet, this view must agree with it.
        #[test]
        fn agrees_with_the_rtp_crate(mut bytes in proptest::collection::vec(any::<u8>(), 12..80), x in any::<bool>()) {
            bytes[0] = 0x80 | (bytes[0] & 0x0F) | if x { 0x10 } else { 0 };
            let mut theirs_input = Bytes::from(bytes.clone());
            if let (Ok(theirs), Some(ours)) = (rtp::Packet::unmarshal(&mut theirs_input), Header::parse(&bytes)) {
                prop_assert_eq!(theirs.header.sequence_number, ours.sequence);
                prop_assert_eq!(theirs.header.ssrc, ours.ssrc);
                prop_assert_eq!(theirs.header.timestamp, ours.timestamp);
                prop_assert_eq!(theirs.header.marker, ours.marker);
                prop_assert_eq!(&theirs.payload[..], ours.payload(&bytes).unwrap());
            }
        }
    }
}
