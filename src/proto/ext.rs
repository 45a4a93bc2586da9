//! Header-extension URIs and the ids an SDP gave them (RFC 8285).

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
}

const URIS: [(&str, Extension); 8] = [
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
            }
        }
        values
    }
}
