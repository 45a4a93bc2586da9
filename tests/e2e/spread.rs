//! A call larger than one shard: the real binary, two shards, bots that check every frame.

use std::{
    collections::BTreeMap,
    process::{Child, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::support::{
    server::{Server, binary},
    wait::until,
};

/// Values of one metric by shard.
fn by_shard(metrics: &str, name: &str) -> BTreeMap<String, f64> {
    let label = |line: &str| {
        let (labels, value) = line.strip_prefix(name)?.strip_prefix("{shard=\"")?.split_once("\"} ")?;
        Some((labels.to_owned(), value.parse().ok()?))
    };
    metrics.lines().filter_map(label).collect()
}

async fn spread_server() -> Server {
    // All bots speak at once, and all are to be heard.
    let settings =
        [("CONVENE_MEDIA_SHARDS", "2"), ("CONVENE_MEDIA_SPREAD_AT", "5"), ("CONVENE_MEDIA_AUDIBLE", "0")];
    Server::start(&settings).await
}

/// The load tool; it ends with the test, however that ends.
struct Bots(Child);

impl Drop for Bots {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `convene load` and returns its report and the metrics in the middle of the measurement.
async fn load(server: &Server, bots: u32, arguments: &[&str]) -> (Value, String) {
    let out = server.folder().join("spread.json");
    let child = binary()
        .args(["load", "--url", &server.url(""), "--packet-size", "1000", "--duration", "5s"])
        .args(["--warmup", "3s", "--out", &out.to_string_lossy()])
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    let mut running = Bots(child);
    let all_in = until("all bots are in", Duration::from_secs(60), async || {
        let metrics = server.metrics().await;
        let sessions: f64 = by_shard(&metrics, "convene_media_sessions").values().sum();
        (sessions >= f64::from(bots)).then_some(metrics)
    });
    let metrics = all_in.await;
    let status =
        until("the load ends", Duration::from_secs(60), async || running.0.try_wait().expect("wait")).await;
    let text = std::fs::read_to_string(&out).expect("report");
    assert!(status.success(), "convene load: {status}: {text}");
    (serde_json::from_str(&text).expect("JSON"), metrics)
}

fn assert_flawless(report: &Value) {
    assert_eq!(report["failed"], 0, "{report:#}");
    assert_eq!(report["delivered"]["ratio"], 1.0, "{report:#}");
    for fault in ["corrupt", "misplaced", "duplicates", "late"] {
        assert_eq!(report["faults"][fault], 0, "{report:#}");
    }
    assert_eq!(report["unknownPackets"], 0, "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_that_needs_two_shards_reaches_everybody_whole() {
    let server = spread_server().await;
    let arguments =
        ["--publishers", "1", "--subscribers", "12", "--simulcast", "--bitrate", "600k", "--audio"];
    let (report, metrics) = load(&server, 13, &arguments).await;
    let sessions = by_shard(&metrics, "convene_media_sessions");
    assert!(sessions["0"] >= 5.0 && sessions["1"] >= 5.0, "{sessions:?}");
    assert_eq!(by_shard(&metrics, "convene_media_rooms").values().copied().collect::<Vec<_>>(), [1.0, 1.0]);
    assert_eq!(
        by_shard(&metrics, "convene_media_relay_links").values().copied().collect::<Vec<_>>(),
        [1.0, 1.0]
    );

    assert_flawless(&report);
    assert!(report["delivered"]["videoDelivered"].as_u64() > Some(12 * 100), "{report:#}");
    let layers = &report["delivered"]["layers"];
    assert!(layers[2].as_u64() > Some(12 * 100), "everybody got the layer asked for: {layers}");
    let crossed = by_shard(&server.metrics().await, "convene_relay_received_packets_total");
    let forwarded = by_shard(&server.metrics().await, "convene_rtp_forwarded_packets_total");
    assert!(crossed["1"] > 100.0 && crossed["0"] == 0.0, "{crossed:?}");
    // Seven or eight viewers there, the lowest layer beside theirs, and all layers for the first seconds.
    assert!(crossed["1"] < forwarded["1"] / 3.0, "one copy per shard: {crossed:?} {forwarded:?}");
    assert_eq!(server.metric("convene_room_panics_total").await, 0.0);
    until("nothing is left", Duration::from_secs(10), async || {
        (server.metric("convene_media_rooms").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_over_two_shards_is_whole_in_both_directions() {
    let server = spread_server().await;
    let arguments = ["--meeting", "8", "--bitrate", "200k", "--audio"];
    let (report, metrics) = load(&server, 8, &arguments).await;
    let sessions = by_shard(&metrics, "convene_media_sessions");
    assert!(sessions["0"] >= 3.0 && sessions["1"] >= 3.0, "{sessions:?}");
    assert_flawless(&report);
    assert!(report["delivered"]["videoExpected"].as_u64() > Some(8 * 7 * 100), "{report:#}");
    let crossed = by_shard(&server.metrics().await, "convene_relay_received_packets_total");
    assert!(crossed.values().all(|packets| *packets > 100.0), "both ways: {crossed:?}");
}
