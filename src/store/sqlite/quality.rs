//! How good stays in calls were.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::{
    rows::{maybe_int, small, text, unavailable},
    writer::{Tx, Write},
};
use crate::{
    base::{
        id::ParticipantId,
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
    sqlx::query(
        "UPDATE call_participants SET quality_samples = ?, mos_x100 = ?, loss_ppm = ?, jitter_us = ?, rtt_us = ?, \
         network_issues = ? WHERE participant_id = ?",
    )
    .bind(measured.samples)
    .bind(measured.mos_x100)
    .bind(measured.loss_ppm)
    .bind(measured.jitter_us)
    .bind(measured.rtt_us)
    .bind(serde_json::to_string(&measured.issues.codes()).unwrap_or_else(|_| "[]".into()))
    .bind(participant.to_string())
    .execute(&mut *db.conn)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// `None` if nothing was measured.
pub(super) fn of_row(row: &SqliteRow) -> Result<Option<StintQuality>> {
    let samples = small(row, "quality_samples")?;
    let number = |column: &str| -> Result<Option<u32>> {
        Ok(maybe_int(row, column)?.map(|value| u32::try_from(value.max(0)).unwrap_or(u32::MAX)))
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
pub(super) fn issues(row: &SqliteRow) -> Result<Issues> {
    let codes: Vec<String> = serde_json::from_str(&text(row, "network_issues")?)
        .map_err(|error| StoreError::Unavailable(format!("network_issues: {error}")))?;
    Ok(codes.iter().filter_map(|code| Issue::parse(code)).collect())
}
