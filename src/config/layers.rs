//! Defaults < file < environment < flags, with every mistake reported at once.
//!
//! Each key is decoded on its own, so one wrong value does not hide the next.

use serde::Deserialize;
use toml::{Table, Value};

use super::{Config, Mistakes};

/// One setting from a flag: section, key, value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub section: &'static str,
    pub key: &'static str,
    pub text: String,
}

/// Names that start with `CONVENE_` but are not settings of the server: read by the command line.
pub const OTHER_ENV: &[&str] = &["CONVENE_CONFIG", "CONVENE_DEV"];

/// Puts the layers on top of each other. `file` is the text of the TOML file; `env` every variable of the
/// process whose name starts with `CONVENE_`.
pub fn load(file: Option<&str>, env: &[(String, String)], flags: &[Flag]) -> Result<Config, Mistakes> {
    load_over(Config::default(), file, env, flags)
}

/// As `load`, with other defaults (`--dev`).
pub fn load_over(
    defaults: Config,
    file: Option<&str>,
    env: &[(String, String)],
    flags: &[Flag],
) -> Result<Config, Mistakes> {
    let mut mistakes = Vec::new();
    let schema = Table::try_from(Config::default()).unwrap_or_default();
    let mut merged = plain_table(&defaults);
    if let Some(text) = file {
        match text.parse::<Table>() {
            Ok(table) => merge_file(&mut merged, table, &mut mistakes),
            Err(error) => mistakes.push(format!("file: {}", first_line(&error))),
        }
    }
    for (name, text) in env {
        if !OTHER_ENV.contains(&name.as_str()) {
            merge_env(&schema, &mut merged, name, text, &mut mistakes);
        }
    }
    for flag in flags {
        let shape = schema.get(flag.section).and_then(|section| section.get(flag.key));
        match shape.map(|shape| value_from_text(shape, &flag.text)) {
            Some(Ok(value)) => put(&mut merged, flag.section, flag.key, value, &mut mistakes),
            Some(Err(rule)) => mistakes.push(format!("{}.{}: {rule}", flag.section, flag.key)),
            None => mistakes.push(format!("{}.{}: no such setting", flag.section, flag.key)),
        }
    }
    let config = decode(merged, &mut mistakes);
    config.check(&mut mistakes);
    mistakes.dedup();
    if mistakes.is_empty() { Ok(config) } else { Err(Mistakes(mistakes)) }
}

/// The defaults as a table, with secrets in clear (printing a `Config` would redact them).
fn plain_table(defaults: &Config) -> Table {
    let mut table = Table::try_from(defaults).unwrap_or_default();
    let keys = defaults.auth.keys.iter().map(|key| {
        let mut entry = Table::new();
        entry.insert("id".into(), key.id.clone().into());
        entry.insert("secret".into(), key.secret.expose().into());
        Value::Table(entry)
    });
    if let Some(Value::Table(auth)) = table.get_mut("auth") {
        auth.insert("keys".into(), Value::Array(keys.collect()));
    }
    table
}

fn merge_file(merged: &mut Table, file: Table, mistakes: &mut Vec<String>) {
    for (section, value) in file {
        match (merged.get_mut(&section), value) {
            (Some(Value::Table(known)), Value::Table(given)) => known.extend(given),
            (Some(Value::Table(_)), _) => mistakes.push(format!("{section}: must be a section, [{section}]")),
            (_, value) => {
                merged.insert(section, value);
            }
        }
    }
}

fn merge_env(schema: &Table, merged: &mut Table, name: &str, text: &str, mistakes: &mut Vec<String>) {
    if name == "CONVENE_ICE_SERVERS" {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => {
                merged.insert("ice_servers".into(), value);
            }
            Err(_) => mistakes.push(format!("{name}: must be a JSON array of {{\"urls\":[…]}}")),
        }
        return;
    }
    let rest = name.strip_prefix("CONVENE_").unwrap_or(name).to_ascii_lowercase();
    let found = schema.iter().find_map(|(section, keys)| {
        let key = rest.strip_prefix(section.as_str())?.strip_prefix('_')?;
        Some((section.as_str(), keys.as_table()?.get_key_value(key)?))
    });
    let Some((section, (key, shape))) = found else {
        mistakes.push(format!("{name}: no such setting"));
        return;
    };
    let value = if (section, key.as_str()) == ("auth", "keys") {
        keys_from_text(text)
    } else {
        value_from_text(shape, text)
    };
    match value {
        Ok(value) => put(merged, section, key, value, mistakes),
        Err(rule) => mistakes.push(format!("{name}: {rule}")),
    }
}

fn put(merged: &mut Table, section: &str, key: &str, value: Value, mistakes: &mut Vec<String>) {
    match merged.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(table) => {
            table.insert(key.to_owned(), value);
        }
        _ => mistakes.push(format!("{section}: must be a section, [{section}]")),
    }
}

/// Text in the shape of the default value; lists are separated by commas.
fn value_from_text(shape: &Value, text: &str) -> Result<Value, String> {
    let wrong = |what: &str| format!("{text:?} is not {what}");
    Ok(match shape {
        Value::Integer(_) => text.parse::<i64>().map_err(|_| wrong("a whole number"))?.into(),
        Value::Float(_) => text.parse::<f64>().map_err(|_| wrong("a number"))?.into(),
        Value::Boolean(_) => match text {
            "true" | "1" => true.into(),
            "false" | "0" => false.into(),
            _ => return Err(wrong("true or false")),
        },
        Value::Array(_) => Value::Array(
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect(),
        ),
        _ => text.into(),
    })
}

/// `id:secret,id:secret`. Never quotes the text: it is a secret.
fn keys_from_text(text: &str) -> Result<Value, String> {
    let mut keys = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (id, secret) = part.trim().split_once(':').ok_or("must be id:secret[,id:secret]")?;
        let mut entry = Table::new();
        entry.insert("id".into(), id.into());
        entry.insert("secret".into(), secret.into());
        keys.push(Value::Table(entry));
    }
    Ok(Value::Array(keys))
}

/// Decodes key by key; a wrong one is reported and left at its default.
fn decode(merged: Table, mistakes: &mut Vec<String>) -> Config {
    let mut good = Table::new();
    for (section, value) in merged {
        match value {
            Value::Table(keys) => {
                // An unknown section is one mistake, not one per key, and does not spoil the rest.
                if let Err(error) = probe(&section, None, Value::Table(Table::new())) {
                    mistakes.push(format!("{section}: {error}"));
                    continue;
                }
                let mut kept = Table::new();
                for (key, value) in keys {
                    match probe_each(&section, Some(&key), &value) {
                        Ok(()) => {
                            kept.insert(key, value);
                        }
                        Err(error) => mistakes.push(format!("{section}.{key}: {error}")),
                    }
                }
                good.insert(section, Value::Table(kept));
            }
            value => match probe_each(&section, None, &value) {
                Ok(()) => {
                    good.insert(section, value);
                }
                Err(error) => mistakes.push(format!("{section}: {error}")),
            },
        }
    }
    Config::deserialize(good).unwrap_or_else(|error| {
        mistakes.push(first_line(&error));
        Config::default()
    })
}

/// Tries the key alone, and lists element by element so that the message is about one of them.
fn probe_each(section: &str, key: Option<&str>, value: &Value) -> Result<(), String> {
    if let Value::Array(elements) = value {
        for element in elements {
            probe(section, key, Value::Array(vec![element.clone()]))?;
        }
    }
    probe(section, key, value.clone())
}

fn probe(section: &str, key: Option<&str>, value: Value) -> Result<(), String> {
    let inner = match key {
        Some(key) => {
            let mut table = Table::new();
            table.insert(key.to_owned(), value);
            Value::Table(table)
        }
        None => value,
    };
    let mut root = Table::new();
    root.insert(section.to_owned(), inner);
    Config::deserialize(root).map(|_| ()).map_err(|error| first_line(&error))
}

/// The first line says what is wrong; what follows may quote the document, secrets included.
fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or("wrong").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn later_layers_win() {
        let file =
            "[server]\nlisten = \"127.0.0.1:1111\"\nmax_connections = 7\n[calls]\nring_timeout = \"3s\"\n";
        let vars = env(&[("CONVENE_SERVER_LISTEN", "127.0.0.1:2222"), ("CONVENE_CHAT_RATE_SCALE", "0")]);
        let flags = [Flag { section: "server", key: "listen", text: "127.0.0.1:3333".into() }];
        let config = load(Some(file), &vars, &flags).unwrap();
        assert_eq!(config.server.listen.port(), 3333);
        assert_eq!(config.server.max_connections, 7);
        assert_eq!(config.calls.ring_timeout.to_string(), "3s");
        assert_eq!(config.chat.rate_scale, 0);
        assert_eq!(config.calls.grace.to_string(), "2m");
        assert_eq!(load(Some(file), &vars, &[]).unwrap().server.listen.port(), 2222);
        assert_eq!(load(Some(file), &[], &[]).unwrap().server.listen.port(), 1111);
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let file = "colour = 1\n[server]\nlisten = \"nowhere\"\nfoo = 1\nidle_timeout = \"1s\"\n\
                    [calls]\nring_timeout = 5\n[auth]\nkeys = [{id = \"a\", secret = \"short\"}]\n[typo]\nx = 1\n";
        let vars = env(&[("CONVENE_SERVER_FOO", "1"), ("CONVENE_MEDIA_SHARDS", "many")]);
        let Mistakes(found) = load(Some(file), &vars, &[]).unwrap_err();
        for expected in [
            "colour:",
            "server.listen:",
            "server.foo:",
            "server.idle_timeout:",
            "calls.ring_timeout:",
            "auth.keys[0].secret:",
            "typo",
            "CONVENE_SERVER_FOO:",
            "CONVENE_MEDIA_SHARDS:",
        ] {
            assert!(found.iter().any(|line| line.starts_with(expected)), "{expected} missing in {found:#?}");
        }
        assert!(!found.iter().any(|line| line.contains("short")), "a secret leaked: {found:#?}");
    }

    #[test]
    fn keys_and_lists_come_from_the_environment() {
        let secret = "0123456789abcdef0123456789abcdef";
        let vars = env(&[
            ("CONVENE_AUTH_KEYS", &format!("a:{secret},b:{secret}:with-colon")),
            ("CONVENE_MEDIA_ADVERTISE", "203.0.113.7, 203.0.113.8:9000"),
            ("CONVENE_ICE_SERVERS", r#"[{"urls":["stun:stun.example.org:3478"]}]"#),
            ("CONVENE_CONFIG", "ignored here"),
        ]);
        let config = load(None, &vars, &[]).unwrap();
        assert_eq!(config.auth.keys.len(), 2);
        assert_eq!(config.auth.keys[1].secret.expose(), format!("{secret}:with-colon"));
        assert_eq!(config.media.advertise.len(), 2);
        assert_eq!(config.ice_servers[0].urls, ["stun:stun.example.org:3478"]);
        assert!(!config.to_toml().contains(secret));
    }

    #[test]
    fn every_key_can_be_set_from_the_environment() {
        let schema = Table::try_from(Config::default()).unwrap();
        for (section, keys) in schema.iter().filter_map(|(name, value)| Some((name, value.as_table()?))) {
            for (key, value) in keys {
                let name = format!("CONVENE_{section}_{key}").to_uppercase();
                let text = match value {
                    Value::Array(_) => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let result = load(None, &[(name.clone(), text)], &[]);
                assert!(result.is_ok(), "{name}: {result:?}");
            }
        }
    }

    #[test]
    fn defaults_of_dev_keep_their_keys() {
        let mut defaults = Config::default();
        defaults.auth.keys.push(crate::config::AuthKey {
            id: "dev".into(),
            secret: crate::config::Secret::new("0123456789abcdef0123456789abcdef"),
        });
        let config = load_over(defaults, None, &[], &[]).unwrap();
        assert_eq!(config.auth.keys[0].secret.expose(), "0123456789abcdef0123456789abcdef");
    }
}
