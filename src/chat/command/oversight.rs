//! Commands of administrators about what the server does at the moment.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    base::id::{CallId, UserId},
    chat::limits,
};

/// The top of a list that is another one a moment later, so it has no pages.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct AdminList {
    #[schemars(range(min = 1, max = limits::MAX_PAGE))]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelRing {
    pub call_id: CallId,
    /// Whose ring; absent, all of the call.
    pub user_id: Option<UserId>,
}
