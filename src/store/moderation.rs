//! Blocks, bans, reports and the audit log, as the store takes and answers them.

use super::Audience;
use crate::{
    base::{
        id::{MessageId, ReportId, UserId},
        origin::Origin,
    },
    chat::{
        model::{UserRecord, WallMs},
        moderation::{ReportRecord, ReportState},
    },
};

/// People that one person blocks.
pub const MAX_BLOCKS: u32 = 1000;

#[derive(Debug, Clone)]
pub struct NewReport {
    pub id: ReportId,
    pub message: MessageId,
    pub reporter: UserId,
    pub reason: String,
    pub note: String,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct Reported {
    pub report: ReportRecord,
    /// False if the same person had reported the message before; `report` is that one.
    pub fresh: bool,
    /// The administrators of the server, by account.
    pub admins: Audience,
}

#[derive(Debug, Clone)]
pub struct Resolution {
    pub report: ReportId,
    pub by: UserId,
    pub from: Origin,
    /// Not `Open`.
    pub state: ReportState,
    pub note: String,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct NewBan {
    pub user: UserId,
    pub by: UserId,
    pub from: Origin,
    pub reason: String,
    /// `None` = for good.
    pub until: Option<WallMs>,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct Unban {
    pub user: UserId,
    pub by: UserId,
    pub from: Origin,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct Banned {
    pub user: UserRecord,
    pub reason: String,
    pub until: Option<WallMs>,
    /// Everybody who shares a channel with the user.
    pub audience: Audience,
}

/// What reading the whole audit log showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCheck {
    /// Lines that are as they were written, from the first on.
    pub intact: u64,
    /// Nothing after them is wrong.
    pub whole: bool,
}
