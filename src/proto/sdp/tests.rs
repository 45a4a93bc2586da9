use super::*;
use crate::proto::codec::Codec;

const FINGERPRINT: &str =
    "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";

fn offer(sections: &str) -> String {
    let header = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\na=extmap-allow-mixed\r\n\
         a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 {FINGERPRINT}\r\n\
         a=setup:actpass\r\n"
    );
    header + &sections.replace('\n', "\r\n")
}

const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\nc=IN IP4 0.0.0.0\na=mid:0\na=sendonly\na=rtcp-mux\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\na=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;useinbandfec=1\n\
    a=rtpmap:63 red/48000/2\na=ssrc:77 cname:x\n";
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104\nc=IN IP4 0.0.0.0\na=mid:1\na=sendonly\n\
    a=rtcp-mux\na=rtpmap:96 VP8/90000\na=rtcp-fb:96 transport-cc\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n\
    a=rtpmap:102 H264/90000\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n\
    a=rtpmap:103 rtx/90000\na=fmtp:103 apt=102\na=rtpmap:104 H264/90000\n\
    a=fmtp:104 packetization-mode=0;profile-level-id=42e01f\na=rid:f send\na=rid:h send\na=rid:q send\n\
    a=simulcast:send f;~h;q\n";
const DATA: &str =
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:2\na=sctp-port:5000\n";

#[test]
fn a_browser_offer_is_understood() {
    let offer = Offer::parse(&offer(&format!("{AUDIO}{VIDEO}{DATA}"))).unwrap();
    assert_eq!(offer.ice_ufrag, "abcd");
    assert_eq!(offer.fingerprint.0[31], 0x1F);
    assert_eq!(offer.bundle, ["0", "1", "2"]);
    let [audio, video, data] = &offer.sections[..] else { panic!("three sections") };
    assert_eq!(audio.codecs.len(), 1);
    assert_eq!(audio.ssrcs, [(77, None)]);
    assert_eq!(audio.extension_ids().mid, 4);
    let codecs: Vec<_> = video.codecs.iter().map(|one| (one.codec, one.payload_type, one.rtx)).collect();
    assert_eq!(codecs, [(Codec::Vp8, 96, Some(97)), (Codec::H264, 102, Some(103))], "mode 0 is not routed");
    let rids: Vec<_> = video.layers.iter().map(|layer| layer.rid.as_str()).collect();
    assert_eq!(rids, ["q", "h", "f"], "lowest first whatever the order of preference");
    assert_eq!(data.kind, MediaKind::Data);
}

#[test]
fn limits_come_before_parsing() {
    let many = "m=audio 9 UDP/TLS/RTP/SAVPF 111\n".repeat(MAX_SECTIONS + 1);
    assert_eq!(Offer::parse(&offer(&many)), Err(SdpError::TooLarge));
    assert_eq!(Offer::parse(&"x".repeat(MAX_SDP_BYTES + 1)), Err(SdpError::TooLarge));
    let candidates = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n".repeat(MAX_CANDIDATES + 1);
    assert_eq!(Offer::parse(&offer(&format!("{AUDIO}{candidates}"))), Err(SdpError::TooLarge));
}

#[test]
fn broken_offers_say_what_is_wrong() {
    let whole = offer(AUDIO);
    for (from, to, error) in [
        ("a=ice-ufrag:abcd\r\n", "", SdpError::Missing("a=ice-ufrag")),
        ("sha-256", "md5", SdpError::Invalid("fingerprint")),
        ("a=setup:actpass", "a=setup:passive", SdpError::Unsupported("a=setup other than actpass or active")),
        ("a=mid:0\r\n", "", SdpError::Missing("a=mid")),
        ("a=mid:0", "a=mid:01234567890123456789", SdpError::Invalid("mid")),
    ] {
        assert_eq!(Offer::parse(&whole.replace(from, to)), Err(error), "{from}");
    }
    assert!(matches!(Offer::parse("hello"), Err(SdpError::Syntax(_))));
    assert!(Offer::parse(&offer(&format!("{AUDIO}{AUDIO}"))).is_err(), "two sections with one mid");
}

#[test]
fn the_answer_reads_as_sdp_and_is_deterministic() {
    let offer = Offer::parse(&offer(&format!("{AUDIO}{VIDEO}{DATA}"))).unwrap();
    let video = &offer.sections[1];
    let answer = Answer {
        session_id: 5,
        session_version: 1,
        ice_ufrag: "ours".into(),
        ice_pwd: "p".repeat(24),
        fingerprint: offer.fingerprint,
        candidates: vec!["192.0.2.1:7882".parse().unwrap()],
        tcp_candidates: vec!["192.0.2.1:7881".parse().unwrap()],
        extmap_allow_mixed: true,
        bundle: true,
        sections: vec![
            AnswerSection::Rejected(RejectedAnswer {
                mid: "0".into(),
                media: "audio".into(),
                proto: "UDP/TLS/RTP/SAVPF".into(),
                formats: vec!["111".into()],
            }),
            AnswerSection::Media(MediaAnswer {
                mid: "1".into(),
                media: "video",
                proto: video.proto.clone(),
                direction: Direction::RecvOnly,
                codecs: video.codecs.clone(),
                extensions: video.extensions.clone(),
                receive_rids: video.layers.iter().map(|layer| layer.rid.clone()).collect(),
                receiving: true,
                redundancy: Redundancy::None,
                send: None,
            }),
        ],
    };
    let text = answer.print();
    assert_eq!(text, answer.print());
    assert!(text.contains("a=group:BUNDLE 1\r\n"), "rejected sections leave the bundle");
    assert!(text.contains("a=simulcast:recv q;h;f\r\n"));
    assert!(text.contains("a=fmtp:96 x-google-start-bitrate=1200\r\n"));
    assert!(text.contains("profile-level-id=42e01f;x-google-start-bitrate=1200\r\n"));
    assert!(text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103\r\n"));
    assert!(text.contains("a=candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host\r\n"));
    assert!(
        text.contains("a=candidate:2 1 tcp 1520435199 192.0.2.1 7881 typ host tcptype passive\r\n"),
        "{text}"
    );
    let mut cursor = std::io::Cursor::new(text.as_bytes());
    let read = rtc_sdp::description::session::SessionDescription::unmarshal(&mut cursor).unwrap();
    assert_eq!(read.media_descriptions.len(), 2);
}
