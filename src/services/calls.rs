//! Call commands: who may, which call, whom to ring, what to answer.

use serde_json::{Value, json};

use super::{Inner, desk::Answer, members_of, permit::is_host, store_error};
use crate::{
    auth::grants::Actor,
    base::id::{CallId, ChannelId, SessionId, UserId},
    call::{
        book::{Book, Joiner, Start, VoiceChange},
        live::{LiveCall, Person},
        model::{CallKind, CallMode, CallRecord, LeaveReason},
    },
    chat::{
        command::{
            CallHistory, CallInvite, CallJoin, CallStart, DeclineReason, HistoryFilter, OnMyCall, VoiceJoin,
            VoiceUpdate,
        },
        error::{Code, ServiceError},
        limits::page,
        model::{ChannelKind, ChannelRecord},
    },
    store::{CallQuery, StoreError},
};

impl Inner {
    pub(super) async fn voice_join(
        &self,
        actor: &Actor,
        (channel, role): (ChannelId, &str),
        join: VoiceJoin,
    ) -> Result<Value, ServiceError> {
        let about = self.about(actor, channel).await?;
        self.unblocked(actor, &about).await?;
        let start = Start {
            call: self.ids.call(),
            channel,
            channel_kind: about.kind.as_str(),
            channel_name: about.name,
            kind: CallKind::Voice,
            mode: CallMode::Room,
            ring: Vec::new(),
            playout_delay: join.playout_delay,
            by: self.joiner(actor, role, join.muted, join.deafened),
        };
        self.start(actor, start).await
    }

    pub(super) async fn call_start(
        &self,
        actor: &Actor,
        (channel, role): (ChannelId, &str),
        start: CallStart,
    ) -> Result<Value, ServiceError> {
        let members = members_of(&*self.store, channel).await?;
        let about = self.about(actor, channel).await?;
        let blockers = self.unblocked(actor, &about).await?;
        let ring_all =
            about.kind != ChannelKind::General && members.len() <= self.config.calls.ring_all_up_to;
        let rings = |user: &UserId| *user != actor.user && !blockers.contains(user);
        let others: Vec<UserId> = members.iter().copied().filter(rings).collect();
        let ring = match (start.participant_ids.is_empty(), ring_all) {
            (true, true) => others,
            (true, false) => Vec::new(),
            (false, _) => others.into_iter().filter(|user| start.participant_ids.contains(user)).collect(),
        };
        self.start(
            actor,
            Start {
                call: self.ids.call(),
                channel,
                channel_kind: about.kind.as_str(),
                channel_name: about.name,
                kind: start.kind,
                mode: CallMode::Ring,
                ring,
                playout_delay: start.playout_delay,
                by: self.joiner(actor, role, start.muted, start.deafened),
            },
        )
        .await
    }

    /// Who of the channel is not to be rung by the actor. In a direct conversation that is the end of it.
    async fn unblocked(&self, actor: &Actor, about: &ChannelRecord) -> Result<Vec<UserId>, ServiceError> {
        let blockers = self.store.blockers(about.id, actor.user).await;
        let blockers = blockers.map_err(|error| store_error(error, Code::NotFoundChannel))?;
        if about.kind == ChannelKind::Dm && !blockers.is_empty() {
            return Err(store_error(StoreError::Blocked, Code::NotFoundChannel));
        }
        Ok(blockers)
    }

    async fn about(&self, actor: &Actor, channel: ChannelId) -> Result<ChannelRecord, ServiceError> {
        let found = self.store.channel(channel, actor.user).await;
        found.map_err(|error| store_error(error, Code::NotFoundChannel))
    }

    async fn start(&self, actor: &Actor, start: Start) -> Result<Value, ServiceError> {
        let answer = self.desk.ask(Some(actor), move |book, now| book.start(now, start)).await?;
        let mut data = join_data(&answer)?;
        if let Some(data) = data.as_object_mut() {
            data.insert("existing".into(), answer.existing.into());
        }
        Ok(data)
    }

    pub(super) async fn call_join(
        &self,
        actor: &Actor,
        role: &str,
        join: CallJoin,
        accept: bool,
    ) -> Result<Value, ServiceError> {
        let by = Joiner { fresh: join.fresh, ..self.joiner(actor, role, join.muted, join.deafened) };
        let call = join.call_id;
        let enter = move |book: &Book, now| {
            if accept { book.accept(now, call, by) } else { book.join(now, call, by) }
        };
        join_data(&self.desk.ask(Some(actor), enter).await?)
    }

    pub(super) async fn call_decline(
        &self,
        actor: &Actor,
        call: CallId,
        reason: DeclineReason,
    ) -> Result<Value, ServiceError> {
        let (user, busy) = (actor.user, reason == DeclineReason::Busy);
        self.desk.ask(None, move |book, now| book.decline(now, call, user, busy)).await?;
        Ok(json!({}))
    }

    pub(super) async fn call_cancel(&self, actor: &Actor, call: CallId) -> Result<Value, ServiceError> {
        let user = actor.user;
        self.desk.ask(None, move |book, now| book.cancel(now, call, user)).await?;
        Ok(json!({}))
    }

    pub(super) async fn call_ringing(&self, actor: &Actor, call: CallId) -> Result<Value, ServiceError> {
        let user = actor.user;
        self.desk.ask(None, move |book, now| book.ringing(now, call, user)).await?;
        Ok(json!({}))
    }

    pub(super) async fn call_leave(&self, session: SessionId, call: CallId) -> Result<Value, ServiceError> {
        let leave = LeaveReason::Left;
        self.desk.ask(None, move |book, now| book.leave(now, call, session, leave)).await?;
        Ok(json!({}))
    }

    pub(super) async fn call_end(
        &self,
        actor: &Actor,
        call: CallId,
        role: &str,
    ) -> Result<Value, ServiceError> {
        let (user, host) = (actor.user, is_host(actor, role));
        self.desk.ask(None, move |book, now| book.end(now, call, user, host)).await?;
        Ok(json!({}))
    }

    pub(super) async fn call_invite(
        &self,
        actor: &Actor,
        (channel, role): (ChannelId, &str),
        invite: CallInvite,
    ) -> Result<Value, ServiceError> {
        let members = members_of(&*self.store, channel).await?;
        let (call, by, host) = (invite.call_id, actor.user, is_host(actor, role));
        let blockers = self.unblocked(actor, &self.about(actor, channel).await?).await?;
        let rings = |user: &UserId| members.contains(user) && !blockers.contains(user);
        let users: Vec<_> = invite.user_ids.into_iter().filter(rings).collect();
        let before = self.look(|book| book.get(call).map(|live| live.rings.clone()).unwrap_or_default());
        let answer = self.desk.ask(None, move |book, now| book.invite(now, call, by, host, &users)).await?;
        let after = answer.call.map(|live| live.rings).unwrap_or_default();
        let invited: Vec<_> = after.into_keys().filter(|user| !before.contains_key(user)).collect();
        Ok(json!({"invited": invited}))
    }

    /// Ends what somebody who may not be there any more still has in a call.
    pub(super) async fn expel(&self, call: CallId, user: UserId) {
        let done = self.desk.ask(None, move |book, now| book.expel(now, call, user)).await;
        match done {
            Ok(_) => {}
            Err(error) if matches!(error.code, Code::CallNotInCall | Code::CallEnded) => {}
            Err(error) => tracing::warn!(%call, %user, %error, "somebody could not be taken out of a call"),
        }
    }

    /// The channel takes no more calls.
    pub(super) async fn end_call_of(&self, channel: ChannelId, by: UserId) {
        let Some(call) = self.look(|book| book.in_channel(channel).map(|live| live.id)) else { return };
        if let Err(error) = self.desk.ask(None, move |book, now| book.end(now, call, by, true)).await {
            tracing::debug!(%call, %error, "the call of an archived channel was over already");
        }
    }

    pub(super) async fn voice_update(
        &self,
        actor: &Actor,
        call: CallId,
        update: VoiceUpdate,
    ) -> Result<Value, ServiceError> {
        let session = actor.session;
        let change = VoiceChange {
            muted: update.muted,
            deafened: update.deafened,
            video: update.video,
            screen: update.screen,
            hand_raised: update.hand_raised,
        };
        let answer = self.desk.ask(None, move |book, now| book.update(now, call, session, change)).await?;
        let state = answer.call.as_ref().and_then(|live| live.in_session(session)).map(|who| who.voice);
        Ok(json!({"voiceState": state}))
    }

    pub(super) fn voice_participants(&self, channel: ChannelId) -> Value {
        self.look(|book| match book.in_channel(channel) {
            Some(live) => json!({"callId": live.id, "participants": live.participants_json()}),
            None => json!({"callId": null, "participants": []}),
        })
    }

    /// Which call `voice:leave` and `voice:update` mean.
    pub(super) fn my_call(
        &self,
        actor: &Actor,
        which: &OnMyCall,
        channel: Option<ChannelId>,
    ) -> Result<CallId, ServiceError> {
        let not_in_call = || ServiceError::new(Code::CallNotInCall, "you are not in this call");
        if let Some(call) = which.call_id {
            return Ok(call);
        }
        if let Some(channel) = channel {
            return self.look(|book| book.in_channel(channel).map(|live| live.id)).ok_or_else(not_in_call);
        }
        match self.look(|book| book.of_session(actor.session)).as_slice() {
            [only] => Ok(*only),
            [] => Err(not_in_call()),
            _ => Err(ServiceError::invalid("callId", "this session is in several calls")),
        }
    }

    pub(super) async fn call_get(&self, call: CallId) -> Result<Value, ServiceError> {
        let record = self.store.call(call).await.map_err(|error| store_error(error, Code::NotFoundCall))?;
        Ok(json!({"call": record.to_json()}))
    }

    pub(super) async fn call_history(
        &self,
        actor: &Actor,
        channel: Option<ChannelId>,
        history: CallHistory,
    ) -> Result<Value, ServiceError> {
        let size = page(history.limit);
        let before = history.cursor.as_deref().map(str::parse).transpose();
        let query = CallQuery {
            user: Some(actor.user),
            channel: if channel.is_some() { channel } else { self.room_of(actor).await? },
            missed_by: (history.filter == HistoryFilter::Missed).then_some(actor.user),
            before: before.map_err(|_| ServiceError::invalid("cursor", "not a cursor of ours"))?,
            limit: size + 1,
        };
        let calls = self.store.calls(query).await.map_err(|error| store_error(error, Code::NotFoundCall))?;
        let more = calls.len() > size as usize;
        let shown = calls.get(..size as usize).unwrap_or(&calls);
        let next = shown.last().filter(|_| more).map(|call| call.id);
        Ok(json!({"calls": shown.iter().map(CallRecord::to_json).collect::<Vec<_>>(), "next": next}))
    }

    pub(super) fn live_json(&self, channel: ChannelId) -> Value {
        self.look(|book| book.in_channel(channel).map_or(Value::Null, LiveCall::to_json))
    }

    fn joiner(&self, actor: &Actor, role: &str, muted: bool, deafened: bool) -> Joiner {
        Joiner {
            fresh: false,
            person: person(actor),
            session: actor.session,
            participant: self.ids.participant(),
            muted,
            deafened,
            host: is_host(actor, role),
        }
    }
}

pub(super) fn person(actor: &Actor) -> Person {
    Person {
        id: actor.user,
        username: actor.username.to_string(),
        name: actor.name.to_string(),
        login: actor.login,
    }
}

/// `{success, callId, participantId, participants[], tracks[], iceServers[], token, serverUrl, call}`
fn join_data(answer: &Answer) -> Result<Value, ServiceError> {
    let (Some(live), Some(participant)) = (&answer.call, answer.joined) else {
        return Err(ServiceError::new(Code::CallEnded, "the call is over"));
    };
    Ok(json!({
        "success": true, "callId": live.id, "participantId": participant,
        "participants": live.participants_json(), "tracks": [], "iceServers": [], "token": null, "serverUrl": null,
        "call": live.to_json(),
    }))
}
