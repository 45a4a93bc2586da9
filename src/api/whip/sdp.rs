//! The little SDP that WHIP itself must understand: ICE credentials and trickle fragments (RFC 8840). Pure.

/// ICE user name fragment and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: String,
    pub pwd: String,
}

/// A trickle fragment: candidates, and new credentials if it asks for an ICE restart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fragment {
    pub credentials: Option<Credentials>,
    pub candidates: Vec<String>,
}

/// Is it SDP at all? The negotiator judges the rest.
pub fn check_offer(text: &str) -> Result<(), &'static str> {
    let Some(rest) = text.strip_prefix("v=0") else {
        return Err("the body is not SDP: it must start with v=0");
    };
    if !rest.starts_with(['\r', '\n']) {
        return Err("the body is not SDP: it must start with v=0");
    }
    if !text.lines().any(|line| line.starts_with("m=")) {
        return Err("the offer has no media section");
    }
    if text.lines().filter(|line| !line.is_empty()).any(|line| line.as_bytes().get(1) != Some(&b'=')) {
        return Err("the body is not SDP: every line is <letter>=<value>");
    }
    Ok(())
}

pub fn parse_fragment(text: &str) -> Result<Fragment, &'static str> {
    let mut fragment = Fragment::default();
    for line in text.lines() {
        if line.len() > MAX_LINE {
            return Err("a line of the fragment is too long");
        }
        if let Some(candidate) = line.strip_prefix("a=candidate:") {
            if fragment.candidates.len() >= MAX_CANDIDATES {
                return Err("too many candidates");
            }
            fragment.candidates.push(format!("candidate:{candidate}"));
        } else if !line.is_empty() && line.as_bytes().get(1) != Some(&b'=') {
            return Err("the body is not an SDP fragment");
        }
    }
    fragment.credentials = credentials(text);
    let has = |prefix: &str| text.lines().any(|line| line.starts_with(prefix));
    if fragment.credentials.is_none() && (has("a=ice-ufrag:") || has("a=ice-pwd:")) {
        return Err("ice-ufrag (4 to 256) and ice-pwd (22 to 256 ice characters) belong together");
    }
    Ok(fragment)
}

/// The first credentials of a description or fragment.
pub fn credentials(text: &str) -> Option<Credentials> {
    let value = |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix)).map(str::trim);
    let (ufrag, pwd) = (value("a=ice-ufrag:")?, value("a=ice-pwd:")?);
    let ice = |text: &str, min: usize| {
        (min..=256).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
    };
    (ice(ufrag, 4) && ice(pwd, 22)).then(|| Credentials { ufrag: ufrag.into(), pwd: pwd.into() })
}

/// The offer again, with other credentials and without its old candidates.
pub fn with_credentials(offer: &str, new: &Credentials) -> String {
    let mut out = String::with_capacity(offer.len() + 64);
    for line in offer.lines() {
        if line.starts_with("a=ice-ufrag:") {
            out.push_str("a=ice-ufrag:");
            out.push_str(&new.ufrag);
        } else if line.starts_with("a=ice-pwd:") {
            out.push_str("a=ice-pwd:");
            out.push_str(&new.pwd);
        } else if line.starts_with("a=candidate:") || line.starts_with("a=end-of-candidates") {
            continue;
        } else {
            out.push_str(line);
        }
        out.push_str("\r\n");
    }
    out
}

/// What a client needs of the answer after an ICE restart: credentials and candidates, per first section.
pub fn answer_fragment(answer: &str) -> String {
    let mut out = String::new();
    let mut push = |line: &str| {
        out.push_str(line);
        out.push_str("\r\n");
    };
    for prefix in
        ["a=ice-lite", "a=ice-options:", "a=group:BUNDLE", "a=ice-ufrag:", "a=ice-pwd:", "m=", "a=mid:"]
    {
        if let Some(line) = answer.lines().find(|line| line.starts_with(prefix)) {
            push(line);
        }
    }
    let mut sections = 0;
    for line in answer.lines() {
        sections += usize::from(line.starts_with("m="));
        if sections == 1 && line.starts_with("a=candidate:") {
            push(line);
        }
    }
    push("a=end-of-candidates");
    out
}

/// A text as one segment of a path.
pub fn path_segment(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// Entry for the fuzzer: no input may panic.
pub fn fuzz_whip_body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = check_offer(text);
    if let Ok(Fragment { credentials: Some(new), .. }) = parse_fragment(text) {
        let offer = with_credentials(text, &new);
        let _ = answer_fragment(&offer);
        assert_eq!(credentials(&offer), Some(new));
    }
}

const MAX_LINE: usize = 1024;
const MAX_CANDIDATES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
        a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n\
        a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";

    #[test]
    fn offers_are_told_from_junk() {
        assert_eq!(check_offer(OFFER), Ok(()));
        for junk in [
            "",
            "hello",
            "v=0",
            "v=0\r\n",
            "v=01\r\nm=audio",
            "{\"sdp\":\"v=0\"}",
            "v=0\r\nm=audio 9\r\ngarbage",
        ] {
            assert!(check_offer(junk).is_err(), "{junk}");
        }
    }

    #[test]
    fn a_restart_replaces_every_credential() {
        let new = Credentials { ufrag: "wxyz".into(), pwd: "abcdefghijklmnopqrstuv".into() };
        let offer = with_credentials(OFFER, &new);
        assert_eq!(credentials(&offer), Some(new));
        assert_eq!(offer.matches("wxyz").count(), 2);
        assert!(!offer.contains("abcd\r\n") && !offer.contains("candidate"));
        assert_eq!(offer.lines().count(), OFFER.lines().count() - 1);
    }

    #[test]
    fn fragments_carry_candidates_or_a_restart() {
        let trickle = "a=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n";
        let fragment = parse_fragment(trickle).unwrap();
        assert_eq!(fragment.candidates, ["candidate:1 1 udp 1 192.0.2.1 9 typ host"]);
        assert_eq!(fragment.credentials, None);
        let restart = parse_fragment("a=ice-ufrag:wxyz\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n").unwrap();
        assert_eq!(restart.credentials.unwrap().ufrag, "wxyz");
        for junk in ["hello", "a=ice-ufrag:wxyz\r\n", "a=ice-ufrag:w\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"]
        {
            assert!(parse_fragment(junk).is_err(), "{junk}");
        }
        assert!(parse_fragment(&"a=candidate:1\r\n".repeat(65)).is_err());
        assert!(parse_fragment(&format!("a=candidate:{}", "1".repeat(2000))).is_err());
    }

    #[test]
    fn the_answer_fragment_has_what_ice_needs() {
        let fragment = answer_fragment(OFFER);
        assert!(fragment.contains("a=ice-ufrag:abcd\r\n") && fragment.contains("a=mid:0\r\n"));
        assert_eq!(fragment.matches("a=candidate:").count(), 1);
        assert!(fragment.ends_with("a=end-of-candidates\r\n"));
    }

    #[test]
    fn segments_are_escaped() {
        assert_eq!(path_segment("general-1"), "general-1");
        assert_eq!(path_segment("a/b c?ä"), "a%2Fb%20c%3F%C3%A4");
    }
}
