//! What is typed, what it means, and that nothing typed can hurt.

use proptest::prelude::*;

use super::*;
use crate::{base::time::rfc3339, chat::error::Code};

fn parse(text: &str) -> Query {
    Query::parse(text).unwrap()
}

fn term(words: &str, prefix: bool) -> Term {
    Term { words: words.split(' ').map(str::to_owned).collect(), prefix }
}

#[test]
fn words_phrases_and_the_one_being_typed() {
    assert_eq!(parse("Hello  wor").terms, [term("hello", false), term("wor", true)]);
    assert_eq!(parse("hello wor ").terms, [term("hello", false), term("wor", false)]);
    assert_eq!(parse("\"Hello, World\" the").terms, [term("hello world", false), term("the", true)]);
    assert_eq!(parse("say \"no end").terms, [term("say", false), term("no end", false)]);
    assert_eq!(parse("„Guten Tag“").terms, [term("guten tag", false)]);
    assert_eq!(parse("e-mai").terms, [term("e mai", true)], "parts of one word stay together");
    assert_eq!(parse("ab").terms, [term("ab", false)], "two letters begin too much");
    assert_eq!(parse("!!! \"\" \u{1F44D} -"), Query::default());
}

#[test]
fn filters_narrow_and_what_is_none_is_a_word() {
    let query = parse("from:@ana FROM:bo in:#general has:LINK before:2026-02-01 after:2026-01-30 lunch");
    assert_eq!((query.from, query.within), (vec!["ana".into(), "bo".into()], vec!["general".into()]));
    assert_eq!(query.terms, [term("lunch", true)]);
    assert!(query.links);
    assert_eq!(rfc3339(query.since.unwrap()), "2026-01-31T00:00:00.000Z");
    assert_eq!(rfc3339(query.until.unwrap()), "2026-02-01T00:00:00.000Z");
    let narrowest = parse("before:2026-02-01 before:2026-01-01 after:2025-01-01 after:2024-01-01");
    assert_eq!(rfc3339(narrowest.until.unwrap()), "2026-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(narrowest.since.unwrap()), "2025-01-02T00:00:00.000Z");
    assert_eq!(parse("key:value ").terms, [term("key value", false)]);
    assert_eq!(parse("before:2026-13-01 ").terms, [term("before 2026 13 01", false)]);
    assert_eq!(parse("has:fun ").terms, [term("has fun", false)]);
    assert_eq!(parse("from: x").terms, [term("from", false), term("x", false)]);
}

#[test]
fn sixteen_are_enough() {
    assert_eq!(parse(&"w ".repeat(16)).terms.len(), 16);
    let error = Query::parse(&"w ".repeat(17)).unwrap_err();
    assert_eq!((error.code, error.details[0].path.as_str()), (Code::ValidationFailed, "q"));
}

#[test]
fn highlights_are_what_it_was_found_by() {
    let marks = |text: &str, query: &str| highlights(text, &parse(query).terms);
    assert_eq!(marks("👍 The Café, the café.", "cafe the "), Some(vec![[3, 3], [7, 4], [13, 3], [17, 4]]));
    assert_eq!(marks("new york, york new", "\"new york\""), Some(vec![[0, 8]]));
    assert_eq!(marks("planning the plan", "plan"), Some(vec![[0, 8], [13, 4]]));
    assert_eq!(marks("planning", "plan "), None);
    assert_eq!(
        marks("one two three", "\"one two\" \"two three\""),
        Some(vec![[0, 13]]),
        "joined where they overlap"
    );
    assert_eq!(marks("one", "one two "), None);
    assert_eq!(marks("東京タワー", "京タ"), Some(vec![[1, 2]]));
    assert_eq!(marks("x", ""), Some(vec![]));
    assert_eq!(marks(&"a ".repeat(5_000), "a ").unwrap().len(), MAX_HIGHLIGHTS);
}

#[test]
fn links_are_addresses_of_the_web() {
    for yes in ["see https://example.org", "HTTP://x", "(http://a.b)"] {
        assert!(has_link(yes), "{yes}");
    }
    for no in ["", "http", "https://", "https:// x", "ftp://x", "example.org"] {
        assert!(!has_link(no), "{no}");
    }
}

/// Pieces from which mistakes are made.
fn typed() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,6}",
        "[a-z]{1,4}[:\"*'\\\\^(){}+-]{0,3}",
        Just("\"".to_owned()),
        Just(" AND NOT OR NEAR ".to_owned()),
        Just("from:".to_owned()),
        Just("before:2026-02-30".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_typed_fails_except_by_length(text in typed()) {
        match Query::parse(&text) {
            Ok(query) => for term in &query.terms {
                prop_assert!(!term.words.is_empty());
                for word in &term.words {
                    // Of these neither database's language of queries can make anything else than a word.
                    prop_assert!(!word.is_empty() && !word.contains(['"', '\'', '\\', '\0', ' ']), "{word:?}");
                }
            },
            Err(error) => prop_assert!(text.split_whitespace().count() > 1 && error.code == Code::ValidationFailed),
        }
    }

    #[test]
    fn a_text_is_found_by_each_of_its_words(text in "\\PC{0,40}") {
        let length = text.encode_utf16().count();
        for word in words(&text) {
            prop_assert!(word.start < word.end && word.end <= length);
            let term = Term { words: vec![word.folded.clone()], prefix: false };
            let places = highlights(&text, &[term]).expect("it stands there");
            prop_assert!(places.iter().any(|[start, len]| *start <= word.start && word.end <= start + len));
            prop_assert!(places.windows(2).all(|two| two[0][0] + two[0][1] <= two[1][0]));
        }
    }
}
