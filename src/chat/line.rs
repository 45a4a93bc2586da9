//! What a channel says about itself: who came, who left, what changed. A message of type `system` carries one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::id::UserId;

/// People that one line names; of more it tells the number.
pub const NAMED: usize = 20;

/// Somebody in a line, under the name of that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    pub id: UserId,
    pub name: String,
}

/// The author of the message did it, unless the directory is its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Line {
    /// By themselves, or by the directory.
    Joined {
        #[schemars(length(max = NAMED))]
        users: Vec<Named>,
        count: u32,
    },
    /// By a member.
    Added {
        #[schemars(length(max = NAMED))]
        users: Vec<Named>,
        count: u32,
    },
    Left {
        #[schemars(length(max = NAMED))]
        users: Vec<Named>,
        count: u32,
    },
    Removed {
        #[schemars(length(max = NAMED))]
        users: Vec<Named>,
        count: u32,
    },
    Renamed {
        from: String,
        to: String,
    },
    Topic {
        topic: String,
    },
    Archived {},
    Restored {},
}
