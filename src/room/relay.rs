//! One room on several shards: what its parts tell each other, and how a part takes it in.
//!
//! Each shard with participants of a room has a `Room` of its own. Publications of one part appear in the others as
//! relay publications; of their media one decrypted copy goes to each shard that wants it, whatever the number of
//! subscribers there. Receiver reports, NACKs and transport-wide feedback stay between a publisher and its own
//! shard. Messages are plain data, so that the same protocol can link nodes.
//!
//! Messages of one sender arrive in order; any may be lost with everything after it until the next `Hello`, which
//! starts a link afresh. So stale state needs no epochs: `Hello` and `Tracks` forget what was known of the sender.

mod media;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use super::{
    Context, PublicationKey, Room,
    command::{Kind, Source},
    publication::{Origin, Publication},
};
use crate::{
    base::id::{ParticipantId, ShardId, TrackId},
    media::packet::Facts,
    proto::codec::Codec,
};

/// Between two parts of one room.
#[derive(Debug, Clone)]
pub enum RelayMessage {
    /// The sender is new: forget what you knew of it, and answer with `Welcome` and `Tracks`.
    Hello,
    /// The answer; the sender wants to know your `Tracks` too.
    Welcome,
    /// All publications of the sender; what it published before is gone. From here on it tells of every change.
    Tracks {
        tracks: Vec<RelayedTrack>,
    },
    /// The sender has no participants any more.
    Goodbye,
    Published(RelayedTrack),
    Unpublished {
        track: TrackId,
    },
    Muted {
        track: TrackId,
        muted: bool,
    },
    /// Which layers arrive from the publisher, relayed or not.
    Flowing {
        track: TrackId,
        layers: Vec<u8>,
    },
    Media {
        track: TrackId,
        layer: u8,
        /// Extended, as the publisher numbered it.
        sequence: u64,
        /// So many bytes of the payload are the dependency descriptor in front of it.
        dependencies: u8,
        facts: Facts,
        payload: Arc<[u8]>,
    },
    /// The publisher's clock mapping.
    SenderReport {
        track: TrackId,
        layer: u8,
        ntp: u64,
        rtp: u32,
    },
    KeyframeWanted {
        track: TrackId,
        layer: u8,
    },
    /// Which video layers to relay to the sender from now on. Audio always is.
    LayersWanted {
        track: TrackId,
        layers: Vec<u8>,
    },
    /// The sender has subscribers who cannot decode a track; these codecs all of its subscribers can.
    CodecsWanted {
        track: TrackId,
        codecs: Vec<Codec>,
    },
    /// A data-channel message.
    Data {
        label: Arc<str>,
        binary: bool,
        payload: Arc<[u8]>,
    },
}

/// What another shard must know of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayedTrack {
    pub track: TrackId,
    pub owner: ParticipantId,
    pub identity: Arc<str>,
    pub kind: Kind,
    pub source: Source,
    pub codec: Codec,
    pub profile: Option<String>,
    /// How many simulcast layers it has; 1 without.
    pub layers: u8,
    /// Which of them arrive from the publisher.
    pub flowing: Vec<u8>,
    pub muted: bool,
}

/// How bad it is to lose a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The parts disagree until their link starts afresh.
    State,
    /// A picture is broken until the next keyframe.
    Media,
    /// As data channels lose messages of those who do not read; large.
    Data,
}

impl RelayMessage {
    pub fn weight(&self) -> Weight {
        match self {
            Self::Media { .. } | Self::SenderReport { .. } => Weight::Media,
            Self::Data { .. } => Weight::Data,
            _ => Weight::State,
        }
    }
}

/// The other parts of a room.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Those that said `Hello` or `Welcome`: they are told of everything.
    known: Vec<ShardId>,
    /// Those that were ever said `Hello` or `Welcome` to. They may know this part when it does not know them: their
    /// answer may be on its way, or what they got may have been meant for a part they had before.
    contacted: BTreeSet<ShardId>,
    /// Their publications.
    tracks: BTreeMap<TrackId, PublicationKey>,
}

impl Links {
    pub fn len(&self) -> usize {
        self.known.len()
    }
}

impl Room {
    /// Starts the links to these shards afresh; each answers if it has a part of this room.
    pub fn greet(&mut self, ctx: &mut Context<'_>, shards: &[ShardId]) {
        for shard in shards {
            self.stop_relaying_to(*shard);
            self.links.contacted.insert(*shard);
            ctx.effects.relay(self.id, *shard, RelayMessage::Hello);
        }
    }

    /// The last participant is gone.
    pub(super) fn part(&mut self, ctx: &mut Context<'_>) {
        self.links.known.clear();
        for shard in std::mem::take(&mut self.links.contacted) {
            ctx.effects.relay(self.id, shard, RelayMessage::Goodbye);
        }
    }

    /// Takes a message of the part on another shard.
    pub fn relay(&mut self, ctx: &mut Context<'_>, from: ShardId, message: RelayMessage) {
        if message.weight() != Weight::State {
            self.take_letter(ctx, from, message);
            return;
        }
        self.flush_all(ctx);
        self.hurry(ctx.now);
        self.take_letter(ctx, from, message);
        // A part that comes or goes brings or takes hundreds of tracks: no reason to overflow anybody's queue.
        ctx.effects.bundle();
    }

    fn take_letter(&mut self, ctx: &mut Context<'_>, from: ShardId, message: RelayMessage) {
        // Between a new beginning here and the answer, what comes is stale; only beginnings and ends count.
        let counts = matches!(message, RelayMessage::Hello | RelayMessage::Welcome | RelayMessage::Goodbye);
        if !counts && !self.links.known.contains(&from) {
            return;
        }
        match message {
            RelayMessage::Hello => {
                self.forget_link(ctx, from);
                ctx.effects.relay(self.id, from, RelayMessage::Welcome);
                self.introduce(ctx, from);
            }
            RelayMessage::Welcome => {
                if !self.links.known.contains(&from) {
                    self.introduce(ctx, from);
                }
            }
            RelayMessage::Goodbye => self.forget_link(ctx, from),
            RelayMessage::Tracks { tracks } => {
                self.drop_tracks_of(ctx, from);
                for track in tracks {
                    self.relayed_publication(ctx, from, track);
                }
            }
            RelayMessage::Published(track) => self.relayed_publication(ctx, from, track),
            RelayMessage::Unpublished { track } => {
                if let Some(key) = self.relayed_track(from, track) {
                    self.unpublish(ctx, key);
                }
            }
            RelayMessage::Muted { track, muted } => {
                if let Some(key) = self.relayed_track(from, track) {
                    self.mute_publication(ctx, key, |one| one.muted = muted);
                }
            }
            RelayMessage::Flowing { track, layers } => {
                let Some(key) = self.relayed_track(from, track) else { return };
                if let Some(publication) = self.publications.get_mut(key) {
                    publication.told_flowing = layers;
                }
                self.review_wanted(ctx, key);
            }
            RelayMessage::Media { track, layer, sequence, dependencies, facts, payload } => {
                self.relayed_media(ctx, from, track, layer, sequence, dependencies, facts, &payload);
            }
            RelayMessage::SenderReport { track, layer, ntp, rtp } => {
                if let Some(key) = self.relayed_track(from, track) {
                    self.pass_report(ctx, key, layer, ntp, rtp);
                }
            }
            RelayMessage::KeyframeWanted { track, layer } => {
                if let Some(key) = self.own_track(track) {
                    self.request_keyframe(ctx, key, layer);
                }
            }
            RelayMessage::LayersWanted { track, layers } => {
                if let Some(key) = self.own_track(track) {
                    self.relay_layers(ctx, key, from, &layers);
                }
            }
            RelayMessage::CodecsWanted { track, codecs } => {
                if let Some(key) = self.own_track(track) {
                    self.relayed_codecs(ctx, key, from, codecs);
                }
            }
            RelayMessage::Data { label, binary, payload } => {
                self.relayed_data(ctx, &label, binary, &payload);
            }
        }
    }

    /// Tells a shard of everything published here; from now on it hears of all changes.
    fn introduce(&mut self, ctx: &mut Context<'_>, to: ShardId) {
        self.links.known.push(to);
        self.links.contacted.insert(to);
        let mut tracks = Vec::new();
        for publication in self.publications.values_mut().filter(|one| one.owner().is_some()) {
            tracks.push(publication.for_relay(ctx.now));
            publication.relay_audio_to(&[to]);
        }
        ctx.effects.relay(self.id, to, RelayMessage::Tracks { tracks });
        let audio = |one: &Publication| one.owner().is_some() && one.kind == Kind::Audio;
        let voices: Vec<_> =
            self.publications.iter().filter(|(_, one)| audio(one)).map(|(key, _)| key).collect();
        for key in voices {
            self.relay_clocks(ctx, key, to);
        }
    }

    fn forget_link(&mut self, ctx: &mut Context<'_>, shard: ShardId) {
        self.drop_tracks_of(ctx, shard);
        self.stop_relaying_to(shard);
    }

    fn drop_tracks_of(&mut self, ctx: &mut Context<'_>, shard: ShardId) {
        let from_there = |one: &Publication| one.origin == Origin::Relay(shard);
        let gone: Vec<_> =
            self.publications.iter().filter(|(_, one)| from_there(one)).map(|(key, _)| key).collect();
        for key in gone {
            self.unpublish(ctx, key);
        }
    }

    fn stop_relaying_to(&mut self, shard: ShardId) {
        self.links.known.retain(|one| *one != shard);
        for encoding in self.publications.values_mut().flat_map(|one| &mut one.encodings) {
            encoding.relayed_to.retain(|one| *one != shard);
        }
    }

    fn relayed_publication(&mut self, ctx: &mut Context<'_>, from: ShardId, track: RelayedTrack) {
        if self.links.tracks.contains_key(&track.track) {
            return;
        }
        let id = track.track;
        let key = self.publications.insert(Publication::relayed(ctx.now, from, track));
        self.links.tracks.insert(id, key);
        self.announce(ctx, key);
    }

    /// A publication of that shard.
    fn relayed_track(&self, from: ShardId, track: TrackId) -> Option<PublicationKey> {
        let key = *self.links.tracks.get(&track)?;
        self.publications.get(key).filter(|one| one.origin == Origin::Relay(from)).map(|_| key)
    }

    /// A publication whose publisher is here.
    fn own_track(&self, track: TrackId) -> Option<PublicationKey> {
        let own = |one: &Publication| one.track == track && one.owner().is_some();
        self.publications.iter().find(|(_, one)| own(one)).map(|(key, _)| key)
    }

    /// Something was published here.
    pub(super) fn relay_publication(&mut self, ctx: &mut Context<'_>, key: PublicationKey) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        publication.relay_audio_to(&self.links.known);
        let track = publication.for_relay(ctx.now);
        self.tell_links(ctx, &RelayMessage::Published(track));
    }

    /// A publication of any shard has ended.
    pub(super) fn relay_unpublication(&mut self, ctx: &mut Context<'_>, publication: &Publication) {
        let track = publication.track;
        match publication.origin {
            Origin::Local(_) => self.tell_links(ctx, &RelayMessage::Unpublished { track }),
            Origin::Relay(_) => {
                self.links.tracks.remove(&track);
                if publication.kind == Kind::Audio {
                    self.speakers.forget(publication.owner_id);
                }
            }
        }
    }

    pub(super) fn relay_mute(&self, ctx: &mut Context<'_>, key: PublicationKey) {
        if let Some(publication) = self.publications.get(key).filter(|one| one.owner().is_some()) {
            let (track, muted) = (publication.track, publication.is_muted());
            self.tell_links(ctx, &RelayMessage::Muted { track, muted });
        }
    }

    fn tell_links(&self, ctx: &mut Context<'_>, message: &RelayMessage) {
        for to in &self.links.known {
            ctx.effects.relay(self.id, *to, message.clone());
        }
    }
}

impl Publication {
    fn for_relay(&self, now: Instant) -> RelayedTrack {
        RelayedTrack {
            track: self.track,
            owner: self.owner_id,
            identity: self.identity.clone(),
            kind: self.kind,
            source: self.source,
            codec: self.codec,
            profile: self.profile.clone(),
            layers: u8::try_from(self.encodings.len()).unwrap_or(1),
            flowing: self.flowing_layers(now).collect(),
            muted: self.is_muted(),
        }
    }

    /// Nobody has to ask for audio: it is small, and its levels tell every shard who speaks.
    fn relay_audio_to(&mut self, shards: &[ShardId]) {
        if self.kind == Kind::Audio
            && let Some(encoding) = self.encoding_mut(0)
        {
            encoding.relayed_to.extend_from_slice(shards);
        }
    }
}
