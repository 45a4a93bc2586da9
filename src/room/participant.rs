//! One identity's presence in a room.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    PublicationKey, SubscriptionKey,
    command::{AutoSubscribe, MediaGrants},
    congestion::Downlink,
    patience::Patience,
    quality::Monitor,
    train::Train,
};
use crate::{
    base::id::ParticipantId,
    media::forwarder::Forwarder,
    proto::{ext::ExtensionIds, twcc::ArrivalRecorder},
    transport::{negotiate::Negotiator, session::Session},
};

/// What an m-line that we send in carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    Subscription(SubscriptionKey),
    /// Announced ahead of any track (WHEP cannot renegotiate); bound when one appears.
    Reserved,
}

/// Which encoding an incoming SSRC belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamRef {
    pub publication: PublicationKey,
    pub layer: u8,
    pub repair: bool,
}

/// The names by which a stream was made known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamName {
    pub mid: String,
    pub rid: Option<String>,
}

/// Streams whose names a participant's session remembers, against floods of SSRCs. Others are learned as well, and only
/// have to say their names again for another publication.
pub(super) const MAX_STREAM_NAMES: usize = 64;

pub(super) struct Participant {
    pub id: ParticipantId,
    pub identity: Arc<str>,
    pub grants: MediaGrants,
    pub auto: AutoSubscribe,
    pub joined_at: Instant,
    pub session: Option<Session>,
    pub negotiator: Negotiator<Sending>,
    pub extensions: ExtensionIds,
    pub publications: Vec<PublicationKey>,
    pub subscriptions: Vec<SubscriptionKey>,
    /// SSRCs it sends.
    pub streams: BTreeMap<u32, StreamRef>,
    /// What they said of themselves, also those of publications that are gone.
    pub stream_names: BTreeMap<u32, StreamName>,
    /// SSRCs (media and RTX) we send to it.
    pub outgoing: BTreeMap<u32, SubscriptionKey>,
    /// Forwarders of reserved lines without a track, by line: their numbering goes on with the next track.
    pub parked: BTreeMap<usize, Forwarder>,
    pub arrivals: ArrivalRecorder,
    /// The client was asked for sections and has not offered since.
    pub sections_asked: bool,
    pub interrupted: bool,
    pub rtcp_ssrc: u32,
    pub train: Train,
    /// The path towards it.
    pub downlink: Downlink,
    pub patience: Patience,
    pub monitor: Monitor,
    pub next_report: Instant,
    /// Media came lately: losses have to be noticed.
    pub flows_until: Instant,
    /// Whether it is among those that every tick looks at.
    pub lively: bool,
    pub next_arrival_feedback: Instant,
}

/// After the last media packet losses are looked for so long.
const FLOWS_FOR: Duration = Duration::from_secs(1);

impl Participant {
    pub fn new(
        now: Instant,
        id: ParticipantId,
        identity: Arc<str>,
        grants: MediaGrants,
        auto: AutoSubscribe,
        session_id: u64,
    ) -> Self {
        Self {
            id,
            identity,
            grants,
            auto,
            joined_at: now,
            session: None,
            negotiator: Negotiator::new(session_id),
            extensions: ExtensionIds::default(),
            publications: Vec::new(),
            subscriptions: Vec::new(),
            streams: BTreeMap::new(),
            stream_names: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            parked: BTreeMap::new(),
            arrivals: ArrivalRecorder::new(now),
            sections_asked: false,
            interrupted: false,
            // Feedback needs some sender SSRC; the high bits of a random id never equal a media SSRC by chance alone.
            rtcp_ssrc: u32::try_from(session_id & 0xFFFF_FFFF).unwrap_or(1).max(1),
            train: Train::default(),
            downlink: Downlink::default(),
            patience: Patience::default(),
            monitor: Monitor::new(now),
            next_report: now,
            flows_until: now,
            lively: true,
            next_arrival_feedback: now,
        }
    }

    /// Notes a media packet from it.
    pub fn flows(&mut self, now: Instant) {
        self.flows_until = now + FLOWS_FOR;
    }

    /// Whether nothing of it is due before its next turn, unless something comes from it.
    pub fn may_wait(&self, now: Instant) -> bool {
        self.is_quiet(now) && !self.downlink.is_probing(now)
    }

    /// The same, and no probe is going to be due.
    pub fn is_calm(&self, now: Instant) -> bool {
        self.is_quiet(now) && !self.downlink.wants_probe()
    }

    fn is_quiet(&self, now: Instant) -> bool {
        now >= self.flows_until && self.is_connected() && !self.patience.has_copies()
    }

    pub fn is_connected(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_connected)
    }
}
