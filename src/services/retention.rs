//! The task that lets the store forget what is too old or was deleted long enough ago.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::Inner;
use crate::{
    chat::model::WallMs,
    runtime::clock,
    store::{self, ClearPass, ClearRule, ClearedChannel},
};

/// After a start others come first.
const FIRST: Duration = Duration::from_secs(60);
/// What is due is gone some seventy minutes later; a look when nothing is due costs next to nothing.
const EVERY: Duration = Duration::from_secs(600);
/// Between two portions others use the writer.
const BREATH: Duration = Duration::from_millis(20);

/// Ends with the services.
pub(super) async fn follow(inner: Weak<Inner>) {
    let mut rest = FIRST;
    loop {
        tokio::time::sleep(rest).await;
        rest = EVERY;
        if let Some(inner) = inner.upgrade() {
            inner.forget_logins().await;
            inner.forget_guests().await;
        }
        let mut pass = Some(ClearPass::default());
        let now = clock::wall_ms();
        while let Some(at) = pass.take() {
            let Some(inner) = inner.upgrade() else { return };
            let done = inner.clear(at, now).await;
            drop(inner);
            match done {
                Ok(next) => pass = next,
                Err(error) => tracing::warn!(%error, "old messages could not be cleared; tried again later"),
            }
            tokio::time::sleep(BREATH).await;
        }
    }
}

impl Inner {
    async fn forget_logins(&self) {
        loop {
            match self.expire_logins(clock::wall_ms()).await {
                Ok(0) => return,
                Ok(_) => tokio::time::sleep(BREATH).await,
                Err(error) => return tracing::warn!(%error, "ended sessions could not be forgotten"),
            }
        }
    }

    async fn forget_guests(self: &Arc<Self>) {
        loop {
            match self.see_guests_off().await {
                Ok(false) => return,
                Ok(true) => tokio::time::sleep(BREATH).await,
                Err(error) => return tracing::warn!(%error, "guests whose time is over are still members"),
            }
        }
    }

    /// One portion; what to go on with.
    pub(super) async fn clear(&self, pass: ClearPass, now: WallMs) -> store::Result<Option<ClearPass>> {
        let grace = i64::try_from(self.config.deleted_grace.as_millis()).unwrap_or(i64::MAX);
        let rule = ClearRule {
            default_days: self.config.retention_days,
            deleted_before: now.saturating_sub(grace),
            now,
        };
        let out = self.out.clone();
        let then = Box::new(move |gone: &Vec<ClearedChannel>| gone.iter().for_each(|one| out.cleared(one)));
        let done = self.store.clear(rule, pass, then).await?;
        if done.messages > 0 {
            tracing::info!(messages = done.messages, "messages were cleared");
        }
        Ok(done.next)
    }
}
