//! What the clients of the tests offer.

use super::{
    peer::{self, Peer},
    world::Section,
};
use crate::{
    proto::codec::Codec,
    room::command::{SendLine, Source},
};

const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
const CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

const DEPENDENCIES: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

pub(super) fn send_line(section: &Section, muted: bool) -> Option<SendLine> {
    let (mid, source) = match section {
        Section::Mic { mid } => (mid, Source::Mic),
        Section::Camera { mid, .. } => (mid, Source::Camera),
        Section::Screen { mid } => (mid, Source::Screen),
        Section::ReceiveAudio { .. } | Section::ReceiveVideo { .. } | Section::Inactive { .. } => {
            return None;
        }
    };
    Some(SendLine { mid: (*mid).to_owned(), source, muted })
}

pub(super) fn offer_text(peer: &Peer, sections: &[Section]) -> String {
    let mut sdp = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE{}\r\na=extmap-allow-mixed\r\na=ice-ufrag:{}\r\n\
         a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\n",
        sections.iter().map(|section| format!(" {}", mid_of(section))).collect::<String>(),
        peer.ufrag,
        peer.fingerprint
    );
    for section in sections {
        let (audio, direction) = match section {
            Section::Mic { .. } => (true, "sendonly"),
            Section::Camera { .. } | Section::Screen { .. } => (false, "sendonly"),
            Section::ReceiveAudio { .. } => (true, "recvonly"),
            Section::ReceiveVideo { .. } => (false, "recvonly"),
            Section::Inactive { .. } => (false, "inactive"),
        };
        let media = if audio {
            let (format, lines) = if peer.takes_red {
                (" 63", "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n")
            } else {
                ("", "")
            };
            format!(
                "m=audio 9 UDP/TLS/RTP/SAVPF 111{format}\r\na=rtpmap:111 opus/48000/2\r\n\
                 a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n{lines}\
                 a=extmap:{} urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
                peer::LEVEL_EXT
            )
        } else {
            video(peer)
        };
        sdp += &media;
        sdp += &format!("c=IN IP4 0.0.0.0\r\na=mid:{}\r\na={direction}\r\na=rtcp-mux\r\n", mid_of(section));
        for (id, uri) in [
            (peer::MID_EXT, "urn:ietf:params:rtp-hdrext:sdes:mid"),
            (peer::RID_EXT, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"),
            (peer::REPAIRED_EXT, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"),
        ] {
            sdp += &format!("a=extmap:{id} {uri}\r\n");
        }
        if peer.reports_arrivals {
            sdp +=
                &format!("a=extmap:{} {TRANSPORT_CC}\r\na=rtcp-fb:* transport-cc\r\n", peer::TRANSPORT_EXT);
            sdp += &format!("a=extmap:{} {PLAYOUT_DELAY}\r\n", peer::PLAYOUT_EXT);
        }
        if peer.capture_ext != 0 {
            sdp += &format!("a=extmap:{} {CAPTURE_TIME}\r\n", peer.capture_ext);
        }
        if let Section::Camera { layers, .. } = section
            && !layers.is_empty()
        {
            for rid in *layers {
                sdp += &format!("a=rid:{rid} send\r\n");
            }
            sdp += &format!("a=simulcast:send {}\r\n", layers.join(";"));
        }
    }
    sdp
}

/// The video codecs of a client, best first; most have RTX.
fn video(peer: &Peer) -> String {
    let mut formats = Vec::new();
    let mut lines = String::new();
    for codec in &peer.video_codecs {
        let pt = peer::payload_type(*codec);
        formats.push(pt.to_string());
        lines += &format!("a=rtpmap:{pt} {}/90000\r\n", codec.name());
        if let Some(repair) = peer::repair_type(*codec) {
            formats.push(repair.to_string());
            lines += &format!("a=rtpmap:{repair} rtx/90000\r\na=fmtp:{repair} apt={pt}\r\n");
        }
        if *codec == Codec::H264 {
            lines += "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n";
        }
    }
    let dependencies = format!("a=extmap:{} {DEPENDENCIES}\r\n", peer::DEPENDENCY_EXT);
    format!("m=video 9 UDP/TLS/RTP/SAVPF {}\r\n{lines}{dependencies}", formats.join(" "))
}

fn mid_of(section: &Section) -> &'static str {
    match section {
        Section::Mic { mid }
        | Section::Camera { mid, .. }
        | Section::Screen { mid }
        | Section::ReceiveAudio { mid }
        | Section::ReceiveVideo { mid }
        | Section::Inactive { mid } => mid,
    }
}
