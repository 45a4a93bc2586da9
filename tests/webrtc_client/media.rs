//! Voice and pictures that can be told apart packet by packet, and the judgement of what became of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use rtc::rtp;
use tokio::task::JoinHandle;
use webrtc::media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP};

use super::peer::Peer;

pub const AUDIO_SSRC: u32 = 0x0A0D_1000;
pub const VIDEO_SSRC: u32 = 0x0B1D_E000;
/// Of the library's default codecs, which the offer lists.
const AUDIO_TYPE: u8 = 111;
const VIDEO_TYPE: u8 = 96;
const AUDIO_STEP: u32 = 960;
const VIDEO_STEP: u32 = 3_600;
/// Frames that an encoder still sends after it was asked: a server that does not wait for the keyframe is seen.
const KEYFRAME_DELAY: usize = 5;
const PACKETS_PER_FRAME: usize = 3;
/// Soon wraps around.
const FIRST_AUDIO_SEQUENCE: u16 = 65_500;
const FIRST_VIDEO_SEQUENCE: u16 = 100;
const FIRST_PICTURE: u16 = 0x7FF0;
/// X S | I L T | picture id (2) | TL0PICIDX | TID: RFC 7741 4.2.
const DESCRIPTOR_LEN: usize = 6;
/// The fields that a forwarder makes its own: picture id and TL0PICIDX.
const REWRITTEN: std::ops::Range<usize> = 2..5;

/// Everything that was sent; the first packet and the first frame have the number `first`.
#[derive(Debug, Default)]
pub struct Sent {
    first: usize,
    pub audio: Vec<Bytes>,
    pub frames: Vec<Frame>,
}

#[derive(Debug)]
pub struct Frame {
    pub keyframe: bool,
    pub payloads: Vec<Bytes>,
}

impl Sent {
    pub fn keyframe(&self, frame: usize) -> bool {
        self.frames[frame - self.first].keyframe
    }
}

/// Sends 50 voice packets and 25 frames a second, numbered from `first` on, until it is dropped or the
/// connection ends.
pub struct Source {
    sent: Arc<Mutex<Sent>>,
    task: JoinHandle<()>,
}

impl Source {
    pub fn start(publisher: &Peer, first: usize) -> Self {
        let tracks = publisher.tracks.clone().expect("a publisher");
        let requests = publisher.keyframe_counter();
        let sent = Arc::new(Mutex::new(Sent { first, ..Sent::default() }));
        let record = Arc::clone(&sent);
        let task = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            let mut answered = requests();
            let mut due = Some(0);
            for tick in 0usize.. {
                pace.tick().await;
                if !send_audio(&tracks.audio, &record, first + tick).await {
                    return;
                }
                if tick % 2 == 0 {
                    let (frame, asked) = (tick / 2, requests());
                    if asked != answered {
                        answered = asked;
                        due.get_or_insert(frame + KEYFRAME_DELAY);
                    }
                    let keyframe = due.is_some_and(|due| frame >= due);
                    if keyframe {
                        due = None;
                    }
                    if !send_frame(&tracks.video, &record, first + frame, keyframe).await {
                        return;
                    }
                }
            }
        });
        Self { sent, task }
    }

    pub fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send_audio(track: &TrackLocalStaticRTP, record: &Mutex<Sent>, number: usize) -> bool {
    let mut payload = BytesMut::new();
    payload.put_u8(0xF8); // Opus: CELT, full band, 20 ms, mono, one frame
    payload.put_u32(small(number));
    filler(&mut payload, number, 60 + number % 40);
    let payload = payload.freeze();
    record.lock().unwrap().audio.push(payload.clone());
    let header = rtp::header::Header {
        version: 2,
        payload_type: AUDIO_TYPE,
        sequence_number: FIRST_AUDIO_SEQUENCE.wrapping_add(small(number) as u16),
        timestamp: small(number).wrapping_mul(AUDIO_STEP),
        ssrc: AUDIO_SSRC,
        ..Default::default()
    };
    track.write_rtp(rtp::Packet { header, payload }).await.is_ok()
}

async fn send_frame(
    track: &TrackLocalStaticRTP,
    record: &Mutex<Sent>,
    number: usize,
    keyframe: bool,
) -> bool {
    let payloads: Vec<Bytes> = (0..PACKETS_PER_FRAME).map(|part| picture(number, part, keyframe)).collect();
    record.lock().unwrap().frames.push(Frame { keyframe, payloads: payloads.clone() });
    for (part, payload) in payloads.into_iter().enumerate() {
        let header = rtp::header::Header {
            version: 2,
            marker: part + 1 == PACKETS_PER_FRAME,
            payload_type: VIDEO_TYPE,
            sequence_number: FIRST_VIDEO_SEQUENCE
                .wrapping_add(small(number * PACKETS_PER_FRAME + part) as u16),
            timestamp: small(number).wrapping_mul(VIDEO_STEP),
            ssrc: VIDEO_SSRC,
            ..Default::default()
        };
        if track.write_rtp(rtp::Packet { header, payload }).await.is_err() {
            return false;
        }
    }
    true
}

/// Payload of one packet of a frame.
fn picture(number: usize, part: usize, keyframe: bool) -> Bytes {
    let mut payload = BytesMut::new();
    payload.put_u8(if part == 0 { 0x90 } else { 0x80 });
    payload.put_u8(0xE0);
    payload.put_u16(0x8000 | (FIRST_PICTURE.wrapping_add(small(number) as u16) & 0x7FFF));
    payload.put_u8(small(number) as u8);
    payload.put_u8(0x20);
    // Like a frame tag, whose lowest bit is 0 in keyframes (RFC 6386 9.1).
    payload.put_u32_le(small(number) << 1 | u32::from(!keyframe));
    payload.put_u8(part as u8);
    filler(
        &mut payload,
        number * PACKETS_PER_FRAME + part,
        if keyframe { 1_000 } else { 400 + number % 300 },
    );
    payload.freeze()
}

/// Different in every packet, so that no packet can pass for another.
fn filler(out: &mut BytesMut, salt: usize, len: usize) {
    let mut state = small(salt) ^ 0x9E37_79B9;
    for _ in 0..len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.put_u8((state >> 24) as u8);
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("a test does not last that long")
}

/// Packets of one SSRC in order of their numbers, which are relative to the first that arrived.
#[derive(Debug)]
pub struct Stream {
    pub ssrc: u32,
    pub packets: BTreeMap<i16, rtp::Packet>,
}

impl Stream {
    /// `None` if nothing came yet. What comes twice must be the same.
    pub fn of(arrived: &[rtp::Packet]) -> Option<Self> {
        let first = &arrived.first()?.header;
        let mut packets = BTreeMap::new();
        for packet in arrived {
            assert_eq!(packet.header.ssrc, first.ssrc, "a section carries one stream");
            assert_eq!(packet.header.payload_type, first.payload_type);
            let place = packet.header.sequence_number.wrapping_sub(first.sequence_number).cast_signed();
            if let Some(before) = packets.insert(place, packet.clone()) {
                assert_eq!(before.payload, packet.payload, "packet {place} came twice, differently");
            }
        }
        Some(Self { ssrc: first.ssrc, packets })
    }

    /// Every number between the first and the last is there.
    pub fn is_dense(&self) -> bool {
        self.packets.keys().zip(self.packets.keys().skip(1)).all(|(one, next)| one + 1 == *next)
    }

    /// Those packets that `number` gives at least `first`; `None` if there is none.
    pub fn since(&self, number: fn(&[u8]) -> usize, first: usize) -> Option<Self> {
        let wanted = self.packets.iter().filter(|(_, packet)| number(&packet.payload) >= first);
        let packets: BTreeMap<_, _> = wanted.map(|(place, packet)| (*place, packet.clone())).collect();
        (!packets.is_empty()).then_some(Self { ssrc: self.ssrc, packets })
    }

    /// Numbers of the frames that arrived, once per packet.
    pub fn frame_numbers(&self) -> Vec<usize> {
        self.packets.values().map(|packet| frame_number(&packet.payload)).collect()
    }
}

pub fn voice_number(payload: &[u8]) -> usize {
    u32::from_be_bytes(*payload[1..].first_chunk().expect("a packet of ours")) as usize
}

pub fn frame_number(payload: &[u8]) -> usize {
    let bytes = payload[DESCRIPTOR_LEN..].first_chunk().expect("a packet of ours");
    (u32::from_le_bytes(*bytes) >> 1) as usize
}

/// Frames whose last packet arrived.
pub fn complete_frames(video: &Stream) -> usize {
    video.packets.values().filter(|packet| packet.header.marker).count()
}

/// Every packet that was sent since the first one that arrived is there, byte for byte and in time.
pub fn check_audio(audio: &Stream, sent: &Sent) {
    let (_, first) = audio.packets.first_key_value().expect("not empty");
    let begin = voice_number(&first.payload);
    for (at, packet) in audio.packets.values().enumerate() {
        let expected = &sent.audio[begin - sent.first + at];
        assert_eq!(
            &packet.payload,
            expected,
            "voice packet {} as number {at}",
            voice_number(&packet.payload)
        );
        let elapsed = packet.header.timestamp.wrapping_sub(first.header.timestamp);
        assert_eq!(elapsed, small(at) * AUDIO_STEP, "time of voice packet {at}");
        assert!(!packet.header.marker, "no talk spurt begins in voice packet {at}");
    }
}

/// As `check_audio`, for whole frames; picture ids and TL0PICIDX are the server's, but must count on. Returns
/// the number of the first frame.
pub fn check_video(video: &Stream, sent: &Sent) -> usize {
    let packets: Vec<&rtp::Packet> = video.packets.values().collect();
    let begin = frame_number(&packets[0].payload);
    let start = packets[0];
    let pictures = |packet: &rtp::Packet| {
        let id = u16::from_be_bytes([packet.payload[2], packet.payload[3]]);
        assert_ne!(id & 0x8000, 0, "a wide picture id stays wide");
        (id & 0x7FFF, packet.payload[4])
    };
    let (first_picture, first_tl0) = pictures(start);
    for (at, frame) in packets.chunks_exact(PACKETS_PER_FRAME).enumerate() {
        let expected = &sent.frames[begin - sent.first + at];
        for (part, packet) in frame.iter().enumerate() {
            let place = format!("packet {part} of frame {at}");
            let (got, want) = (&packet.payload, &expected.payloads[part]);
            assert_eq!(got[..REWRITTEN.start], want[..REWRITTEN.start], "descriptor of {place}");
            assert_eq!(got[REWRITTEN.end..], want[REWRITTEN.end..], "payload of {place}");
            let (picture, tl0) = pictures(packet);
            assert_eq!(
                picture,
                first_picture.wrapping_add(small(at) as u16) & 0x7FFF,
                "picture id of {place}"
            );
            assert_eq!(tl0, first_tl0.wrapping_add(small(at) as u8), "TL0PICIDX of {place}");
            assert_eq!(packet.header.marker, part + 1 == PACKETS_PER_FRAME, "marker of {place}");
            let elapsed = packet.header.timestamp.wrapping_sub(start.header.timestamp);
            assert_eq!(elapsed, small(at) * VIDEO_STEP, "time of {place}");
        }
    }
    begin
}
