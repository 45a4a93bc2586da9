//! Which web pages may talk to us. Browsers state the page's origin; other programs state none.
//!
//! Tokens travel in frames and headers, never in cookies, so this is the second lock, not the first.

use std::net::IpAddr;

/// The pages that may connect.
#[derive(Debug, Clone, Default)]
pub struct OriginPolicy {
    allowed: Vec<String>,
    /// `--dev`: any page of this machine, such as a development server on another port.
    loopback: bool,
}

impl OriginPolicy {
    /// `origins` as in the configuration (`https://host[:port]`); empty texts are skipped.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>, loopback: bool) -> Self {
        let allowed = origins.into_iter().filter(|text| !text.is_empty()).map(normal).collect();
        Self { allowed, loopback }
    }

    /// `origin` is the request's `Origin` header, `host` its `Host` header. A request without an origin is
    /// not made by a page and passes.
    pub fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let Some(authority) = authority_of(origin) else { return false };
        if self.allowed.contains(&normal(origin)) {
            return true;
        }
        if self.loopback && is_loopback(host_part(&authority)) {
            return true;
        }
        // The page was served from here. Only for literal addresses: a name could be rebound to our
        // address by its owner, so names must be configured.
        let same = host.is_some_and(|host| host.eq_ignore_ascii_case(&authority));
        same && (is_loopback(host_part(&authority)) || is_address(host_part(&authority)))
    }
}

/// Lower case, without the scheme's default port.
fn normal(origin: &str) -> String {
    let lower = origin.trim_end_matches('/').to_ascii_lowercase();
    let default_port = if lower.starts_with("https://") { ":443" } else { ":80" };
    lower.strip_suffix(default_port).map_or(lower.clone(), str::to_owned)
}

/// `host[:port]` of a well-formed `http(s)` origin.
fn authority_of(origin: &str) -> Option<String> {
    let lower = origin.to_ascii_lowercase();
    let authority = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"))?;
    let clean = authority.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]_".contains(&b));
    (clean && !authority.is_empty()).then(|| authority.to_owned())
}

/// Without the port and without the brackets of IPv6.
fn host_part(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or("");
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_origins_and_programs_pass() {
        let policy =
            OriginPolicy::new(["https://meet.example.org", "https://app.example.org:8443", ""], false);
        let host = Some("meet.example.org");
        for origin in [
            None,
            Some("https://meet.example.org"),
            Some("https://MEET.example.org"),
            Some("https://meet.example.org:443"),
            Some("https://app.example.org:8443"),
        ] {
            assert!(policy.allows(origin, host), "{origin:?}");
        }
    }

    #[test]
    fn foreign_origins_are_refused() {
        let policy = OriginPolicy::new(["https://meet.example.org"], false);
        for origin in [
            "null",
            "",
            " ",
            "https://",
            "http://meet.example.org",
            "https://meet.example.org:444",
            "https://meet.example.org.evil.example",
            "https://evil.example/https://meet.example.org",
            "https://evilmeet.example.org",
            "https://a.meet.example.org",
            "https://example.org",
            "https://meet.example.org@evil.example",
            "https://evil.example#https://meet.example.org",
            "https://evil.example?https://meet.example.org",
            "https://meet.example.org, https://evil.example",
            "https://meet.example.org\t",
            "https://meet-example.org",
            "https://meet.example.org%00.evil.example",
            "ws://meet.example.org",
            "file://",
            "chrome-extension://abcdef",
            "meet.example.org",
            "https://127.0.0.1",
            "http://localhost:7880",
        ] {
            assert!(!policy.allows(Some(origin), Some("meet.example.org")), "{origin:?}");
        }
    }

    #[test]
    fn same_origin_counts_for_addresses_but_not_for_names() {
        let policy = OriginPolicy::new([], false);
        assert!(policy.allows(Some("http://127.0.0.1:7880"), Some("127.0.0.1:7880")));
        assert!(policy.allows(Some("http://localhost:7880"), Some("localhost:7880")));
        assert!(policy.allows(Some("http://[::1]:7880"), Some("[::1]:7880")));
        assert!(policy.allows(Some("http://192.0.2.7:7880"), Some("192.0.2.7:7880")));
        assert!(!policy.allows(Some("http://127.0.0.1:8000"), Some("127.0.0.1:7880")));
        assert!(!policy.allows(Some("http://rebound.evil.example:7880"), Some("rebound.evil.example:7880")));
        assert!(!policy.allows(Some("http://127.0.0.1:7880"), None));
    }

    #[test]
    fn development_accepts_pages_of_this_machine_only() {
        let policy = OriginPolicy::new([], true);
        for origin in ["http://localhost:5173", "http://127.0.0.1:5173", "http://[::1]:3000"] {
            assert!(policy.allows(Some(origin), Some("127.0.0.1:7880")), "{origin}");
        }
        for origin in
            ["null", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://192.0.2.1"]
        {
            assert!(!policy.allows(Some(origin), Some("127.0.0.1:7880")), "{origin}");
        }
    }
}
