//! The list of unwanted words, as the store takes and answers it.

use async_trait::async_trait;

use super::{Reported, Result, Then};
use crate::{
    base::{
        id::{FilterId, MessageId, ReportId, UserId},
        origin::Origin,
    },
    chat::{
        filter::{FilterAction, FilterRecord},
        model::WallMs,
    },
};

/// Words of the list; more would be a dictionary, and all of them are held in memory.
pub const MAX_FILTERS: u32 = 2000;

#[derive(Debug, Clone)]
pub struct NewFilter {
    pub id: FilterId,
    pub word: String,
    pub action: FilterAction,
    pub by: UserId,
    pub from: Origin,
    pub now: WallMs,
}

#[derive(Debug, Clone)]
pub struct OldFilter {
    pub id: FilterId,
    pub by: UserId,
    pub from: Origin,
    pub now: WallMs,
}

/// A filter saw something in a message.
#[derive(Debug, Clone)]
pub struct NewFlag {
    pub id: ReportId,
    pub message: MessageId,
    /// What it saw.
    pub note: String,
    pub now: WallMs,
}

#[async_trait]
pub trait FilterStore: Send + Sync {
    /// By word.
    async fn filters(&self) -> Result<Vec<FilterRecord>>;
    /// A word that is there already gets the new action. `Full` beyond `MAX_FILTERS`.
    async fn add_filter(&self, new: NewFilter, then: Then<FilterRecord>) -> Result<FilterRecord>;
    async fn remove_filter(&self, old: OldFilter, then: Then<FilterRecord>) -> Result<FilterRecord>;
    /// A report that nobody made; of a message with an open one, that one with the words of now.
    async fn flag(&self, new: NewFlag, then: Then<Reported>) -> Result<Reported>;
}
