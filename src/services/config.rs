//! Settings of the services, with the defaults of the protocol.

use std::{sync::Arc, time::Duration};

use crate::{
    base::id::ChannelId,
    call::book::Timing,
    chat::{filter::Filter, model::ChannelKind},
    runtime::clock,
    store::NewChannel,
};

#[derive(Debug, Clone)]
pub struct ServicesConfig {
    /// Names this process in `calls.node_id`; must survive restarts.
    pub node: String,
    /// Slug of the channel everybody is in; `None` = no such channel is made.
    pub general_channel: Option<String>,
    /// A token of an integrator may name a `sub` we do not know.
    pub allow_unknown_users: bool,
    pub rate: RateScale,
    pub rate_profile: RateProfile,
    pub calls: CallConfig,
    pub presence_grace: Duration,
    /// Nobody has touched any device for so long: away.
    pub presence_idle: Duration,
    pub typing_ttl: Duration,
    /// Others are told of one reader's cursor at most once in this time.
    pub receipts_every: Duration,
    /// Authors may edit for this long; `None` = for ever.
    pub edit_window: Option<Duration>,
    /// Messages older than so many days are cleared, unless their channel wants that sooner; 0 = none.
    pub retention_days: u32,
    /// Between deletion and clearing.
    pub deleted_grace: Duration,
    pub password: PasswordCost,
    /// What judges messages before the list that administrators keep.
    pub filters: Vec<Arc<dyn Filter>>,
}

impl Default for ServicesConfig {
    fn default() -> Self {
        Self {
            node: "local".into(),
            general_channel: Some("general".into()),
            allow_unknown_users: true,
            rate: RateScale::Times(1),
            rate_profile: RateProfile::Normal,
            calls: CallConfig::default(),
            presence_grace: Duration::from_secs(10),
            presence_idle: Duration::from_secs(300),
            typing_ttl: Duration::from_secs(6),
            receipts_every: Duration::from_millis(500),
            edit_window: None,
            retention_days: 0,
            deleted_grace: Duration::from_secs(30 * 86_400),
            password: PasswordCost::default(),
            filters: Vec::new(),
        }
    }
}

/// How strict the per-user limits of the protocol tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateScale {
    /// Load and crash tests only.
    Off,
    /// The table's burst and refill times this.
    Times(u32),
}

/// Which column of the protocol's table of rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateProfile {
    Normal,
    Strict,
}

#[derive(Debug, Clone)]
pub struct CallConfig {
    pub ring_timeout: Duration,
    /// A ringing-mode call with one person left ends after this. Rooms are exempt: waiting in one is normal.
    pub alone_timeout: Duration,
    pub max_duration: Duration,
    /// A lost socket is not a leave until this has passed.
    pub disconnect_grace: Duration,
    /// How exact the end of a call is after `kill -9`.
    pub heartbeat: Duration,
    /// How often people in a call are told how good it is.
    pub quality_interval: Duration,
    pub max_participants: usize,
    /// In larger channels `call:start` without a list rings nobody.
    pub ring_all_up_to: usize,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            ring_timeout: Duration::from_secs(45),
            alone_timeout: Duration::from_secs(300),
            max_duration: Duration::from_secs(4 * 3600),
            disconnect_grace: Duration::from_secs(120),
            heartbeat: Duration::from_secs(5),
            quality_interval: Duration::from_secs(5),
            max_participants: 200,
            ring_all_up_to: 15,
        }
    }
}

/// Argon2id cost; the default is OWASP's 19 MiB, 2 passes.
#[derive(Debug, Clone, Copy)]
pub struct PasswordCost {
    pub memory_kib: u32,
    pub passes: u32,
    /// Hashes computed at the same time; each holds `memory_kib`.
    pub parallel: usize,
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, parallel: 2 }
    }
}

/// What the state machine of calls needs of it.
pub(super) fn timing(config: &ServicesConfig) -> Timing {
    Timing {
        ring: config.calls.ring_timeout,
        alone: config.calls.alone_timeout,
        max: config.calls.max_duration,
        grace: config.calls.disconnect_grace,
        max_participants: config.calls.max_participants,
    }
}

/// The channel everybody is in.
pub(super) fn general_channel(id: ChannelId, slug: &str) -> NewChannel {
    NewChannel {
        id,
        slug: Some(slug.to_owned()),
        kind: ChannelKind::General,
        name: slug.to_owned(),
        description: "Everyone is here.".into(),
        is_private: false,
        is_voice: true,
        owner: None,
        members: Vec::new(),
        dm_key: None,
        department: None,
        project: None,
        is_internal: true,
        context: "{}".into(),
        now: clock::wall_ms(),
    }
}
