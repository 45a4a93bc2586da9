//! From what was lost, late and frozen to what a person would say of the call.
//!
//! The E-model of ITU-T G.107 in the reduced form of Cole and Rosenbluth (2001): a rating R that starts at 93.2 and
//! loses for delay and for loss, and G.107 Annex B from R to a mean opinion score. Loss weighs as in G.113 for a
//! codec that conceals (25.1; Opus does at least as well), and a frozen picture weighs as lost sound of the same
//! time. The best score of this scale is 4.4, so a perfect connection has 85 of 100.

use std::time::Duration;

use crate::base::quality::{Issue, Issues, Quality, score_of};

/// R without any impairment but the noise of a quiet room (G.107 default).
const BEST: f32 = 93.2;
/// Of a codec that conceals losses, in percent of loss (G.113 appendix I): how much loss takes half of the rating.
const ROBUSTNESS: f32 = 25.1;
/// What an Opus frame and its lookahead add to the delay.
const CODEC_DELAY_MS: f32 = 26.5;
/// From here on, people talk into each other (Cole and Rosenbluth).
const DELAY_KNEE_MS: f32 = 177.3;
/// A receiver holds back this many times the jitter to play smoothly.
const JITTER_BUFFER: f32 = 2.0;

/// Thresholds of the issues, over the window. Each is about where people begin to notice.
const HIGH_LOSS: f32 = 0.03;
/// Of what repair did not bring back.
const HIGH_MISSING: f32 = 0.01;
const HIGH_RTT_MS: f32 = 300.0;
const HIGH_JITTER_MS: f32 = 50.0;
const FROZEN: f32 = 0.05;

/// How many seconds a reading covers.
const WINDOW: usize = 5;
/// A value that nobody reports again is kept for so many seconds: browsers report audio every 5 s, give or take half.
const KEEP: u32 = 15;

/// Mean opinion score of a connection: shares from 0 to 1, times in milliseconds.
pub fn mos(missing: f32, frozen: f32, jitter_ms: f32, rtt_ms: f32) -> f32 {
    opinion(rating(missing, frozen, jitter_ms, rtt_ms))
}

fn rating(missing: f32, frozen: f32, jitter_ms: f32, rtt_ms: f32) -> f32 {
    let delay = rtt_ms / 2.0 + JITTER_BUFFER * jitter_ms + CODEC_DELAY_MS;
    let of_delay = 0.024 * delay + 0.11 * (delay - DELAY_KNEE_MS).max(0.0);
    let percent = ((missing + frozen) * 100.0).clamp(0.0, 100.0);
    let of_loss = 95.0 * percent / (percent + ROBUSTNESS);
    BEST - of_delay - of_loss
}

/// G.107 Annex B.
fn opinion(r: f32) -> f32 {
    if r <= 0.0 {
        1.0
    } else if r >= 100.0 {
        4.5
    } else {
        // The polynomial dips below 1 for the worst ratings.
        (1.0 + 0.035 * r + 7.0e-6 * r * (r - 60.0) * (100.0 - r)).max(1.0)
    }
}

/// Packets of one kind and direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub expected: u64,
    /// Lost on the network, whether they came later or not. Negative where earlier losses came back.
    pub lost: i64,
    /// Never came.
    pub missing: i64,
}

impl Count {
    pub fn add(&mut self, other: Self) {
        self.expected += other.expected;
        self.lost += other.lost;
        self.missing += other.missing;
    }

    fn share(self, of: i64) -> Option<f32> {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand packets")]
        let share = |of: i64| (of as f32 / self.expected as f32).clamp(0.0, 1.0);
        (self.expected > 0).then(|| share(of))
    }
}

/// One direction over one second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Flow {
    pub audio: Count,
    pub video: Count,
    pub jitter: Option<Duration>,
    /// How long pictures stood still.
    pub frozen: Duration,
}

/// What one second showed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Second {
    pub up: Flow,
    pub down: Flow,
    pub rtt: Option<Duration>,
    /// Less is sent to it than it asked for.
    pub limited: bool,
}

/// Smooths over the last seconds.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    seconds: [Second; WINDOW],
    count: usize,
    up: Values,
    down: Values,
    rtt_ms: Kept,
}

#[derive(Debug, Clone, Copy, Default)]
struct Values {
    lost: Kept,
    missing: Kept,
    jitter_ms: Kept,
    frozen: f32,
}

/// A value that outlives its report for a while.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    value: Option<f32>,
    age: u32,
}

impl Kept {
    fn update(&mut self, new: Option<f32>) {
        match new {
            Some(value) => *self = Self { value: Some(value), age: 0 },
            None if self.age >= KEEP => self.value = None,
            None => self.age += 1,
        }
    }

    fn or_none(self) -> f32 {
        self.value.unwrap_or(0.0)
    }
}

impl Meter {
    pub fn add(&mut self, second: Second) {
        self.seconds.rotate_left(1);
        if let Some(last) = self.seconds.last_mut() {
            *last = second;
        }
        self.count = (self.count + 1).min(WINDOW);
        self.up.update(self.seconds.iter().rev().take(self.count).map(|one| one.up), self.count);
        self.down.update(self.seconds.iter().rev().take(self.count).map(|one| one.down), self.count);
        let rtt = mean(self.recent().filter_map(|one| one.rtt));
        self.rtt_ms.update(rtt);
    }

    /// `None` while nothing is known: neither sent, nor reported.
    pub fn quality(&self) -> Option<Quality> {
        let (up, down) = (&self.up, &self.down);
        up.lost.value.or(down.lost.value).or(self.rtt_ms.value)?;
        let worse = |of: fn(&Values) -> f32| of(up).max(of(down));
        let loss = worse(|one| one.missing.or_none());
        let jitter_ms = worse(|one| one.jitter_ms.or_none());
        let frozen = worse(|one| one.frozen);
        let rtt_ms = self.rtt_ms.value;
        let mos = mos(loss, frozen, jitter_ms, rtt_ms.unwrap_or(0.0));
        let lossy = |of: &Values| of.lost.or_none() >= HIGH_LOSS || of.missing.or_none() >= HIGH_MISSING;
        // One bad second in the window is not a trend.
        let limited = self.recent().filter(|one| one.limited).count() * 2 > self.count;
        let found = [
            (lossy(up), Issue::HighLossUp),
            (lossy(down), Issue::HighLossDown),
            (rtt_ms.is_some_and(|rtt| rtt >= HIGH_RTT_MS), Issue::HighRtt),
            (jitter_ms >= HIGH_JITTER_MS, Issue::HighJitter),
            (frozen >= FROZEN, Issue::Freezes),
            (limited, Issue::LowBandwidth),
        ];
        let issues: Issues = found.into_iter().filter(|(is, _)| *is).map(|(_, issue)| issue).collect();
        Some(Quality { score: score_of(mos), mos, loss, jitter_ms, rtt_ms, issues })
    }

    fn recent(&self) -> impl Iterator<Item = &Second> {
        self.seconds.iter().rev().take(self.count)
    }
}

impl Values {
    fn update(&mut self, flows: impl Iterator<Item = Flow> + Clone, seconds: usize) {
        let (mut audio, mut video) = (Count::default(), Count::default());
        let mut frozen = Duration::ZERO;
        for flow in flows.clone() {
            audio.add(flow.audio);
            video.add(flow.video);
            frozen += flow.frozen;
        }
        let mut all = audio;
        all.add(video);
        self.lost.update(all.share(all.lost));
        // Apart, or the many packets of a picture would hide what the ear misses.
        let worst = [audio.share(audio.missing), video.share(video.missing)].into_iter().flatten();
        self.missing.update(worst.reduce(f32::max));
        self.jitter_ms.update(mean(flows.filter_map(|one| one.jitter)));
        #[expect(clippy::cast_precision_loss, reason = "at most five")]
        let window = seconds.max(1) as f32;
        self.frozen = (frozen.as_secs_f32() / window).min(1.0);
    }
}

/// In milliseconds.
fn mean(times: impl Iterator<Item = Duration>) -> Option<f32> {
    let (mut sum, mut count) = (Duration::ZERO, 0);
    for time in times {
        sum += time;
        count += 1;
    }
    (count > 0).then(|| sum.as_secs_f32() * 1_000.0 / f32::from(u16::try_from(count).unwrap_or(u16::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f32, expected: f32) -> bool {
        (value - expected).abs() < 0.011
    }

    #[test]
    fn opinions_follow_the_table_of_the_standard() {
        // G.107, figure and table B.1.
        for (r, expected) in
            [(93.2, 4.41), (90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)]
        {
            assert!(near(opinion(r), expected), "R {r}: {} instead of {expected}", opinion(r));
        }
        assert_eq!([opinion(-20.0), opinion(0.0), opinion(3.0), opinion(120.0)], [1.0, 1.0, 1.0, 4.5]);
    }

    #[test]
    fn delay_and_loss_cost_what_the_model_says() {
        // Cole and Rosenbluth: 0.024 d below the knee, 0.11 more per millisecond above.
        assert!(near(rating(0.0, 0.0, 0.0, 0.0), BEST - 0.636));
        assert!(near(rating(0.0, 0.0, 0.0, 300.0), BEST - 0.024 * 176.5));
        assert!(near(rating(0.0, 0.0, 50.0, 300.0), BEST - 0.024 * 276.5 - 0.11 * 99.2));
        // G.113: as much loss as the robustness takes half of 95.
        assert!(near(rating(0.251, 0.0, 0.0, 0.0), BEST - 0.636 - 47.5));
        assert!(near(rating(0.05, 0.0, 0.0, 0.0), BEST - 0.636 - 95.0 * 5.0 / 30.1));
        assert_eq!(rating(0.0, 0.05, 0.0, 0.0), rating(0.05, 0.0, 0.0, 0.0), "frozen weighs as lost");
    }

    #[test]
    fn what_is_asked_of_a_good_call_scores_as_one() {
        // Requirement AV-14: excellent above 4.2; good starts at 3.5, poor ends at 3.
        assert!(mos(0.0, 0.0, 5.0, 60.0) > 4.2);
        assert!(mos(0.01, 0.0, 50.0, 100.0) > 3.5);
        assert!(mos(0.20, 0.0, 50.0, 400.0) < 3.0);
    }

    fn audio(expected: u64, missing: i64) -> Flow {
        let audio = Count { expected, lost: missing, missing };
        Flow { audio, jitter: Some(Duration::from_millis(5)), ..Flow::default() }
    }

    #[test]
    fn a_second_of_loss_counts_for_five_and_is_forgotten_then() {
        let mut meter = Meter::default();
        assert_eq!(meter.quality(), None);
        let clean = Second { up: audio(50, 0), down: audio(50, 0), ..Second::default() };
        for _ in 0..5 {
            meter.add(clean);
        }
        let good = meter.quality().unwrap();
        assert_eq!((good.score, good.loss, good.issues), (85, 0.0, Issues::default()));
        meter.add(Second { down: audio(50, 25), ..clean });
        for _ in 0..4 {
            let bad = meter.quality().unwrap();
            assert!(near(bad.loss, 0.1) && bad.score < 60, "{bad:?}");
            assert_eq!(bad.issues.codes(), ["high_loss_down"]);
            meter.add(clean);
        }
        meter.add(clean);
        assert_eq!(meter.quality().unwrap(), good);
    }

    #[test]
    fn repaired_losses_are_an_issue_but_hardly_cost_opinion() {
        let mut meter = Meter::default();
        let video = Count { expected: 500, lost: 40, missing: 0 };
        let up = Flow { video, ..audio(50, 0) };
        meter.add(Second { up, ..Second::default() });
        let quality = meter.quality().unwrap();
        assert_eq!((quality.score, quality.issues.codes()), (85, vec!["high_loss_up"]));
    }

    #[test]
    fn lost_sound_is_not_hidden_by_many_pictures() {
        let mut meter = Meter::default();
        let video = Count { expected: 5_000, lost: 0, missing: 0 };
        meter.add(Second { up: Flow { video, ..audio(50, 5) }, ..Second::default() });
        assert!(near(meter.quality().unwrap().loss, 0.1));
    }

    #[test]
    fn a_rare_report_holds_until_the_next() {
        let mut meter = Meter::default();
        let told =
            Second { down: audio(250, 25), rtt: Some(Duration::from_millis(400)), ..Second::default() };
        meter.add(told);
        for _ in 0..12 {
            meter.add(Second::default());
        }
        let held = meter.quality().unwrap();
        assert!(near(held.loss, 0.1) && held.rtt_ms == Some(400.0), "{held:?}");
        assert_eq!(held.issues.codes(), ["high_loss_down", "high_rtt"]);
        for _ in 0..10 {
            meter.add(Second::default());
        }
        let forgotten = meter.quality();
        assert_eq!(forgotten, None);
    }

    #[test]
    fn frozen_pictures_and_narrow_paths_are_named() {
        let mut meter = Meter::default();
        let down = Flow { frozen: Duration::from_millis(600), ..audio(50, 0) };
        for _ in 0..3 {
            meter.add(Second { down, limited: true, ..Second::default() });
        }
        let quality = meter.quality().unwrap();
        assert_eq!(quality.issues.codes(), ["freezes", "low_bandwidth"]);
        assert!(quality.mos < 2.0, "{quality:?}");
    }
}
