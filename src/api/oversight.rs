//! What administrators are told of the process and of its settings. Answers of the services have only the calls.
//!
//! Rates are the difference of two readings, taken when somebody asks: while nobody looks it costs nothing.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};

use super::state::Front;
use crate::{
    base::time::rfc3339, config::Config, observe::process::Usage, runtime::clock, runtime::stats::ShardStats,
};

/// Several administrators who look at the same time share a reading; below this, rates would be noise.
const SHORTEST: Duration = Duration::from_secs(2);
/// What lies further back says nothing of this moment.
const LONGEST: Duration = Duration::from_secs(30);

/// What is remembered between two looks.
#[derive(Debug)]
pub struct Vitals {
    started_ms: i64,
    last: Mutex<Option<(Reading, Option<Rates>)>>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    cpu: Duration,
    received: u64,
    sent: u64,
    /// That answered: with one missing the counters are not those of before.
    shards: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Rates {
    /// Of one core.
    cpu: f64,
    received_bitrate: u64,
    sent_bitrate: u64,
}

impl Vitals {
    pub fn new(started_ms: i64) -> Self {
        Self { started_ms, last: Mutex::default() }
    }

    /// `None` until there are two readings that belong together.
    fn rates(&self, now: Reading) -> Option<Rates> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, rates)) = *last {
            let took = now.at.saturating_duration_since(before.at);
            if took < SHORTEST {
                return rates;
            }
            let rates =
                (took <= LONGEST && now.shards == before.shards).then(|| Rates::between(&before, &now, took));
            *last = Some((now, rates));
            return rates;
        }
        *last = Some((now, None));
        None
    }
}

impl Rates {
    fn between(before: &Reading, now: &Reading, took: Duration) -> Self {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let bitrate = |before: u64, now: u64| now.saturating_sub(before).saturating_mul(8_000) / millis;
        Self {
            cpu: now.cpu.saturating_sub(before.cpu).as_secs_f64() / took.as_secs_f64(),
            received_bitrate: bitrate(before.received, now.received),
            sent_bitrate: bitrate(before.sent, now.sent),
        }
    }
}

/// Adds the process to what the services say of the calls.
pub async fn put_overview(front: &Front, answer: &mut Map<String, Value>) {
    let shards = front.hub.stats().await;
    let usage = Usage::of(std::process::id());
    let sum = |of: fn(&ShardStats) -> u64| shards.iter().map(of).sum();
    let reading = Reading {
        at: clock::now(),
        cpu: usage.map(|usage| usage.cpu).unwrap_or_default(),
        received: sum(|one| one.bytes_in),
        sent: sum(|one| one.bytes_out),
        shards: shards.len(),
    };
    let rates = front.vitals.rates(reading);
    let sessions = front.registry.attached();
    let people: BTreeSet<_> = sessions.iter().map(|session| session.user).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Where the process cannot be read, there is no share of it either.
    let cpu = rates.filter(|_| usage.is_some()).map(|rates| share(rates.cpu, cores));
    let Value::Object(ours) = json!({
        "version": env!("CARGO_PKG_VERSION"), "startedAt": rfc3339(front.vitals.started_ms),
        "people": people.len(), "connections": sessions.len(), "cpu": cpu, "cores": cores,
        "memory": usage.map(|usage| usage.resident_bytes),
        "receivedBitrate": rates.map(|rates| rates.received_bitrate),
        "sentBitrate": rates.map(|rates| rates.sent_bitrate),
    }) else {
        return;
    };
    answer.extend(ours);
}

/// In thousandths; what follows is noise.
fn share(of_a_core: f64, cores: usize) -> f64 {
    let cores = u32::try_from(cores).unwrap_or(u32::MAX).max(1);
    (of_a_core / f64::from(cores) * 1_000.0).round().min(1_000.0) / 1_000.0
}

/// The settings that are rules for people, not those of the machine. Secrets, addresses and words are not among them.
const SETTINGS: &[&str] = &[
    "auth.token_ttl",
    "auth.session_ttl",
    "auth.allow_unknown_users",
    "auth.login_per_ip",
    "auth.login_per_account",
    "auth.refresh_per_ip",
    "auth.failures_per_ip",
    "auth.invites_per_ip",
    "chat.retention_days",
    "chat.deleted_grace",
    "chat.edit_window",
    "chat.rate_profile",
    "chat.rate_scale",
    "chat.filter_block",
    "chat.filter_mask",
    "chat.filter_flag",
    "calls.ring_timeout",
    "calls.alone_timeout",
    "calls.max_duration",
    "calls.grace",
    "media.max_participants",
    "media.audible",
    "media.tcp_port",
    "turn.urls",
    "server.max_connections",
    "server.max_connections_per_ip",
];

/// `{settings:[{name, value, changed}]}`
pub fn put_policy(config: &Config, answer: &mut Map<String, Value>) {
    let (ours, usual) = (tree(config), tree(&Config::default()));
    let rows = SETTINGS.iter().map(|name| {
        let (value, default) = (at(&ours, name), at(&usual, name));
        json!({"name": name, "value": told(value), "changed": value != default})
    });
    answer.insert("settings".into(), rows.collect());
}

fn tree(config: &Config) -> Value {
    serde_json::to_value(config).unwrap_or_default()
}

fn at<'a>(tree: &'a Value, name: &str) -> &'a Value {
    name.split('.').fold(tree, |value, key| &value[key])
}

/// A list by its length: words that are unwanted are not to be read here.
fn told(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.len().into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, Span};

    fn reading(start: Instant, seconds: u64, cpu_ms: u64, bytes: u64, shards: usize) -> Reading {
        let at = start + Duration::from_secs(seconds);
        Reading { at, cpu: Duration::from_millis(cpu_ms), received: bytes, sent: bytes * 3, shards }
    }

    #[test]
    fn rates_are_of_two_readings_that_belong_together() {
        let (vitals, start) = (Vitals::new(0), clock::now());
        assert_eq!(vitals.rates(reading(start, 0, 100, 0, 2)), None, "the first");
        assert_eq!(vitals.rates(reading(start, 1, 900, 9, 2)), None, "too early");
        let rates = Rates { cpu: 0.5, received_bitrate: 8_000, sent_bitrate: 24_000 };
        assert_eq!(vitals.rates(reading(start, 5, 2_600, 5_000, 2)), Some(rates));
        assert_eq!(
            vitals.rates(reading(start, 6, 9_999, 9_999, 2)),
            Some(rates),
            "shared with who looks now"
        );
        assert_eq!(vitals.rates(reading(start, 10, 2_600, 9_000, 1)), None, "a shard did not answer");
        assert_eq!(vitals.rates(reading(start, 15, 2_600, 9_000, 1)).unwrap().cpu, 0.0);
        assert_eq!(vitals.rates(reading(start, 60, 2_600, 9_000, 1)), None, "nobody looked for long");
    }

    #[test]
    fn cpu_is_a_share_of_the_machine() {
        assert_eq!(share(1.0, 2), 0.5);
        assert_eq!(share(0.123_456, 1), 0.123);
        assert_eq!(share(4.1, 4), 1.0);
    }

    #[test]
    fn every_setting_exists_and_none_is_a_secret() {
        let secret = "0123456789abcdef0123456789abcdef-never-told";
        let mut config = Config::default();
        config.turn.secret = Secret::new(secret);
        config.hooks.secret = Secret::new(secret);
        config.chat.filter_block = vec!["unspeakable".into(), "unwanted".into()];
        config.auth.token_ttl = Span::secs(600);
        let mut answer = Map::new();
        put_policy(&config, &mut answer);
        let rows = answer["settings"].as_array().unwrap();
        assert_eq!(rows.len(), SETTINGS.len());
        for row in rows {
            let value = &row["value"];
            assert!(value.is_boolean() || value.is_u64() || value.is_string(), "{row}");
        }
        let of = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!(
            (&of("auth.token_ttl")["value"], &of("auth.token_ttl")["changed"]),
            (&json!("10m"), &json!(true))
        );
        assert_eq!(of("auth.session_ttl")["changed"], json!(false));
        assert_eq!(of("chat.filter_block")["value"], json!(2));
        let text = Value::Object(answer).to_string();
        assert!(!text.contains("never-told") && !text.contains("unspeakable"));
    }
}
