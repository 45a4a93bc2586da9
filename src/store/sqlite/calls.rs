//! Calls, invites and stints; the sweep of orphans at boot.

use async_trait::async_trait;
use sqlx::{SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::{
    messages::append_call_line,
    quality,
    rows::{self, int, maybe_id, maybe_int, maybe_word, row_id, small, text, unavailable, word},
    writer::{Tx, Write},
};
use crate::{
    base::id::{CallId, ChannelId, MessageId, UserId},
    call::model::{
        CallKind, CallMode, CallRecord, CallState, EndReason, InviteOutcome, InviteRecord, LeaveReason,
        StintRecord,
    },
    chat::model::WallMs,
    store::{CallQuery, CallStep, CallStepDone, NewCall, Result, StintEnd, StintStart, StoreError},
};

pub(super) struct Step(pub CallStep);

#[async_trait]
impl Write for Step {
    type Out = CallStepDone;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<CallStepDone> {
        let step = self.0;
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

async fn create(db: &mut Tx<'_>, step: &CallStep, new: &NewCall) -> Result<()> {
    // The partial unique index refuses a second live call in the channel: `Duplicate`.
    sqlx::query(
        "INSERT INTO calls (id, channel_id, type, mode, state, initiator_id, node_id, node_epoch, started_at, \
         answered_at, peak_participants, alive_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?9, ?10, ?11, ?9)",
    )
    .bind(step.call.to_string())
    .bind(step.channel.to_string())
    .bind(new.kind.as_str())
    .bind(new.mode.as_str())
    .bind(new.state.as_str())
    .bind(new.initiator.to_string())
    .bind(&new.node)
    .bind(new.epoch)
    .bind(step.now)
    .bind(step.answered.then_some(step.now))
    .bind(step.peak_participants)
    .execute(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// One conditional UPDATE on `state`: of two devices that try at once only one wins.
async fn transition(db: &mut Tx<'_>, step: &CallStep) -> Result<()> {
    let expect = serde_json::to_string(step.expect).unwrap_or_else(|_| "[]".into());
    let done = sqlx::query(
        "UPDATE calls SET state = COALESCE(?1, state), \
           answered_at = COALESCE(answered_at, CASE WHEN ?2 THEN ?3 END), \
           peak_participants = MAX(peak_participants, ?4), alive_at = MAX(alive_at, ?3) \
         WHERE id = ?5 AND state IN (SELECT value FROM json_each(?6))",
    )
    .bind(step.state.map(CallState::as_str))
    .bind(step.answered)
    .bind(step.now)
    .bind(step.peak_participants)
    .bind(step.call.to_string())
    .bind(expect)
    .execute(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::State) }
}

async fn invite(
    db: &mut Tx<'_>,
    call: CallId,
    user: UserId,
    outcome: InviteOutcome,
    now: WallMs,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO call_invites (call_id, user_id, outcome, at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (call_id, user_id) DO UPDATE SET outcome = excluded.outcome, at = excluded.at",
    )
    .bind(call.to_string())
    .bind(user.to_string())
    .bind(outcome.as_str())
    .bind(now)
    .execute(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn begin_stint(db: &mut Tx<'_>, call: CallId, stint: &StintStart, now: WallMs) -> Result<()> {
    sqlx::query(
        "INSERT INTO call_participants (call_id, user_id, session_no, participant_id, joined_at) \
         SELECT ?1, ?2, COALESCE(MAX(session_no), 0) + 1, ?3, ?4 FROM call_participants \
         WHERE call_id = ?1 AND user_id = ?2",
    )
    .bind(call.to_string())
    .bind(stint.user.to_string())
    .bind(stint.participant.to_string())
    .bind(now)
    .execute(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn end_stint(db: &mut Tx<'_>, stint: &StintEnd, now: WallMs) -> Result<()> {
    sqlx::query(
        "UPDATE call_participants SET left_at = ?, leave_reason = ?, was_muted = ?, had_video = ?, had_screen = ? \
         WHERE participant_id = ? AND left_at IS NULL",
    )
    .bind(now)
    .bind(stint.reason.as_str())
    .bind(stint.voice.muted)
    .bind(stint.had_video)
    .bind(stint.had_screen)
    .bind(stint.participant.to_string())
    .execute(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    Ok(())
}

struct Ended {
    channel: ChannelId,
    initiator: UserId,
    duration_ms: Option<i64>,
}

async fn end(db: &mut Tx<'_>, call: CallId, reason: EndReason, at: WallMs) -> Result<Ended> {
    let row = sqlx::query(
        "UPDATE calls SET ended_at = MAX(?1, started_at), end_reason = ?2, \
           duration_ms = CASE WHEN answered_at IS NULL THEN NULL ELSE MAX(?1 - answered_at, 0) END, \
           avg_quality = (SELECT CAST(ROUND((SUM(p.mos_x100 * p.quality_samples) * 1.0 \
               / SUM(p.quality_samples) / 100 - 1) * 25) AS INTEGER) \
             FROM call_participants p WHERE p.call_id = ?3 AND p.quality_samples > 0), \
           network_issues = (SELECT json_group_array(DISTINCT i.value) \
             FROM call_participants p, json_each(p.network_issues) i WHERE p.call_id = ?3) \
         WHERE id = ?3 RETURNING channel_id, initiator_id, duration_ms",
    )
    .bind(at)
    .bind(reason.as_str())
    .bind(call.to_string())
    .fetch_one(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    Ok(Ended {
        channel: row_id(&row, "channel_id")?,
        initiator: row_id(&row, "initiator_id")?,
        duration_ms: maybe_int(&row, "duration_ms")?,
    })
}

async fn leave_line(
    db: &mut Tx<'_>,
    call: CallId,
    message: MessageId,
    ended: &Ended,
    now: WallMs,
) -> Result<crate::chat::model::MessageRecord> {
    sqlx::query("UPDATE calls SET message_id = ? WHERE id = ?")
        .bind(message.to_string())
        .bind(call.to_string())
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
    append_call_line(db, message, call, ended.channel, ended.initiator, now).await
}

pub(super) struct NextEpoch(pub String);

#[async_trait]
impl Write for NextEpoch {
    type Out = i64;

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<i64> {
        sqlx::query_scalar(
            "INSERT INTO node_epochs (node_id, epoch) VALUES (?, 1) \
             ON CONFLICT (node_id) DO UPDATE SET epoch = epoch + 1 RETURNING epoch",
        )
        .bind(&self.0)
        .fetch_one(&mut *db.conn)
        .await
        .map_err(unavailable)
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
        sqlx::query(
            "UPDATE calls SET alive_at = MAX(alive_at, ?) \
             WHERE state IN ('ringing', 'ongoing') AND node_id = ? AND node_epoch = ?",
        )
        .bind(self.now)
        .bind(&self.node)
        .bind(self.epoch)
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
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
        let orphans = sqlx::query(
            "SELECT id, state, mode, alive_at, peak_participants FROM calls \
             WHERE state IN ('ringing', 'ongoing') AND node_id = ? AND node_epoch < ? ORDER BY id",
        )
        .bind(&self.node)
        .bind(self.epoch)
        .fetch_all(&mut *db.conn)
        .await
        .map_err(unavailable)?;
        for row in &orphans {
            bury(db, row, self.now).await?;
        }
        Ok(u32::try_from(orphans.len()).unwrap_or(u32::MAX))
    }
}

/// Ends one orphan at the last moment it was known to live. Whoever was still rung has missed it.
async fn bury(db: &mut Tx<'_>, row: &SqliteRow, now: WallMs) -> Result<()> {
    let call: CallId = row_id(row, "id")?;
    let alive_at = int(row, "alive_at")?.min(now);
    let ringing = text(row, "state")? == "ringing";
    let state = if ringing { CallState::Missed } else { CallState::Completed };
    sqlx::query("UPDATE calls SET state = ? WHERE id = ?")
        .bind(state.as_str())
        .bind(call.to_string())
        .execute(&mut *db.conn)
        .await
        .map_err(unavailable)?;
    sqlx::query(
        "UPDATE call_invites SET outcome = 'missed', at = ? WHERE call_id = ? AND outcome = 'ringing'",
    )
    .bind(alive_at)
    .bind(call.to_string())
    .execute(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    sqlx::query(
        "UPDATE call_participants SET left_at = MAX(joined_at, ?), leave_reason = 'node_lost' \
         WHERE call_id = ? AND left_at IS NULL",
    )
    .bind(alive_at)
    .bind(call.to_string())
    .execute(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    let ended = end(db, call, EndReason::NodeLost, alive_at).await?;
    if text(row, "mode")? == "ring" || small(row, "peak_participants")? > 1 {
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

pub(super) async fn find(pool: &SqlitePool, id: CallId) -> Result<CallRecord> {
    let mut conn = pool.acquire().await.map_err(unavailable)?;
    let row = sqlx::query(call_sql!("WHERE c.id = ?")).bind(id.to_string()).fetch_one(&mut *conn).await;
    complete(&mut conn, record(&row.map_err(unavailable)?)?).await
}

pub(super) async fn list(conn: &mut SqliteConnection, query: CallQuery) -> Result<Vec<CallRecord>> {
    let found = sqlx::query(call_sql!(
        "WHERE (?1 IS NULL OR c.id < ?1) AND (?2 IS NULL OR c.channel_id = ?2) \
         AND (?3 IS NULL OR EXISTS (SELECT 1 FROM channel_members m \
              WHERE m.channel_id = c.channel_id AND m.user_id = ?3 AND m.left_at IS NULL)) \
         AND (?4 IS NULL OR EXISTS (SELECT 1 FROM call_invites i \
              WHERE i.call_id = c.id AND i.user_id = ?4 AND i.outcome = 'missed')) \
         ORDER BY c.id DESC LIMIT ?5"
    ))
    .bind(query.before.map(|id| id.to_string()))
    .bind(query.channel.map(|id| id.to_string()))
    .bind(query.user.map(|id| id.to_string()))
    .bind(query.missed_by.map(|id| id.to_string()))
    .bind(query.limit)
    .fetch_all(&mut *conn)
    .await
    .map_err(unavailable)?;
    let mut calls = Vec::with_capacity(found.len());
    for row in &found {
        calls.push(complete(conn, record(row)?).await?);
    }
    Ok(calls)
}

async fn complete(conn: &mut SqliteConnection, mut call: CallRecord) -> Result<CallRecord> {
    let stints = sqlx::query(
        "SELECT p.participant_id, p.user_id, u.name, p.session_no, p.joined_at, p.left_at, p.leave_reason, \
         p.had_video, p.had_screen, p.quality_samples, p.mos_x100, p.loss_ppm, p.jitter_us, p.rtt_us, \
         p.network_issues FROM call_participants p JOIN users u ON u.id = p.user_id \
         WHERE p.call_id = ? ORDER BY p.joined_at, p.participant_id",
    )
    .bind(call.id.to_string())
    .fetch_all(&mut *conn)
    .await
    .map_err(unavailable)?;
    for row in &stints {
        call.stints.push(StintRecord {
            participant: row_id(row, "participant_id")?,
            user: row_id(row, "user_id")?,
            name: text(row, "name")?,
            session_no: small(row, "session_no")?,
            joined_at: int(row, "joined_at")?,
            left_at: maybe_int(row, "left_at")?,
            leave_reason: maybe_word(row, "leave_reason", LeaveReason::parse)?,
            had_video: rows::flag(row, "had_video")?,
            had_screen: rows::flag(row, "had_screen")?,
            quality: quality::of_row(row)?,
        });
    }
    let invites = sqlx::query(
        "SELECT i.user_id, u.name, i.outcome, i.at FROM call_invites i JOIN users u ON u.id = i.user_id \
         WHERE i.call_id = ? ORDER BY i.user_id",
    )
    .bind(call.id.to_string())
    .fetch_all(&mut *conn)
    .await
    .map_err(unavailable)?;
    for row in &invites {
        call.invites.push(InviteRecord {
            user: row_id(row, "user_id")?,
            name: text(row, "name")?,
            outcome: word(row, "outcome", InviteOutcome::parse)?,
            at: int(row, "at")?,
        });
    }
    Ok(call)
}

fn record(row: &SqliteRow) -> Result<CallRecord> {
    Ok(CallRecord {
        id: row_id(row, "id")?,
        channel: row_id(row, "channel_id")?,
        kind: word(row, "type", CallKind::parse)?,
        mode: word(row, "mode", CallMode::parse)?,
        state: word(row, "state", CallState::parse)?,
        initiator: row_id(row, "initiator_id")?,
        initiator_name: text(row, "initiator_name")?,
        started_at: int(row, "started_at")?,
        answered_at: maybe_int(row, "answered_at")?,
        ended_at: maybe_int(row, "ended_at")?,
        end_reason: maybe_word(row, "end_reason", EndReason::parse)?,
        duration_ms: maybe_int(row, "duration_ms")?,
        peak_participants: small(row, "peak_participants")?,
        avg_quality: maybe_int(row, "avg_quality")?.and_then(|score| u8::try_from(score).ok()),
        network_issues: quality::issues(row)?,
        message: maybe_id(row, "message_id")?,
        stints: Vec::new(),
        invites: Vec::new(),
    })
}
