//! Who speaks, from the levels in the packets (RFC 6464).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::base::id::ParticipantId;

/// Loudness (127 + dBov) that counts as speech: -52 dBov, above room noise after browser processing.
const THRESHOLD: u8 = 75;
/// A speaker stays one through the pauses between words.
const HOLD: Duration = Duration::from_millis(400);
/// The protocol's upper bound is 4 Hz.
const INTERVAL: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct Voice {
    /// 127 + dBov, smoothed.
    level: u8,
    last_loud: Option<Instant>,
}

#[derive(Debug, Default)]
pub struct SpeakerDetector {
    voices: BTreeMap<ParticipantId, Voice>,
    last_poll: Option<Instant>,
    someone_spoke: bool,
}

impl SpeakerDetector {
    /// `byte` is the extension's value: a voice-activity bit, then the level in -dBov.
    pub fn heard(&mut self, now: Instant, participant: ParticipantId, byte: u8) {
        let loudness = 127 - (byte & 0x7F);
        let voice = self.voices.entry(participant).or_insert(Voice { level: 0, last_loud: None });
        // Attack at once, decay over about five packets.
        voice.level = if loudness > voice.level {
            loudness
        } else {
            u8::try_from((u16::from(voice.level) * 4 + u16::from(loudness)) / 5).unwrap_or(loudness)
        };
        if loudness >= THRESHOLD {
            voice.last_loud = Some(now);
        }
    }

    pub fn forget(&mut self, participant: ParticipantId) {
        self.voices.remove(&participant);
    }

    /// The speakers, loudest first, at most four times a second; the empty list once when all fall silent.
    pub fn poll(&mut self, now: Instant) -> Option<Vec<(ParticipantId, u8)>> {
        if self.last_poll.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            return None;
        }
        self.last_poll = Some(now);
        let mut speakers: Vec<_> = self
            .voices
            .iter()
            .filter(|(_, voice)| {
                voice.last_loud.is_some_and(|loud| now.saturating_duration_since(loud) < HOLD)
            })
            .map(|(participant, voice)| (*participant, voice.level))
            .collect();
        speakers.sort_by_key(|(participant, level)| (std::cmp::Reverse(*level), *participant));
        let speaking = !speakers.is_empty();
        let changed = speaking || self.someone_spoke;
        self.someone_spoke = speaking;
        changed.then_some(speakers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn loudest_first_then_silence_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (a, b, c) = (
            ParticipantId::from_parts(1, 1),
            ParticipantId::from_parts(1, 2),
            ParticipantId::from_parts(1, 3),
        );
        let mut detector = SpeakerDetector::default();
        detector.heard(start, a, 40);
        detector.heard(start, b, 0x80 | 20);
        detector.heard(start, c, 100);
        assert_eq!(detector.poll(start), Some(vec![(b, 107), (a, 87)]));
        assert_eq!(detector.poll(at(100)), None, "at most 4 Hz");
        assert_eq!(detector.poll(at(500)), Some(vec![]));
        assert_eq!(detector.poll(at(1_000)), None);
    }
}
