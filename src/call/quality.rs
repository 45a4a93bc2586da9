//! What the media plane measured of everybody in the live calls: the newest for those who look, averages for the
//! history.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::StintQuality;
use crate::base::{
    id::{CallId, ParticipantId, UserId},
    quality::{Issue, Issues, Quality},
};

/// People told of in one event, the worst first: more are neither shown nor worth the bandwidth of a large room.
const TOLD: usize = 50;
/// An issue that shows in fewer samples than this was a hiccup; a sample covers five seconds.
const LASTING: u32 = 2;

#[derive(Debug, Default)]
pub struct QualityBook {
    calls: BTreeMap<CallId, BTreeMap<ParticipantId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    user: UserId,
    newest: Quality,
    /// Since the last `news`.
    is_news: bool,
    /// Since the last `unsaved`.
    is_unsaved: bool,
    sums: Sums,
}

#[derive(Debug, Default)]
struct Sums {
    samples: u32,
    mos: f64,
    loss: f64,
    jitter_ms: f64,
    rtt_ms: f64,
    rtt_samples: u32,
    issues: [u32; Issue::ALL.len()],
}

impl QualityBook {
    pub fn record(&mut self, call: CallId, who: ParticipantId, user: UserId, quality: Quality) {
        let entry = self.calls.entry(call).or_default().entry(who).or_insert_with(|| Entry {
            user,
            newest: quality,
            is_news: true,
            is_unsaved: true,
            sums: Sums::default(),
        });
        entry.newest = quality;
        (entry.is_news, entry.is_unsaved) = (true, true);
        entry.sums.add(&quality);
    }

    /// Calls somebody of whom was measured since the last time, with the payload of `call:quality`.
    pub fn news(&mut self) -> Vec<(CallId, Value)> {
        let mut news = Vec::new();
        for (call, entries) in &mut self.calls {
            let mut fresh: Vec<_> = entries
                .iter_mut()
                .filter_map(|(who, one)| std::mem::take(&mut one.is_news).then_some((*who, &*one)))
                .collect();
            fresh.sort_by_key(|(who, one)| (one.newest.score, *who));
            fresh.truncate(TOLD);
            if !fresh.is_empty() {
                let rows: Vec<_> = fresh.into_iter().map(|(who, one)| row(who, one)).collect();
                news.push((*call, json!({"callId": call, "participants": rows})));
            }
        }
        news
    }

    /// The stays whose averages changed since the last time.
    pub fn unsaved(&mut self) -> Vec<(ParticipantId, StintQuality)> {
        let entries = self.calls.values_mut().flatten();
        let changed =
            entries.filter_map(|(who, one)| std::mem::take(&mut one.is_unsaved).then_some((*who, one)));
        changed.filter_map(|(who, one)| Some((who, one.sums.average()?))).collect()
    }

    /// The averages of a stay.
    pub fn of(&self, call: CallId, who: ParticipantId) -> Option<StintQuality> {
        self.calls.get(&call)?.get(&who)?.sums.average()
    }

    /// What was measured last of everybody in a call.
    pub fn newest(&self, call: CallId) -> BTreeMap<ParticipantId, Quality> {
        let entries = self.calls.get(&call).into_iter().flatten();
        entries.map(|(who, one)| (*who, one.newest)).collect()
    }

    pub fn forget(&mut self, call: CallId, who: ParticipantId) {
        if let Some(entries) = self.calls.get_mut(&call) {
            entries.remove(&who);
            if entries.is_empty() {
                self.calls.remove(&call);
            }
        }
    }
}

impl Sums {
    fn add(&mut self, quality: &Quality) {
        self.samples += 1;
        self.mos += f64::from(quality.mos);
        self.loss += f64::from(quality.loss);
        self.jitter_ms += f64::from(quality.jitter_ms);
        if let Some(rtt) = quality.rtt_ms {
            self.rtt_ms += f64::from(rtt);
            self.rtt_samples += 1;
        }
        for (issue, count) in Issue::ALL.into_iter().zip(&mut self.issues) {
            *count += u32::from(quality.issues.contains(issue));
        }
    }

    fn average(&self) -> Option<StintQuality> {
        let mean = |sum: f64, scale: f64, count: u32| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "float casts saturate"
            )]
            let mean = (sum * scale / f64::from(count)).round() as u32;
            mean
        };
        let lasting = Issue::ALL.into_iter().zip(self.issues).filter(|(_, count)| *count >= LASTING);
        (self.samples > 0).then(|| StintQuality {
            samples: self.samples,
            mos_x100: mean(self.mos, 100.0, self.samples),
            loss_ppm: mean(self.loss, 1_000_000.0, self.samples),
            jitter_us: mean(self.jitter_ms, 1_000.0, self.samples),
            rtt_us: (self.rtt_samples > 0).then(|| mean(self.rtt_ms, 1_000.0, self.rtt_samples)),
            issues: lasting.map(|(issue, _)| issue).collect::<Issues>(),
        })
    }
}

fn row(who: ParticipantId, entry: &Entry) -> Value {
    let mut row = measured_json(&entry.newest);
    row["participantId"] = json!(who);
    row["userId"] = json!(entry.user);
    row
}

/// `{score, mos, loss, jitter, rtt|null, issues[]}`
pub fn measured_json(q: &Quality) -> Value {
    json!({
        "score": q.score, "mos": round(q.mos, 100.0), "loss": round(q.loss, 10_000.0),
        "jitter": round(q.jitter_ms, 10.0), "rtt": q.rtt_ms.map(|rtt| round(rtt, 10.0)),
        "issues": q.issues.codes(),
    })
}

/// To so many parts of one; what follows is noise.
fn round(value: f32, parts: f64) -> f64 {
    (f64::from(value) * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(score: u8, rtt_ms: Option<f32>, issues: &[Issue]) -> Quality {
        let mos = 1.0 + f32::from(score) / 25.0;
        let issues = issues.iter().copied().collect();
        Quality { score, mos, loss: 0.015, jitter_ms: 4.25, rtt_ms, issues }
    }

    #[test]
    fn averages_count_what_was_measured_and_lasting_issues() {
        let (call, ana, user) =
            (CallId::from_parts(1, 1), ParticipantId::from_parts(1, 2), UserId::from_parts(1, 3));
        let mut book = QualityBook::default();
        assert_eq!(book.of(call, ana), None);
        book.record(call, ana, user, reading(80, None, &[Issue::HighRtt]));
        book.record(call, ana, user, reading(60, Some(30.0), &[Issue::HighRtt, Issue::Freezes]));
        let average = book.of(call, ana).unwrap();
        assert_eq!((average.samples, average.mos_x100, average.score()), (2, 380, 70));
        assert_eq!((average.loss_ppm, average.jitter_us, average.rtt_us), (15_000, 4_250, Some(30_000)));
        assert_eq!(average.issues.codes(), ["high_rtt"], "freezes were seen once only");
        assert_eq!(book.unsaved(), vec![(ana, average)]);
        assert_eq!(book.unsaved(), vec![], "saved");
        book.forget(call, ana);
        assert_eq!(book.of(call, ana), None);
        assert!(book.calls.is_empty());
    }

    #[test]
    fn news_are_told_once_and_the_worst_first() {
        let call = CallId::from_parts(1, 1);
        let mut book = QualityBook::default();
        for number in 0..60u8 {
            let who = ParticipantId::from_parts(2, number.into());
            book.record(
                call,
                who,
                UserId::from_parts(3, number.into()),
                reading(85 - number, Some(12.34), &[]),
            );
        }
        let news = book.news();
        let rows = news[0].1["participants"].as_array().unwrap();
        assert_eq!((news.len(), rows.len(), &rows[0]["score"]), (1, TOLD, &json!(26)));
        assert_eq!((&rows[0]["rtt"], &rows[0]["loss"]), (&json!(12.3), &json!(0.015)));
        assert_eq!(book.news(), vec![]);
    }
}
