//! What administrators of the server see of live calls and rings, and what they do about them.
//!
//! Nothing is measured for them: the book, and what was told to the people of the calls anyway. Direct conversations are
//! as closed to them as to everybody: that there is a call is told, not between whom.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Inner, StoredResult as _};
use crate::{
    auth::grants::Actor,
    base::{
        id::{CallId, ParticipantId, UserId},
        quality::Quality,
        time::rfc3339,
    },
    call::{
        book::Book,
        live::{LiveCall, LiveParticipant},
        model::CallState,
        quality::measured_json,
        step::CallAct,
    },
    chat::{
        command::{AdminList, CancelRing},
        error::{Code, ServiceError},
        limits::page,
        model::ChannelKind,
    },
};

/// People of one call that are told, the worst connection first: beyond it nobody reads.
const TOLD: usize = 100;
/// After everybody who was measured.
const UNMEASURED: u8 = 101;

impl Inner {
    /// The part of the calls; the front doors add what they know of the process.
    pub(super) async fn admin_overview(&self, actor: &Actor) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let (mut calls, mut ringing, mut people) = (0_u32, 0_u32, Vec::new());
        self.look(|book| {
            for call in book.all() {
                calls += 1;
                ringing += u32::from(call.state == CallState::Ringing);
                people.extend(call.participants.iter().map(|one| one.person.id));
            }
        });
        people.sort_unstable();
        people.dedup();
        Ok(json!({"calls": calls, "ringing": ringing, "peopleInCalls": people.len()}))
    }

    /// Whether it may be seen; the front doors have the settings.
    pub(super) async fn admin_policy(&self, actor: &Actor) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        Ok(json!({}))
    }

    /// The one with the worst connection first; those of whom nothing was measured yet are last.
    pub(super) async fn admin_calls(&self, actor: &Actor, ask: AdminList) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let live = self.look(Book::live);
        let count = live.len();
        let mut live: Vec<(u8, CallId, Option<Quality>)> = {
            let quality = self.quality();
            let worst = |call| quality.newest(call).into_values().min_by_key(|one| one.score);
            let rows = live.into_iter().map(|call| (call, worst(call)));
            rows.map(|(call, worst)| (worst.map_or(UNMEASURED, |one| one.score), call, worst)).collect()
        };
        live.sort_by_key(|(score, call, _)| (*score, *call));
        live.truncate(page(ask.limit) as usize);
        let rows: Vec<Value> = self.look(|book| {
            // Without those that ended meanwhile.
            let still = live.iter().filter_map(|(_, call, worst)| Some((book.get(*call).ok()?, *worst)));
            still.map(|(call, worst)| call_json(call, worst)).collect()
        });
        Ok(json!({"calls": rows, "count": count}))
    }

    pub(super) async fn admin_call(&self, actor: &Actor, call: CallId) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let live = self.look(|book| book.get(call).cloned().ok()).ok_or_else(no_call)?;
        let measured = self.quality().newest(call);
        let worst = measured.values().copied().min_by_key(|one| one.score);
        let mut people: Vec<&LiveParticipant> = live.participants.iter().collect();
        people.sort_by_key(|one| (measured.get(&one.id).map_or(UNMEASURED, |q| q.score), one.joined_at));
        people.truncate(TOLD);
        let rows: Vec<_> = people.into_iter().map(|one| person_json(&live, one, &measured)).collect();
        Ok(json!({"call": call_json(&live, worst), "participants": rows}))
    }

    pub(super) async fn admin_end_call(&self, actor: &Actor, call: CallId) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        self.look(|book| book.get(call).map(|_| ()).map_err(|_| no_call()))?;
        let act = CallAct { by: actor.user, from: actor.from, action: "call.end", user: None };
        self.desk.ask(None, move |book, now| book.close(now, call, act)).await?;
        Ok(json!({}))
    }

    /// The one that ends next first.
    pub(super) async fn admin_rings(&self, actor: &Actor, ask: AdminList) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let patience = i64::try_from(self.config.calls.ring_timeout.as_millis()).unwrap_or(i64::MAX);
        let mut rings: Vec<(i64, UserId, bool, Value)> = self.look(|book| {
            let mut rings = Vec::new();
            for call in book.all().filter(|call| !call.rings.is_empty()) {
                let open = !is_direct(call);
                let of_call = json!({
                    "callId": call.id, "channelId": call.channel, "channelKind": call.channel_kind,
                    "channelName": open.then_some(&call.channel_name), "type": call.kind,
                    "callerId": open.then_some(call.initiator.id), "callerName": open.then_some(&call.initiator.name),
                    "userId": null, "name": null,
                });
                for (user, ring) in &call.rings {
                    let mut row = of_call.clone();
                    row["since"] = rfc3339(ring.expires_at.saturating_sub(patience)).into();
                    row["expiresAt"] = rfc3339(ring.expires_at).into();
                    row["shown"] = ring.confirmed.into();
                    rings.push((ring.expires_at, *user, open, row));
                }
            }
            rings
        });
        let count = rings.len();
        rings.sort_by_key(|(expires_at, user, ..)| (*expires_at, *user));
        rings.truncate(page(ask.limit) as usize);
        let mut rows = Vec::with_capacity(rings.len());
        for (_, user, open, mut row) in rings {
            if open {
                row["userId"] = json!(user);
                row["name"] = self.store.user(user).await.or_not_found(Code::NotFoundUser)?.name.into();
            }
            rows.push(row);
        }
        Ok(json!({"rings": rows, "count": count}))
    }

    pub(super) async fn admin_cancel_ring(
        &self,
        actor: &Actor,
        ask: CancelRing,
    ) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let (call, user) = (ask.call_id, ask.user_id);
        let direct = self.look(|book| book.get(call).map(is_direct).map_err(|_| no_call()))?;
        if direct && user.is_some() {
            // The answer would tell whether it is rung there.
            return Err(ServiceError::new(
                Code::PermDenied,
                "the rings of a direct conversation end together",
            ));
        }
        let act = CallAct { by: actor.user, from: actor.from, action: "ring.cancel", user };
        self.desk.ask(None, move |book, now| book.cancel_rings(now, call, user, act)).await?;
        Ok(json!({}))
    }
}

fn no_call() -> ServiceError {
    ServiceError::new(Code::NotFoundCall, "no such live call")
}

fn is_direct(call: &LiveCall) -> bool {
    call.channel_kind == ChannelKind::Dm.as_str()
}

/// `{callId, channelId, channelKind, channelName|null, type, mode, state, startedAt, people, ringing, microphones, cameras,
/// screens, worst|null}`
fn call_json(call: &LiveCall, worst: Option<Quality>) -> Value {
    let count = |on: fn(&LiveParticipant) -> bool| call.participants.iter().filter(|one| on(one)).count();
    json!({
        "callId": call.id, "channelId": call.channel, "channelKind": call.channel_kind,
        "channelName": (!is_direct(call)).then_some(&call.channel_name), "type": call.kind, "mode": call.mode,
        "state": call.state, "startedAt": rfc3339(call.started_at), "people": call.users().len(),
        "ringing": call.rings.len(), "microphones": count(|one| !one.voice.muted),
        "cameras": count(|one| one.voice.video), "screens": count(|one| one.voice.screen),
        "worst": worst.as_ref().map(measured_json),
    })
}

/// `{participantId, userId|null, name|null, connection, voiceState, joinedAt, quality|null}`
fn person_json(call: &LiveCall, one: &LiveParticipant, measured: &BTreeMap<ParticipantId, Quality>) -> Value {
    let open = !is_direct(call);
    json!({
        "participantId": one.id, "userId": open.then_some(one.person.id), "name": open.then_some(&one.person.name),
        "connection": one.connection.as_str(), "voiceState": one.voice, "joinedAt": rfc3339(one.joined_at),
        "quality": measured.get(&one.id).map(measured_json),
    })
}
