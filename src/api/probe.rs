//! Connection tests: a media session that belongs to no call, for as long as a page needs to try its paths.
//!
//! It publishes and receives nothing. What the page sends on the data channel `convene-echo` comes back to it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

use super::{gateway::registry::Session, state::Front};
use crate::{
    base::id::{ParticipantId, RoomId},
    chat::error::{Code, ServiceError},
    room::{
        command::{AutoSubscribe, Command, MediaGrants},
        event::Event,
    },
    runtime::{clock, hub::JoinRequest, queue::PARTICIPANT_EVENTS},
};

/// Sessions for tests at once, of all clients: a test costs as much as a participant.
const MAX_TESTS: usize = 64;
/// Of one client: its paths are tried side by side.
const MAX_PER_SESSION: usize = 4;
/// A page needs half of it.
const LONGEST: Duration = Duration::from_secs(30);
/// A shard answers within milliseconds; this is for one that is stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Counts tests; one for the server, one per session.
#[derive(Debug, Default)]
pub struct Tests(AtomicUsize);

impl Tests {
    fn enter(&self, most: usize) -> bool {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| (count < most).then_some(count + 1))
            .is_ok()
    }

    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A place that was taken, until it is dropped.
struct Place {
    front: Front,
    session: std::sync::Arc<Session>,
}

impl Place {
    fn take(front: &Front, session: &std::sync::Arc<Session>) -> Option<Self> {
        if !session.tests.enter(MAX_PER_SESSION) {
            return None;
        }
        if !front.tests.enter(MAX_TESTS) {
            session.tests.leave();
            return None;
        }
        Some(Self { front: front.clone(), session: session.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.session.tests.leave();
        self.front.tests.leave();
    }
}

/// `net:test {sdp}` → `{sdp}`; no frame but those of calls is longer than 64 KiB. The session ends by itself, or with the connection.
pub async fn answer(
    front: &Front,
    session: &std::sync::Arc<Session>,
    data: Value,
) -> Result<Value, ServiceError> {
    let sdp =
        data.get("sdp").and_then(Value::as_str).ok_or_else(|| ServiceError::invalid("sdp", "required"))?;
    let place = Place::take(front, session)
        .ok_or_else(|| ServiceError::new(Code::LimitRate, "too many tests at once").retry_after(LONGEST))?;
    let now_ms = u64::try_from(clock::wall_ms()).unwrap_or(0);
    let room = RoomId::from_parts(now_ms, rand::random());
    let participant = ParticipantId::from_parts(now_ms, rand::random());
    let (sender, mut events) = mpsc::channel(PARTICIPANT_EVENTS.capacity);
    let request = JoinRequest {
        room,
        participant,
        identity: "".into(),
        grants: MediaGrants {
            publish_microphone: false,
            publish_camera: false,
            publish_screen: false,
            subscribe: false,
        },
        auto: AutoSubscribe::Nothing,
        playout_delay: None,
        events: sender,
    };
    let unavailable = || ServiceError::new(Code::ServerUnavailable, "the media plane is overloaded");
    front.hub.join(request).map_err(|_| unavailable())?;
    let offer = Command::Offer { sdp: sdp.to_owned(), generation: 1, lines: Vec::new() };
    front.hub.send(room, participant, offer).map_err(|_| unavailable())?;
    let answered = async {
        while let Some(event) = events.recv().await {
            match *event {
                Event::Answer { sdp, .. } => return Ok(sdp),
                Event::NegotiationFailed { message, .. } => {
                    return Err(ServiceError::new(Code::RtcNegotiation, message));
                }
                _ => {}
            }
        }
        Err(unavailable())
    };
    let result = timeout(ANSWER_TIMEOUT, answered).await.unwrap_or_else(|_| Err(unavailable()));
    let hub = front.hub.clone();
    let leave = move || {
        // A shard that takes no commands closes it with the silence of the client.
        let _ = hub.send(room, participant, Command::Leave);
    };
    match result {
        Ok(sdp) => {
            tokio::spawn(async move {
                // Cancellation safe: events that are not read are of no interest.
                let _ = timeout(LONGEST, async { while events.recv().await.is_some() {} }).await;
                leave();
                drop(place);
            });
            Ok(json!({ "sdp": sdp }))
        }
        Err(error) => {
            leave();
            Err(error)
        }
    }
}
