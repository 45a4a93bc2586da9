//! What `convene load` can be told.

use std::{path::PathBuf, time::Duration};

use super::{engine_bot::MediaPlan, signalling::ServerUrl, sink::SinkPlan, source::VideoPlan};
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
    /// Bots that are in a room and neither send nor receive.
    #[arg(long, default_value_t = 0)]
    pub idle: u32,
    /// Spread the idle bots over this many group channels made for the run; 0 = the channel of the others,
    /// where everybody hears of every join.
    #[arg(long, default_value_t = 0)]
    pub rooms: u32,

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
    /// Of a meeting with --audio only this many speak, the others are silent as with DTX.
    #[arg(long)]
    pub speakers: Option<u32>,
    /// The silent ones send all the same, packets that say so (clients without DTX).
    #[arg(long)]
    pub noise: bool,
    /// Subscribers count what they receive and check a sample: much cheaper, and without repair.
    #[arg(long)]
    pub sink: bool,
    /// Sinks let the kernel join packets (GRO), which flatters the server.
    #[arg(long, requires = "sink")]
    pub gro: bool,
    /// Who sends is somebody else, such as a browser: the sinks' packets are counted, and decrypted in samples.
    #[arg(long, requires = "sink")]
    pub foreign: bool,
    /// Repairs as browsers do on a path of this round trip: asked for at once and then once per round trip, answered
    /// once per round trip, of sound too. Without, bots ask every 20 ms and answer every request.
    #[arg(long, value_parser = duration, conflicts_with = "sink")]
    pub round_trip: Option<Duration>,
    /// Report the share of packets that arrive within this time of being sent.
    #[arg(long, value_parser = duration, conflicts_with_all = ["sink", "simulcast"])]
    pub deadline: Option<Duration>,
    /// Chat messages per second of one extra session, whose acknowledgements are timed.
    #[arg(long, default_value_t = 0)]
    pub chat_rate: u32,
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
    /// Instead of measuring media, let the idle bots, each in a room of its own, make a call, connect and leave this
    /// many times in all, and compare the server's memory before and after.
    #[arg(long, default_value_t = 0, requires_all = ["server_pid", "idle", "rooms"])]
    pub churn: u32,
    /// All bots open their session, then all join, then all connect, each --ramp apart: the report tells what each
    /// step costs the server. Needs --server-pid.
    #[arg(long, requires = "server_pid")]
    pub staged: bool,
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
            mistakes.push("nothing to do: give --publishers and --subscribers, --meeting or --idle");
        }
        if self.bots() > 2_000 {
            mistakes.push("more than 2000 bots: one process cannot drive them");
        }
        if self.bitrate == 0 && !self.audio {
            mistakes.push("--bitrate 0 without --audio sends nothing");
        }
        if self.speakers.is_some() && !self.audio {
            mistakes.push("--speakers needs --audio");
        }
        if self.noise && self.speakers.is_none() {
            mistakes.push("--noise needs --speakers: all others are silent");
        }
        if self.speakers.is_some_and(|speakers| speakers < 2 || speakers > self.meeting) {
            mistakes.push("--speakers must be 2 to --meeting: one alone would hear nobody");
        }
        if self.foreign && self.publishers + self.meeting > 0 {
            mistakes.push("--foreign goes without senders of ours");
        }
        if self.churn > 0 && (self.idle != self.bots() || self.rooms != self.idle) {
            mistakes.push("--churn needs idle bots only, and as many --rooms");
        }
        if self.chat_rate > 1_000 {
            mistakes.push("--chat-rate must be at most 1000");
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
        let groups = [self.publishers, self.meeting, self.subscribers, self.idle];
        groups.into_iter().fold(0, u32::saturating_add)
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
                speaks: sends && self.audio,
                murmurs: false,
                receives,
                sink: (self.sink && receives && !sends)
                    .then_some(SinkPlan { gro: self.gro, foreign: self.foreign }),
                receive_audio: if receives && self.audio { others } else { 0 },
                receive_video: if receives && video.is_some() { others } else { 0 },
                round_trip: self.round_trip,
            }
        };
        let speakers = self.speakers.unwrap_or(self.meeting).min(self.meeting);
        // A connection needs at least one section.
        let idle = MediaPlan { receive_audio: 1, ..plan(false, false) };
        let groups = [
            (self.publishers, plan(true, false)),
            (speakers, plan(true, true)),
            (self.meeting - speakers, MediaPlan { speaks: false, murmurs: self.noise, ..plan(true, true) }),
            (self.subscribers, plan(false, true)),
            (self.idle, idle),
        ];
        groups.into_iter().flat_map(|(count, plan)| std::iter::repeat_n(plan, count as usize)).collect()
    }
}

/// For flags such as `--duration 10s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as 10s".into())
}

fn rate(text: &str) -> Result<u64, String> {
    parse_si(text).ok_or_else(|| "expected bits per second such as 1.5M".into())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &str) -> Args {
        Line::try_parse_from(std::iter::once("load").chain(line.split_whitespace())).unwrap().args
    }

    #[test]
    fn of_a_meeting_only_the_speakers_send_and_all_publish() {
        let args = args("--meeting 5 --speakers 2 --audio --bitrate 0");
        assert!(args.mistakes().is_empty(), "{:?}", args.mistakes());
        let plans = args.plans();
        assert_eq!(
            plans.iter().map(|plan| plan.speaks).collect::<Vec<_>>(),
            [true, true, false, false, false]
        );
        assert!(plans.iter().all(|plan| plan.audio && plan.receives && plan.receive_audio > 0));
    }

    #[test]
    fn idle_bots_come_last_and_expect_nothing() {
        let plans = args("--publishers 1 --subscribers 1 --idle 2 --sink").plans();
        assert_eq!(plans.iter().map(|plan| plan.receives).collect::<Vec<_>>(), [false, true, false, false]);
        assert_eq!(plans.iter().filter(|plan| plan.sink.is_some()).count(), 1, "only who receives");
        assert!(plans[2..].iter().all(|plan| plan.video.is_none() && !plan.audio && plan.receive_audio == 1));
    }

    #[test]
    fn foreign_senders_and_churn_stand_alone() {
        for line in [
            "--subscribers 2 --sink --foreign --publishers 1",
            "--idle 2 --rooms 1 --churn 9 --server-pid 1",
            "--idle 2 --rooms 2 --churn 9 --server-pid 1 --subscribers 1",
        ] {
            assert_eq!(args(line).mistakes().len(), 1, "{line}");
        }
        assert!(args("--subscribers 2 --sink --foreign").mistakes().is_empty());
        assert!(args("--idle 2 --rooms 2 --churn 9 --server-pid 1").mistakes().is_empty());
    }

    #[test]
    fn senseless_speakers_are_refused() {
        for line in [
            "--meeting 5 --audio --noise",
            "--meeting 5 --speakers 2",
            "--meeting 5 --speakers 1 --audio",
            "--meeting 2 --speakers 3 --audio",
        ] {
            assert_eq!(args(line).mistakes().len(), 1, "{line}");
        }
    }
}
