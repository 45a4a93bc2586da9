//! `@channel` and `@here` in a text.

/// Which of the words that address many occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keywords {
    /// Every member.
    pub channel: bool,
    /// Members who are online.
    pub here: bool,
}

/// Looks outside of code (between backticks); a keyword stands alone, `me@here.org` is none.
pub fn keywords(content: &str) -> Keywords {
    let mut found = Keywords::default();
    // Even parts are outside of backticks. An odd one out opens nothing.
    let parts: Vec<&str> = content.split('`').collect();
    let closed = parts.len() % 2 == 1;
    for (at, part) in parts.iter().enumerate() {
        let outside = at % 2 == 0 || (!closed && at + 1 == parts.len());
        if outside {
            found.channel |= stands_alone(part, "@channel");
            found.here |= stands_alone(part, "@here");
        }
    }
    found
}

fn stands_alone(text: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || "_-.@".contains(c);
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let mut after = text.get(at + word.len()..).unwrap_or_default().chars();
        let ends = match after.next() {
            // The end of a sentence.
            Some('.') => after.next().is_none_or(|c| !joins(c)),
            Some(c) => !joins(c),
            None => true,
        };
        !before.is_some_and(joins) && ends
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_that_stand_alone_count() {
        for (text, channel, here) in [
            ("@channel lunch", true, false),
            ("lunch, @here.", false, true),
            ("(@here) and @channel!", true, true),
            ("me@here.org", false, false),
            ("@hereafter @channels @channel-ops", false, false),
            ("the word `@channel` in code", false, false),
            ("```\n@here\n```", false, false),
            ("it`s @here", false, true),
            ("@here.example.org", false, false),
            ("", false, false),
        ] {
            assert_eq!(keywords(text), Keywords { channel, here }, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_without_harm(text in ".{0,200}") {
            let found = keywords(&text);
            prop_assert!(!found.here || text.contains("@here"));
            prop_assert!(!found.channel || text.contains("@channel"));
        }
    }
}
