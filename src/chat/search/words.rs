//! What a word is. Both databases are given words cut and folded here, so they find the same, and the words that a
//! search marks in a text are the ones it was found by.
//!
//! A word is a run of letters and digits. Case, accents and the forms of compatibility are folded away: `Ångström`,
//! `angstrom` and `ＡＮＧＳＴＲＯＭ` are one word. Chinese and Japanese have no blanks between words: each of their
//! characters is a word of its own, and several in a row are searched for as a phrase.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Characters of a word that count. Longer ones are hashes and keys, which so many tell apart well.
const MAX_WORD: usize = 64;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub folded: String,
    /// Where it stands, in UTF-16 code units: what JavaScript counts in.
    pub start: usize,
    pub end: usize,
}

/// The words of a text, in their order.
pub fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    // Where the word under way began, in bytes and in code units, and whether it is a character of its own.
    let mut open: Option<(usize, usize, bool)> = None;
    let mut close = |open: Option<(usize, usize, bool)>, byte: usize, end: usize| {
        let Some((start_byte, start, _)) = open else { return };
        let folded = fold(text.get(start_byte..byte).unwrap_or_default());
        if !folded.is_empty() {
            found.push(Word { folded, start, end });
        }
    };
    let mut unit = 0;
    for (byte, c) in text.char_indices() {
        let mark = !c.is_ascii() && (is_combining_mark(c) || is_ignored(c));
        let letter = c.is_alphanumeric() && !mark;
        let alone = stands_alone(c);
        let continues = open.is_some_and(|(.., single)| mark || (letter && !alone && !single));
        if !continues {
            close(open.take(), byte, unit);
            open = letter.then_some((byte, unit, alone));
        }
        unit += c.len_utf16();
    }
    close(open, text.len(), unit);
    found
}

/// How a word is written in the index; folding it again changes nothing.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.get(..MAX_WORD).unwrap_or(word).to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(word.len());
    for c in word.nfkd().flat_map(char::to_lowercase).filter(|c| !is_accent(*c)) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            c if (c.is_alphanumeric() || is_combining_mark(c)) && !is_ignored(c) => folded.push(c),
            // Compatibility forms bring their own signs along: `½` the fraction slash.
            _ => {}
        }
    }
    if let Some((end, _)) = folded.char_indices().nth(MAX_WORD) {
        folded.truncate(end);
    }
    folded
}

/// Accents of the alphabets. The marks of other scripts are letters of theirs and stay.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Inside words without being seen: soft hyphens, joiners, the choice between text and picture.
fn is_ignored(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200C}' | '\u{200D}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}')
}

/// Han, Hiragana, Katakana.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FF66}'..='\u{FF9F}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn case_accents_and_forms_are_folded() {
        assert_eq!(folded("Ångström ANGSTROM ＡＮＧＳＴＲＯＭ"), ["angstrom"; 3]);
        assert_eq!(
            folded("Straße STRASSE Łódź İstanbul ΛΌΓΟΣ λόγος"),
            ["strasse", "strasse", "lodz", "istanbul", "λογοσ", "λογοσ"]
        );
        assert_eq!(folded("e\u{301}te\u{301} été"), ["ete", "ete"]);
    }

    #[test]
    fn what_is_no_letter_and_no_digit_parts_words() {
        assert_eq!(
            folded("don't e-mail a_b@c.de, <b>x</b> 3.14"),
            ["don", "t", "e", "mail", "a", "b", "c", "de", "b", "x", "b", "3", "14"]
        );
        assert_eq!(folded("👨\u{200D}👩 ❤\u{FE0F} — …"), [] as [&str; 0]);
        assert_eq!(folded("soft\u{AD}hyphen"), ["softhyphen"]);
    }

    #[test]
    fn scripts_without_blanks_are_words_character_by_character() {
        assert_eq!(folded("東京タワー ok"), ["東", "京", "タ", "ワ", "ー", "ok"]);
        assert_eq!(folded("x東y"), ["x", "東", "y"]);
        assert_eq!(folded("หนังสือ नमस्ते"), ["หนังสือ", "नमस्ते"], "vowel signs stay");
    }

    #[test]
    fn places_are_counted_as_javascript_does() {
        let places: Vec<_> = words("👍 a東\u{FE00}é.").iter().map(|word| (word.start, word.end)).collect();
        assert_eq!(places, [(3, 4), (4, 6), (6, 7)]);
    }

    #[test]
    fn long_words_are_cut_and_still_found() {
        let (long, longer) = ("a".repeat(MAX_WORD), "a".repeat(10_000));
        assert_eq!(folded(&longer), [long]);
    }

    #[test]
    fn folding_twice_is_folding_once_whatever_the_character() {
        for c in ('\0'..=char::MAX).filter(|c| !c.is_ascii() || c.is_alphanumeric()) {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "{:?}", c.escape_unicode());
            assert!(!once.contains(['\'', '"', '\\', ' ', ':', '*']), "{:?}", c.escape_unicode());
        }
    }
}
