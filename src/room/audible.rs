//! Which microphones of a large room are forwarded: the few that speak.
//!
//! As soon as there are more microphones than the limit, a packet passes only if its microphone has a voice: it
//! speaks, or did within the last two seconds. Of those that speak at one time only the loudest get one. The
//! decision is made once per packet, not per subscriber, and from the packet's own level, so the first word of a
//! new speaker passes. Every part of a room that is spread decides for its own subscribers, from all levels.

use std::time::{Duration, Instant};

use super::{Context, PublicationKey, Room, command::Source, publication::Publication, routing::Accepted};
use crate::media::speaker::{self, THRESHOLD, loudness, smooth};

/// Who fell silent is forwarded for this long: what follows a pause is often the end of a sentence, and breath and
/// room go on under it.
const KEEP: Duration = Duration::from_secs(2);
/// How much louder than the quietest speaker somebody must be to take its place while both speak. Less, and two
/// voices of equal strength chop each other.
const LOUDER: u8 = 6;

#[derive(Debug, Default)]
pub(super) struct Audible {
    /// 0 = all.
    limit: usize,
    /// There are more microphones than that.
    crowded: bool,
    /// At most `limit` that speak, and as many that fell silent.
    voices: Vec<Voice>,
}

#[derive(Debug)]
struct Voice {
    publication: PublicationKey,
    /// 127 + dBov, smoothed.
    level: u8,
    last_speech: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    No,
    Goes,
    /// Others before this packet were left out.
    Begins,
}

impl Audible {
    pub fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// A packet of a microphone: does it pass?
    fn hear(&mut self, now: Instant, publication: PublicationKey, loudness: u8) -> Admission {
        let speaks = loudness >= THRESHOLD;
        if let Some(at) = self.voices.iter().position(|one| one.publication == publication) {
            let Some(voice) = self.voices.get_mut(at) else { return Admission::No };
            voice.level = smooth(voice.level, loudness);
            if speaks {
                voice.last_speech = now;
            } else if voice.silence(now) >= KEEP {
                self.voices.swap_remove(at);
                return Admission::No;
            }
            return Admission::Goes;
        }
        if !speaks || !self.make_room(now, loudness) {
            return Admission::No;
        }
        self.voices.push(Voice { publication, level: loudness, last_speech: now });
        Admission::Begins
    }

    /// Whether somebody of this loudness may speak too.
    fn make_room(&mut self, now: Instant, loudness: u8) -> bool {
        let speaking = |voice: &&Voice| voice.silence(now) < speaker::HOLD;
        if self.voices.iter().filter(speaking).count() >= self.limit {
            let quietest = self.voices.iter().enumerate().filter(|(_, one)| speaking(one));
            let quietest = quietest.min_by_key(|(_, one)| one.level).map(|(at, one)| (at, one.level));
            let Some((at, _)) = quietest.filter(|(_, level)| loudness >= level.saturating_add(LOUDER)) else {
                return false;
            };
            self.voices.swap_remove(at);
        } else if self.voices.len() >= self.limit * 2 {
            let oldest = self.voices.iter().enumerate().min_by_key(|(_, one)| one.last_speech);
            if let Some((at, _)) = oldest {
                self.voices.swap_remove(at);
            }
        }
        true
    }

    fn has(&self, publication: PublicationKey) -> bool {
        self.voices.iter().any(|one| one.publication == publication)
    }
}

impl Voice {
    fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_speech)
    }
}

impl Room {
    /// Whether a packet of a crowded room is forwarded. Those without a level always are: nothing tells silence.
    pub(super) fn is_heard(&mut self, now: Instant, accepted: &Accepted<'_>) -> bool {
        let Some(level) = accepted.packet.facts.audio_level else { return true };
        let publication = self.publications.get(accepted.publication);
        if publication.is_none_or(|one| one.source != Source::Mic) {
            return true;
        }
        match self.audible.hear(now, accepted.publication, loudness(level)) {
            Admission::No => false,
            Admission::Goes => true,
            Admission::Begins => {
                self.skip_to(accepted.publication, accepted.packet.sequence);
                true
            }
        }
    }

    /// Microphones came or went.
    pub(super) fn review_audible(&mut self, ctx: &Context<'_>) {
        let limit = ctx.environment.audible;
        let microphones = self.publications.values().filter(|one| one.source == Source::Mic).count();
        let was_crowded = std::mem::replace(&mut self.audible.crowded, limit > 0 && microphones > limit);
        self.audible.limit = limit;
        let publications = &self.publications;
        self.audible.voices.retain(|one| publications.contains_key(one.publication));
        if self.audible.crowded || !was_crowded {
            return;
        }
        // All pass from now on; those that did not so far go on after what was left out.
        let quiet = |(key, one): (PublicationKey, &Publication)| {
            let left_out = one.source == Source::Mic && !self.audible.has(key);
            one.encoding(0)
                .and_then(|one| one.ingest.highest())
                .filter(|_| left_out)
                .map(|last| (key, last + 1))
        };
        let resumed: Vec<_> = self.publications.iter().filter_map(quiet).collect();
        for (key, sequence) in resumed {
            self.skip_to(key, sequence);
        }
        self.audible.voices.clear();
    }

    /// Numbers stay dense for every subscriber.
    fn skip_to(&mut self, publication: PublicationKey, sequence: u64) {
        let Some(publication) = self.publications.get(publication) else { return };
        for key in &publication.fan_out {
            if let Some(forwarder) = self.subscriptions.get_mut(*key).and_then(|one| one.forwarder.as_mut()) {
                forwarder.skip_to(sequence);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    const SPEECH: u8 = 100;
    const SILENCE: u8 = 0;

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn microphones() -> Vec<PublicationKey> {
        let mut keys = SlotMap::<PublicationKey, ()>::with_key();
        (0..10).map(|_| keys.insert(())).collect()
    }

    #[test]
    fn a_voice_passes_at_once_and_for_two_seconds_after() {
        let (start, mics) = (origin(), microphones());
        let at = |ms| start + Duration::from_millis(ms);
        let mut audible = Audible { limit: 2, crowded: true, voices: Vec::new() };
        assert_eq!(audible.hear(start, mics[0], SILENCE), Admission::No);
        assert_eq!(audible.hear(at(20), mics[0], SPEECH), Admission::Begins, "the very packet");
        assert_eq!(audible.hear(at(40), mics[0], SILENCE), Admission::Goes);
        assert_eq!(audible.hear(at(2_019), mics[0], SILENCE), Admission::Goes);
        assert_eq!(audible.hear(at(2_020), mics[0], SILENCE), Admission::No);
        assert_eq!(audible.hear(at(2_040), mics[0], SPEECH), Admission::Begins);
    }

    #[test]
    fn of_too_many_who_speak_the_loudest_pass() {
        let (now, mics) = (origin(), microphones());
        let mut audible = Audible { limit: 2, crowded: true, voices: Vec::new() };
        assert_eq!(audible.hear(now, mics[0], SPEECH), Admission::Begins);
        assert_eq!(audible.hear(now, mics[1], SPEECH + 10), Admission::Begins);
        assert_eq!(audible.hear(now, mics[2], SPEECH + LOUDER - 1), Admission::No, "hardly louder");
        assert_eq!(audible.hear(now, mics[2], SPEECH + LOUDER), Admission::Begins);
        assert_eq!(audible.hear(now, mics[0], SPEECH), Admission::No, "it made room");
        assert_eq!(audible.hear(now, mics[1], SPEECH + 10), Admission::Goes);
    }

    #[test]
    fn who_pauses_does_not_stand_in_the_way_and_is_not_cut() {
        let (start, mics) = (origin(), microphones());
        let later = start + speaker::HOLD;
        let mut audible = Audible { limit: 2, crowded: true, voices: Vec::new() };
        for mic in &mics[..2] {
            audible.hear(start, *mic, SPEECH);
        }
        for mic in &mics[2..4] {
            assert_eq!(audible.hear(later, *mic, THRESHOLD), Admission::Begins, "in the pause of the others");
        }
        for mic in &mics[..4] {
            assert_eq!(audible.hear(later, *mic, SILENCE), Admission::Goes);
        }
        let last = later + speaker::HOLD;
        assert_eq!(audible.hear(last, mics[4], SPEECH), Admission::Begins);
        assert_eq!(audible.voices.len(), 4, "twice the limit is the most");
    }
}
