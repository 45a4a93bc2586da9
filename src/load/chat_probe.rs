//! Times chat while media flows: one session that sends messages at a steady rate and waits for each ack.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;

use super::{
    histogram::Histogram,
    signalling::{ServerUrl, Session},
};
use crate::runtime::clock;

/// What the probe saw.
#[derive(Debug, Default)]
pub struct Acks {
    /// From when a message was due, not from when it could be sent: a server that stalls delays the next
    /// message too, and measuring from the sending would hide that.
    pub times: Histogram,
}

pub struct ChatProbe {
    session: Session,
    channel: String,
    interval: Duration,
}

impl ChatProbe {
    pub async fn open(url: &ServerUrl, token: &str, channel: &str, rate: u32) -> anyhow::Result<Self> {
        Ok(Self {
            session: Session::open(url, token).await?,
            channel: channel.to_owned(),
            interval: Duration::from_secs(1) / rate.max(1),
        })
    }

    /// Sends until `stop`. A refused or missing ack is an error: a message that was never acknowledged must
    /// not just be left out.
    pub async fn run(mut self, stop: watch::Receiver<bool>) -> anyhow::Result<Acks> {
        let mut acks = Acks::default();
        let mut due: Instant = clock::now();
        // The nonce says whose message it is; two runs against one server must not repeat each other.
        let run = clock::wall_ms();
        for number in 0u64.. {
            tokio::time::sleep_until(due.into()).await;
            if *stop.borrow() {
                break;
            }
            let message = json!({
                "channelId": self.channel,
                "content": format!("probe {number}"),
                "nonce": format!("probe-{run}-{number}"),
            });
            self.session.call("message:send", message).await?;
            self.session.forget_events();
            acks.times.record(clock::now().saturating_duration_since(due));
            due += self.interval;
        }
        self.session.close().await;
        Ok(acks)
    }
}
