//! How good somebody's call is, as numbers that every layer passes on: measured in rooms, stored with calls.

/// What is wrong with a participant's connection. The codes are part of the protocol and of stored calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Issue {
    /// What it sends gets lost on the way to us.
    HighLossUp,
    /// What we send gets lost on the way to it.
    HighLossDown,
    HighRtt,
    HighJitter,
    /// Pictures stand still, its own or those it sees.
    Freezes,
    /// It gets less than it asked for, because more does not fit.
    LowBandwidth,
}

impl Issue {
    pub const ALL: [Self; 6] = [
        Self::HighLossUp,
        Self::HighLossDown,
        Self::HighRtt,
        Self::HighJitter,
        Self::Freezes,
        Self::LowBandwidth,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HighLossUp => "high_loss_up",
            Self::HighLossDown => "high_loss_down",
            Self::HighRtt => "high_rtt",
            Self::HighJitter => "high_jitter",
            Self::Freezes => "freezes",
            Self::LowBandwidth => "low_bandwidth",
        }
    }

    /// `None` for a word that is not ours.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

/// A set of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Issues(u8);

impl Issues {
    pub fn insert(&mut self, issue: Issue) {
        self.0 |= 1 << issue as u8;
    }

    pub fn contains(self, issue: Issue) -> bool {
        self.0 & (1 << issue as u8) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Issue> {
        Issue::ALL.into_iter().filter(move |issue| self.contains(*issue))
    }

    pub fn codes(self) -> Vec<&'static str> {
        self.iter().map(Issue::as_str).collect()
    }
}

impl FromIterator<Issue> for Issues {
    fn from_iter<T: IntoIterator<Item = Issue>>(issues: T) -> Self {
        let mut set = Self::default();
        for issue in issues {
            set.insert(issue);
        }
        set
    }
}

/// One participant's connection over the last seconds, the worse direction of each value.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    /// 0 to 100: `(mos - 1) * 25`.
    pub score: u8,
    /// Mean opinion score, 1 to 4.5.
    pub mos: f32,
    /// Share of packets that never arrived, 0 to 1.
    pub loss: f32,
    pub jitter_ms: f32,
    /// `None` while the client has answered nothing that tells.
    pub rtt_ms: Option<f32>,
    pub issues: Issues,
}

/// The score of a mean opinion score.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100")]
pub fn score_of(mos: f32) -> u8 {
    ((mos - 1.0) * 25.0).round().clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_are_kept_by_their_codes() {
        let set = Issues::from_iter([Issue::Freezes, Issue::HighRtt, Issue::Freezes]);
        assert_eq!(set.codes(), ["high_rtt", "freezes"]);
        let back = set.codes().into_iter().filter_map(Issue::parse).collect::<Issues>();
        assert_eq!(back, set);
        assert_eq!(Issue::parse("low_battery"), None);
        assert!(Issues::default().is_empty() && !set.is_empty());
    }

    #[test]
    fn the_score_spans_the_scale_of_opinions() {
        assert_eq!([1.0, 2.0, 3.0, 4.2, 5.0, 0.3, 7.0].map(score_of), [0, 25, 50, 80, 100, 0, 100]);
    }
}
