//! Who speaks, and who has the floor, from the levels in the packets (RFC 6464).
//!
//! The dominant speaker is found as Volfovsky and Cohen propose ("Dominant speaker identification for multipoint
//! videoconferencing", 2012): speech activity over an immediate, a medium and a long time, each as the likelihood
//! that so much activity is speech against that it is not; who wants the floor must win over its holder in all
//! three. So a cough, which is loud and short, changes nothing, and neither does a noise that never speaks.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::base::id::ParticipantId;

/// Loudness (127 + dBov) that counts as speech: -52 dBov, above room noise after browser processing.
pub const THRESHOLD: u8 = 75;
/// A speaker stays one through the pauses between words.
pub const HOLD: Duration = Duration::from_millis(400);
/// The protocol's upper bound is 4 Hz.
const INTERVAL: Duration = Duration::from_millis(250);

/// Length of what one packet usually holds; the unit of activity.
const FRAME: Duration = Duration::from_millis(20);
/// A gap of more frames is silence that was not sent; less is jitter.
const LONGEST_JITTER: u32 = 10;

/// The three times: steps of loudness in the newest frame, loud frames of the last 200 ms, and of the last second.
const IMMEDIATE: Scale = Scale { of: 13, rate: 0.78, margin: 3.0 };
const MEDIUM: Scale = Scale { of: 10, rate: 24.0, margin: 2.0 };
const LONG: Scale = Scale { of: 50, rate: 47.0, margin: 0.0 };
/// Loudness above the threshold per step.
const STEP: u8 = 3;
/// Loud frames of the last second that take a floor which nobody has.
const ENOUGH: u32 = 25;
/// Who has the floor keeps it for so long: a view that changes faster cannot be followed.
const TENURE: Duration = Duration::from_secs(2);
/// Decisions in a row that a challenger must win.
const WINS: u32 = 2;

/// One of the three times.
struct Scale {
    /// Highest activity.
    of: u32,
    /// Of the exponential distribution that activity without speech has.
    rate: f32,
    /// How much better a challenger must be, as the logarithm of the ratio.
    margin: f32,
}

impl Scale {
    /// The log-likelihood ratio of speech to no speech.
    fn score(&self, active: u32) -> f32 {
        let active = active.min(self.of);
        #[expect(clippy::cast_precision_loss, reason = "at most fifty")]
        let float = |count: u32| count as f32;
        // As many ways to choose the active ones, each as likely as not.
        let ways: f32 = (1..=active).map(|n| (float(self.of - active + n) / float(n)).ln()).sum();
        let speech = ways + float(self.of) * 0.5_f32.ln();
        let silence = self.rate.ln() - self.rate * float(active);
        (speech - silence).max(f32::MIN_POSITIVE)
    }

    fn wins(&self, challenger: u32, holder: u32) -> bool {
        (self.score(challenger) / self.score(holder)).ln() > self.margin
    }
}

#[derive(Debug)]
struct Voice {
    /// 127 + dBov, smoothed.
    level: u8,
    last_loud: Option<Instant>,
    last_heard: Instant,
    /// Of the newest frame.
    loudness: u8,
    /// Whether each of the last frames was loud, the newest in the lowest bit.
    frames: u64,
}

/// What is to be announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaking {
    /// Loudest first, with 127 + dBov.
    pub speakers: Vec<(ParticipantId, u8)>,
    /// Who has the floor: who spoke last, until somebody else takes it.
    pub dominant: Option<ParticipantId>,
}

#[derive(Debug, Default)]
pub struct SpeakerDetector {
    voices: BTreeMap<ParticipantId, Voice>,
    last_poll: Option<Instant>,
    dominant: Option<(ParticipantId, Instant)>,
    challenger: Option<(ParticipantId, u32)>,
    told: Option<Speaking>,
}

impl SpeakerDetector {
    /// `byte` is the extension's value: a voice-activity bit, then the level in -dBov.
    pub fn heard(&mut self, now: Instant, participant: ParticipantId, byte: u8) {
        let loudness = loudness(byte);
        let voice = self.voices.entry(participant).or_insert_with(|| Voice::new(now));
        voice.hear(now, loudness);
    }

    pub fn forget(&mut self, participant: ParticipantId) {
        self.voices.remove(&participant);
        if self.dominant.is_some_and(|(holder, _)| holder == participant) {
            self.dominant = None;
        }
    }

    /// At most four times a second: while somebody speaks, and once when all fall silent or the floor is taken.
    pub fn poll(&mut self, now: Instant) -> Option<Speaking> {
        if self.last_poll.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            return None;
        }
        self.last_poll = Some(now);
        self.decide(now);
        let mut speakers: Vec<_> = self
            .voices
            .iter()
            .filter(|(_, voice)| voice.speaks(now))
            .map(|(participant, voice)| (*participant, voice.level))
            .collect();
        speakers.sort_by_key(|(participant, level)| (std::cmp::Reverse(*level), *participant));
        let speaking = Speaking { speakers, dominant: self.dominant.map(|(holder, _)| holder) };
        let silent = Speaking { speakers: Vec::new(), dominant: None };
        let news = !speaking.speakers.is_empty() || self.told.as_ref().unwrap_or(&silent) != &speaking;
        news.then(|| self.told.insert(speaking).clone())
    }

    fn decide(&mut self, now: Instant) {
        let holder = self.dominant.and_then(|(id, since)| Some((id, since, self.voices.get(&id)?)));
        let Some((id, since, holder)) = holder else {
            let first = self.voices.iter().map(|(id, voice)| (voice.activity(now).long, *id)).max();
            self.dominant = first.filter(|(long, _)| *long >= ENOUGH).map(|(_, id)| (id, now));
            return;
        };
        let floor = holder.activity(now);
        let challengers = self.voices.iter().filter(|(other, _)| **other != id);
        let best = challengers
            .map(|(other, voice)| (voice.activity(now), *other))
            .filter(|(activity, _)| activity.beats(&floor))
            .max_by_key(|(activity, other)| (activity.medium, activity.long, *other));
        let Some((_, best)) = best else {
            self.challenger = None;
            return;
        };
        let wins = self.challenger.filter(|(last, _)| *last == best).map_or(1, |(_, wins)| wins + 1);
        self.challenger = Some((best, wins));
        if wins >= WINS && now.saturating_duration_since(since) >= TENURE {
            self.dominant = Some((best, now));
            self.challenger = None;
        }
    }
}

/// 127 + dBov of the extension's byte.
pub fn loudness(byte: u8) -> u8 {
    127 - (byte & 0x7F)
}

/// Attack at once, decay over about five packets.
pub fn smooth(level: u8, loudness: u8) -> u8 {
    if loudness > level {
        return loudness;
    }
    u8::try_from((u16::from(level) * 4 + u16::from(loudness)) / 5).unwrap_or(loudness)
}

#[derive(Debug, Clone, Copy)]
struct Activity {
    immediate: u32,
    medium: u32,
    long: u32,
}

impl Activity {
    fn beats(&self, holder: &Self) -> bool {
        IMMEDIATE.wins(self.immediate, holder.immediate)
            && MEDIUM.wins(self.medium, holder.medium)
            && LONG.wins(self.long, holder.long)
    }
}

impl Voice {
    fn new(now: Instant) -> Self {
        Self { level: 0, last_loud: None, last_heard: now, loudness: 0, frames: 0 }
    }

    fn hear(&mut self, now: Instant, loudness: u8) {
        let loud = loudness >= THRESHOLD;
        let passed = frames_since(now, self.last_heard).max(1);
        self.frames = self.frames.checked_shl(passed).unwrap_or(0);
        if loud {
            let late = if passed <= LONGEST_JITTER { passed } else { 1 };
            self.frames |= (1 << late) - 1;
            self.last_loud = Some(now);
        }
        self.last_heard = now;
        self.loudness = loudness;
        self.level = smooth(self.level, loudness);
    }

    fn speaks(&self, now: Instant) -> bool {
        self.last_loud.is_some_and(|loud| now.saturating_duration_since(loud) < HOLD)
    }

    fn activity(&self, now: Instant) -> Activity {
        let silent = frames_since(now, self.last_heard);
        let late = silent <= LONGEST_JITTER;
        let frames = if late { self.frames } else { self.frames.checked_shl(silent).unwrap_or(0) };
        let steps = self.loudness.saturating_sub(THRESHOLD).div_ceil(STEP);
        let loud = |last: u32| (frames & ((1 << last) - 1)).count_ones();
        Activity {
            immediate: if late { steps.into() } else { 0 },
            medium: loud(MEDIUM.of),
            long: loud(LONG.of),
        }
    }
}

fn frames_since(now: Instant, then: Instant) -> u32 {
    let elapsed = now.saturating_duration_since(then) + FRAME / 2;
    u32::try_from(elapsed.as_millis() / FRAME.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ana, Bo and Cy.
    fn who(number: u128) -> ParticipantId {
        ParticipantId::from_parts(1, number)
    }

    const A: u128 = 1;
    const B: u128 = 2;
    const C: u128 = 3;
    const SPEECH: u8 = 30;
    const SILENCE: u8 = 127;

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// A meeting of three; each sends a packet every 20 ms.
    struct Meeting {
        start: Instant,
        now: Instant,
        detector: SpeakerDetector,
        /// Who had the floor from which millisecond on.
        floor: Vec<(u128, ParticipantId)>,
    }

    impl Meeting {
        fn new() -> Self {
            let start = origin();
            Self { start, now: start, detector: SpeakerDetector::default(), floor: Vec::new() }
        }

        fn go_on(&mut self, ms: u64, levels: impl Fn(u64) -> [u8; 3]) {
            for frame in 0..ms / 20 {
                for (speaker, level) in [A, B, C].into_iter().zip(levels(frame)) {
                    self.detector.heard(self.now, who(speaker), level);
                }
                if let Some(Speaking { dominant: Some(holder), .. }) = self.detector.poll(self.now)
                    && self.floor.last().is_none_or(|(_, last)| *last != holder)
                {
                    self.floor.push(((self.now - self.start).as_millis(), holder));
                }
                self.now += FRAME;
            }
        }
    }

    #[test]
    fn loudest_first_then_silence_once() {
        let start = origin();
        let at = |ms| start + Duration::from_millis(ms);
        let mut detector = SpeakerDetector::default();
        detector.heard(start, who(A), 40);
        detector.heard(start, who(B), 0x80 | 20);
        detector.heard(start, who(C), 100);
        let speaking = |speakers| Some(Speaking { speakers, dominant: None });
        assert_eq!(detector.poll(start), speaking(vec![(who(B), 107), (who(A), 87)]));
        assert_eq!(detector.poll(at(100)), None, "at most 4 Hz");
        assert_eq!(detector.poll(at(500)), speaking(vec![]));
        assert_eq!(detector.poll(at(1_000)), None);
    }

    #[test]
    fn the_floor_is_taken_by_speech_and_not_by_a_cough() {
        let mut meeting = Meeting::new();
        // A clears the throat: 200 ms of noise are not yet speech.
        meeting.go_on(200, |_| [10, SILENCE, SILENCE]);
        meeting.go_on(800, |_| [SILENCE; 3]);
        assert_eq!(meeting.floor, []);
        meeting.go_on(1_000, |_| [SILENCE, SPEECH, SILENCE]);
        assert_eq!(meeting.floor.len(), 1, "{:?}", meeting.floor);
        assert_eq!(meeting.floor[0].1, who(B));
        assert!((1_500..=1_750).contains(&meeting.floor[0].0), "after half a second: {:?}", meeting.floor);
        meeting.go_on(3_000, |_| [SILENCE, SPEECH, SILENCE]);
        meeting.go_on(200, |_| [SILENCE, SILENCE, 5]);
        meeting.go_on(2_000, |_| [SILENCE; 3]);
        assert_eq!(meeting.floor.len(), 1, "a cough after the last word changes nothing");
        assert_eq!(meeting.detector.poll(meeting.now), None, "nothing new");
    }

    #[test]
    fn an_answer_takes_the_floor_within_a_second() {
        let mut meeting = Meeting::new();
        meeting.go_on(4_000, |_| [SPEECH, SILENCE, SILENCE]);
        meeting.go_on(2_000, |_| [SILENCE, SPEECH, SILENCE]);
        let [(_, first), (took, second)] = meeting.floor[..] else { panic!("{:?}", meeting.floor) };
        assert_eq!((first, second), (who(A), who(B)));
        assert!((4_300..=5_100).contains(&took), "at {took}");
    }

    #[test]
    fn who_talks_into_a_speech_does_not_take_the_floor() {
        let mut meeting = Meeting::new();
        meeting.go_on(4_000, |_| [SPEECH, SILENCE, SILENCE]);
        // Words of 300 ms with pauses of 100 ms, and somebody who agrees louder.
        meeting.go_on(6_000, |frame| {
            let word = frame % 20 < 15;
            [if word { SPEECH } else { SILENCE }, if frame % 100 < 25 { 10 } else { SILENCE }, SILENCE]
        });
        assert_eq!(meeting.floor.len(), 1, "{:?}", meeting.floor);
    }

    #[test]
    fn the_floor_does_not_change_faster_than_one_can_follow() {
        let mut meeting = Meeting::new();
        meeting.go_on(20_000, |frame| match (frame / 50) % 3 {
            0 => [SPEECH, SILENCE, SILENCE],
            1 => [SILENCE, SPEECH, SILENCE],
            _ => [SILENCE, SILENCE, SPEECH],
        });
        assert!(meeting.floor.len() >= 3, "it changes: {:?}", meeting.floor);
        for pair in meeting.floor.windows(2) {
            assert!(pair[1].0 - pair[0].0 >= TENURE.as_millis(), "{:?}", meeting.floor);
        }
    }

    #[test]
    fn steady_noise_below_speech_never_has_the_floor_and_leaving_gives_it_up() {
        let mut meeting = Meeting::new();
        meeting.go_on(3_000, |_| [60, SILENCE, SPEECH]);
        assert_eq!(meeting.floor.iter().map(|(_, one)| *one).collect::<Vec<_>>(), [who(C)]);
        meeting.detector.forget(who(C));
        meeting.now += INTERVAL;
        let news = meeting.detector.poll(meeting.now).expect("the floor is free");
        assert_eq!(news.dominant, None);
    }

    #[test]
    fn silence_that_is_not_sent_is_silence() {
        let mut meeting = Meeting::new();
        meeting.go_on(4_000, |_| [SPEECH, SILENCE, SILENCE]);
        // A sends nothing any more.
        for _ in 0..100 {
            meeting.detector.heard(meeting.now, who(B), SPEECH);
            meeting.detector.poll(meeting.now);
            meeting.now += FRAME;
        }
        assert_eq!(meeting.detector.dominant.map(|(holder, _)| holder), Some(who(B)));
    }
}
