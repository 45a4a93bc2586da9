//! The answerer's half of offer/answer (RFC 8829, RFC 9429): remembers every m-line of a connection and what it
//! is used for. The client always offers; the m-lines we send in are receive sections of its offers.

use std::net::SocketAddr;

use super::{ice::Credentials, sctp::MAX_MESSAGE};
use crate::proto::{
    codec::Codec,
    ext::{Extension, ExtensionIds},
    sdp::{
        Answer, AnswerSection, DataAnswer, Direction, Fingerprint, MediaAnswer, MediaKind, Offer, OfferCodec,
        OfferSection, Redundancy, RejectedAnswer, SdpError, SendStream,
    },
};

/// Extensions that are received and forwarded.
const RECEIVE_EXTENSIONS: [Extension; 8] = [
    Extension::Mid,
    Extension::Rid,
    Extension::RepairedRid,
    Extension::AudioLevel,
    Extension::VideoOrientation,
    Extension::TransportCc,
    Extension::DependencyDescriptor,
    Extension::CaptureTime,
];
const SEND_EXTENSIONS: [Extension; 7] = [
    Extension::Mid,
    Extension::AudioLevel,
    Extension::VideoOrientation,
    Extension::TransportCc,
    Extension::DependencyDescriptor,
    Extension::PlayoutDelay,
    Extension::CaptureTime,
];

/// One m-line. `T` names what the owner sends in it.
#[derive(Debug)]
pub struct Line<T> {
    pub section: OfferSection,
    /// The owner takes what the client sends here.
    pub receiving: bool,
    /// Of what it takes, Opus is wanted with redundancy.
    pub redundant: bool,
    pub sending: Option<(T, SendStream)>,
}

impl<T> Line<T> {
    pub fn mid(&self) -> &str {
        &self.section.mid
    }

    /// The client is ready to receive here and nothing is sent yet.
    pub fn is_free_for(&self, kind: MediaKind) -> bool {
        self.section.kind == kind
            && !self.section.stopped
            && self.section.direction.client_receives()
            && self.sending.is_none()
    }

    /// The payload type under which the client wants a codec, of the same profile. Decoders of H264 cope with the
    /// profiles that browsers send; those of VP9 and AV1 without a profile cannot show it at all.
    pub fn codec_for(&self, codec: Codec, profile: Option<&str>) -> Option<&OfferCodec> {
        let mut same = self.section.codecs.iter().filter(|offered| offered.codec == codec);
        let Some(wanted) = profile else { return same.next() };
        let fits =
            |offered: &&OfferCodec| offered.profile().is_some_and(|own| own.eq_ignore_ascii_case(wanted));
        let exact = same.clone().find(fits);
        if codec == Codec::H264 { exact.or_else(|| same.next()) } else { exact }
    }
}

/// What the transport puts into every answer.
#[derive(Debug, Clone, Copy)]
pub struct TransportFacts<'a> {
    pub credentials: &'a Credentials,
    pub fingerprint: Fingerprint,
    pub candidates: &'a [SocketAddr],
    pub tcp_candidates: &'a [SocketAddr],
}

#[derive(Debug)]
pub struct Negotiator<T> {
    session_id: u64,
    version: u64,
    lines: Vec<Line<T>>,
    extmap_allow_mixed: bool,
    bundle: bool,
}

impl<T> Negotiator<T> {
    pub fn new(session_id: u64) -> Self {
        // RFC 8829 5.2.1: the id fits 63 bits.
        Self {
            session_id: session_id >> 1,
            version: 0,
            lines: Vec::new(),
            extmap_allow_mixed: false,
            bundle: false,
        }
    }

    pub fn lines(&self) -> &[Line<T>] {
        &self.lines
    }

    pub fn line_mut(&mut self, index: usize) -> Option<&mut Line<T>> {
        self.lines.get_mut(index)
    }

    pub fn has_offer(&self) -> bool {
        self.version > 0
    }

    /// Takes over an offer. Returns what was sent in m-lines that the client no longer receives in.
    ///
    /// # Errors
    /// An offer that contradicts earlier ones changes nothing.
    pub fn apply(&mut self, offer: &Offer) -> Result<Vec<T>, SdpError> {
        if offer.sections.len() < self.lines.len() {
            return Err(SdpError::Invalid("number of sections: it may only grow"));
        }
        for (line, section) in self.lines.iter().zip(&offer.sections) {
            let recycled = line.section.stopped || line.section.mid == section.mid;
            if line.section.kind != section.kind && !line.section.stopped || !recycled {
                return Err(SdpError::Invalid("order of sections: it may not change"));
            }
        }
        let mut ended = Vec::new();
        for (index, section) in offer.sections.iter().enumerate() {
            let Some(line) = self.lines.get_mut(index) else {
                self.lines.push(Line {
                    section: section.clone(),
                    receiving: false,
                    redundant: false,
                    sending: None,
                });
                continue;
            };
            let keeps = !section.stopped && section.direction.client_receives() && section.mid == line.mid();
            if !keeps && let Some((what, _)) = line.sending.take() {
                ended.push(what);
            }
            line.section = section.clone();
        }
        self.version += 1;
        self.extmap_allow_mixed = offer.extmap_allow_mixed;
        self.bundle = !offer.bundle.is_empty();
        Ok(ended)
    }

    /// `a=extmap-allow-mixed` was offered, and answered.
    pub fn allows_mixed_extensions(&self) -> bool {
        self.extmap_allow_mixed
    }

    /// Extension ids of what the client sends; one set for the whole bundle.
    pub fn receive_extensions(&self) -> ExtensionIds {
        let mut ids = ExtensionIds::default();
        for line in self.lines.iter().filter(|line| line.receiving) {
            ids.merge(&line.section.extension_ids());
        }
        ids
    }

    /// The answer to the last applied offer. Deterministic for the same state.
    pub fn answer(&self, facts: TransportFacts<'_>) -> String {
        let sections = self.lines.iter().map(answer_section).collect();
        Answer {
            session_id: self.session_id,
            session_version: self.version,
            ice_ufrag: facts.credentials.ufrag.clone(),
            ice_pwd: facts.credentials.pwd.clone(),
            fingerprint: facts.fingerprint,
            candidates: facts.candidates.to_vec(),
            tcp_candidates: facts.tcp_candidates.to_vec(),
            extmap_allow_mixed: self.extmap_allow_mixed,
            bundle: self.bundle,
            sections,
        }
        .print()
    }
}

fn answer_section<T>(line: &Line<T>) -> AnswerSection {
    let section = &line.section;
    let rejected = || {
        AnswerSection::Rejected(RejectedAnswer {
            mid: section.mid.clone(),
            media: section.media.clone(),
            proto: section.proto.clone(),
            formats: section.formats.clone(),
        })
    };
    let media = match section.kind {
        _ if section.stopped => return rejected(),
        MediaKind::Other => return rejected(),
        MediaKind::Data => {
            return AnswerSection::Data(DataAnswer {
                mid: section.mid.clone(),
                proto: section.proto.clone(),
                formats: section.formats.clone(),
                sctp_port: 5000,
                max_message_size: MAX_MESSAGE,
            });
        }
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    };
    let direction = match (line.receiving, line.sending.is_some()) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::RecvOnly,
        (false, true) => Direction::SendOnly,
        (false, false) => Direction::Inactive,
    };
    // A line the client only sends in gets one codec, so that it cannot change under the subscribers.
    let single = line.receiving && !section.direction.client_receives();
    let codecs: Vec<OfferCodec> =
        section.codecs.iter().take(if single { 1 } else { usize::MAX }).cloned().collect();
    if codecs.is_empty() {
        return rejected();
    }
    // Only where it is needed: a sender of VP8 that may use it leaves picture ids and layers out of its payloads.
    let dependencies = !line.receiving || codecs.first().is_some_and(|codec| codec.codec == Codec::Av1);
    let extensions = section
        .extensions
        .iter()
        .filter(|(_, ext)| dependencies || *ext != Extension::DependencyDescriptor)
        .filter(|(_, ext)| {
            // Also while the line is inactive: Chromium drops what an answer leaves out, and then cannot
            // offer simulcast again because its RID extension is gone.
            ((line.receiving || section.direction == Direction::Inactive) && RECEIVE_EXTENSIONS.contains(ext))
                || (section.direction.client_receives() && SEND_EXTENSIONS.contains(ext))
        })
        .copied()
        .collect();
    let receive_rids = if line.receiving {
        section.layers.iter().map(|layer| layer.rid.clone()).collect()
    } else {
        Vec::new()
    };
    AnswerSection::Media(MediaAnswer {
        mid: section.mid.clone(),
        media,
        proto: section.proto.clone(),
        direction,
        codecs,
        extensions,
        receive_rids,
        receiving: line.receiving,
        redundancy: match (line.receiving, line.redundant) {
            (true, true) => Redundancy::Preferred,
            (true, false) => Redundancy::None,
            (false, _) => Redundancy::Possible,
        },
        send: line.sending.as_ref().map(|(_, stream)| stream.clone()),
    })
}
