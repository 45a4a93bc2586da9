//! The rules of the house, checked on the source text: who may import whom, which layers stay free of
//! I/O, and a few habits. `docs/architecture.md` draws the map that `LAYERS` states; change both together.
//!
//! The scanner works on text with comments and literals blanked out. That is enough because the rules
//! speak about names, and it keeps the test free of dependencies and fast.

#[path = "house_rules/rules.rs"]
mod rules;
#[path = "house_rules/source.rs"]
mod source;

use std::path::{Path, PathBuf};

use rules::Violation;
use source::Source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `dir` with the extension, sorted, as (path relative to the repository, text).
fn files(dir: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(dir)];
    while let Some(folder) = pending.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if !["target", "node_modules", "dist", "out", ".venv"].iter().any(|skip| name == *skip) {
                    pending.push(path);
                }
            } else if path.extension().is_some_and(|e| e == extension) {
                let text = std::fs::read_to_string(&path).expect("source files are readable UTF-8");
                found.push((path.strip_prefix(root()).expect("below the root").to_path_buf(), text));
            }
        }
    }
    found.sort();
    found
}

fn sources(dir: &str) -> Vec<Source> {
    files(dir, "rs").into_iter().map(|(path, text)| Source::new(&path.to_string_lossy(), &text)).collect()
}

fn assert_none(rule: &str, violations: Vec<Violation>) {
    let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{rule}: {} violation(s)\n  {}", list.len(), list.join("\n  "));
}

fn check_all(dir: &str, rule: fn(&Source) -> Vec<Violation>) -> Vec<Violation> {
    let all = sources(dir);
    assert!(!all.is_empty(), "no source found below {dir}");
    all.iter().flat_map(rule).collect()
}

#[test]
fn imports_follow_the_layers() {
    assert_none("import outside the layer map", check_all("src", rules::imports));
}

#[test]
fn every_top_level_module_has_its_place_in_the_layer_map() {
    let lib = sources("src").into_iter().find(|s| s.path == "src/lib.rs").expect("src/lib.rs");
    assert_none("module without a layer", rules::unlisted_modules(&lib));
}

#[test]
fn the_core_does_no_io_and_reads_no_clock() {
    assert_none("impure token in a pure layer", check_all("src", rules::purity));
}

#[test]
fn sql_and_http_stay_at_their_edges() {
    assert_none("library used outside its home", check_all("src", rules::homes));
}

#[test]
fn the_code_has_no_forbidden_habits() {
    assert_none("forbidden habit", check_all("src", rules::habits));
    assert_none("forbidden habit", check_all("tests", rules::habits));
}

#[test]
fn files_say_what_they_own_and_stay_small() {
    assert_none("file shape", check_all("src", rules::file_shape));
}

#[test]
fn every_queue_says_why_it_has_its_bound() {
    assert_none("undocumented queue", check_all("src", rules::queues));
}

#[test]
fn tests_wait_on_conditions_not_on_time() {
    let mut found = check_all("src", rules::sleeps);
    found.extend(check_all("tests", rules::sleeps));
    for dir in ["tests/browser", "web-demo"] {
        for (path, text) in ["mjs", "js", "ts"].iter().flat_map(|ext| files(dir, ext)) {
            found.extend(rules::script_sleeps(&path.to_string_lossy(), &text));
        }
    }
    for (path, text) in files("tests", "py") {
        found.extend(rules::script_sleeps(&path.to_string_lossy(), &text));
    }
    assert_none("sleep in a test", found);
}

#[test]
fn the_metrics_page_lists_exactly_the_metrics_of_the_code() {
    // Without the unit tests, which quote lines of the exposition.
    let product = |text: String| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
    let code: String = files("src/observe", "rs").into_iter().map(|(_, text)| product(text)).collect();
    let page = std::fs::read_to_string(root().join("docs/metrics.md")).expect("docs/metrics.md");
    assert_none("metrics page", rules::metrics(&code, &page));
}

/// Each rule is shown a snippet that breaks it: a rule that cannot fail protects nothing.
mod each_rule_can_fail {
    use super::{rules, source::Source};

    fn bad(path: &str, text: &str, rule: fn(&Source) -> Vec<rules::Violation>, expected: &str) {
        let found: Vec<String> = rule(&Source::new(path, text)).iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|v| v.contains(expected)), "`{expected}` not reported, got {found:?}");
    }

    fn good(path: &str, text: &str, rule: fn(&Source) -> Vec<rules::Violation>) {
        let found: Vec<String> = rule(&Source::new(path, text)).iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "false alarm: {found:?}");
    }

    #[test]
    fn imports() {
        let rule = rules::imports;
        bad("src/media/x.rs", "use crate::room::Room;", rule, "media -> room");
        bad("src/base/x.rs", "use crate::{base::id::A, proto::{sdp, rtcp}};", rule, "base -> proto");
        bad("src/media/a/b.rs", "use super::super::super::api::router;", rule, "media -> api");
        bad("src/chat/x.rs", "fn f() { crate::call::service::go() }", rule, "chat -> call");
        bad("src/chat/x.rs", "use crate::store::sqlite::Pool;", rule, "chat -> store::sqlite");
        bad("src/load/x.rs", "use crate::transport::Session;", rule, "load -> transport");
        bad("src/services.rs", "use crate::api::ws;", rule, "services -> api");
        bad("src/runtime/x.rs", "use crate::{\n  base::id::A,\n  app::App,\n};", rule, "runtime -> app");
        bad("src/room/x.rs", "pub(crate) use crate as c;", rule, "whole crate");
        good("src/room/x.rs", "use crate::{base::id::A, media::packet::P, transport::session::S};", rule);
        good("src/media/x.rs", "// crate::api\nconst A: &str = \"crate::api\";", rule);
        good("src/media/a/b.rs", "use super::super::packet::P; use super::c::D;", rule);
        good("src/media/x.rs", "#[cfg(test)]\nmod tests { use crate::room::Room; }", rule);
        good("src/app.rs", "use crate::{api::router, store::sqlite::Sqlite};", rule);
    }

    #[test]
    fn modules() {
        bad("src/lib.rs", "pub mod base;\npub mod util;", rules::unlisted_modules, "util");
        good("src/lib.rs", "pub mod base;\nmod media;", rules::unlisted_modules);
    }

    #[test]
    fn purity() {
        let rule = rules::purity;
        for text in [
            "use tokio::sync::mpsc;",
            "let s = std::net::UdpSocket::bind(a);",
            "use std::net::{IpAddr, TcpStream};",
            "std::fs::read(p)",
            "use std::{fmt, fs, io};",
            "std::thread::spawn(f)",
            "let t = Instant::now();",
            "use std::time::SystemTime;",
            "x: Mutex<u8>",
            "x: Arc<Vec<u8>>",
            "rand::rng()",
        ] {
            bad("src/media/x.rs", text, rule, "media");
            good("src/api/x.rs", text, rule);
        }
        good(
            "src/media/x.rs",
            "a: Arc<str>, b: Arc<[u8]>, c: Arc<dyn CryptoProvider>, d: Arc<HandshakeConfig>",
            rule,
        );
        good("src/media/x.rs", "/// Instead of a Mutex\nlet s = \"tokio::\"; let c = '\"';", rule);
    }

    #[test]
    fn homes() {
        bad("src/chat/x.rs", "use sqlx::Row;", rules::homes, "sqlx");
        bad("src/services.rs", "use axum::Router;", rules::homes, "axum");
        bad("src/room/x.rs", "webrtc::peer()", rules::homes, "webrtc");
        bad("src/runtime/x.rs", "use rtc_dtls::endpoint::Endpoint;", rules::homes, "rtc_dtls");
        good("src/runtime/x.rs", "use rtc_dtls::crypto_provider::RTCCrypto;", rules::homes);
        good("src/store/sql.rs", "use sqlx::Row;", rules::homes);
    }

    #[test]
    fn habits() {
        bad("src/api/mod.rs", "", rules::habits, "mod.rs");
        bad("src/api/x.rs", "fn f() { unsafe { g() } }", rules::habits, "unsafe");
        bad("src/api/x.rs", "fn f() { todo!() }", rules::habits, "todo!");
        bad("src/api/x.rs", "unimplemented!(\"later\")", rules::habits, "unimplemented!");
        bad("src/api/x.rs", "dbg!(x)", rules::habits, "dbg!");
        bad("src/api/x.rs", "#[ignore]\nfn f() {}", rules::habits, "#[ignore]");
        bad("src/api/x.rs", "// TODO tidy this", rules::habits, "TODO");
        bad("src/api/x.rs", "mpsc::unbounded_channel()", rules::habits, "unbounded");
        good("src/api/x.rs", "// unsafe is forbidden; see TODO #12\n#![forbid(unsafe_code)]", rules::habits);
    }

    #[test]
    fn file_shape() {
        let long = format!("//! Owns much.\n{}", "let x = 1;\n".repeat(701));
        bad("src/api/x.rs", &long, rules::file_shape, "701 lines of code");
        bad("src/api/x.rs", "use std::fmt;\n", rules::file_shape, "header");
        let comments = format!(
            "//! Owns little.\n{}#[cfg(test)]\nmod tests {{\n{}}}\n",
            "// x\n\n".repeat(800),
            "x();\n".repeat(800)
        );
        good("src/api/x.rs", &comments, rules::file_shape);
    }

    #[test]
    fn queues() {
        let spec = "pub const A: QueueSpec = QueueSpec { name: \"a\", cap: 4, full: Full::DropNewest };";
        bad("src/runtime/x.rs", spec, rules::queues, "A");
        bad("src/runtime/x.rs", &format!("/// About B.\nconst B: u8 = 1;\n\n{spec}"), rules::queues, "A");
        good("src/runtime/x.rs", &format!("/// Holds what the shard has not read.\n{spec}"), rules::queues);
        good("src/runtime/x.rs", &format!("/// Why.\n#[rustfmt::skip]\n{spec}"), rules::queues);
    }

    #[test]
    fn sleeps() {
        bad("tests/e2e_x.rs", "tokio::time::sleep(d).await;", rules::sleeps, "sleep");
        bad("tests/e2e_x.rs", "std::thread::sleep(d);", rules::sleeps, "sleep");
        bad("src/api/x.rs", "#[cfg(test)]\nmod tests { fn f() { sleep(d) } }", rules::sleeps, "sleep");
        good(
            "src/runtime/x.rs",
            "tokio::time::sleep_until(t).await; tokio::time::sleep(d).await;",
            rules::sleeps,
        );
        good("tests/support/wait.rs", "tokio::time::sleep(d).await;", rules::sleeps);
        let js =
            rules::script_sleeps("tests/browser/x.test.mjs", "await new Promise((r) => setTimeout(r, 500));");
        assert_eq!(js.len(), 1);
        assert_eq!(rules::script_sleeps("tests/x.py", "await asyncio.sleep(1)").len(), 1);
        assert_eq!(
            rules::script_sleeps("web-demo/sdk/socket.ts", "setTimeout(f, 500)").len(),
            0,
            "not a test"
        );
    }

    #[test]
    fn metrics() {
        let found =
            rules::metrics("\"convene_a_total\" \"convene_b\"", "| `convene_a_total` | `convene_c` |");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|v| v.contains("convene_b") && v.contains("not documented")), "{found:?}");
        assert!(found.iter().any(|v| v.contains("convene_c") && v.contains("not in the code")), "{found:?}");
        assert_eq!(found.len(), 2);
    }
}
