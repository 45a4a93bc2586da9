//! Words that are not wanted in messages, and what is done about them.
//!
//! What judges a text is a `Filter`; a list of words is the one that is built in. It compares whole words, so that no
//! town is refused for what is inside its name, folded as the search folds them: case, accents, full-width forms and
//! soft hyphens make no difference.

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    model::WallMs,
    search::{Word, words},
};
use crate::base::{
    id::{FilterId, UserId},
    time::rfc3339,
};

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FilterAction {
    /// The message passes, and is reported.
    Flag,
    /// Stars in its place.
    Mask,
    /// The message is refused.
    Block,
}

impl FilterAction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Mask => "mask",
            Self::Block => "block",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Flag, Self::Mask, Self::Block].into_iter().find(|one| one.as_str() == text)
    }
}

/// What a filter found in a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    pub blocked: bool,
    /// Start and end in UTF-16 code units, in order.
    pub masked: Vec<(usize, usize)>,
    /// What it is to be reported for.
    pub flagged: Vec<String>,
}

/// Judges texts before they are stored. Runs for every message, so it must neither block nor wait.
pub trait Filter: fmt::Debug + Send + Sync {
    fn judge(&self, text: &str) -> Verdict;
}

/// A list of words and phrases.
#[derive(Debug, Default)]
pub struct WordFilter {
    /// By their first word: the words after it, what is done, and how it was written down.
    by_first: HashMap<String, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    rest: Vec<String>,
    action: FilterAction,
    written: String,
}

impl WordFilter {
    /// Entries without any letter or digit find nothing.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, FilterAction)>) -> Self {
        let mut by_first: HashMap<String, Vec<Entry>> = HashMap::new();
        for (written, action) in entries {
            let mut folded = words(written).into_iter().map(|word| word.folded);
            let Some(first) = folded.next() else { continue };
            let entry = Entry { rest: folded.collect(), action, written: written.trim().to_owned() };
            by_first.entry(first).or_default().push(entry);
        }
        Self { by_first }
    }
}

/// Whether both entries find the same.
pub fn same(one: &str, other: &str) -> bool {
    let folded = |text| words(text).into_iter().map(|word| word.folded);
    folded(one).eq(folded(other))
}

impl Filter for WordFilter {
    fn judge(&self, text: &str) -> Verdict {
        let mut verdict = Verdict::default();
        if self.by_first.is_empty() {
            return verdict;
        }
        let words = words(text);
        for (at, word) in words.iter().enumerate() {
            for entry in self.by_first.get(&word.folded).into_iter().flatten() {
                let Some(found) = words.get(at..=at + entry.rest.len()) else { continue };
                if !found.iter().skip(1).map(|word| &word.folded).eq(&entry.rest) {
                    continue;
                }
                match entry.action {
                    FilterAction::Block => verdict.blocked = true,
                    FilterAction::Mask => verdict.masked.extend(found.iter().map(place)),
                    FilterAction::Flag if !verdict.flagged.contains(&entry.written) => {
                        verdict.flagged.push(entry.written.clone());
                    }
                    FilterAction::Flag => {}
                }
            }
        }
        verdict.masked.sort_unstable();
        verdict.masked.dedup();
        verdict
    }
}

fn place(word: &Word) -> (usize, usize) {
    (word.start, word.end)
}

/// The text with a star for each character of these places, which are in order.
pub fn mask(text: &str, places: &[(usize, usize)]) -> String {
    let (mut unit, mut places) = (0, places.iter().peekable());
    let masked = text.chars().map(|c| {
        while places.next_if(|(_, end)| *end <= unit).is_some() {}
        let hidden = places.peek().is_some_and(|(start, _)| *start <= unit);
        unit += c.len_utf16();
        if hidden { '*' } else { c }
    });
    masked.collect()
}

/// A word of the list that administrators keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterRecord {
    pub id: FilterId,
    pub word: String,
    pub action: FilterAction,
    pub by: UserId,
    pub created_at: WallMs,
}

impl FilterRecord {
    /// `{id, word, action, by, createdAt}`
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "word": self.word, "action": self.action, "by": self.by,
            "createdAt": rfc3339(self.created_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{FilterAction::*, *};

    fn masked(filter: &WordFilter, text: &str) -> String {
        mask(text, &filter.judge(text).masked)
    }

    #[test]
    fn words_are_found_whole_and_however_they_are_written() {
        let filter = WordFilter::new([("darn", Mask), ("Straße", Mask), ("buy now", Mask), ("悪い", Mask)]);
        for (text, expected) in [
            ("Darn it, DARN!", "**** it, ****!"),
            ("darning a darned sock in Darnley", "darning a darned sock in Darnley"),
            ("d\u{e4}rn ｄａｒｎ", "**** ****"),
            ("da\u{ad}rn", "*****"),
            ("in der STRASSE", "in der *******"),
            ("buy\n NOW, not: buy it now", "***\n ***, not: buy it now"),
            ("(darn)_darn_ darn's", "(****)_****_ ****'s"),
            ("それは悪いね", "それは**ね"),
            ("😀 darn 😀", "😀 **** 😀"),
        ] {
            assert_eq!(masked(&filter, text), expected, "{text}");
        }
    }

    #[test]
    fn each_word_has_its_own_consequence() {
        let filter =
            WordFilter::new([("bad", Block), ("meh", Mask), ("hm", Flag), ("Hm Hm", Flag), ("!?", Block)]);
        let verdict = filter.judge("hm hm, meh");
        assert_eq!((verdict.blocked, verdict.masked.len()), (false, 1));
        assert_eq!(verdict.flagged, ["hm", "Hm Hm"]);
        assert!(filter.judge("not BAD").blocked);
        assert_eq!(filter.judge("what!?"), Verdict::default(), "an entry without words is none");
        assert_eq!(WordFilter::default().judge("bad"), Verdict::default());
    }

    #[test]
    fn scunthorpe_is_a_town() {
        let filter = WordFilter::new([("cunt", Block), ("ass", Block), ("tit", Block)]);
        for text in ["Scunthorpe", "an assassin's class", "title, Titan, subtitles", "as S. said"] {
            assert_eq!(filter.judge(text), Verdict::default(), "{text}");
        }
    }
}
