//! Header-extension URIs and the ids an SDP gave them (RFC 8285).

use std::num::NonZeroU64;

/// The extensions this server understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// RFC 9143: which m-line a packet belongs to.
    Mid,
    /// RFC 8852: which simulcast layer.
    Rid,
    /// RFC 8852: which simulcast layer a retransmission repairs.
    RepairedRid,
    /// RFC 6464: loudness of the speaker.
    AudioLevel,
    /// 3GPP TS 26.114: how the camera is held.
    VideoOrientation,
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01.
    TransportCc,
    /// AV1 RTP specification, appendix A: layers and dependencies of a frame.
    DependencyDescriptor,
    /// webrtc.org experiments, playout-delay: how long a receiver should wait at least before it shows a picture.
    PlayoutDelay,
    /// webrtc.org experiments, abs-capture-time: when the first frame in a packet was captured.
    CaptureTime,
}

const URIS: [(&str, Extension); 9] = [
    ("urn:ietf:params:rtp-hdrext:sdes:mid", Extension::Mid),
    ("urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", Extension::Rid),
    ("urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", Extension::RepairedRid),
    ("urn:ietf:params:rtp-hdrext:ssrc-audio-level", Extension::AudioLevel),
    ("urn:3gpp:video-orientation", Extension::VideoOrientation),
    ("http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", Extension::TransportCc),
    (
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        Extension::DependencyDescriptor,
    ),
    ("http://www.webrtc.org/experiments/rtp-hdrext/playout-delay", Extension::PlayoutDelay),
    ("http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time", Extension::CaptureTime),
];

impl Extension {
    pub fn from_uri(uri: &str) -> Option<Self> {
        URIS.iter().find(|(known, _)| *known == uri).map(|(_, ext)| *ext)
    }

    pub fn uri(self) -> &'static str {
        URIS.iter().find(|(_, ext)| *ext == self).map_or("", |(uri, _)| uri)
    }
}

/// id ⇄ meaning for one direction of one m-line. 0 = not negotiated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    pub mid: u8,
    pub rid: u8,
    pub repaired_rid: u8,
    pub audio_level: u8,
    pub video_orientation: u8,
    pub transport_cc: u8,
    pub dependency_descriptor: u8,
    pub playout_delay: u8,
    pub capture_time: u8,
}

impl ExtensionIds {
    pub fn set(&mut self, ext: Extension, id: u8) {
        *match ext {
            Extension::Mid => &mut self.mid,
            Extension::Rid => &mut self.rid,
            Extension::RepairedRid => &mut self.repaired_rid,
            Extension::AudioLevel => &mut self.audio_level,
            Extension::VideoOrientation => &mut self.video_orientation,
            Extension::TransportCc => &mut self.transport_cc,
            Extension::DependencyDescriptor => &mut self.dependency_descriptor,
            Extension::PlayoutDelay => &mut self.playout_delay,
            Extension::CaptureTime => &mut self.capture_time,
        } = id;
    }

    /// Ids are shared by all m-lines of a bundle (RFC 9143 7.1), so lines can be merged.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.mid, other.mid),
            (&mut self.rid, other.rid),
            (&mut self.repaired_rid, other.repaired_rid),
            (&mut self.audio_level, other.audio_level),
            (&mut self.video_orientation, other.video_orientation),
            (&mut self.transport_cc, other.transport_cc),
            (&mut self.dependency_descriptor, other.dependency_descriptor),
            (&mut self.playout_delay, other.playout_delay),
            (&mut self.capture_time, other.capture_time),
        ] {
            if theirs != 0 {
                *mine = theirs;
            }
        }
    }
}

/// Extension values of one packet.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExtensionValues<'a> {
    pub mid: Option<&'a [u8]>,
    pub rid: Option<&'a [u8]>,
    pub repaired_rid: Option<&'a [u8]>,
    /// The raw RFC 6464 byte: V bit and level in -dBov.
    pub audio_level: Option<u8>,
    pub video_orientation: Option<u8>,
    pub transport_cc: Option<u16>,
    pub dependency_descriptor: Option<&'a [u8]>,
    pub capture_time: Option<CaptureTime>,
}

impl<'a> ExtensionValues<'a> {
    pub fn read(ids: &ExtensionIds, elements: impl Iterator<Item = (u8, &'a [u8])>) -> Self {
        let mut values = Self::default();
        for (id, value) in elements {
            if id == 0 {
                continue;
            }
            if id == ids.mid {
                values.mid = Some(value);
            } else if id == ids.rid {
                values.rid = Some(value);
            } else if id == ids.repaired_rid {
                values.repaired_rid = Some(value);
            } else if id == ids.audio_level {
                values.audio_level = value.first().copied();
            } else if id == ids.video_orientation {
                values.video_orientation = value.first().copied();
            } else if id == ids.transport_cc {
                values.transport_cc = value.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes));
            } else if id == ids.dependency_descriptor {
                values.dependency_descriptor = Some(value);
            } else if id == ids.capture_time {
                values.capture_time = CaptureTime::read(value);
            }
        }
        values
    }
}

/// When something was captured, by the clock of who captured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureTime {
    /// 32.32 fixed point. Never zero, so that a packet without it takes no more memory.
    pub ntp: NonZeroU64,
    /// How far that clock is ahead of the clock in the sender reports of the stream, signed 32.32 fixed point.
    pub offset: i64,
}

impl CaptureTime {
    /// Bytes of the value as it is sent.
    pub const LEN: usize = 16;

    /// Either form of the value. Who leaves the offset out captures itself: both clocks are one.
    fn read(value: &[u8]) -> Option<Self> {
        let (ntp, rest) = value.split_first_chunk::<8>()?;
        let offset = rest.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes));
        Some(Self { ntp: NonZeroU64::new(u64::from_be_bytes(*ntp))?, offset })
    }

    /// The form with the offset: without it a receiver cannot tell whose clock it is.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        ((u128::from(self.ntp.get()) << 64) | u128::from(self.offset.cast_unsigned())).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8]) -> Option<CaptureTime> {
        let ids = ExtensionIds { capture_time: 5, ..ExtensionIds::default() };
        ExtensionValues::read(&ids, [(5, value)].into_iter()).capture_time
    }

    #[test]
    fn capture_times_are_read_in_both_forms_and_sent_in_the_long_one() {
        let long = [0xE8, 1, 2, 3, 4, 5, 6, 7, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0, 0, 0];
        let time = read(&long).unwrap();
        assert_eq!((time.ntp.get(), time.offset), (0xE801_0203_0405_0607, -(1 << 31)));
        assert_eq!(time.to_bytes(), long);
        let short = read(&long[..8]).unwrap();
        assert_eq!((short.ntp, short.offset), (time.ntp, 0));
        assert_eq!(short.to_bytes(), [0xE8, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
        for broken in [&[][..], &long[..7], &[0; 8], &[0; 16]] {
            assert_eq!(read(broken), None, "{broken:?}");
        }
        assert_eq!(read(&long[..12]).unwrap().offset, 0, "half an offset is none");
    }

    #[test]
    fn every_extension_has_an_address_of_its_own() {
        for (uri, extension) in URIS {
            assert_eq!((Extension::from_uri(uri), extension.uri()), (Some(extension), uri));
        }
    }
}
