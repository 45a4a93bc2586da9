//! Media signalling: `rtc:*` commands to the hub, room events to the session or the WHIP resource.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::gateway::{frame::Class, registry::Registry};
use crate::{
    auth::grants::{Actor, GrantSource, Grants},
    base::{
        id::{CallId, ParticipantId, SessionId, TrackId},
        playout::PlayoutDelay,
    },
    call::media_plane::{MediaPlane, MediaState, MediaUnavailable},
    chat::error::{Code, ServiceError},
    room::{
        command::{AutoSubscribe, Command, MediaGrants, SendLine, Source, Wish},
        event::{CloseReason, Event},
    },
    runtime::{
        hub::{HubError, JoinRequest, MediaHub},
        queue::{EventReceiver, EventSender, PARTICIPANT_EVENTS},
    },
    services::Services,
};

/// A participant's seat and where its events go.
struct Seat {
    session: SessionId,
    /// Comes with the room's welcome; whoever answers the join takes it.
    found: Option<oneshot::Receiver<Vec<Value>>>,
}

/// A front door that wants the raw events of the next join of its session (WHIP, WHEP).
#[derive(Clone)]
pub struct Tap {
    pub auto: AutoSubscribe,
    pub publish: bool,
    pub subscribe: bool,
    pub events: EventSender,
}

pub struct MediaDoor {
    hub: MediaHub,
    registry: Arc<Registry>,
    seats: Arc<Mutex<Seats>>,
    services: OnceLock<Services>,
    runtime: tokio::runtime::Handle,
}

#[derive(Default)]
struct Seats {
    by_participant: HashMap<(CallId, ParticipantId), Seat>,
    by_session: HashMap<(SessionId, CallId), ParticipantId>,
    taps: HashMap<SessionId, Tap>,
}

impl MediaDoor {
    /// Must be called inside the runtime whose tasks carry events.
    pub fn new(hub: MediaHub, registry: Arc<Registry>) -> Arc<Self> {
        Arc::new(Self {
            hub,
            registry,
            seats: Arc::default(),
            services: OnceLock::new(),
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// Services and media plane know each other; the later one is handed in.
    pub fn connect(&self, services: Services) {
        let _ = self.services.set(services);
    }

    pub fn tap(&self, session: SessionId, tap: Tap) {
        self.seats().taps.insert(session, tap);
    }

    pub fn untap(&self, session: SessionId) {
        self.seats().taps.remove(&session);
    }

    /// An `rtc:*` command of a session. Does not wait for anything.
    pub fn command(&self, session: SessionId, op: &str, data: Value) -> Result<Value, ServiceError> {
        let (call, command) = parse(op, data)?;
        let participant = self
            .seats()
            .by_session
            .get(&(session, call))
            .copied()
            .ok_or_else(|| ServiceError::new(Code::CallNotInCall, "this session is not in that call"))?;
        self.send(call, participant, command)?;
        Ok(json!({}))
    }

    pub fn send(
        &self,
        call: CallId,
        participant: ParticipantId,
        command: Command,
    ) -> Result<(), ServiceError> {
        self.hub.send(call.into(), participant, command).map_err(|error| match error {
            HubError::Overloaded => {
                ServiceError::new(Code::ServerUnavailable, "the media plane is overloaded")
            }
            HubError::Draining => ServiceError::new(Code::ServerDraining, "the server is shutting down"),
            HubError::RoomFull => ServiceError::new(Code::CallFull, "the call is full"),
        })
    }

    /// New grants of a session reach its participants.
    pub fn regrant(&self, session: SessionId, grants: &Grants) {
        let mine: Vec<(CallId, ParticipantId)> = {
            let seats = self.seats();
            seats.by_session.iter().filter(|((s, _), _)| *s == session).map(|((_, c), p)| (*c, *p)).collect()
        };
        for (call, participant) in mine {
            // A shard that takes no commands now closes the participant anyway.
            let _ = self.hub.send(
                call.into(),
                participant,
                Command::UpdateGrants { grants: media_grants(grants) },
            );
        }
    }

    /// What others published before the session entered the call, as `rtc:track` tells it: with these in the answer to
    /// its join, a client has places for all of them in its first offer.
    pub async fn found_on_entry(&self, session: SessionId, call: CallId) -> Vec<Value> {
        let found = {
            let Seats { by_participant, by_session, .. } = &mut *self.seats();
            by_session
                .get(&(session, call))
                .and_then(|participant| by_participant.get_mut(&(call, *participant)))
                .and_then(|seat| seat.found.take())
        };
        match found {
            // A room that is gone before its welcome has nothing to show.
            Some(found) => found.await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    pub fn participants(&self) -> usize {
        self.seats().by_participant.len()
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave_seat(seats: &Mutex<Seats>, call: CallId, participant: ParticipantId) {
        let mut seats = seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = seats.by_participant.remove(&(call, participant)) {
            let key = (seat.session, call);
            if seats.by_session.get(&key) == Some(&participant) {
                seats.by_session.remove(&key);
            }
        }
    }
}

/// Carries one participant's events until its last.
struct Pump {
    call: CallId,
    participant: ParticipantId,
    session: SessionId,
    registry: Arc<Registry>,
    tap: Option<Tap>,
    events: EventReceiver,
}

impl Pump {
    /// `services` hears what concerns the call; `found` is what is there on entry; `done` frees the seat.
    async fn run(
        mut self,
        services: Option<Services>,
        found: oneshot::Sender<Vec<Value>>,
        done: impl FnOnce(),
    ) {
        let mut next = self.events.recv().await;
        if let Some(Event::Joined { tracks }) = next.as_deref() {
            // Nobody may be waiting for it: a resource, or somebody who has left.
            let _ = found.send(tracks.iter().map(|track| published(self.call, track)).collect());
        }
        // The ack of the join goes first.
        if let Some(session) = self.registry.get(self.session) {
            drop(session.commands.lock().await);
        }
        let mut reason = None;
        while reason.is_none()
            && let Some(event) = next
        {
            let state = match &*event {
                Event::Connected => Some(MediaState::Connected),
                Event::Interrupted => Some(MediaState::Interrupted),
                _ => None,
            };
            if let Event::Closed { reason: why } = &*event {
                reason = Some(*why);
            }
            if let (Event::Quality(quality), Some(services)) = (&*event, &services) {
                services.media_quality(self.call, self.participant, *quality);
            }
            self.deliver(*event);
            if let (Some(services), Some(state)) = (&services, state) {
                services.media_event(self.call, self.participant, state).await;
            }
            next = self.events.recv().await;
        }
        if reason.is_none() {
            // The room gave up on us: the queue was full.
            self.deliver(Event::Closed { reason: CloseReason::SessionFailed });
        }
        done();
        let told = matches!(reason, Some(CloseReason::Left | CloseReason::Draining));
        if !told && reason != Some(CloseReason::PeerClosed) {
            let reason = reason.map_or("event_overflow", reason_code);
            tracing::info!(call = %self.call, participant = %self.participant, reason, "a participant was lost");
        }
        if let (Some(services), false) = (&services, told) {
            let hung_up = reason == Some(CloseReason::PeerClosed);
            let state = if hung_up { MediaState::HungUp } else { MediaState::Closed };
            services.media_event(self.call, self.participant, state).await;
        }
    }

    fn deliver(&self, event: Event) {
        match &self.tap {
            // A resource that does not read its 256 events is closed by its own timeout.
            Some(tap) => drop(tap.events.try_send(Box::new(event))),
            None => {
                for (name, data, class) in translate(self.call, self.participant, event) {
                    self.registry.send(self.session, name, &data, class);
                }
            }
        }
    }
}

impl MediaPlane for MediaDoor {
    fn join(
        &self,
        call: CallId,
        participant: ParticipantId,
        actor: &Actor,
        playout_delay: Option<PlayoutDelay>,
    ) -> Result<(), MediaUnavailable> {
        let tap = self.seats().taps.get(&actor.session).cloned();
        if tap.is_none() && self.registry.get(actor.session).is_none() {
            // A REST call cannot carry media.
            return Err(MediaUnavailable);
        }
        let mut grants = media_grants(&actor.grants);
        let mut auto = AutoSubscribe::Everything;
        if let Some(tap) = &tap {
            auto = tap.auto;
            grants.subscribe &= tap.subscribe;
            grants.publish_microphone &= tap.publish;
            grants.publish_camera &= tap.publish;
            grants.publish_screen &= tap.publish;
        }
        let (sender, events) = mpsc::channel(PARTICIPANT_EVENTS.capacity);
        let (find, found) = oneshot::channel();
        let request = JoinRequest {
            room: call.into(),
            participant,
            identity: actor.user.to_string().into(),
            grants,
            auto,
            playout_delay,
            events: sender,
        };
        {
            let mut seats = self.seats();
            seats
                .by_participant
                .insert((call, participant), Seat { session: actor.session, found: Some(found) });
            seats.by_session.insert((actor.session, call), participant);
        }
        if self.hub.join(request).is_err() {
            Self::leave_seat(&self.seats, call, participant);
            return Err(MediaUnavailable);
        }
        let pump = Pump {
            call,
            participant,
            session: actor.session,
            registry: Arc::clone(&self.registry),
            tap,
            events,
        };
        let services = self.services.get().cloned();
        let seats = Arc::clone(&self.seats);
        self.runtime.spawn(pump.run(services, find, move || Self::leave_seat(&seats, call, participant)));
        Ok(())
    }

    fn leave(&self, call: CallId, participant: ParticipantId) {
        // What the session says from now on is for its next seat, also while the room still clears this one.
        Self::leave_seat(&self.seats, call, participant);
        // Unknown to the shard = left already.
        let _ = self.hub.send(call.into(), participant, Command::Leave);
    }

    fn force_mute(&self, call: CallId, participant: ParticipantId, muted: bool) {
        let _ = self.hub.send(call.into(), participant, Command::ForceMute { source: Source::Mic, muted });
    }

    fn set_muted(&self, call: CallId, participant: ParticipantId, muted: bool) {
        let _ = self.hub.send(call.into(), participant, Command::Mute { source: Source::Mic, muted });
    }
}

/// What a token's grants mean for media.
pub fn media_grants(grants: &Grants) -> MediaGrants {
    let may = |source: GrantSource| {
        grants.publish && grants.sources.as_ref().is_none_or(|sources| sources.contains(&source))
    };
    MediaGrants {
        publish_microphone: may(GrantSource::Mic),
        publish_camera: may(GrantSource::Camera),
        publish_screen: may(GrantSource::Screen) || may(GrantSource::ScreenAudio),
        subscribe: grants.subscribe,
    }
}

fn parse(op: &str, data: Value) -> Result<(CallId, Command), ServiceError> {
    match op {
        "rtc:offer" => {
            let offer: OfferData = decode(data)?;
            if offer.sdp.len() > MAX_SDP {
                return Err(ServiceError::invalid("sdp", "at most 262144 bytes"));
            }
            if offer.tracks.len() > MAX_LINES {
                return Err(ServiceError::invalid("tracks", "at most 512"));
            }
            let lines =
                offer.tracks.into_iter().map(|t| SendLine { mid: t.mid, source: t.source, muted: t.muted });
            let command =
                Command::Offer { sdp: offer.sdp, generation: offer.generation, lines: lines.collect() };
            Ok((offer.call_id, command))
        }
        "rtc:candidate" => {
            let data: CandidateData = decode(data)?;
            if data.candidate.len() > MAX_CANDIDATE {
                return Err(ServiceError::invalid("candidate", "at most 1024 bytes"));
            }
            Ok((data.call_id, Command::Candidate { candidate: data.candidate }))
        }
        "rtc:subscribe" => {
            let data: SubscribeData = decode(data)?;
            if data.tracks.len() > MAX_LINES {
                return Err(ServiceError::invalid("tracks", "at most 512"));
            }
            let wishes = data.tracks.into_iter().map(WishData::into_wish).collect::<Result<_, _>>()?;
            Ok((data.call_id, Command::Subscribe { wishes }))
        }
        _ => Err(ServiceError::new(Code::OpUnknown, "unknown operation")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfferData {
    call_id: CallId,
    sdp: String,
    #[serde(rename = "gen", default)]
    generation: u64,
    #[serde(default)]
    tracks: Vec<LineData>,
}

#[derive(Deserialize)]
struct LineData {
    mid: String,
    source: Source,
    #[serde(default)]
    muted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CandidateData {
    call_id: CallId,
    /// Empty or absent = end of candidates.
    #[serde(default)]
    candidate: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubscribeData {
    call_id: CallId,
    tracks: Vec<WishData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WishData {
    track_id: TrackId,
    layer: Value,
    max_fps: Option<u8>,
    #[serde(default)]
    priority: u8,
}

impl WishData {
    fn into_wish(self) -> Result<Wish, ServiceError> {
        let layer = match (self.layer.as_str(), self.layer.as_u64()) {
            (Some("off"), _) => None,
            (None, Some(layer @ 0..=2)) => u8::try_from(layer).ok(),
            _ => return Err(ServiceError::invalid("tracks.layer", "0, 1, 2 or \"off\"")),
        };
        Ok(Wish { track: self.track_id, layer, max_fps: self.max_fps, priority: self.priority })
    }
}

fn decode<T: serde::de::DeserializeOwned>(data: Value) -> Result<T, ServiceError> {
    serde_json::from_value(data).map_err(|error| ServiceError::invalid("d", error.to_string()))
}

/// A room event as frames of the native door.
fn translate(call: CallId, me: ParticipantId, event: Event) -> Vec<(&'static str, Value, Class)> {
    let one = |name, data, class| vec![(name, data, class)];
    let state = |state, reason: Option<&str>| {
        let mut data = json!({"callId": call, "participantId": me, "state": state});
        if let (Some(reason), Some(data)) = (reason, data.as_object_mut()) {
            data.insert("reason".into(), reason.into());
        }
        one("rtc:state", data, Class::Reliable)
    };
    match event {
        Event::Joined { tracks } => {
            tracks.into_iter().map(|track| ("rtc:track", published(call, &track), Class::Reliable)).collect()
        }
        Event::TrackPublished(track) => one("rtc:track", published(call, &track), Class::Reliable),
        Event::TrackUnpublished { track, participant, identity, kind, source } => one(
            "rtc:track",
            json!({"callId": call, "state": "unpublished", "trackId": track, "participantId": participant,
                   "userId": identity.as_ref(), "kind": kind, "source": source}),
            Class::Reliable,
        ),
        Event::TrackMuted { track, participant, identity, kind, source, muted } => one(
            "rtc:track",
            json!({"callId": call, "state": if muted { "muted" } else { "unmuted" }, "trackId": track,
                   "participantId": participant, "userId": identity.as_ref(), "kind": kind, "source": source}),
            Class::Reliable,
        ),
        Event::Answer { generation, sdp, mid_to_track } => {
            let map: serde_json::Map<String, Value> =
                mid_to_track.into_iter().map(|(mid, track)| (mid, json!(track))).collect();
            one(
                "rtc:answer",
                json!({"callId": call, "sdp": sdp, "gen": generation, "midToTrack": map}),
                Class::Reliable,
            )
        }
        Event::NegotiationFailed { generation, message } => one(
            "error",
            json!({"code": Code::RtcNegotiation.as_str(), "message": message, "callId": call, "gen": generation,
                   "traceId": super::error::trace_id()}),
            Class::Reliable,
        ),
        Event::Sections { audio, video } => {
            one("rtc:sections", json!({"callId": call, "audio": audio, "video": video}), Class::Reliable)
        }
        Event::Layers { track, active, current, paused } => one(
            "rtc:layers",
            json!({"callId": call, "trackId": track, "active": active, "current": current, "paused": paused}),
            Class::Ephemeral,
        ),
        // Reliable: a publisher that missed it would keep a layer off that somebody waits for.
        Event::Wanted { track, source, layers } => one(
            "rtc:layers",
            json!({"callId": call, "trackId": track, "source": source, "wanted": layers}),
            Class::Reliable,
        ),
        Event::TrackUnsupported { track, codec } => one(
            "rtc:track_unsupported",
            json!({"callId": call, "trackId": track, "codec": codec}),
            Class::Reliable,
        ),
        Event::CodecsWanted { track, source, codecs } => one(
            "rtc:codecs",
            json!({"callId": call, "trackId": track, "source": source, "codecs": codecs}),
            Class::Reliable,
        ),
        Event::Speakers { speakers, dominant } => {
            let list: Vec<Value> = speakers
                .iter()
                .map(|(participant, identity, level)| {
                    json!({"userId": identity.as_ref(), "participantId": participant, "level": level})
                })
                .collect();
            let dominant = dominant.map(
                |(participant, identity)| json!({"userId": identity.as_ref(), "participantId": participant}),
            );
            let data = json!({"callId": call, "speakers": list, "dominant": dominant});
            one("call:speakers", data, Class::Ephemeral)
        }
        // Everybody in the call is told by the services, with the others' together.
        Event::Quality(_) => Vec::new(),
        Event::Connected => state("connected", None),
        Event::Interrupted => state("interrupted", None),
        Event::Several(events) => events.into_iter().flat_map(|event| translate(call, me, event)).collect(),
        Event::Closed { reason } => state("closed", Some(reason_code(reason))),
    }
}

fn reason_code(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Left => "left",
        CloseReason::ConsentExpired => "consent_expired",
        CloseReason::PeerClosed => "peer_closed",
        CloseReason::SessionFailed => "session_failed",
        CloseReason::RoomFailed => "room_failed",
        CloseReason::Draining => "draining",
    }
}

fn published(call: CallId, track: &crate::room::event::TrackInfo) -> Value {
    json!({
        "callId": call, "state": "published", "trackId": track.track, "participantId": track.participant,
        "userId": track.identity.as_ref(), "kind": track.kind, "source": track.source, "codec": track.codec,
        "layers": track.layers, "muted": track.muted,
    })
}

const MAX_SDP: usize = 256 * 1024;
const MAX_LINES: usize = 512;
const MAX_CANDIDATE: usize = 1024;
