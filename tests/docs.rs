//! The documents name what the program has: every setting with its default, every operation.

use std::path::Path;

use convene::{
    api::schema::{openapi, socket},
    chat::command::Command,
    config::Config,
};
use toml::{Table, Value};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// `server.listen`, `"127.0.0.1:7880"` and so on.
fn settings() -> Vec<(String, Value)> {
    let table: Table = Config::default().to_toml().parse().expect("the defaults are TOML");
    let mut found = Vec::new();
    for (section, value) in table {
        match value {
            Value::Table(keys) => {
                found.extend(keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)))
            }
            value => found.push((section, value)),
        }
    }
    found
}

/// The default as a person writes it: no quotes, nothing for an empty list or text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => String::new(),
        Value::Float(number) if number.fract() == 0.0 => format!("{number:.0}"),
        other => other.to_string(),
    }
}

/// What is wrong with the settings table of a page.
fn mistakes(page: &str, settings: &[(String, Value)]) -> Vec<String> {
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split(" | ").collect())
        .collect();
    let mut found = Vec::new();
    for (key, value) in settings {
        let named =
            |row: &&Vec<&str>| row.first().is_some_and(|cell| cell.split('`').any(|word| word == key));
        let Some(row) = rows.iter().find(named) else {
            found.push(format!("{key} is not in the table"));
            continue;
        };
        let default = plain(value);
        let shown = row.get(1).copied().unwrap_or_default();
        if !default.is_empty() && !shown.split('`').any(|word| word == default) {
            found.push(format!("{key}: the default is {default}, the table says {shown}"));
        }
    }
    let sections = ["server.", "media.", "chat.", "calls.", "auth.", "hooks.", "storage.", "log.", "turn."];
    for name in rows.iter().filter_map(|row| row.first()).flat_map(|cell| cell.split('`')) {
        let is_setting = sections.iter().any(|section| name.starts_with(section));
        if is_setting && !settings.iter().any(|(key, _)| key == name) {
            found.push(format!("{name} does not exist"));
        }
    }
    found
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let found = mistakes(&read("README.md"), &settings());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_missing_wrong_or_stale_setting_is_noticed() {
    let settings =
        [("server.listen".to_owned(), Value::from("here")), ("server.new".to_owned(), Value::from(true))];
    let page = "| `server.listen` | `there` | x |\n| `server.old` | | x |\n";
    let found = mistakes(page, &settings).join("\n");
    for expected in ["server.new is not in the table", "the default is here", "server.old does not exist"] {
        assert!(found.contains(expected), "{found}");
    }
    assert!(mistakes("| `server.listen`, `server.new` | `here`, `true` | x |\n", &settings).is_empty());
}

#[test]
fn the_protocol_page_names_every_operation() {
    let page = read("docs/protocol.md");
    let missing: Vec<_> = Command::OPS.iter().filter(|op| !page.contains(**op)).collect();
    assert!(missing.is_empty(), "not in docs/protocol.md: {missing:?}");
}

/// `WRITE_SCHEMAS=1` writes them instead (`make schemas`).
#[test]
fn the_published_schemas_are_those_of_the_program() {
    for (path, document) in
        [("docs/schemas/openapi.json", openapi::document()), ("docs/schemas/socket.json", socket::document())]
    {
        let text = format!("{document:#}\n");
        if std::env::var_os("WRITE_SCHEMAS").is_some() {
            std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &text).expect("written");
        }
        assert!(read(path) == text, "{path} is not of this program: run `make schemas`");
    }
}
