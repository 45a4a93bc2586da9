//! Printing answers. The same input always prints the same text.

use std::{fmt::Write as _, net::SocketAddr};

use super::offer::{Direction, Fingerprint, OfferCodec};
use crate::proto::{codec::Codec, ext::Extension};

#[derive(Debug, Clone)]
pub struct Answer {
    pub session_id: u64,
    pub session_version: u64,
    pub ice_ufrag: String,
    pub ice_pwd: String,
    pub fingerprint: Fingerprint,
    /// Host candidates, best first.
    pub candidates: Vec<SocketAddr>,
    /// Where TCP connections are taken (RFC 6544), best first.
    pub tcp_candidates: Vec<SocketAddr>,
    pub extmap_allow_mixed: bool,
    pub bundle: bool,
    pub sections: Vec<AnswerSection>,
}

#[derive(Debug, Clone)]
pub enum AnswerSection {
    Rejected(RejectedAnswer),
    Media(MediaAnswer),
    Data(DataAnswer),
}

#[derive(Debug, Clone)]
pub struct RejectedAnswer {
    pub mid: String,
    pub media: String,
    pub proto: String,
    pub formats: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct DataAnswer {
    pub mid: String,
    pub proto: String,
    pub formats: Vec<String>,
    pub sctp_port: u16,
    pub max_message_size: usize,
}

#[derive(Debug, Clone)]
pub struct MediaAnswer {
    pub mid: String,
    pub media: &'static str,
    pub proto: String,
    /// From our side: `SendOnly` means we send.
    pub direction: Direction,
    pub codecs: Vec<OfferCodec>,
    pub extensions: Vec<(u8, Extension)>,
    /// Rids of the layers we receive, lowest first.
    pub receive_rids: Vec<String>,
    /// We receive here: feedback and a start bitrate are offered to the sender.
    pub receiving: bool,
    pub redundancy: Redundancy,
    pub send: Option<SendStream>,
}

/// What becomes of an offer of redundant audio (RFC 2198).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redundancy {
    None,
    /// It may come, but need not.
    Possible,
    /// The client should send it: the first format of the answer is what it uses.
    Preferred,
}

/// A stream we send in a section.
#[derive(Debug, Clone)]
pub struct SendStream {
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub cname: String,
    pub stream_id: String,
    pub track_id: String,
}

impl Answer {
    pub fn print(&self) -> String {
        let mut sdp = Printer(String::with_capacity(512 + self.sections.len() * 900));
        sdp.line(format_args!("v=0"));
        sdp.line(format_args!("o=convene {} {} IN IP4 127.0.0.1", self.session_id, self.session_version));
        sdp.line(format_args!("s=-"));
        sdp.line(format_args!("t=0 0"));
        sdp.line(format_args!("a=ice-lite"));
        if self.extmap_allow_mixed {
            sdp.line(format_args!("a=extmap-allow-mixed"));
        }
        sdp.line(format_args!("a=msid-semantic: WMS *"));
        let live: Vec<&str> = self.sections.iter().filter_map(AnswerSection::live_mid).collect();
        if self.bundle && !live.is_empty() {
            sdp.line(format_args!("a=group:BUNDLE {}", live.join(" ")));
        }
        for section in &self.sections {
            match section {
                AnswerSection::Rejected(rejected) => print_rejected(&mut sdp, rejected),
                AnswerSection::Media(media) => self.print_media(&mut sdp, media),
                AnswerSection::Data(data) => self.print_data(&mut sdp, data),
            }
        }
        sdp.0
    }

    fn print_media(&self, sdp: &mut Printer, media: &MediaAnswer) {
        let formats: Vec<String> = media
            .codecs
            .iter()
            .flat_map(|codec| {
                let (preferred, possible) = match media.redundancy {
                    Redundancy::None => (None, None),
                    Redundancy::Possible => (None, codec.red),
                    Redundancy::Preferred => (codec.red, None),
                };
                [preferred, Some(codec.payload_type), possible, codec.rtx]
            })
            .flatten()
            .map(|pt| pt.to_string())
            .collect();
        sdp.line(format_args!("m={} 9 {} {}", media.media, media.proto, formats.join(" ")));
        self.print_transport(sdp, &media.mid);
        sdp.line(format_args!("a={}", media.direction.as_str()));
        sdp.line(format_args!("a=rtcp-mux"));
        sdp.line(format_args!("a=rtcp-rsize"));
        for (id, ext) in &media.extensions {
            sdp.line(format_args!("a=extmap:{id} {}", ext.uri()));
        }
        for codec in &media.codecs {
            print_codec(sdp, codec, media.receiving);
            if let Some(red) = codec.red.filter(|_| media.redundancy != Redundancy::None) {
                let pt = codec.payload_type;
                sdp.line(format_args!("a=rtpmap:{red} red/48000/2"));
                sdp.line(format_args!("a=rtcp-fb:{red} nack"));
                if codec.transport_cc {
                    sdp.line(format_args!("a=rtcp-fb:{red} transport-cc"));
                }
                sdp.line(format_args!("a=fmtp:{red} {pt}/{pt}"));
            }
        }
        for rid in &media.receive_rids {
            sdp.line(format_args!("a=rid:{rid} recv"));
        }
        if !media.receive_rids.is_empty() {
            sdp.line(format_args!("a=simulcast:recv {}", media.receive_rids.join(";")));
        }
        if let Some(send) = &media.send {
            sdp.line(format_args!("a=msid:{} {}", send.stream_id, send.track_id));
            if let Some(rtx) = send.rtx_ssrc {
                sdp.line(format_args!("a=ssrc-group:FID {} {rtx}", send.ssrc));
            }
            for ssrc in [Some(send.ssrc), send.rtx_ssrc].into_iter().flatten() {
                sdp.line(format_args!("a=ssrc:{ssrc} cname:{}", send.cname));
            }
        }
    }

    fn print_data(&self, sdp: &mut Printer, data: &DataAnswer) {
        sdp.line(format_args!("m=application 9 {} {}", data.proto, data.formats.join(" ")));
        self.print_transport(sdp, &data.mid);
        sdp.line(format_args!("a=sctp-port:{}", data.sctp_port));
        sdp.line(format_args!("a=max-message-size:{}", data.max_message_size));
    }

    fn print_transport(&self, sdp: &mut Printer, mid: &str) {
        sdp.line(format_args!("c=IN IP4 0.0.0.0"));
        sdp.line(format_args!("a=mid:{mid}"));
        sdp.line(format_args!("a=ice-ufrag:{}", self.ice_ufrag));
        sdp.line(format_args!("a=ice-pwd:{}", self.ice_pwd));
        let digest: Vec<String> = self.fingerprint.0.iter().map(|byte| format!("{byte:02X}")).collect();
        sdp.line(format_args!("a=fingerprint:sha-256 {}", digest.join(":")));
        sdp.line(format_args!("a=setup:passive"));
        let mut priority = HOST_PRIORITY;
        for (index, candidate) in self.candidates.iter().enumerate() {
            sdp.line(format_args!(
                "a=candidate:{} 1 udp {priority} {} {} typ host",
                index + 1,
                candidate.ip(),
                candidate.port()
            ));
            priority -= 256;
        }
        let mut priority = TCP_HOST_PRIORITY;
        for (index, candidate) in self.tcp_candidates.iter().enumerate() {
            sdp.line(format_args!(
                "a=candidate:{} 1 tcp {priority} {} {} typ host tcptype passive",
                self.candidates.len() + index + 1,
                candidate.ip(),
                candidate.port()
            ));
            priority -= 256;
        }
        if !self.candidates.is_empty() || !self.tcp_candidates.is_empty() {
            sdp.line(format_args!("a=end-of-candidates"));
        }
    }
}

/// RFC 8445 5.1.2.1: type preference 126 (host), local preference 65535, component 1.
const HOST_PRIORITY: u32 = (126 << 24) | (65_535 << 8) | 255;

/// RFC 6544 4.2: a smaller type preference than that of any UDP candidate (90, as browsers use for theirs), so that UDP
/// is taken where it works; direction preference 4 (passive, host), component 1.
const TCP_HOST_PRIORITY: u32 = (90 << 24) | (((4 << 13) | 8_191) << 8) | 255;

impl AnswerSection {
    fn live_mid(&self) -> Option<&str> {
        match self {
            Self::Rejected(_) => None,
            Self::Media(media) => Some(&media.mid),
            Self::Data(data) => Some(&data.mid),
        }
    }
}

fn print_rejected(sdp: &mut Printer, rejected: &RejectedAnswer) {
    sdp.line(format_args!("m={} 0 {} {}", rejected.media, rejected.proto, rejected.formats.join(" ")));
    sdp.line(format_args!("c=IN IP4 0.0.0.0"));
    sdp.line(format_args!("a=inactive"));
    sdp.line(format_args!("a=mid:{}", rejected.mid));
}

fn print_codec(sdp: &mut Printer, codec: &OfferCodec, receiving: bool) {
    let pt = codec.payload_type;
    let (name, clock) = (codec.codec.name(), codec.codec.clock_rate());
    let channels = if codec.codec == Codec::Opus { "/2" } else { "" };
    sdp.line(format_args!("a=rtpmap:{pt} {name}/{clock}{channels}"));
    if codec.transport_cc {
        sdp.line(format_args!("a=rtcp-fb:{pt} transport-cc"));
    } else if codec.remb {
        sdp.line(format_args!("a=rtcp-fb:{pt} goog-remb"));
    }
    if codec.codec.is_video() {
        for feedback in ["ccm fir", "nack", "nack pli"] {
            sdp.line(format_args!("a=rtcp-fb:{pt} {feedback}"));
        }
    } else {
        // Browsers do not offer it for audio, but libwebrtc sends and answers NACKs if the answer has it.
        sdp.line(format_args!("a=rtcp-fb:{pt} nack"));
    }
    // libwebrtc starts at 300 kb/s, and under loss its estimate hardly grows from there: the upper simulcast layers
    // would stay off for half a minute. Others ignore parameters they do not know (RFC 8866 6.15).
    let start = if receiving && codec.codec.is_video() {
        format!("x-google-start-bitrate={START_KBPS}")
    } else {
        String::new()
    };
    let parameters: Vec<&str> =
        [codec.fmtp.as_str(), start.as_str()].into_iter().filter(|one| !one.is_empty()).collect();
    if !parameters.is_empty() {
        sdp.line(format_args!("a=fmtp:{pt} {}", parameters.join(";")));
    }
    if let Some(rtx) = codec.rtx {
        sdp.line(format_args!("a=rtpmap:{rtx} rtx/{clock}"));
        sdp.line(format_args!("a=fmtp:{rtx} apt={pt}"));
    }
}

/// Enough for the two lower simulcast layers and a first 720p picture; a slow uplink backs off within a second.
const START_KBPS: u32 = 1_200;

struct Printer(String);

impl Printer {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(text);
        self.0.push_str("\r\n");
    }
}
