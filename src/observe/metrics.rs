//! Every metric of the process in one table, and the `/metrics` text (Prometheus exposition format).
//!
//! Shards count in plain numbers of their own and are asked at scrape time.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use crate::runtime::stats::{HistogramData, ShardStats, TcpStats};

/// Metrics of the signalling side.
pub struct Metrics {
    registry: Registry,
    ws_frames_in: IntCounter,
    ws_frames_out: IntCounter,
    ws_dropped: IntCounterVec,
    ws_closes: IntCounterVec,
    ws_resumes: IntCounterVec,
    commands: IntCounterVec,
    command_seconds: Histogram,
    messages: IntCounterVec,
    message_ack_seconds: Histogram,
    http: IntCounterVec,
    logins: IntCounterVec,
    pub connections: IntGauge,
    pub ws_sessions: IntGauge,
    pub ws_connections: IntGauge,
    pub ws_queue_depth: IntGauge,
    pub whip_resources: IntGauge,
    pub draining: IntGauge,
}

impl Metrics {
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, label: &str| {
            let vec = IntCounterVec::new(Opts::new(name, help), &[label]).expect("the table below is valid");
            registry.register(Box::new(vec.clone())).expect("names in the table are unique");
            vec
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help).expect("the table below is valid");
            registry.register(Box::new(gauge.clone())).expect("names in the table are unique");
            gauge
        };
        let histogram = |name: &str, help: &str| {
            let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            let histogram = Histogram::with_opts(opts).expect("the table below is valid");
            registry.register(Box::new(histogram.clone())).expect("names in the table are unique");
            histogram
        };
        // Counted for every frame, so the labels are looked up once.
        let ws_frames = counter("convene_ws_frames_total", "WebSocket frames by direction.", "direction");
        // The table.
        Self {
            ws_frames_in: ws_frames.with_label_values(&["in"]),
            ws_frames_out: ws_frames.with_label_values(&["out"]),
            ws_dropped: counter("convene_ws_dropped_frames_total", "Frames not queued, by reason.", "reason"),
            ws_closes: counter(
                "convene_ws_closes_total",
                "WebSocket connections ended, by close code.",
                "code",
            ),
            ws_resumes: counter("convene_ws_hellos_total", "Hello frames by outcome.", "outcome"),
            commands: counter("convene_commands_total", "Commands run, by outcome.", "outcome"),
            command_seconds: histogram("convene_command_duration_seconds", "Time from command to answer."),
            messages: counter("convene_messages_total", "Chat messages acknowledged, by front door.", "door"),
            message_ack_seconds: histogram(
                "convene_message_ack_seconds",
                "Time from a chat message to its acknowledgement after COMMIT.",
            ),
            http: counter("convene_http_requests_total", "HTTP requests by class of status.", "class"),
            logins: counter("convene_logins_total", "Password logins by outcome.", "outcome"),
            connections: gauge("convene_tcp_connections", "Open TCP connections."),
            ws_sessions: gauge(
                "convene_ws_sessions",
                "Signalling sessions, those waiting to resume included.",
            ),
            ws_connections: gauge("convene_ws_connections", "Signalling sessions with a socket."),
            ws_queue_depth: gauge("convene_ws_queue_frames", "Frames waiting in the queues to the sockets."),
            whip_resources: gauge("convene_whip_resources", "Live WHIP and WHEP resources."),
            draining: gauge("convene_draining", "1 while the server is shutting down."),
            registry,
        }
    }

    pub fn ws_frame_in(&self) {
        self.ws_frames_in.inc();
    }

    pub fn ws_frames_out(&self, frames: u64) {
        self.ws_frames_out.inc_by(frames);
    }

    pub fn ws_dropped(&self, reason: &'static str) {
        self.ws_dropped.with_label_values(&[reason]).inc();
    }

    /// Only our own close codes get a label of their own: what a client invents is `other`.
    pub fn ws_closed(&self, code: u16) {
        let label = match code {
            1000 => "1000",
            1001 => "1001",
            1007 => "1007",
            4000 => "4000",
            4001 => "4001",
            4002 => "4002",
            4003 => "4003",
            4008 => "4008",
            4009 => "4009",
            4010 => "4010",
            4012 => "4012",
            0 => "lost",
            _ => "other",
        };
        self.ws_closes.with_label_values(&[label]).inc();
    }

    pub fn hello(&self, outcome: &'static str) {
        self.ws_resumes.with_label_values(&[outcome]).inc();
    }

    /// A command that ended after `took`; `error` is its stable code.
    pub fn command(&self, name: &str, door: &'static str, error: Option<&'static str>, took: Duration) {
        // `auth.expired` → `auth`: fewer than 20 values.
        let outcome = error.map_or("ok", |code| code.split('.').next().unwrap_or("error"));
        self.commands.with_label_values(&[outcome]).inc();
        self.command_seconds.observe(took.as_secs_f64());
        if name == "message:send" && error.is_none() {
            self.messages.with_label_values(&[door]).inc();
            self.message_ack_seconds.observe(took.as_secs_f64());
        }
    }

    pub fn http(&self, status: u16) {
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.http.with_label_values(&[class]).inc();
    }

    pub fn login(&self, ok: bool) {
        self.logins.with_label_values(&[if ok { "ok" } else { "refused" }]).inc();
    }

    /// The whole exposition.
    pub fn render(&self, store: StoreReadings, shards: &[ShardStats], tcp: Option<&TcpStats>) -> String {
        let mut text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default();
        render_store(&mut text, store);
        render_shards(&mut text, shards);
        if let Some(tcp) = tcp {
            render_tcp(&mut text, tcp);
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

type Read = fn(&ShardStats) -> u64;

/// Gauges of the shards.
const SHARD_GAUGES: &[(&str, &str, Read)] = &[
    ("convene_media_rooms", "Rooms.", |s| s.rooms),
    ("convene_media_sessions", "WebRTC sessions.", |s| s.sessions),
    ("convene_media_publications", "Published tracks.", |s| s.publications),
    ("convene_media_subscriptions", "Subscribed tracks.", |s| s.subscriptions),
    ("convene_media_paused_pictures", "Pictures that their subscriber's path does not carry.", |s| s.paused),
    ("convene_media_relay_links", "Links to parts of rooms on other shards.", |s| s.relay_links),
    ("convene_media_tcp_connections", "TCP connections of the shard's sessions.", |s| s.connections),
    ("convene_shard_command_queue_depth", "Commands waiting for the shard.", |s| s.command_queue_depth),
    ("convene_shard_relay_queue_depth", "Messages of other shards waiting for the shard.", |s| {
        s.relay_queue_depth
    }),
    ("convene_shard_event_backlog", "Events waiting for the signalling side.", |s| s.event_backlog),
];

/// Counters of the shards.
const SHARD_COUNTERS: &[(&str, &str, Read)] = &[
    ("convene_received_packets_total", "Datagrams received, over TCP too.", |s| s.packets_in),
    ("convene_received_bytes_total", "Bytes of them.", |s| s.bytes_in),
    ("convene_sent_packets_total", "Datagrams sent, over TCP too.", |s| s.packets_out),
    ("convene_sent_bytes_total", "Bytes of them.", |s| s.bytes_out),
    ("convene_sends_total", "Sends; packets per send is the mean length of a train.", |s| s.sends),
    ("convene_rtp_received_packets_total", "RTP packets taken from publishers.", |s| s.rtp_received),
    ("convene_rtp_forwarded_packets_total", "RTP packets handed to subscribers.", |s| s.rtp_forwarded),
    ("convene_relay_received_packets_total", "RTP packets taken from other shards.", |s| s.relay_received),
    ("convene_relay_sent_packets_total", "RTP packets handed to other shards.", |s| s.relay_sent),
    ("convene_nacks_received_total", "NACK feedback received.", |s| s.nacks_received),
    ("convene_nacks_sent_total", "NACK feedback sent.", |s| s.nacks_sent),
    ("convene_rtx_received_packets_total", "Retransmissions received.", |s| s.rtx_received),
    ("convene_rtx_sent_packets_total", "Retransmissions sent.", |s| s.rtx_sent),
    ("convene_bandwidth_reports_total", "Transport-wide feedback received.", |s| s.arrival_reports),
    ("convene_probe_packets_total", "Packets sent to find out what a path carries.", |s| {
        s.probe_packets_sent
    }),
    ("convene_layers_raised_total", "Pictures that more bandwidth made better.", |s| s.shares_raised),
    ("convene_layers_lowered_total", "Pictures that less bandwidth made worse.", |s| s.shares_lowered),
    ("convene_plis_received_total", "Keyframe requests received.", |s| s.plis_received),
    ("convene_plis_sent_total", "Keyframe requests sent.", |s| s.plis_sent),
    ("convene_room_panics_total", "Rooms discarded after a panic; must stay 0.", |s| s.room_panics),
];

type ReadHistogram = fn(&ShardStats) -> &HistogramData;

/// Histograms of the shards.
const SHARD_HISTOGRAMS: &[(&str, &str, ReadHistogram)] = &[
    ("convene_join_duration_seconds", "Time from join to media being able to flow.", |s| &s.join_seconds),
    ("convene_forward_seconds", "Longest time a packet spent in the server, per flush.", |s| {
        &s.forward_seconds
    }),
    ("convene_quality_score", "Scores of participants, 0 to 100, one each every 5 s.", |s| &s.quality_score),
    (
        "convene_quality_loss_ratio",
        "Shares of packets that never came, worse direction, one each every 5 s.",
        |s| &s.quality_loss,
    ),
    ("convene_quality_rtt_seconds", "Round trips to participants, one each every 5 s.", |s| {
        &s.quality_rtt_seconds
    }),
    ("convene_shard_loop_seconds", "Time from a wake-up of the shard to having sent all it caused.", |s| {
        &s.loop_seconds
    }),
];

/// What the database writer has done; one writer, so plain numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreReadings {
    pub queue_depth: u64,
    pub commits: u64,
    pub writes: u64,
    pub failed_writes: u64,
    pub commit_seconds: f64,
    pub longest_commit_seconds: f64,
    pub search_lag_seconds: f64,
    pub search_indexed: u64,
    pub search_failures: u64,
    pub cleared: u64,
    pub lost_notifications: u64,
}

fn render_store(text: &mut String, store: StoreReadings) {
    let mut one = |name: &str, kind: &str, help: &str, value: f64| {
        head(text, name, help, kind);
        line(text, format_args!("{name} {value}"));
    };
    #[expect(clippy::cast_precision_loss, reason = "Prometheus values are floats")]
    let float = |count: u64| count as f64;
    let (depth, commits) = (float(store.queue_depth), float(store.commits));
    one("convene_store_queue_depth", "gauge", "Writes waiting for the database writer.", depth);
    one("convene_store_commits_total", "counter", "Transactions committed.", commits);
    let (writes, failed) = (float(store.writes), float(store.failed_writes));
    one("convene_store_writes_total", "counter", "Writes inside committed transactions.", writes);
    one("convene_store_failed_writes_total", "counter", "Writes that were rolled back.", failed);
    let (sum, longest) = (store.commit_seconds, store.longest_commit_seconds);
    one("convene_store_commit_seconds_total", "counter", "Time spent from BEGIN to COMMIT.", sum);
    one("convene_store_longest_commit_seconds", "gauge", "Longest BEGIN to COMMIT so far.", longest);
    let (lag, indexed) = (store.search_lag_seconds, float(store.search_indexed));
    one(
        "convene_search_lag_seconds",
        "gauge",
        "For so long searches have missed something that is stored.",
        lag,
    );
    one("convene_search_indexed_total", "counter", "Messages written into the index of searches.", indexed);
    let failures = float(store.search_failures);
    one("convene_search_failures_total", "counter", "Attempts to write into it that failed.", failures);
    let cleared = float(store.cleared);
    one("convene_messages_cleared_total", "counter", "Messages whose content was removed for good.", cleared);
    let lost = float(store.lost_notifications);
    one(
        "convene_notifications_lost_total",
        "counter",
        "Notifications not told, because too many waited.",
        lost,
    );
}

fn render_shards(text: &mut String, shards: &[ShardStats]) {
    for (table, kind) in [(SHARD_GAUGES, "gauge"), (SHARD_COUNTERS, "counter")] {
        for (name, help, read) in table {
            head(text, name, help, kind);
            for stats in shards {
                line(text, format_args!("{name}{{shard=\"{}\"}} {}", stats.shard, read(stats)));
            }
        }
    }
    head(
        text,
        "convene_packets_dropped_total",
        "Datagrams, packets and events thrown away, by reason.",
        "counter",
    );
    let mut drops: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in shards.iter().flat_map(|stats| &stats.drops) {
        *drops.entry(reason).or_default() += count;
    }
    for (reason, count) in drops {
        line(text, format_args!("convene_packets_dropped_total{{reason=\"{reason}\"}} {count}"));
    }
    for (name, help, read) in SHARD_HISTOGRAMS {
        head(text, name, help, "histogram");
        render_histogram(text, name, shards.iter().map(read));
    }
}

/// The listener for media over TCP.
fn render_tcp(text: &mut String, tcp: &TcpStats) {
    let name = "convene_media_tcp_open_connections";
    head(text, name, "Open TCP connections for media, those not yet given to a shard included.", "gauge");
    line(text, format_args!("{name} {}", tcp.open));
    let name = "convene_media_tcp_accepted_total";
    head(text, name, "TCP connections for media, all that ever came.", "counter");
    line(text, format_args!("{name} {}", tcp.accepted));
    let name = "convene_media_tcp_refused_total";
    head(text, name, "TCP connections closed before a shard saw them, by reason.", "counter");
    for (reason, count) in &tcp.refused {
        line(text, format_args!("{name}{{reason=\"{reason}\"}} {count}"));
    }
}

/// All shards in one histogram.
fn render_histogram<'a>(text: &mut String, name: &str, shards: impl Iterator<Item = &'a HistogramData>) {
    let (mut bounds, mut counts, mut sum): (&[f64], Vec<u64>, f64) = (&[], Vec::new(), 0.0);
    for data in shards {
        if data.bounds.len() >= bounds.len() {
            bounds = data.bounds;
        }
        counts.resize(counts.len().max(data.counts.len()), 0);
        for (slot, count) in counts.iter_mut().zip(&data.counts) {
            *slot += count;
        }
        sum += data.sum;
    }
    counts.resize(bounds.len() + 1, 0);
    // The format wants each bucket to hold those below it too.
    let mut total = 0;
    for (bound, count) in bounds.iter().zip(&counts) {
        total += count;
        line(text, format_args!("{name}_bucket{{le=\"{bound}\"}} {total}"));
    }
    total += counts.last().copied().unwrap_or(0);
    line(text, format_args!("{name}_bucket{{le=\"+Inf\"}} {total}"));
    line(text, format_args!("{name}_sum {sum}"));
    line(text, format_args!("{name}_count {total}"));
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    line(text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    let _ = writeln!(text, "{arguments}");
}

/// Half a millisecond to ten seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use super::*;

    fn busy() -> String {
        let metrics = Metrics::new();
        metrics.ws_frame_in();
        metrics.ws_dropped("ephemeral");
        metrics.ws_closed(4010);
        metrics.ws_closed(3999);
        metrics.hello("new");
        metrics.command("message:send", "ws", None, Duration::from_millis(3));
        metrics.command("channel:get", "rest", Some("not_found.channel"), Duration::from_millis(1));
        metrics.http(404);
        metrics.login(false);
        let histogram = HistogramData { bounds: &[0.1, 1.0], counts: vec![1, 1, 1], sum: 4.5 };
        let shard = |n| ShardStats {
            shard: n,
            packets_in: 10,
            drops: vec![("unknown_tuple", 2)],
            join_seconds: histogram.clone(),
            ..ShardStats::default()
        };
        metrics.render(
            StoreReadings { commits: 3, ..StoreReadings::default() },
            &[shard(0), shard(1)],
            Some(&TcpStats { refused: vec![("late", 1)], ..TcpStats::default() }),
        )
    }

    #[test]
    fn the_text_has_every_part() {
        let text = busy();
        for expected in [
            "convene_ws_closes_total{code=\"4010\"} 1",
            "convene_ws_closes_total{code=\"other\"} 1",
            "convene_messages_total{door=\"ws\"} 1",
            "convene_commands_total{outcome=\"not_found\"} 1",
            "convene_received_packets_total{shard=\"1\"} 10",
            "convene_packets_dropped_total{reason=\"unknown_tuple\"} 4",
            "convene_join_duration_seconds_bucket{le=\"1\"} 4",
            "convene_join_duration_seconds_count 6",
            "convene_store_commits_total 3",
        ] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }

    #[test]
    fn promtool_accepts_the_metrics() {
        for text in [busy(), Metrics::new().render(StoreReadings::default(), &[], None)] {
            let child = Command::new("promtool")
                .args(["check", "metrics"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn();
            // Developers without the tool lose this check, never a silent pass: it says so.
            let Ok(mut child) = child else {
                eprintln!("SKIPPED: promtool is not installed (Debian package prometheus)");
                return;
            };
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            assert_eq!(said.trim(), "");
        }
    }
}
