//! Configuration: plain structs with a doc comment per key, and the checks that need more than one key.
//!
//! Order of strength: defaults < TOML file < `CONVENE_*` environment < flags. Reading is `layers`.

pub mod auth;
pub mod hooks;
pub mod layers;
pub mod limits;
pub mod media;
pub mod secret;
pub mod server;
pub mod span;
pub mod turn;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use self::{
    auth::{Auth, AuthKey},
    hooks::Hooks,
    limits::{Calls, Chat, RateProfile},
    media::{Advertise, IceServer, Media},
    secret::Secret,
    server::{Log, LogFormat, Server, Storage, Synchronous},
    span::Span,
    turn::Turn,
};

/// The whole configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: Server,
    pub media: Media,
    pub chat: Chat,
    pub calls: Calls,
    pub auth: Auth,
    pub hooks: Hooks,
    pub storage: Storage,
    pub log: Log,
    pub turn: Turn,
    /// Further STUN and TURN servers handed to clients, with credentials that do not change.
    pub ice_servers: Vec<IceServer>,
}

/// Everything that is wrong, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} mistake(s) in the configuration:\n  {}", .0.len(), .0.join("\n  "))]
pub struct Mistakes(pub Vec<String>);

impl Config {
    /// The effective settings as TOML; secrets print as `"…"`.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# cannot be printed: {error}\n"))
    }

    /// Checks of single values and of values against each other.
    pub fn check(&self, mistakes: &mut Vec<String>) {
        self.server.check(mistakes);
        self.storage.check(mistakes);
        self.media.check(mistakes);
        self.chat.check(mistakes);
        self.calls.check(mistakes);
        self.auth.check(mistakes);
        self.hooks.check(mistakes);
        self.turn.check(mistakes);
        for (index, server) in self.ice_servers.iter().enumerate() {
            server.check(index, mistakes);
        }
    }

    /// What `serve` adds: an open door needs a lock, and a development server stays at home.
    pub fn check_exposure(&self, dev: bool, mistakes: &mut Vec<String>) {
        let open = |ip: IpAddr| !ip.is_loopback();
        if dev {
            if open(self.server.listen.ip()) {
                mistakes.push(format!(
                    "server.listen: --dev serves demo accounts with a known password and therefore binds \
                     loopback only, not {}",
                    self.server.listen
                ));
            }
            if open(self.media.listen.ip()) {
                mistakes.push(format!("media.listen: --dev binds loopback only, not {}", self.media.listen));
            }
        } else if self.auth.keys.is_empty() && open(self.server.listen.ip()) {
            mistakes.push(format!(
                "auth.keys: {} can be reached from other machines, so a signing key is required \
                 (an id and a secret of at least 32 bytes), or use --dev on loopback",
                self.server.listen
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposure(listen: &str, dev: bool, with_key: bool) -> Vec<String> {
        let mut config = Config::default();
        config.server.listen = listen.parse().unwrap();
        config.media.listen = "127.0.0.1:7882".parse().unwrap();
        if with_key {
            config
                .auth
                .keys
                .push(AuthKey { id: "main".into(), secret: Secret::new("0123456789abcdef0123456789abcdef") });
        }
        let mut mistakes = Vec::new();
        config.check_exposure(dev, &mut mistakes);
        mistakes
    }

    #[test]
    fn open_addresses_need_keys_and_dev_stays_on_loopback() {
        assert_eq!(exposure("127.0.0.1:7880", true, false).len(), 0);
        assert_eq!(exposure("0.0.0.0:7880", true, true).len(), 1);
        assert_eq!(exposure("192.0.2.1:7880", false, false).len(), 1);
        assert_eq!(exposure("[::]:7880", false, false).len(), 1);
        assert_eq!(exposure("0.0.0.0:7880", false, true).len(), 0);
        assert_eq!(exposure("[::1]:7880", false, false).len(), 0);
    }

    #[test]
    fn defaults_are_valid_and_print_as_toml() {
        let config = Config::default();
        let mut mistakes = Vec::new();
        config.check(&mut mistakes);
        assert_eq!(mistakes, Vec::<String>::new());
        let text = config.to_toml();
        let back: Config = toml::from_str(&text).unwrap();
        assert_eq!(back.to_toml(), text);
    }
}
