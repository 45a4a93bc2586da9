//! How good stays in calls were.

use async_trait::async_trait;

use super::{
    db::{Db, Row, args},
    writer::{Tx, Write},
};
use crate::{
    base::{
        id::{CallId, ParticipantId},
        quality::{Issue, Issues},
    },
    call::model::StintQuality,
    store::{Result, StoreError},
};

pub(super) struct NoteQuality(pub Vec<(ParticipantId, StintQuality)>);

#[async_trait]
impl Write for NoteQuality {
    type Out = ();

    async fn apply(self: Box<Self>, db: &mut Tx<'_>) -> Result<()> {
        for (participant, measured) in &self.0 {
            note(db, *participant, measured).await?;
        }
        Ok(())
    }
}

pub(super) async fn note(db: &mut Tx<'_>, participant: ParticipantId, measured: &StintQuality) -> Result<()> {
    db.conn
        .run(
            "UPDATE call_participants SET quality_samples = $1, mos_x100 = $2, loss_ppm = $3, jitter_us = \
        $4, rtt_us = $5, network_issues = $6 WHERE participant_id = $7",
            args![
                measured.samples,
                measured.mos_x100,
                measured.loss_ppm,
                measured.jitter_us,
                measured.rtt_us,
                serde_json::to_string(&measured.issues.codes()).unwrap_or_else(|_| "[]".into()),
                participant
            ],
        )
        .await?;
    Ok(())
}

/// Of a call as a whole: a score of 0 to 100 by the MOS of all stays, each counting for its length, and whatever went
/// wrong in any of them, as stored.
pub(super) async fn of_call(conn: &mut Db<'_>, call: CallId) -> Result<(Option<i64>, String)> {
    let rows = conn
        .all(
            "SELECT quality_samples, mos_x100, network_issues FROM call_participants WHERE call_id = $1 \
             ORDER BY joined_at, participant_id",
            args![call],
        )
        .await?;
    let (mut samples, mut sum) = (0.0, 0.0);
    let mut all: Vec<&'static str> = Vec::new();
    for row in &rows {
        if let Some(mos) = row.maybe_int("mos_x100")? {
            let weight = f64::from(row.small("quality_samples")?);
            samples += weight;
            sum += weight * mos as f64 / 100.0;
        }
        let new = issues(row)?.codes().into_iter().filter(|code| !all.contains(code)).collect::<Vec<_>>();
        all.extend(new);
    }
    let score = (samples > 0.0).then(|| ((sum / samples - 1.0) * 25.0).round() as i64);
    Ok((score, serde_json::to_string(&all).unwrap_or_else(|_| "[]".into())))
}

/// `None` if nothing was measured.
pub(super) fn of_row(row: &Row) -> Result<Option<StintQuality>> {
    let samples = row.small("quality_samples")?;
    let number = |column: &str| -> Result<Option<u32>> {
        Ok(row.maybe_int(column)?.map(|value| u32::try_from(value.max(0)).unwrap_or(u32::MAX)))
    };
    let Some(mos_x100) = number("mos_x100")?.filter(|_| samples > 0) else { return Ok(None) };
    Ok(Some(StintQuality {
        samples,
        mos_x100,
        loss_ppm: number("loss_ppm")?.unwrap_or(0),
        jitter_us: number("jitter_us")?.unwrap_or(0),
        rtt_us: number("rtt_us")?,
        issues: issues(row)?,
    }))
}

/// Codes of a later version are left out.
pub(super) fn issues(row: &Row) -> Result<Issues> {
    let codes: Vec<String> = serde_json::from_str(&row.text("network_issues")?)
        .map_err(|error| StoreError::Unavailable(format!("network_issues: {error}")))?;
    Ok(codes.iter().filter_map(|code| Issue::parse(code)).collect())
}
