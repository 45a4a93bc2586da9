//! Commands about unwanted words.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    base::id::FilterId,
    chat::{filter::FilterAction, limits},
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct FilterAdd {
    /// A word or a phrase; case and accents make no difference.
    #[schemars(length(min = 1, max = limits::MAX_FILTER_WORD), regex(pattern = r"[\p{L}\p{N}]"))]
    pub word: String,
    pub action: FilterAction,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnFilter {
    pub filter_id: FilterId,
}
