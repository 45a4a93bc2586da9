//! What `convene load` can be told.

use std::{path::PathBuf, time::Duration};

use super::{engine_bot::MediaPlan, signalling::ServerUrl, source::VideoPlan};
use crate::netem::impair::{parse_duration, parse_si};

/// Measure a running server with bots that speak real ICE, DTLS and SRTP.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The server, `http://host:port`.
    #[arg(long, default_value = "http://127.0.0.1:7880")]
    pub url: ServerUrl,
    /// Channel (id or slug) whose voice room the bots join.
    #[arg(long, default_value = "general")]
    pub channel: String,

    /// Bots that only send.
    #[arg(long, default_value_t = 0)]
    pub publishers: u32,
    /// Bots that only receive, everything from everyone.
    #[arg(long, default_value_t = 0)]
    pub subscribers: u32,
    /// Bots that send and receive from all others.
    #[arg(long, default_value_t = 0)]
    pub meeting: u32,

    /// Video bits per second of the top layer; 0 sends no video.
    #[arg(long, default_value = "1.5M", value_parser = rate)]
    pub bitrate: u64,
    /// Size of a full media packet on the wire, without IP and UDP.
    #[arg(long, default_value_t = 1200)]
    pub packet_size: usize,
    #[arg(long, default_value_t = 30)]
    pub fps: u32,
    /// Send three layers (rids q, h, f) at 1/16, 1/4 and 1 of the bitrate.
    #[arg(long)]
    pub simulcast: bool,
    /// Layer the subscribers ask for with --simulcast: 0 (smallest) to 2.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub layer: u8,
    /// Send 50 Opus-like packets a second.
    #[arg(long)]
    pub audio: bool,
    /// Send the packets of a frame at once instead of spread over its time.
    #[arg(long)]
    pub burst: bool,
    /// Put all receive sections into the first offer instead of adding them when the server asks.
    #[arg(long)]
    pub all_sections: bool,

    /// How long to measure.
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub duration: Duration,
    /// Between joining and measuring.
    #[arg(long, default_value = "2s", value_parser = duration)]
    pub warmup: Duration,
    /// Between two joins.
    #[arg(long, default_value = "20ms", value_parser = duration)]
    pub ramp: Duration,
    /// How long all bots together may take to be in and to see media.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub join_timeout: Duration,
    /// The server's process, for CPU and memory.
    #[arg(long)]
    pub server_pid: Option<u32>,

    /// Accounts to sign in with, shared by the bots; comma separated.
    #[arg(long, value_delimiter = ',', default_value = "ana,bo,cy,di")]
    pub username: Vec<String>,
    #[arg(long, default_value = "convene-demo", env = "LOADTEST_PASSWORD", hide_env_values = true)]
    pub password: String,
    /// A ready token for all bots, instead of signing in.
    #[arg(long, conflicts_with = "key_id")]
    pub token: Option<String>,
    /// Mint a token per bot with this signing key (every bot is a user of its own).
    #[arg(long, requires = "key_secret")]
    pub key_id: Option<String>,
    #[arg(long, requires = "key_id", env = "LOADTEST_KEY_SECRET", hide_env_values = true)]
    pub key_secret: Option<String>,

    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// Also write the JSON report to this file.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Fail if a smaller share of the frames arrives (0 to 1).
    #[arg(long)]
    pub min_delivered: Option<f64>,
}

impl Args {
    /// All mistakes at once; empty if the arguments make sense.
    pub fn mistakes(&self) -> Vec<&'static str> {
        let mut mistakes = Vec::new();
        if self.bots() == 0 {
            mistakes.push("nothing to do: give --publishers and --subscribers, or --meeting");
        }
        if self.bots() > 2_000 {
            mistakes.push("more than 2000 bots: one process cannot drive them");
        }
        if self.bitrate == 0 && !self.audio {
            mistakes.push("--bitrate 0 without --audio sends nothing");
        }
        if !(1..=240).contains(&self.fps) {
            mistakes.push("--fps must be 1 to 240");
        }
        if !(200..=1400).contains(&self.packet_size) {
            mistakes.push("--packet-size must be 200 to 1400");
        }
        if self.username.is_empty() {
            mistakes.push("--username is empty");
        }
        if self.min_delivered.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            mistakes.push("--min-delivered must be 0 to 1");
        }
        mistakes
    }

    pub fn bots(&self) -> u32 {
        self.publishers.saturating_add(self.subscribers).saturating_add(self.meeting)
    }

    /// The plan of each bot, senders first.
    pub fn plans(&self) -> Vec<MediaPlan> {
        let video = (self.bitrate > 0).then_some(VideoPlan {
            bitrate: self.bitrate,
            packet_size: self.packet_size,
            fps: self.fps,
            layers: if self.simulcast { 3 } else { 1 },
            burst: self.burst,
        });
        let senders = self.publishers + self.meeting;
        let plan = |sends: bool, receives: bool| {
            let others =
                if self.all_sections { senders.saturating_sub(u32::from(sends && receives)) } else { 1 }
                    as usize;
            MediaPlan {
                video: video.filter(|_| sends),
                audio: sends && self.audio,
                receives,
                receive_audio: if receives && self.audio { others } else { 0 },
                receive_video: if receives && video.is_some() { others } else { 0 },
            }
        };
        let groups = [
            (self.publishers, plan(true, false)),
            (self.meeting, plan(true, true)),
            (self.subscribers, plan(false, true)),
        ];
        groups.into_iter().flat_map(|(count, plan)| std::iter::repeat_n(plan, count as usize)).collect()
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as 10s".into())
}

fn rate(text: &str) -> Result<u64, String> {
    parse_si(text).ok_or_else(|| "expected bits per second such as 1.5M".into())
}
