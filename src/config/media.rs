//! The media plane and the ICE servers clients are told about.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::secret::Secret;
use crate::base::playout::PlayoutDelay;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// UDP address of the first shard; each further shard takes the next port.
    pub listen: SocketAddr,
    /// TCP port for clients whose network lets no UDP through, on the address of `listen`; one for all shards.
    /// 0 = off. Any free one if `listen` has port 0.
    pub tcp_port: u16,
    /// Media connections over TCP; more are closed at once. 0 = no limit.
    pub tcp_max_connections: u64,
    /// Media connections over TCP per address (per /64 with IPv6). 0 = no limit.
    pub tcp_max_connections_per_ip: u64,
    /// Addresses clients are told to send media to, `ip` or `ip:port` (of the first shard, the others follow);
    /// empty = the bound address.
    pub advertise: Vec<Advertise>,
    /// Shard threads; 0 = one per core.
    pub shards: usize,
    /// People of one call on one shard; further ones go to another shard. 0 = a call stays on one shard.
    pub spread_at: u16,
    /// People in one call.
    pub max_participants: u16,
    /// Microphones forwarded at a time in calls with more of them, the loudest; 0 = all.
    pub audible: usize,
    /// What viewers wait at least before they show a picture, in ms; calls may say otherwise. Raised where repairs
    /// take longer.
    pub playout_delay_min: u16,
    /// What viewers wait at most, in ms, also for repairs.
    pub playout_delay_max: u16,
    /// Send in trains (UDP segmentation offload) where the kernel can; to be switched off for broken network cards.
    pub trains: bool,
    /// Keep each shard on a core of its own. For machines that do nothing else; on shared ones it hurts.
    pub pin: bool,
}

/// Browsers play sound two packets after it came, but pictures at once, and leave them 30 ms apart. So pictures wait
/// as long as their sound does anyway.
const SOUND_WAITS_MS: u16 = 40;

impl Default for Media {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 7882)),
            tcp_port: 7881,
            tcp_max_connections: 10_000,
            tcp_max_connections_per_ip: 500,
            advertise: Vec::new(),
            shards: 0,
            spread_at: 150,
            max_participants: 200,
            audible: 5,
            playout_delay_min: SOUND_WAITS_MS,
            playout_delay_max: PlayoutDelay::default().max,
            trains: true,
            pin: false,
        }
    }
}

impl Media {
    /// Where media is taken over TCP.
    pub fn tcp_listen(&self) -> Option<SocketAddr> {
        let port = if self.listen.port() == 0 { 0 } else { self.tcp_port };
        (self.tcp_port != 0).then(|| SocketAddr::new(self.listen.ip(), port))
    }

    pub fn playout_delay(&self) -> PlayoutDelay {
        PlayoutDelay { min: self.playout_delay_min, max: self.playout_delay_max }
    }

    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        if self.shards > 256 {
            mistakes.push("media.shards: at most 256".into());
        }
        let last = usize::from(self.listen.port()) + self.shards.saturating_sub(1);
        if self.listen.port() != 0 && last > usize::from(u16::MAX) {
            mistakes.push(format!(
                "media.listen: {} shards do not fit above port {}",
                self.shards,
                self.listen.port()
            ));
        }
        if !(1..=1000).contains(&self.max_participants) {
            mistakes.push("media.max_participants: 1 to 1000".into());
        }
        if let Err((bound, rule)) = self.playout_delay().check() {
            mistakes.push(format!("media.playout_delay_{bound}: {rule}"));
        }
        for address in &self.advertise {
            if address.ip.is_unspecified() {
                mistakes.push(format!("media.advertise: {address} is not an address anybody can send to"));
            }
        }
    }
}

/// `ip` or `ip:port` (IPv6 with a port in brackets).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertise {
    pub ip: IpAddr,
    pub port: Option<u16>,
}

impl fmt::Display for Advertise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

impl FromStr for Advertise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self { ip, port: None });
        }
        text.parse::<SocketAddr>()
            .ok()
            .filter(|address| address.port() != 0)
            .map(|address| Self { ip: address.ip(), port: Some(address.port()) })
            .ok_or_else(|| format!("{text:?} is not an address such as 203.0.113.7 or 203.0.113.7:7882"))
    }
}

impl Serialize for Advertise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Advertise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp`, `turns:…`.
    pub urls: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub credential: Secret,
}

impl IceServer {
    pub(super) fn check(&self, index: usize, mistakes: &mut Vec<String>) {
        if self.urls.is_empty() {
            mistakes.push(format!("ice_servers[{index}].urls: at least one is needed"));
        }
        for url in &self.urls {
            let known = ["stun:", "stuns:", "turn:", "turns:"].iter().any(|scheme| url.starts_with(scheme));
            if !known || url.contains(['"', '<', '>', ' ', '\r', '\n']) {
                mistakes.push(format!("ice_servers[{index}].urls: {url:?} is not a stun: or turn: URL"));
            }
            if url.starts_with("turn") && (self.username.is_empty() || self.credential.is_empty()) {
                mistakes.push(format!("ice_servers[{index}]: a TURN server needs username and credential"));
            }
        }
    }

    /// As a browser's `RTCIceServer`.
    pub fn to_client(&self) -> serde_json::Value {
        let mut value = serde_json::json!({ "urls": self.urls });
        if !self.username.is_empty() {
            value["username"] = self.username.clone().into();
            value["credential"] = self.credential.expose().into();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advertised_addresses_are_ip_or_ip_and_port() {
        for text in ["203.0.113.7", "203.0.113.7:7882", "2001:db8::1", "[2001:db8::1]:7882"] {
            assert_eq!(text.parse::<Advertise>().unwrap().to_string(), text);
        }
        for text in ["example.org", "203.0.113.7:0", "203.0.113.7:99999", "", "::1:7882:x"] {
            assert!(text.parse::<Advertise>().is_err(), "{text}");
        }
    }
    #[test]
    fn playout_delays_are_checked() {
        let mistakes = |playout_delay_min, playout_delay_max| {
            let mut mistakes = Vec::new();
            Media { playout_delay_min, playout_delay_max, ..Media::default() }.check(&mut mistakes);
            mistakes
        };
        assert_eq!(mistakes(200, 200), [] as [String; 0]);
        assert_eq!(mistakes(300, 200), ["media.playout_delay_min: at most max"]);
        assert_eq!(mistakes(0, 45), ["media.playout_delay_max: 0..=40950 ms in steps of 10"]);
    }
}
