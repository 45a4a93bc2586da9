//! The rules themselves. Each takes a scanned file and returns what it found wrong.

use std::{collections::BTreeSet, fmt};

use super::source::{Source, line_of, word_offsets};

/// One broken rule at one place.
#[derive(Debug)]
pub struct Violation {
    place: String,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

fn violation(source: &Source, offset: usize, what: impl Into<String>) -> Violation {
    Violation { place: format!("{}:{}", source.path, line_of(&source.code, offset)), what: what.into() }
}

/// Layer → what it may import. An entry is a path prefix; `-prefix` takes a part of a longer entry away.
/// `*` imports everything: the composition root and the command line. The order is bottom-up.
pub const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("proto", &["base"]),
    ("media", &["base", "proto"]),
    ("transport", &["base", "proto", "media"]),
    ("room", &["base", "proto", "media", "transport", "auth::grants"]),
    ("config", &["base"]),
    ("auth", &["base", "config", "chat::error", "runtime::clock"]),
    // Services: chat and calls. They reach storage through its trait and sessions through `Broadcast`.
    (
        "chat",
        &[
            "base",
            "auth",
            "call::model",
            "store",
            "-store::sqlite",
            "-store::postgres",
            "runtime::clock",
            "observe",
        ],
    ),
    (
        "call",
        &[
            "base",
            "auth",
            "chat::error",
            "chat::broadcast",
            "store",
            "-store::sqlite",
            "-store::postgres",
            "runtime::clock",
            "observe",
        ],
    ),
    (
        "store",
        &[
            "base",
            "chat",
            "call",
            "-chat::service",
            "-call::service",
            "runtime::clock",
            "runtime::queue",
            "observe",
        ],
    ),
    (
        "services",
        &[
            "base",
            "auth",
            "chat",
            "call",
            "store",
            "-store::sqlite",
            "-store::postgres",
            "runtime::clock",
            "observe",
        ],
    ),
    // The impure shell.
    ("observe", &["base", "runtime::stats", "runtime::queue", "runtime::clock"]),
    ("runtime", &["base", "proto", "media", "transport", "room", "observe"]),
    ("netem", &["base", "runtime::clock"]),
    ("load", &["base", "auth::token", "auth::grants", "netem", "runtime::clock", "observe::process"]),
    ("api", &["base", "proto", "room", "auth", "chat", "call", "services", "runtime", "config", "observe"]),
    ("cli", &["*"]),
    ("app", &["*"]),
    ("main", &["*"]),
    ("lib", &["*"]),
];

/// Layers that must stay pure: same inputs, same outputs, no world outside.
const PURE: &[&str] = &["base", "proto", "media", "transport", "room", "netem"];

/// Files of a pure layer that are its impure shell (the process around the network model).
const IMPURE_FILES: &[&str] = &["src/netem/proxy.rs", "src/netem/args.rs"];

fn allowed(layer: &str, target: &str) -> bool {
    let Some((_, entries)) = LAYERS.iter().find(|(name, _)| *name == layer) else { return false };
    let covers =
        |prefix: &str| target == prefix || target.strip_prefix(prefix).is_some_and(|r| r.starts_with("::"));
    if target == layer || target.starts_with(&format!("{layer}::")) {
        return true;
    }
    let denied = entries.iter().filter_map(|e| e.strip_prefix('-')).any(covers);
    !denied && entries.iter().any(|e| *e == "*" || covers(e))
}

/// Paths into the crate must follow `LAYERS`.
pub fn imports(source: &Source) -> Vec<Violation> {
    let layer = source.layer();
    let mut found = Vec::new();
    for (offset, target) in crate_paths(source) {
        if target.is_empty() {
            found.push(violation(source, offset, "imports the whole crate, so its layers cannot be checked"));
        } else if !allowed(layer, &target) {
            found.push(violation(source, offset, format!("{layer} -> {target}")));
        }
    }
    found
}

/// Every path that starts at the crate root, through `crate::` or enough `super::`, with its offset.
fn crate_paths(source: &Source) -> Vec<(usize, String)> {
    let code = &source.code;
    let mut found = Vec::new();
    for offset in word_offsets(code, "crate") {
        // `pub(crate)`, `pub(in crate::x)` and `$crate` are not imports.
        let before = code[..offset].trim_end();
        if before.ends_with('(') || before.ends_with("(in") || before.ends_with('$') {
            continue;
        }
        match code[offset + "crate".len()..].trim_start().strip_prefix("::") {
            Some(rest) => expand(rest, "", &mut |path| found.push((offset, path))),
            None => found.push((offset, String::new())),
        }
    }
    let depth = source.module_path().len();
    let mut skip_until = 0;
    for offset in word_offsets(code, "super") {
        if offset < skip_until {
            continue;
        }
        let mut supers = 0;
        let mut rest = &code[offset..];
        while let Some(next) =
            rest.strip_prefix("super").map(str::trim_start).and_then(|r| r.strip_prefix("::"))
        {
            supers += 1;
            rest = next.trim_start();
        }
        skip_until = code.len() - rest.len();
        if supers >= depth && depth > 0 {
            expand(rest, "", &mut |path| found.push((offset, path)));
        }
    }
    found
}

/// Expands the start of a use tree or a path into its first two segments: `{a::b, c}` → `a::b`, `c`.
fn expand(rest: &str, prefix: &str, found: &mut impl FnMut(String)) {
    let rest = rest.trim_start();
    let depth = if prefix.is_empty() { 0 } else { prefix.split("::").count() };
    if depth == 2 {
        found(prefix.to_owned());
        return;
    }
    if let Some(inner) = rest.strip_prefix('{') {
        for part in split_group(inner) {
            expand(part, prefix, found);
        }
        return;
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, tail) = rest.split_at(end);
    if name.is_empty() || name == "self" {
        found(prefix.to_owned());
        return;
    }
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    match tail.trim_start().strip_prefix("::") {
        Some(next) if !next.trim_start().starts_with('<') => expand(next, &path, found),
        _ => found(path),
    }
}

/// The comma-separated parts of a group whose opening brace was already read.
fn split_group(inner: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&inner[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// A new top-level module must be given a layer.
pub fn unlisted_modules(lib: &Source) -> Vec<Violation> {
    word_offsets(&lib.code, "mod")
        .into_iter()
        .filter_map(|offset| {
            let name = lib.code[offset + 3..].trim_start();
            let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
            let name = &name[..end];
            (!LAYERS.iter().any(|(layer, _)| *layer == name))
                .then(|| violation(lib, offset, format!("`{name}` is not in LAYERS")))
        })
        .collect()
}

/// Pure layers name no runtime, socket, file, thread, clock, lock or entropy source.
pub fn purity(source: &Source) -> Vec<Violation> {
    let layer = source.layer();
    if !PURE.contains(&layer) || IMPURE_FILES.iter().any(|file| source.path.starts_with(file)) {
        return Vec::new();
    }
    const TOKENS: &[&str] = &[
        "tokio",
        "mio",
        "UdpSocket",
        "TcpStream",
        "TcpListener",
        "sqlx",
        "axum",
        "Instant::now",
        "SystemTime",
        "Mutex",
        "RwLock",
        "std::thread",
        "std::fs",
        "std::env",
        "rand::rng",
        "rand::random",
        "thread_rng",
        "async fn",
    ];
    let mut found = Vec::new();
    for token in TOKENS {
        for offset in word_offsets(&source.code, token) {
            found.push(violation(source, offset, format!("{layer} names `{token}`")));
        }
    }
    // `use std::{fmt, fs, thread};`
    for (offset, _) in source.code.match_indices("std::{") {
        for part in split_group(&source.code[offset + "std::{".len()..]) {
            let name = part.trim();
            for module in ["fs", "thread", "env"] {
                if name == module || name.starts_with(&format!("{module}::")) {
                    found.push(violation(source, offset, format!("{layer} names `std::{module}`")));
                }
            }
        }
    }
    for offset in word_offsets(&source.code, "Arc<") {
        let inner = &source.code[offset + "Arc<".len()..];
        let inner = &inner[..inner.find(['>', ',', ';', '\n']).unwrap_or(inner.len())];
        let shared_data = inner == "str" || inner.starts_with('[');
        let crypto = ["Crypto", "Provider", "Config", "Certificate"].iter().any(|word| inner.contains(word));
        if !shared_data && !crypto {
            found.push(violation(source, offset, format!("{layer} shares ownership: `Arc<{inner}>`")));
        }
    }
    found
}

/// A library with one home: nobody else may name it.
pub fn homes(source: &Source) -> Vec<Violation> {
    const HOMES: &[(&str, &[&str])] = &[
        ("sqlx", &["store"]),
        ("axum", &["api", "app"]),
        ("rust_embed", &["api"]),
        ("clap", &["cli", "main", "load", "netem"]),
        ("jsonwebtoken", &["auth", "load"]),
        ("argon2", &["auth", "services", "chat"]),
        ("rtc_dtls", &["transport"]),
        ("rtc_sctp", &["transport"]),
        ("rtc_srtp", &["transport"]),
        ("quinn_udp", &["runtime", "load"]),
        ("webrtc", &["load"]),
        ("prometheus", &["observe"]),
        ("anyhow", &["main", "cli", "load", "netem", "app"]),
    ];
    let layer = source.layer();
    let mut found = Vec::new();
    for (library, homes) in HOMES {
        if homes.contains(&layer) {
            continue;
        }
        for offset in word_offsets(&source.code, &format!("{library}::")) {
            // The crypto provider that `rtc_dtls` re-exports is everybody's.
            if source.code[offset..].starts_with("rtc_dtls::crypto_provider::") {
                continue;
            }
            found.push(violation(
                source,
                offset,
                format!("{layer} uses {library}, whose home is {}", homes.join(", ")),
            ));
        }
    }
    found
}

/// Things that are never right here.
pub fn habits(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    if source.path.ends_with("/mod.rs") {
        found.push(violation(source, 0, "`mod.rs`: use `name.rs` beside a folder `name/`"));
    }
    const TOKENS: &[&str] = &["unsafe", "todo!", "unimplemented!", "dbg!", "unbounded_channel", "#[ignore]"];
    for part in [&source.code, &source.tests] {
        for token in TOKENS {
            for offset in word_offsets(part, token) {
                found.push(violation(source, offset, format!("`{token}`")));
            }
        }
    }
    for (number, line) in source.text.lines().enumerate() {
        let Some(at) = line.find("//") else { continue };
        let comment = &line[at..];
        for mark in ["TODO", "FIXME", "XXX"] {
            if !word_offsets(comment, mark).is_empty()
                && !comment.contains('#')
                && source.path.starts_with("src/")
            {
                let place = format!("{}:{}", source.path, number + 1);
                found.push(Violation { place, what: format!("{mark} without an issue number") });
            }
        }
    }
    found
}

/// More than this many lines of code (no comments, blanks, tests) and two things live in the file.
const MAX_CODE_LINES: usize = 700;

/// A file opens with `//!` and stays readable in one sitting.
pub fn file_shape(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let lines = source.code.lines().filter(|line| !line.trim().is_empty()).count();
    if lines > MAX_CODE_LINES {
        found.push(violation(source, 0, format!("{lines} lines of code, more than {MAX_CODE_LINES}")));
    }
    let is_test_file = source.path.ends_with("/tests.rs");
    if !is_test_file && !source.text.trim_start().starts_with("//!") {
        found.push(violation(source, 0, "no `//!` header that says what the file owns"));
    }
    found
}

/// Each `QueueSpec` constant has a doc comment (why this bound, what overflow costs).
pub fn queues(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for (offset, _) in source.code.match_indices(": QueueSpec =") {
        let line = line_of(&source.code, offset);
        let name = source.code[..offset].rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
        let above = source.text.lines().take(line - 1).collect::<Vec<_>>();
        let documented = above
            .iter()
            .rev()
            .map(|l| l.trim_start())
            .find(|l| !l.starts_with("#["))
            .is_some_and(|l| l.starts_with("///"));
        if !documented {
            found.push(violation(source, offset, format!("queue `{name}` has no doc comment")));
        }
    }
    found
}

/// Files that may sleep between two looks at a condition with a deadline.
const POLLING_HELPERS: &[&str] =
    &["tests/support/wait.rs", "tests/browser/lib/wait.mjs", "tests/interop/wait.py"];

/// Rust tests do not sleep.
pub fn sleeps(source: &Source) -> Vec<Violation> {
    if POLLING_HELPERS.contains(&source.path.as_str()) {
        return Vec::new();
    }
    word_offsets(&source.tests, "sleep(")
        .into_iter()
        .map(|offset| violation(source, offset, "`sleep` in a test: wait on a condition with a deadline"))
        .collect()
}

/// Nor do test scripts.
pub fn script_sleeps(path: &str, text: &str) -> Vec<Violation> {
    let is_test = path.starts_with("tests/") || path.contains(".test.") || path.contains("/tests/");
    // With fake timers no time passes.
    if !is_test || POLLING_HELPERS.contains(&path) || text.contains("useFakeTimers()") {
        return Vec::new();
    }
    let waits = ["setTimeout(r", "setTimeout(resolve", "waitForTimeout(", "asyncio.sleep(", "time.sleep("];
    text.lines()
        .enumerate()
        .filter(|(_, line)| waits.iter().any(|wait| line.contains(wait)))
        .map(|(number, _)| Violation {
            place: format!("{path}:{}", number + 1),
            what: "sleep in a test: wait on a condition with a deadline".to_owned(),
        })
        .collect()
}

/// The metric names in the code and in the documentation are the same set.
pub fn metrics(code: &str, page: &str) -> Vec<Violation> {
    let (code, page) = (metric_names(code, '"'), metric_names(page, '`'));
    let place = || "docs/metrics.md".to_owned();
    let missing = code.difference(&page).map(|name| format!("{name} is not documented"));
    let stale = page.difference(&code).map(|name| format!("{name} is not in the code"));
    missing.chain(stale).map(|what| Violation { place: place(), what }).collect()
}

/// `convene_…` names that directly follow the quote character.
fn metric_names(text: &str, quote: char) -> BTreeSet<String> {
    let start = format!("{quote}convene_");
    text.match_indices(&start)
        .map(|(at, _)| {
            let name = &text[at + quote.len_utf8()..];
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
            name[..end].to_owned()
        })
        .collect()
}
