//! What a run found, as numbers and as a table.

use std::{fmt, time::Duration};

use super::{
    check::Faults,
    histogram::Histogram,
    totals::{Frames, Punctual, Sinks, Totals},
};
use crate::observe::process::Usage;

#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub bots: u32,
    /// Bots that never got in, or fell out.
    pub failed: u32,
    pub failures: Vec<String>,
    pub seconds: f64,
    pub delivered: Delivered,
    /// Only with --sink, whose bots count packets and not frames.
    pub sink: Option<SinkReport>,
    /// Only with --deadline.
    pub punctual: Option<PunctualReport>,
    pub faults: Faults,
    pub fault_samples: Vec<String>,
    /// RTP packets of tracks nobody announced.
    pub unknown_packets: u64,
    pub packets: Packets,
    pub latency_ms: Quantiles,
    pub join_ms: Join,
    /// From when a chat message was due to its acknowledgement.
    pub chat_ack_ms: Option<Quantiles>,
    /// Mean length of the server's trains; absent if it does not count its sends.
    pub packets_per_send: Option<f64>,
    /// Longest time a receiver went without a whole video frame.
    pub longest_gap_ms: f64,
    pub server: Option<Server>,
    /// CPU of the load tool itself; near one core for the media thread means that it is the bottleneck.
    pub bots_cpu_us_per_packet: f64,
    pub bots_cpu_percent: f64,
}

#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivered {
    pub ratio: f64,
    pub video_expected: u64,
    pub video_delivered: u64,
    pub audio_expected: u64,
    pub audio_delivered: u64,
    /// Video frames per layer, smallest first.
    pub layers: [u64; 3],
    /// The worst pairs of receiver and sender that saw less than everything.
    pub incomplete: Vec<Incomplete>,
}

/// What sinks counted; see `sink`.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkReport {
    /// Pairs of sink and sender, and those that brought nothing.
    pub streams: u64,
    pub silent_streams: u64,
    pub expected: u64,
    pub counted: u64,
    /// Decrypted and found to be what was sent.
    pub verified: u64,
    pub repairs: u64,
    /// 1 = lossless; 0 if nothing was expected, because then nothing was measured.
    pub ratio: f64,
}

/// Packets sent while it was measured: how many came, and how many in time.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PunctualReport {
    pub deadline_ms: f64,
    pub owed: u64,
    pub came: u64,
    pub in_time: u64,
    pub ratio: f64,
}

impl PunctualReport {
    pub fn new(deadline: Duration, totals: &Totals) -> Self {
        let Punctual { owed, came, in_time } = totals.punctual;
        let ratio = in_time as f64 / owed.max(1) as f64;
        Self { deadline_ms: deadline.as_secs_f64() * 1000.0, owed, came, in_time, ratio }
    }
}

impl SinkReport {
    pub fn new(totals: &Totals) -> Self {
        let Sinks { streams, silent, counted, verified, repairs } = totals.sinks;
        Self {
            streams,
            silent_streams: silent,
            expected: counted.expected,
            counted: counted.received,
            verified,
            repairs,
            ratio: counted.received as f64 / counted.expected.max(1) as f64,
        }
    }
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct Incomplete {
    pub receiver: u32,
    pub sender: u32,
    pub kind: super::payload::MediaKind,
    pub ratio: f64,
}

#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Packets {
    /// RTP packets all bots together received, and sent.
    pub received: u64,
    pub received_per_second: f64,
    pub sent_per_second: f64,
    pub received_megabits_per_second: f64,
    pub keyframe_requests: u64,
}

#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Quantiles {
    pub count: u64,
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

/// Times from `voice:join`.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    pub connected: Quantiles,
    pub first_media: Quantiles,
    /// CPU of the whole server per join: signalling, handshake, room.
    #[serde(rename = "serverCpuMs")]
    pub server_cpu_ms: Option<f64>,
    /// The same step by step, if the run was staged.
    pub steps: Option<Steps>,
    /// Media flowed while others joined, and is in that CPU time.
    pub with_media: bool,
}

/// CPU of the whole server per bot.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Steps {
    /// Socket, hello and snapshot.
    pub session_cpu_ms: f64,
    /// `voice:join`.
    pub call_cpu_ms: f64,
    /// Offer, ICE, DTLS, answer.
    pub media_cpu_ms: f64,
}

#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    pub cpu_seconds: f64,
    /// Of one core.
    pub cpu_percent: f64,
    pub cpu_us_per_packet: f64,
    pub resident_bytes: u64,
    /// Growth of resident memory from before the joins to the end of the measurement, per bot.
    pub kilobytes_per_participant: f64,
}

/// Readings of the server's and our own usage.
#[derive(Debug, Clone, Copy)]
pub struct Readings {
    pub own: (Usage, Usage),
    pub server_before_joins: Option<Usage>,
    pub server: Option<(Usage, Usage)>,
}

impl From<&Histogram> for Quantiles {
    fn from(histogram: &Histogram) -> Self {
        let at = |q| histogram.quantile_ms(q);
        Self { count: histogram.count(), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0) }
    }
}

impl Report {
    pub fn new(bots: u32, failures: Vec<String>, totals: &Totals, join: Join, readings: &Readings) -> Self {
        let seconds = totals.span.as_secs_f64().max(f64::EPSILON);
        let per_packet = |cpu: Duration| cpu.as_secs_f64() * 1e6 / totals.packets.max(1) as f64;
        let percent = |cpu: Duration| cpu.as_secs_f64() * 100.0 / seconds;
        let own = readings.own.1.cpu_since(&readings.own.0);
        let server = readings.server.map(|(before, after)| {
            let cpu = after.cpu_since(&before);
            let empty = readings.server_before_joins.unwrap_or(before).resident_bytes;
            let grown = after.resident_bytes.saturating_sub(empty);
            Server {
                cpu_seconds: cpu.as_secs_f64(),
                cpu_percent: percent(cpu),
                cpu_us_per_packet: per_packet(cpu),
                resident_bytes: after.resident_bytes,
                kilobytes_per_participant: grown as f64 / 1024.0 / f64::from(bots.max(1)),
            }
        });
        Self {
            bots,
            failed: failures.len() as u32,
            failures,
            seconds,
            delivered: Delivered::new(totals),
            sink: None,
            punctual: None,
            faults: totals.faults,
            fault_samples: totals.fault_samples.clone(),
            unknown_packets: totals.unknown_packets,
            packets: Packets {
                received: totals.packets,
                received_per_second: totals.packets as f64 / seconds,
                sent_per_second: totals.sent as f64 / seconds,
                received_megabits_per_second: totals.bytes as f64 * 8.0 / 1e6 / seconds,
                keyframe_requests: totals.keyframe_requests,
            },
            latency_ms: Quantiles::from(&totals.latency),
            join_ms: join,
            chat_ack_ms: None,
            packets_per_send: None,
            longest_gap_ms: totals.longest_gap.as_secs_f64() * 1000.0,
            server,
            bots_cpu_us_per_packet: per_packet(own),
            bots_cpu_percent: percent(own),
        }
    }
}

impl Report {
    /// The worse of frames and counted packets.
    pub fn lossless(&self) -> f64 {
        self.sink.map_or(self.delivered.ratio, |sink| sink.ratio.min(self.delivered.ratio))
    }
}

impl Delivered {
    fn new(totals: &Totals) -> Self {
        let (video, audio): (Frames, Frames) = (totals.video, totals.audio);
        let incomplete = totals.incomplete.iter().map(|(receiver, (sender, kind), ratio)| Incomplete {
            receiver: *receiver,
            sender: *sender,
            kind: *kind,
            ratio: *ratio,
        });
        Self {
            ratio: totals.frames().ratio(),
            video_expected: video.expected,
            video_delivered: video.delivered,
            audio_expected: audio.expected,
            audio_delivered: audio.delivered,
            layers: totals.layers,
            incomplete: incomplete.collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = &self.delivered;
        writeln!(
            f,
            "bots               {} ({} failed), {:.1} s measured",
            self.bots, self.failed, self.seconds
        )?;
        writeln!(f, "delivered          {:.3} %", d.ratio * 100.0)?;
        writeln!(
            f,
            "  video frames     {} of {} (per layer {:?})",
            d.video_delivered, d.video_expected, d.layers
        )?;
        writeln!(f, "  audio frames     {} of {}", d.audio_delivered, d.audio_expected)?;
        if let Some(sink) = &self.sink {
            writeln!(
                f,
                "sinks              {:.3} %: {} of {} packets counted, {} verified, {} repairs; {} of {} streams silent",
                sink.ratio * 100.0,
                sink.counted,
                sink.expected,
                sink.verified,
                sink.repairs,
                sink.silent_streams,
                sink.streams
            )?;
        }
        if let Some(punctual) = &self.punctual {
            writeln!(
                f,
                "in time            {:.3} %: {} of {} packets within {:.0} ms, {} came at all",
                punctual.ratio * 100.0,
                punctual.in_time,
                punctual.owed,
                punctual.deadline_ms,
                punctual.came
            )?;
        }
        writeln!(
            f,
            "faults             {} corrupt, {} misplaced, {} duplicate, {} too late, {} unannounced",
            self.faults.corrupt,
            self.faults.misplaced,
            self.faults.duplicates,
            self.faults.late,
            self.unknown_packets
        )?;
        writeln!(
            f,
            "packets            {:.0}/s received ({:.1} Mb/s), {:.0}/s sent, {} keyframe requests",
            self.packets.received_per_second,
            self.packets.received_megabits_per_second,
            self.packets.sent_per_second,
            self.packets.keyframe_requests
        )?;
        writeln!(f, "latency            {}", self.latency_ms)?;
        writeln!(f, "join → connected   {}", self.join_ms.connected)?;
        writeln!(f, "join → first media {}", self.join_ms.first_media)?;
        if let Some(cpu) = self.join_ms.server_cpu_ms {
            let media = if self.join_ms.with_media { ", media meanwhile included" } else { "" };
            writeln!(f, "server per join    {cpu:.2} ms CPU{media}")?;
        }
        if let Some(steps) = &self.join_ms.steps {
            writeln!(
                f,
                "  step by step     {:.2} ms session, {:.2} ms call, {:.2} ms media",
                steps.session_cpu_ms, steps.call_cpu_ms, steps.media_cpu_ms
            )?;
        }
        if let Some(acks) = &self.chat_ack_ms {
            writeln!(f, "chat ack           {acks}")?;
        }
        if let Some(length) = self.packets_per_send {
            writeln!(f, "packets per send   {length:.2}")?;
        }
        writeln!(f, "longest gap        {:.0} ms", self.longest_gap_ms)?;
        if let Some(server) = &self.server {
            writeln!(
                f,
                "server             {:.2} µs CPU per packet, {:.0} % of a core, {:.1} MB resident, {:.0} kB per participant",
                server.cpu_us_per_packet,
                server.cpu_percent,
                server.resident_bytes as f64 / 1e6,
                server.kilobytes_per_participant
            )?;
        }
        writeln!(
            f,
            "load tool          {:.2} µs CPU per packet, {:.0} % of a core",
            self.bots_cpu_us_per_packet, self.bots_cpu_percent
        )?;
        for failure in &self.failures {
            writeln!(f, "failed: {failure}")?;
        }
        for fault in &self.fault_samples {
            writeln!(f, "fault: {fault}")?;
        }
        for pair in &d.incomplete {
            let (receiver, sender, percent) = (pair.receiver, pair.sender, pair.ratio * 100.0);
            writeln!(f, "incomplete: bot {receiver} saw {percent:.1} % of bot {sender}'s {:?}", pair.kind)?;
        }
        Ok(())
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(p50), Some(p95), Some(p99), Some(max)) = (self.p50, self.p95, self.p99, self.max) else {
            return write!(f, "nothing measured");
        };
        write!(f, "p50 {p50:.2}  p95 {p95:.2}  p99 {p99:.2}  max {max:.2} ms ({} values)", self.count)
    }
}
