//! What operators copy from this repository must fit the program: rules, board, relay template, image.

use std::{collections::BTreeSet, net::IpAddr, path::Path, process::Command};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// All `convene_…` names in a text, without the suffixes of a histogram's series.
fn metric_names(text: &str) -> BTreeSet<String> {
    text.match_indices("convene_")
        .map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let name = &rest[..end];
            ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name).to_owned()
        })
        .collect()
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus"))
        .output()
        .expect("promtool is installed by `make setup`");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

#[test]
fn promtool_accepts_the_rules_and_the_scrape_configuration() {
    promtool(&["check", "rules", "rules.yml"]);
    promtool(&["check", "config", "prometheus.yml"]);
}

#[test]
fn rules_and_board_speak_only_of_documented_metrics() {
    let documented = metric_names(&read("docs/metrics.md"));
    for file in ["deploy/prometheus/rules.yml", "deploy/grafana/convene.json"] {
        let used = metric_names(&read(file));
        assert!(used.len() > 5, "{file} uses only {used:?}");
        let unknown: Vec<_> = used.difference(&documented).collect();
        assert!(unknown.is_empty(), "{file} uses metrics that do not exist: {unknown:?}");
    }
}

#[test]
fn the_board_is_json_with_a_query_in_every_panel() {
    let board: serde_json::Value = serde_json::from_str(&read("deploy/grafana/convene.json")).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    assert!(panels.len() >= 10);
    for panel in panels {
        assert!(panel["targets"][0]["expr"].as_str().is_some_and(|expr| !expr.is_empty()), "{panel}");
    }
}

#[test]
fn every_alert_is_explained_or_self_explanatory() {
    let (rules, runbook) = (read("deploy/prometheus/rules.yml"), read("docs/runbook.md"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    for name in alerts
        .iter()
        .filter(|name| ["ShardBehind", "RoomPanic", "CommitSlow"].iter().any(|s| name.ends_with(s)))
    {
        assert!(runbook.contains(*name), "{name} is not in the runbook");
    }
    for word in runbook.split('`').filter(|word| word.starts_with("Convene") && !word.contains(' ')) {
        assert!(alerts.contains(&word), "the runbook speaks of {word}, which is no alert");
    }
}

/// One address in each range that no stranger may be relayed to, mapped forms included.
const FORBIDDEN_PEERS: &[&str] = &[
    "0.0.0.1",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00::1",
    "fe80::1",
    "febf::1",
    "ff02::1",
];

/// Addresses a relay exists for.
const ORDINARY_PEERS: &[&str] =
    &["8.8.8.8", "1.1.1.1", "100.128.0.1", "172.32.0.1", "192.0.3.1", "2606:4700::1", "2a00:1450::1"];

fn as_number(text: &str) -> (bool, u128) {
    match text.parse::<IpAddr>().unwrap_or_else(|e| panic!("{text}: {e}")) {
        IpAddr::V4(address) => (false, u32::from(address).into()),
        IpAddr::V6(address) => (true, address.into()),
    }
}

#[test]
fn the_relay_template_denies_every_special_range() {
    let template = read("turn/coturn.conf.tmpl");
    let ranges: Vec<(&str, &str)> = template
        .lines()
        .filter_map(|line| line.strip_prefix("denied-peer-ip="))
        .filter(|range| !range.contains('@'))
        .map(|range| range.split_once('-').unwrap_or((range, range)))
        .collect();
    let denied = |peer: &str| {
        let (version, number) = as_number(peer);
        ranges.iter().any(|(from, to)| {
            let ((from_version, from), (_, to)) = (as_number(from), as_number(to));
            version == from_version && (from..=to).contains(&number)
        })
    };
    for peer in FORBIDDEN_PEERS {
        assert!(denied(peer), "{peer} can be reached through the relay");
    }
    for peer in ORDINARY_PEERS {
        assert!(!denied(peer), "{peer} cannot be reached through the relay");
    }
    // coturn reads such a range as all addresses, and relays to none; 0.0.0.0 and :: it refuses by itself.
    let is_zero = |text: &str| as_number(text).1 == 0;
    assert!(!ranges.iter().any(|(from, to)| is_zero(from) || is_zero(to)), "a range that denies everything");
    for line in ["use-auth-secret", "no-multicast-peers", "no-cli", "no-tcp-relay"] {
        assert!(template.lines().any(|found| found == line), "{line} is missing");
    }
    assert!(template.lines().any(|line| line.starts_with("user-quota=")));
}

#[test]
fn the_image_is_small_and_unprivileged() {
    let dockerfile = read("Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().expect("a final stage");
    assert!(
        last.starts_with("debian:bookworm-slim"),
        "final image: {}",
        last.lines().next().unwrap_or_default()
    );
    assert!(
        last.contains("USER convene")
            && last.contains("HEALTHCHECK")
            && last.contains("EXPOSE 7880/tcp 7881/tcp 7882/udp")
    );
    assert!(
        !last.contains("COPY . ") && !last.contains("--from=page"),
        "the final image holds only the binary"
    );
    let ignored = read(".dockerignore");
    assert_eq!(ignored.lines().next(), Some("*"), "only listed paths go to the builder");
}

#[test]
fn the_unit_gives_the_drain_its_time() {
    let unit = read("deploy/systemd/convene.service");
    assert!(unit.contains("KillSignal=SIGTERM") && unit.contains("TimeoutStopSec=35"));
    assert!(unit.contains("NoNewPrivileges=yes") && unit.contains("ProtectSystem=strict"));
    let compose = read("deploy/compose.yaml");
    assert!(compose.contains("stop_grace_period: 35s"));
}
