//! What bots put into RTP payloads: a codec header that an SFU can read, then a marker that proves where
//! every byte came from.
//!
//! Video is VP8 as RFC 7741 packs it: payload descriptor with 15-bit picture id and TL0PICIDX, and a true VP8
//! frame header (RFC 6386 9.1) in the first packet, so that keyframe detection and layer switching work on it.
//! Audio is one Opus TOC byte (RFC 6716 3.1) before the marker. Nothing behind the header is decodable.

use bytes::{BufMut as _, Bytes, BytesMut};

/// First bytes of every marker.
const MAGIC: u32 = 0x4356_4c44;
/// Magic, checksum, publisher, kind, layer, flags, 0, frame, index, count, sent, length, 0.
pub const MARKER_LEN: usize = 36;
/// Descriptor with extensions I, L and T: 1 + 1 + 2 + 1 + 1.
const VP8_DESCRIPTOR_LEN: usize = 6;
/// Frame tag, and for keyframes start code and dimensions.
const VP8_KEY_HEADER_LEN: usize = 10;
const VP8_DELTA_HEADER_LEN: usize = 3;
const VP8_START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
/// The smallest packet that holds headers and marker.
pub const MIN_PAYLOAD: usize = VP8_DESCRIPTOR_LEN + VP8_KEY_HEADER_LEN + MARKER_LEN;
/// Opus, fullband CELT 20 ms, mono, one frame.
const OPUS_TOC: u8 = 0xf8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    Audio,
    Video,
}

/// What the marker of one packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    pub publisher: u32,
    pub kind: MediaKind,
    /// Index of the simulcast layer, 0 = smallest.
    pub layer: u8,
    pub keyframe: bool,
    /// The same on all layers of one moment.
    pub frame: u32,
    /// Position of the packet in its frame.
    pub index: u16,
    /// Packets of the frame.
    pub count: u16,
    /// Microseconds on the clock of the process.
    pub sent_us: u64,
}

/// The clear part of a VP8 packet that an SFU rewrites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8Descriptor {
    pub picture_id: u16,
    pub tl0_picture_index: u8,
    /// First packet of the frame.
    pub start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("too short")]
    Short,
    #[error("no VP8 descriptor of the kind that was sent")]
    Descriptor,
    #[error("the VP8 frame header does not fit the marker")]
    FrameHeader,
    #[error("no marker")]
    Magic,
    #[error("the length differs from what was sent")]
    Length,
    #[error("checksum")]
    Checksum,
}

/// A VP8 packet of exactly `size` bytes (at least `MIN_PAYLOAD`).
pub fn video_packet(
    marker: &Marker,
    descriptor: &Vp8Descriptor,
    dimensions: (u16, u16),
    size: usize,
) -> Bytes {
    let size = size.max(MIN_PAYLOAD);
    let mut packet = BytesMut::with_capacity(size);
    // X set; S on the first packet; partition 0.
    packet.put_u8(0x80 | if descriptor.start { 0x10 } else { 0 });
    // I, L, T.
    packet.put_u8(0xe0);
    packet.put_u16(0x8000 | (descriptor.picture_id & 0x7fff));
    packet.put_u8(descriptor.tl0_picture_index);
    // Temporal layer 0, synchronised.
    packet.put_u8(0x20);
    if descriptor.start {
        put_frame_header(&mut packet, marker.keyframe, dimensions);
    }
    put_marker(packet, marker, size)
}

/// An Opus packet of exactly `size` bytes.
pub fn audio_packet(marker: &Marker, size: usize) -> Bytes {
    let size = size.max(1 + MARKER_LEN);
    let mut packet = BytesMut::with_capacity(size);
    packet.put_u8(OPUS_TOC);
    put_marker(packet, marker, size)
}

/// Reads and verifies a packet made by `video_packet`.
pub fn read_video(payload: &[u8]) -> Result<(Vp8Descriptor, Marker), PayloadError> {
    let (descriptor, rest) = read_descriptor(payload)?;
    let (frame_key, rest) = if descriptor.start {
        let (key, rest) = read_frame_header(rest)?;
        (Some(key), rest)
    } else {
        (None, rest)
    };
    let marker = read_marker(rest, payload.len())?;
    if frame_key.is_some_and(|key| key != marker.keyframe) || descriptor.start != (marker.index == 0) {
        return Err(PayloadError::FrameHeader);
    }
    Ok((descriptor, marker))
}

/// Reads and verifies a packet made by `audio_packet`.
pub fn read_audio(payload: &[u8]) -> Result<Marker, PayloadError> {
    match payload.split_first() {
        Some((&OPUS_TOC, rest)) => read_marker(rest, payload.len()),
        Some(_) => Err(PayloadError::Descriptor),
        None => Err(PayloadError::Short),
    }
}

fn put_frame_header(packet: &mut BytesMut, keyframe: bool, (width, height): (u16, u16)) {
    // Frame tag: key bit inverted, version 0, shown, first partition of 1 byte.
    let tag: u32 = u32::from(!keyframe) | (1 << 4) | (1 << 5);
    packet.put_uint_le(u64::from(tag), 3);
    if keyframe {
        packet.put_slice(&VP8_START_CODE);
        packet.put_u16_le(width & 0x3fff);
        packet.put_u16_le(height & 0x3fff);
    }
}

fn put_marker(mut packet: BytesMut, marker: &Marker, size: usize) -> Bytes {
    let start = packet.len();
    packet.put_u32(MAGIC);
    packet.put_u32(0);
    packet.put_u32(marker.publisher);
    packet.put_u8(match marker.kind {
        MediaKind::Audio => 0,
        MediaKind::Video => 1,
    });
    packet.put_u8(marker.layer);
    packet.put_u8(u8::from(marker.keyframe));
    packet.put_u8(0);
    packet.put_u32(marker.frame);
    packet.put_u16(marker.index);
    packet.put_u16(marker.count);
    packet.put_u64(marker.sent_us);
    packet.put_u16(u16::try_from(size).unwrap_or(u16::MAX));
    packet.put_u16(0);
    // The filler differs from packet to packet, so a mixed-up tail changes the checksum.
    let filler = (marker.frame as u8).wrapping_mul(31) ^ (marker.index as u8) ^ marker.layer;
    packet.resize(size, filler);
    let checksum = packet.get(start + 8..).map_or(0, crc32c::crc32c);
    if let Some(field) = packet.get_mut(start + 4..start + 8) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    packet.freeze()
}

fn read_descriptor(payload: &[u8]) -> Result<(Vp8Descriptor, &[u8]), PayloadError> {
    let Some((head, rest)) = payload.split_first_chunk::<VP8_DESCRIPTOR_LEN>() else {
        return Err(PayloadError::Short);
    };
    let [first, extensions, id_high, id_low, tl0_picture_index, temporal] = *head;
    if first & !0x10 != 0x80 || extensions != 0xe0 || id_high & 0x80 == 0 || temporal & 0xc0 != 0 {
        return Err(PayloadError::Descriptor);
    }
    let picture_id = u16::from_be_bytes([id_high & 0x7f, id_low]);
    Ok((Vp8Descriptor { picture_id, tl0_picture_index, start: first & 0x10 != 0 }, rest))
}

/// Whether the frame is a keyframe, and what follows the header.
fn read_frame_header(payload: &[u8]) -> Result<(bool, &[u8]), PayloadError> {
    let keyframe = payload.first().ok_or(PayloadError::Short)? & 1 == 0;
    let length = if keyframe { VP8_KEY_HEADER_LEN } else { VP8_DELTA_HEADER_LEN };
    let (header, rest) = payload.split_at_checked(length).ok_or(PayloadError::Short)?;
    if keyframe && header.get(3..6) != Some(&VP8_START_CODE) {
        return Err(PayloadError::FrameHeader);
    }
    Ok((keyframe, rest))
}

fn read_marker(bytes: &[u8], payload_len: usize) -> Result<Marker, PayloadError> {
    let u32_at = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let u16_at = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let fields = || {
        let marker = Marker {
            publisher: u32_at(8)?,
            kind: if *bytes.get(12)? == 0 { MediaKind::Audio } else { MediaKind::Video },
            layer: *bytes.get(13)?,
            keyframe: *bytes.get(14)? == 1,
            frame: u32_at(16)?,
            index: u16_at(20)?,
            count: u16_at(22)?,
            sent_us: u64::from_be_bytes(bytes.get(24..32)?.try_into().ok()?),
        };
        Some((u32_at(0)?, u32_at(4)?, u16_at(32)?, marker, bytes.get(8..)?))
    };
    let (magic, checksum, length, marker, covered) =
        fields().filter(|_| bytes.len() >= MARKER_LEN).ok_or(PayloadError::Short)?;
    if magic != MAGIC {
        return Err(PayloadError::Magic);
    }
    if usize::from(length) != payload_len {
        return Err(PayloadError::Length);
    }
    if crc32c::crc32c(covered) != checksum {
        return Err(PayloadError::Checksum);
    }
    Ok(marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: Marker = Marker {
        publisher: 7,
        kind: MediaKind::Video,
        layer: 2,
        keyframe: true,
        frame: 1234,
        index: 0,
        count: 5,
        sent_us: 987_654_321,
    };
    const DESCRIPTOR: Vp8Descriptor =
        Vp8Descriptor { picture_id: 0x7ffe, tl0_picture_index: 255, start: true };

    #[test]
    fn video_and_audio_packets_are_read_back() {
        let packet = video_packet(&MARKER, &DESCRIPTOR, (1280, 720), 1152);
        assert_eq!(packet.len(), 1152);
        assert_eq!(read_video(&packet), Ok((DESCRIPTOR, MARKER)));

        let later = Marker { index: 3, ..MARKER };
        let inner = Vp8Descriptor { start: false, ..DESCRIPTOR };
        assert_eq!(read_video(&video_packet(&later, &inner, (1280, 720), 400)), Ok((inner, later)));

        let audio = Marker { kind: MediaKind::Audio, layer: 0, keyframe: false, count: 1, ..MARKER };
        let packet = audio_packet(&audio, 100);
        assert_eq!((packet.len(), read_audio(&packet)), (100, Ok(audio)));
    }

    #[test]
    fn a_keyframe_has_the_bytes_a_decoder_looks_for() {
        let packet = video_packet(&MARKER, &DESCRIPTOR, (1280, 720), 1152);
        assert_eq!(packet[6] & 1, 0, "key bit is inverted");
        assert_eq!(packet[9..12], VP8_START_CODE);
        assert_eq!(u16::from_le_bytes([packet[12], packet[13]]), 1280);
        assert_eq!(u16::from_le_bytes([packet[14], packet[15]]), 720);
    }

    #[test]
    fn every_changed_byte_behind_the_codec_header_is_noticed() {
        let packet = video_packet(&MARKER, &DESCRIPTOR, (640, 360), 200);
        for at in VP8_DESCRIPTOR_LEN + VP8_KEY_HEADER_LEN..packet.len() {
            let mut broken = packet.to_vec();
            broken[at] ^= 0x10;
            assert!(read_video(&broken).is_err(), "byte {at}");
        }
        assert_eq!(read_video(&packet[..199]), Err(PayloadError::Length));
        let mut longer = packet.to_vec();
        longer.push(0);
        assert_eq!(read_video(&longer), Err(PayloadError::Length));
    }

    #[test]
    fn short_and_foreign_payloads_are_refused() {
        for length in 0..MIN_PAYLOAD {
            assert!(read_video(&vec![0x80; length]).is_err());
            assert!(read_audio(&vec![OPUS_TOC; length]).is_err());
        }
        assert_eq!(read_audio(&[0u8; 80]), Err(PayloadError::Descriptor));
    }
}
