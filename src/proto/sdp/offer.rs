//! Reading offers.

use std::io::Cursor;

use rtc_sdp::description::{media::MediaDescription, session::SessionDescription};
use smallvec::SmallVec;

use super::{MAX_ATTRIBUTES, MAX_CANDIDATES, MAX_LAYERS, MAX_SDP_BYTES, MAX_SECTIONS, SdpError};
use crate::proto::{
    codec::Codec,
    ext::{Extension, ExtensionIds},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub ice_ufrag: String,
    pub ice_pwd: String,
    pub fingerprint: Fingerprint,
    pub sections: Vec<OfferSection>,
    /// Mids of the BUNDLE group, in order.
    pub bundle: Vec<String>,
    pub extmap_allow_mixed: bool,
}

/// A certificate fingerprint (RFC 8122); SHA-256 only, which every WebRTC endpoint offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    Audio,
    Video,
    /// SCTP data channels.
    Data,
    Other,
}

/// As the offerer says it: `SendOnly` means the client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub fn client_sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub fn client_receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferSection {
    pub mid: String,
    pub kind: MediaKind,
    /// As written in the m-line, to be echoed when the section is rejected.
    pub media: String,
    pub proto: String,
    pub formats: Vec<String>,
    /// Port 0 without bundle-only: the client has stopped this section.
    pub stopped: bool,
    pub direction: Direction,
    /// Routed codecs in the client's order of preference.
    pub codecs: Vec<OfferCodec>,
    pub extensions: Vec<(u8, Extension)>,
    /// Simulcast layers the client sends, lowest first. Empty without simulcast.
    pub layers: SmallVec<[SimulcastLayer; MAX_LAYERS]>,
    /// SSRCs the client announces: (media, its RTX).
    pub ssrcs: Vec<(u32, Option<u32>)>,
    pub reduced_size_rtcp: bool,
    pub sctp_port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulcastLayer {
    pub rid: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferCodec {
    pub codec: Codec,
    pub payload_type: u8,
    pub fmtp: String,
    /// Payload type of its RTX (RFC 4588).
    pub rtx: Option<u8>,
    /// Payload type of the same with redundancy (RFC 2198).
    pub red: Option<u8>,
    pub transport_cc: bool,
    /// The client estimates bandwidth itself (draft-alvestrand-rmcat-remb).
    pub remb: bool,
}

impl OfferCodec {
    /// H264 `packetization-mode` and the profile part of `profile-level-id`; two streams fit if these do.
    pub fn h264_profile(&self) -> (u8, &str) {
        let mode = self.parameter("packetization-mode").and_then(|mode| mode.parse().ok()).unwrap_or(0);
        let profile = self.parameter("profile-level-id").and_then(|id| id.get(..4)).unwrap_or("42e0");
        (mode, profile)
    }

    /// What a decoder of the codec may lack; `None` where it cannot.
    pub fn profile(&self) -> Option<&str> {
        match self.codec {
            Codec::H264 => Some(self.h264_profile().1),
            Codec::Vp9 => Some(self.parameter("profile-id").unwrap_or("0")),
            Codec::Av1 => Some(self.parameter("profile").unwrap_or("0")),
            Codec::Opus | Codec::Vp8 => None,
        }
    }

    fn parameter(&self, key: &str) -> Option<&str> {
        self.fmtp
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| name.eq_ignore_ascii_case(key).then_some(value))
    }
}

impl OfferSection {
    pub fn extension_ids(&self) -> ExtensionIds {
        let mut ids = ExtensionIds::default();
        for (id, ext) in &self.extensions {
            ids.set(*ext, *id);
        }
        ids
    }

    pub fn codec(&self, codec: Codec) -> Option<&OfferCodec> {
        self.codecs.iter().find(|offered| offered.codec == codec)
    }
}

impl Offer {
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        check_limits(text)?;
        let session = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes()))
            .map_err(|error| SdpError::Syntax(short(&error.to_string())))?;
        let sections =
            session.media_descriptions.iter().map(section).collect::<Result<Vec<_>, SdpError>>()?;
        if sections.is_empty() {
            return Err(SdpError::Missing("media sections"));
        }
        for (index, one) in sections.iter().enumerate() {
            if sections.iter().skip(index + 1).any(|other| other.mid == one.mid) {
                return Err(SdpError::Invalid("mid: two sections share one"));
            }
        }

        // With BUNDLE the first live section speaks for the transport (RFC 9143 7.2).
        let lead = session.media_descriptions.iter().zip(&sections).find(|(_, parsed)| !parsed.stopped);
        let lead = lead.map(|(media, _)| media).or(session.media_descriptions.first());
        let attribute = |key: &str| {
            let own = lead.and_then(|media| media.attribute(key)).flatten();
            own.or_else(|| session.attributes.iter().find(|attribute| attribute.key == key)?.value.as_deref())
        };
        let ice_ufrag = attribute("ice-ufrag").ok_or(SdpError::Missing("a=ice-ufrag"))?;
        let ice_pwd = attribute("ice-pwd").ok_or(SdpError::Missing("a=ice-pwd"))?;
        if !(4..=256).contains(&ice_ufrag.len()) || !(22..=256).contains(&ice_pwd.len()) {
            return Err(SdpError::Invalid("ICE credential"));
        }
        let fingerprint = attribute("fingerprint").ok_or(SdpError::Missing("a=fingerprint"))?;
        let fingerprint = Fingerprint::parse(fingerprint).ok_or(SdpError::Invalid("fingerprint"))?;
        match attribute("setup").unwrap_or("actpass") {
            "actpass" | "active" => {}
            _ => return Err(SdpError::Unsupported("a=setup other than actpass or active")),
        }
        let bundle = session
            .attributes
            .iter()
            .filter(|attribute| attribute.key == "group")
            .filter_map(|attribute| attribute.value.as_deref()?.strip_prefix("BUNDLE"))
            .next()
            .map(|mids| mids.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .unwrap_or_default();
        if sections.len() > 1 && bundle.is_empty() {
            return Err(SdpError::Unsupported("several sections without BUNDLE"));
        }
        Ok(Self {
            ice_ufrag: ice_ufrag.to_owned(),
            ice_pwd: ice_pwd.to_owned(),
            fingerprint,
            sections,
            bundle,
            extmap_allow_mixed: session.attributes.iter().any(|one| one.key == "extmap-allow-mixed"),
        })
    }
}

impl Fingerprint {
    fn parse(value: &str) -> Option<Self> {
        let (hash, digest) = value.trim().split_once(' ')?;
        if !hash.eq_ignore_ascii_case("sha-256") {
            return None;
        }
        let mut bytes = [0u8; 32];
        let mut octets = digest.trim().split(':');
        for byte in &mut bytes {
            *byte = u8::from_str_radix(octets.next().filter(|octet| octet.len() == 2)?, 16).ok()?;
        }
        octets.next().is_none().then_some(Self(bytes))
    }
}

fn check_limits(text: &str) -> Result<(), SdpError> {
    if text.len() > MAX_SDP_BYTES {
        return Err(SdpError::TooLarge);
    }
    let (mut sections, mut attributes, mut candidates) = (0, 0, 0);
    for line in text.lines() {
        if line.starts_with("m=") {
            sections += 1;
        } else if line.starts_with("a=candidate") {
            candidates += 1;
        } else if line.starts_with("a=") {
            attributes += 1;
        }
    }
    // Browsers repeat each candidate in every section, so the cap counts per section.
    if sections > MAX_SECTIONS || attributes > MAX_ATTRIBUTES || candidates > MAX_CANDIDATES * sections.max(1)
    {
        return Err(SdpError::TooLarge);
    }
    Ok(())
}

/// Error texts can quote the input: keep them short.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

fn section(media: &MediaDescription) -> Result<OfferSection, SdpError> {
    let values = |key: &'static str| {
        media.attributes.iter().filter(move |one| one.key == key).filter_map(|one| one.value.as_deref())
    };
    let kind = match media.media_name.media.as_str() {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        "application" => MediaKind::Data,
        _ => MediaKind::Other,
    };
    let mid = values("mid").next().ok_or(SdpError::Missing("a=mid"))?;
    // RFC 8843 suggests at most three bytes; the one-byte extension form carries sixteen.
    if mid.is_empty() || mid.len() > 16 || !mid.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SdpError::Invalid("mid"));
    }
    let direction = media.attributes.iter().find_map(|one| match one.key.as_str() {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    });
    let extensions = values("extmap")
        .filter_map(|value| {
            let (id, rest) = value.split_once(' ')?;
            let id = id.split('/').next()?.parse::<u8>().ok().filter(|id| (1..=14).contains(id))?;
            Some((id, Extension::from_uri(rest.split_whitespace().next()?)?))
        })
        .collect();
    let bundle_only = media.has_attribute("bundle-only");
    Ok(OfferSection {
        mid: mid.to_owned(),
        kind,
        media: media.media_name.media.clone(),
        proto: media.media_name.protos.join("/"),
        formats: media.media_name.formats.clone(),
        stopped: media.media_name.port.value == 0 && !bundle_only,
        direction: direction.unwrap_or(Direction::SendRecv),
        codecs: codecs(media),
        extensions,
        layers: layers(media),
        ssrcs: ssrcs(media),
        reduced_size_rtcp: media.has_attribute("rtcp-rsize"),
        sctp_port: values("sctp-port").next().and_then(|port| port.trim().parse().ok()).unwrap_or(5000),
    })
}

fn codecs(media: &MediaDescription) -> Vec<OfferCodec> {
    let attribute = |key: &str, pt: &str| {
        media.attributes.iter().filter(|one| one.key == key).find_map(|one| {
            let (id, rest) = one.value.as_deref()?.split_once(' ')?;
            (id == pt).then_some(rest)
        })
    };
    let rtx_of = |pt: u8| {
        media.media_name.formats.iter().find_map(|format| {
            let is_rtx = attribute("rtpmap", format)?.to_ascii_lowercase().starts_with("rtx/");
            let apt =
                attribute("fmtp", format)?.split(';').find_map(|pair| pair.trim().strip_prefix("apt="))?;
            (is_rtx && apt.parse() == Ok(pt)).then(|| format.parse().ok())?
        })
    };
    let red_of = |pt: u8| {
        let list = format!("{pt}/{pt}");
        media.media_name.formats.iter().find_map(|format| {
            let is_red = attribute("rtpmap", format)?.to_ascii_lowercase().starts_with("red/48000");
            // More than two generations are the sender's business; what matters is that all of them are this codec.
            (is_red && attribute("fmtp", format)?.starts_with(&list)).then(|| format.parse().ok())?
        })
    };
    let has_feedback = |pt: &str, wanted: &str| {
        media.attributes.iter().filter(|one| one.key == "rtcp-fb").any(|one| {
            one.value
                .as_deref()
                .and_then(|value| value.split_once(' '))
                .is_some_and(|(id, feedback)| (id == pt || id == "*") && feedback.trim() == wanted)
        })
    };
    media
        .media_name
        .formats
        .iter()
        .take(256)
        .filter_map(|format| {
            let payload_type = format.parse::<u8>().ok().filter(|pt| *pt < 128)?;
            let mut rtpmap = attribute("rtpmap", format)?.split('/');
            let name = rtpmap.next()?;
            let codec = Codec::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name))?;
            if rtpmap.next()?.parse() != Ok(codec.clock_rate()) {
                return None;
            }
            let offered = OfferCodec {
                codec,
                payload_type,
                fmtp: attribute("fmtp", format).unwrap_or_default().to_owned(),
                rtx: rtx_of(payload_type),
                red: if codec == Codec::Opus { red_of(payload_type) } else { None },
                transport_cc: has_feedback(format, "transport-cc"),
                remb: has_feedback(format, "goog-remb"),
            };
            // Mode 0 forbids fragments: no camera frame above one packet could be routed.
            (codec != Codec::H264 || offered.h264_profile().0 == 1).then_some(offered)
        })
        .collect()
}

/// Lowest layer first. The order in `a=simulcast` is one of preference, so the customary names decide where
/// they are used (`q` < `h` < `f`, as in every browser SDK), the listed order elsewhere.
fn layers(media: &MediaDescription) -> SmallVec<[SimulcastLayer; MAX_LAYERS]> {
    let Some(Some(value)) = media.attribute("simulcast") else { return SmallVec::new() };
    let mut words = value.split_whitespace();
    let mut rids: Vec<&str> = Vec::new();
    while let (Some(direction), Some(list)) = (words.next(), words.next()) {
        if direction == "send" {
            rids = list
                .split(';')
                .filter_map(|alternatives| alternatives.split(',').next())
                .map(|rid| rid.trim_start_matches('~'))
                .filter(|rid| !rid.is_empty() && rid.len() <= 16)
                .take(MAX_LAYERS)
                .collect();
        }
    }
    let rank = |rid: &str| ["q", "h", "f"].iter().position(|known| *known == rid);
    if rids.iter().all(|rid| rank(rid).is_some()) {
        rids.sort_by_key(|rid| rank(rid));
    }
    rids.dedup();
    rids.into_iter().map(|rid| SimulcastLayer { rid: rid.to_owned() }).collect()
}

fn ssrcs(media: &MediaDescription) -> Vec<(u32, Option<u32>)> {
    let mut pairs: Vec<(u32, Option<u32>)> = Vec::new();
    for attribute in &media.attributes {
        let Some(value) = attribute.value.as_deref() else { continue };
        if attribute.key == "ssrc-group"
            && let Some(ids) = value.strip_prefix("FID ")
        {
            let mut ids = ids.split_whitespace().filter_map(|id| id.parse().ok());
            if let (Some(media), Some(rtx)) = (ids.next(), ids.next()) {
                pairs.push((media, Some(rtx)));
            }
        }
    }
    for attribute in media.attributes.iter().filter(|one| one.key == "ssrc").take(64) {
        let id = attribute.value.as_deref().and_then(|value| value.split_whitespace().next()?.parse().ok());
        if let Some(id) = id
            && !pairs.iter().any(|(media, rtx)| *media == id || *rtx == Some(id))
        {
            pairs.push((id, None));
        }
    }
    pairs.truncate(16);
    pairs
}
