//! Calls, invites and stints; the sweep of orphans at boot.

use super::{
    audit::{self, Entry},
    db::{Db, Row, args},
    messages::append_call_line,
    quality,
    writer::{Tx, Write},
};
use crate::{
    base::id::{CallId, ChannelId, MessageId, UserId},
    call::{
        model::{
            CallKind, CallMode, CallRecord, CallState, EndReason, InviteOutcome, InviteRecord, LeaveReason,
            StintRecord,
        },
        step::CallAct,
    },
    chat::model::WallMs,
    store::{CallQuery, CallStep, CallStepDone, NewCall, Result, StintEnd, StintStart, StoreError},
};
use async_trait::async_trait;
use serde_json::json;

pub(super) struct Step(pub CallStep);

#[async_trait]
impl Write for Step {
    type Out = CallStepDone;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<CallStepDone> {
        let step = self.0;
        may_enter(db, &step).await?;
        match &step.create {
            Some(new) => create(db, &step, new).await?,
            None => transition(db, &step).await?,
        }
        for (user, outcome) in &step.invites {
            invite(db, step.call, *user, *outcome, step.now).await?;
        }
        for stint in &step.joined {
            begin_stint(db, step.call, stint, step.now).await?;
        }
        for stint in &step.left {
            end_stint(db, stint, step.now).await?;
            if let Some(measured) = &stint.quality {
                quality::note(db, stint.participant, measured).await?;
            }
        }
        if let Some(act) = &step.act {
            let detail = match act.user {
                Some(user) => json!({"channelId": step.channel, "userId": user}),
                None => json!({"channelId": step.channel}),
            };
            let target = step.call.to_string();
            let CallAct { by: actor, from, action, .. } = *act;
            audit::append(db, Entry { actor, from, action, target, detail, now: step.now }).await?;
        }
        let mut done =
            CallStepDone { audience: db.audience(step.channel).await?, message: None, duration_ms: None };
        if let Some(reason) = step.ended {
            let ended = end(db, step.call, reason, step.now).await?;
            done.duration_ms = ended.duration_ms;
            if let Some(message) = step.message {
                done.message = Some(leave_line(db, step.call, message, &ended, step.now).await?);
            }
        }
        Ok(done)
    }
}

/// Seats are for members: whoever is removed or banned while it joins gets none. An archived channel starts no call.
async fn may_enter(db: &mut Tx<'_>, step: &CallStep) -> Result<()> {
    if step.joined.is_empty() && step.create.is_none() {
        return Ok(());
    }
    let members = db.audience(step.channel).await?;
    if !step.joined.iter().all(|stint| members.contains(&stint.user)) {
        return Err(StoreError::NotFound);
    }
    for stint in &step.joined {
        let banned = "SELECT user_id FROM bans WHERE user_id = $1 AND (until IS NULL OR until > $2)";
        if db.conn.maybe(banned, args![stint.user, step.now]).await?.is_some() {
            return Err(StoreError::Denied);
        }
    }
    if step.create.is_some() {
        let archived = "SELECT id FROM channels WHERE id = $1 AND archived_at IS NOT NULL";
        if db.conn.maybe(archived, args![step.channel]).await?.is_some() {
            return Err(StoreError::ReadOnly);
        }
    }
    Ok(())
}

async fn create(db: &mut Tx<'_>, step: &CallStep, new: &NewCall) -> Result<()> {
    // The partial unique index refuses a second live call in the channel: `Duplicate`.
    db.conn
        .run(
            "INSERT INTO calls (id, channel_id, type, mode, state, initiator_id, node_id, node_epoch, \
        started_at, answered_at, peak_participants, alive_at) VALUES ($1, $2, $3, $4, $5, $6, $7, \
        $8, $9, $10, $11, $9)",
            args![
                step.call,
                step.channel,
                new.kind.as_str(),
                new.mode.as_str(),
                new.state.as_str(),
                new.initiator,
                &new.node,
                new.epoch,
                step.now,
                step.answered.then_some(step.now),
                step.peak_participants
            ],
        )
        .await?;
    Ok(())
}

/// One conditional UPDATE on `state`: of two devices that try at once only one wins.
async fn transition(db: &mut Tx<'_>, step: &CallStep) -> Result<()> {
    let expect = step.expect.iter().fold(String::from(","), |list, state| list + state.as_str() + ",");
    let done = db
        .conn
        .run(
            "UPDATE calls SET state = COALESCE($1, state), \
               answered_at = COALESCE(answered_at, CASE WHEN $2 THEN $3 END), \
               peak_participants = CASE WHEN $4 > peak_participants THEN $4 ELSE peak_participants END, \
               alive_at = CASE WHEN $3 > alive_at THEN $3 ELSE alive_at END \
             WHERE id = $5 AND $6 LIKE '%,' || state || ',%'",
            args![
                step.state.map(CallState::as_str),
                step.answered,
                step.now,
                step.peak_participants,
                step.call,
                expect
            ],
        )
        .await?;
    if done == 1 { Ok(()) } else { Err(StoreError::State) }
}

async fn invite(
    db: &mut Tx<'_>,
    call: CallId,
    user: UserId,
    outcome: InviteOutcome,
    now: WallMs,
) -> Result<()> {
    db.conn
        .run(
            "INSERT INTO call_invites (call_id, user_id, outcome, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (call_id, user_id) DO UPDATE SET outcome = excluded.outcome, at = excluded.at",
            args![call, user, outcome.as_str(), now],
        )
        .await?;
    Ok(())
}

async fn begin_stint(db: &mut Tx<'_>, call: CallId, stint: &StintStart, now: WallMs) -> Result<()> {
    db.conn
        .run(
            "INSERT INTO call_participants (call_id, user_id, session_no, participant_id, joined_at) \
         SELECT $1, $2, COALESCE(MAX(session_no), 0) + 1, $3, $4 FROM call_participants \
         WHERE call_id = $1 AND user_id = $2",
            args![call, stint.user, stint.participant, now],
        )
        .await?;
    Ok(())
}

async fn end_stint(db: &mut Tx<'_>, stint: &StintEnd, now: WallMs) -> Result<()> {
    db.conn
        .run(
            "UPDATE call_participants SET left_at = $1, leave_reason = $2, was_muted = $3, had_video = \
        $4, had_screen = $5 WHERE participant_id = $6 AND left_at IS NULL",
            args![
                now,
                stint.reason.as_str(),
                stint.voice.muted,
                stint.had_video,
                stint.had_screen,
                stint.participant
            ],
        )
        .await?;
    Ok(())
}

struct Ended {
    channel: ChannelId,
    initiator: UserId,
    duration_ms: Option<i64>,
}

async fn end(db: &mut Tx<'_>, call: CallId, reason: EndReason, at: WallMs) -> Result<Ended> {
    let (score, issues) = quality::of_call(&mut db.conn, call).await?;
    let row = db
        .conn
        .one(
            "UPDATE calls SET ended_at = CASE WHEN started_at > $1 THEN started_at ELSE $1 END, \
                end_reason = $2, duration_ms = CASE WHEN $1 > answered_at THEN $1 - answered_at WHEN \
                answered_at IS NOT NULL THEN 0 END, avg_quality = $4, network_issues = $5 WHERE id = $3 \
                RETURNING channel_id, initiator_id, duration_ms",
            args![at, reason.as_str(), call, score, issues],
        )
        .await?;
    Ok(Ended {
        channel: row.id("channel_id")?,
        initiator: row.id("initiator_id")?,
        duration_ms: row.maybe_int("duration_ms")?,
    })
}

async fn leave_line(
    db: &mut Tx<'_>,
    call: CallId,
    message: MessageId,
    ended: &Ended,
    now: WallMs,
) -> Result<crate::chat::model::MessageRecord> {
    db.conn.run("UPDATE calls SET message_id = $1 WHERE id = $2", args![message, call]).await?;
    append_call_line(db, message, call, ended.channel, ended.initiator, now).await
}

pub(super) struct NextEpoch(pub String);

#[async_trait]
impl Write for NextEpoch {
    type Out = i64;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<i64> {
        db.conn
            .one(
                "INSERT INTO node_epochs (node_id, epoch) VALUES ($1, 1) \
             ON CONFLICT (node_id) DO UPDATE SET epoch = node_epochs.epoch + 1 RETURNING epoch",
                args![&self.0],
            )
            .await?
            .int("epoch")
    }
}

pub(super) struct TouchCalls {
    pub node: String,
    pub epoch: i64,
    pub now: WallMs,
}

#[async_trait]
impl Write for TouchCalls {
    type Out = ();

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<()> {
        db.conn
            .run(
                "UPDATE calls SET alive_at = CASE WHEN $1 > alive_at THEN $1 ELSE alive_at END \
             WHERE state IN ('ringing', 'ongoing') AND node_id = $2 AND node_epoch = $3",
                args![self.now, &self.node, self.epoch],
            )
            .await?;
        Ok(())
    }
}

pub(super) struct Sweep {
    pub node: String,
    pub epoch: i64,
    pub now: WallMs,
}

#[async_trait]
impl Write for Sweep {
    type Out = u32;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<u32> {
        let orphans = db
            .conn
            .all(
                "SELECT id, state, mode, alive_at, peak_participants FROM calls \
             WHERE state IN ('ringing', 'ongoing') AND node_id = $1 AND node_epoch < $2 ORDER BY id",
                args![&self.node, self.epoch],
            )
            .await?;
        for row in &orphans {
            bury(db, row, self.now).await?;
        }
        Ok(u32::try_from(orphans.len()).unwrap_or(u32::MAX))
    }
}

/// Ends one orphan at the last moment it was known to live. Whoever was still rung has missed it.
async fn bury(db: &mut Tx<'_>, row: &Row, now: WallMs) -> Result<()> {
    let call: CallId = row.id("id")?;
    let alive_at = row.int("alive_at")?.min(now);
    let ringing = row.text("state")? == "ringing";
    let state = if ringing { CallState::Missed } else { CallState::Completed };
    db.conn.run("UPDATE calls SET state = $1 WHERE id = $2", args![state.as_str(), call]).await?;
    db.conn
        .run(
            "UPDATE call_invites SET outcome = 'missed', at = $1 WHERE call_id = $2 AND outcome = 'ringing'",
            args![alive_at, call],
        )
        .await?;
    db.conn
        .run(
            "UPDATE call_participants SET left_at = CASE WHEN joined_at > $1 THEN joined_at ELSE $1 END, \
        leave_reason = 'node_lost' WHERE call_id = $2 AND left_at IS NULL",
            args![alive_at, call],
        )
        .await?;
    let ended = end(db, call, EndReason::NodeLost, alive_at).await?;
    if row.text("mode")? == "ring" || row.small("peak_participants")? > 1 {
        // The line is written now, so it takes today's place in the channel; the call itself tells when it was.
        let id = MessageId::from_parts(u64::try_from(now).unwrap_or(0), call.0.random());
        leave_line(db, call, id, &ended, now).await?;
    }
    Ok(())
}

macro_rules! call_sql {
    ($tail:literal) => {
        concat!(
            "SELECT c.id, c.channel_id, c.type, c.mode, c.state, c.initiator_id, u.name AS initiator_name, ",
            "c.started_at, c.answered_at, c.ended_at, c.end_reason, c.duration_ms, c.peak_participants, c.message_id, ",
            "c.avg_quality, c.network_issues ",
            "FROM calls c JOIN users u ON u.id = c.initiator_id ",
            $tail
        )
    };
}

pub(super) async fn find(conn: &mut Db<'_>, id: CallId) -> Result<CallRecord> {
    let row = conn.one(call_sql!("WHERE c.id = $1"), args![id]).await?;
    complete(conn, record(&row)?).await
}

pub(super) async fn list(conn: &mut Db<'_>, query: CallQuery) -> Result<Vec<CallRecord>> {
    let found = conn
        .all(
            call_sql!(
                "WHERE ($1 IS NULL OR c.id < $1) AND ($2 IS NULL OR c.channel_id = $2) \
         AND ($3 IS NULL OR EXISTS (SELECT 1 FROM channel_members m \
              WHERE m.channel_id = c.channel_id AND m.user_id = $3 AND m.left_at IS NULL)) \
         AND ($4 IS NULL OR EXISTS (SELECT 1 FROM call_invites i \
              WHERE i.call_id = c.id AND i.user_id = $4 AND i.outcome = 'missed')) \
         ORDER BY c.id DESC LIMIT $5"
            ),
            args![query.before, query.channel, query.user, query.missed_by, query.limit],
        )
        .await?;
    let mut calls = Vec::with_capacity(found.len());
    for row in &found {
        calls.push(complete(conn, record(row)?).await?);
    }
    Ok(calls)
}

async fn complete(conn: &mut Db<'_>, mut call: CallRecord) -> Result<CallRecord> {
    let stints = conn
        .all(
            "SELECT p.participant_id, p.user_id, u.name, p.session_no, p.joined_at, p.left_at, \
        p.leave_reason, p.had_video, p.had_screen, p.quality_samples, p.mos_x100, p.loss_ppm, \
        p.jitter_us, p.rtt_us, p.network_issues FROM call_participants p JOIN users u ON u.id = \
        p.user_id WHERE p.call_id = $1 ORDER BY p.joined_at, p.participant_id",
            args![call.id],
        )
        .await?;
    for row in &stints {
        call.stints.push(StintRecord {
            participant: row.id("participant_id")?,
            user: row.id("user_id")?,
            name: row.text("name")?,
            session_no: row.small("session_no")?,
            joined_at: row.int("joined_at")?,
            left_at: row.maybe_int("left_at")?,
            leave_reason: row.maybe_word("leave_reason", LeaveReason::parse)?,
            had_video: row.flag("had_video")?,
            had_screen: row.flag("had_screen")?,
            quality: quality::of_row(row)?,
        });
    }
    let invites = conn
        .all(
            "SELECT i.user_id, u.name, i.outcome, i.at FROM call_invites i JOIN users u ON u.id = i.user_id \
         WHERE i.call_id = $1 ORDER BY i.user_id",
            args![call.id],
        )
        .await?;
    for row in &invites {
        call.invites.push(InviteRecord {
            user: row.id("user_id")?,
            name: row.text("name")?,
            outcome: row.word("outcome", InviteOutcome::parse)?,
            at: row.int("at")?,
        });
    }
    Ok(call)
}

fn record(row: &Row) -> Result<CallRecord> {
    Ok(CallRecord {
        id: row.id("id")?,
        channel: row.id("channel_id")?,
        kind: row.word("type", CallKind::parse)?,
        mode: row.word("mode", CallMode::parse)?,
        state: row.word("state", CallState::parse)?,
        initiator: row.id("initiator_id")?,
        initiator_name: row.text("initiator_name")?,
        started_at: row.int("started_at")?,
        answered_at: row.maybe_int("answered_at")?,
        ended_at: row.maybe_int("ended_at")?,
        end_reason: row.maybe_word("end_reason", EndReason::parse)?,
        duration_ms: row.maybe_int("duration_ms")?,
        peak_participants: row.small("peak_participants")?,
        avg_quality: row.maybe_int("avg_quality")?.and_then(|score| u8::try_from(score).ok()),
        network_issues: quality::issues(row)?,
        message: row.maybe_id("message_id")?,
        stints: Vec::new(),
        invites: Vec::new(),
    })
}
