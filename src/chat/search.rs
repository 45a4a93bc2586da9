//! What people type to find messages, and where in a text it was found. Knows neither database: the store turns a
//! `Term` into the words of its index.
//!
//! `words`, `"a phrase"`, `from:username`, `in:slug-or-id`, `has:link`, `before:2026-01-31`, `after:2026-01-31`. All
//! have to hold; of several `from:` or `in:` one. What only looks like a filter is a word, so nothing that anybody
//! types is a mistake, except too much of it.

use super::{error::ServiceError, model::WallMs};
use crate::base::time::{DAY_MS, parse_date};

mod words;

pub use words::{Word, words};

/// Words, phrases and filters of one search.
pub const MAX_TERMS: usize = 16;
/// A prefix shorter than this stands in too many words to be looked for while somebody types.
const MIN_PREFIX: usize = 3;
/// Places shown in one message.
const MAX_HIGHLIGHTS: usize = 100;

/// Words that have to stand in the text one after the other; mostly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Folded, never empty.
    pub words: Vec<String>,
    /// The last of them is still being typed.
    pub prefix: bool,
}

/// A search, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pub terms: Vec<Term>,
    /// Usernames.
    pub from: Vec<String>,
    /// Slugs or ids of channels.
    pub within: Vec<String>,
    pub links: bool,
    /// The first moment that is looked at.
    pub since: Option<WallMs>,
    /// The first moment that is not.
    pub until: Option<WallMs>,
}

impl Query {
    /// `validation.failed` for more than `MAX_TERMS`.
    pub fn parse(text: &str) -> Result<Self, ServiceError> {
        let mut query = Self::default();
        let mut count = 0;
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            count += 1;
            if count > MAX_TERMS {
                return Err(ServiceError::invalid("q", format!("at most {MAX_TERMS} words and filters")));
            }
            rest = match rest.strip_prefix(QUOTES) {
                Some(quoted) => {
                    let (phrase, after) = quoted.split_once(QUOTES).unwrap_or((quoted, ""));
                    query.look_for(phrase, false);
                    after.trim_start()
                }
                None => {
                    let end = rest.find(char::is_whitespace);
                    let (item, after) =
                        rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
                    if !query.filter(item) {
                        query.look_for(item, end.is_none());
                    }
                    after.trim_start()
                }
            };
        }
        Ok(query)
    }

    fn look_for(&mut self, text: &str, unfinished: bool) {
        let words: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
        let Some(last) = words.last() else { return };
        let prefix = unfinished && last.chars().nth(MIN_PREFIX - 1).is_some();
        self.terms.push(Term { words, prefix });
    }

    /// False if it is none.
    fn filter(&mut self, item: &str) -> bool {
        let Some((name, value)) = item.split_once(':').filter(|(_, value)| !value.is_empty()) else {
            return false;
        };
        match name.to_ascii_lowercase().as_str() {
            "from" => self.from.push(value.trim_start_matches('@').to_owned()),
            "in" => self.within.push(value.trim_start_matches('#').to_owned()),
            "has" if value.eq_ignore_ascii_case("link") => self.links = true,
            "before" => match parse_date(value) {
                Some(day) => self.until = Some(self.until.map_or(day, |until| until.min(day))),
                None => return false,
            },
            "after" => match parse_date(value) {
                Some(day) => self.since = self.since.max(Some(day + DAY_MS)),
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

/// Telephones make them curly.
const QUOTES: [char; 4] = ['"', '“', '”', '„'];

/// Whether somebody who looks for texts with a link wants this one.
pub fn has_link(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        let mut places = text.as_bytes().windows(scheme.len() + 1);
        places.any(|place| {
            place.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
                && place.last().is_some_and(|next| !next.is_ascii_whitespace())
        })
    })
}

/// Where the terms stand in the text, as start and length in UTF-16 code units, in order and apart from each other;
/// `None` if one of them does not stand there.
pub fn highlights(text: &str, terms: &[Term]) -> Option<Vec<[usize; 2]>> {
    let words = words(text);
    let mut places = Vec::new();
    for term in terms {
        let before = places.len();
        for window in words.windows(term.words.len().max(1)) {
            if let (true, Some(first), Some(last)) = (stands(window, term), window.first(), window.last()) {
                places.push([first.start, last.end]);
            }
        }
        if places.len() == before {
            return None;
        }
    }
    places.sort_unstable();
    let mut apart: Vec<[usize; 2]> = Vec::with_capacity(places.len());
    for [start, end] in places {
        match apart.last_mut() {
            Some([_, before]) if start < *before => *before = end.max(*before),
            _ => apart.push([start, end]),
        }
    }
    apart.truncate(MAX_HIGHLIGHTS);
    Some(apart.into_iter().map(|[start, end]| [start, end - start]).collect())
}

fn stands(window: &[Word], term: &Term) -> bool {
    let last = term.words.len().saturating_sub(1);
    window.iter().zip(&term.words).enumerate().all(|(at, (word, wanted))| {
        if term.prefix && at == last { word.folded.starts_with(wanted) } else { word.folded == *wanted }
    })
}

#[cfg(test)]
mod tests;
