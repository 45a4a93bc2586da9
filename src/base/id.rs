//! Typed identifiers. Every public id is a ULID: 26 Crockford characters, sortable by creation time.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The text was not a 26-character ULID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid identifier")]
pub struct InvalidId;

/// Crockford's letters, of either case; written in capitals.
const PATTERN: &str = "^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$";

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Ulid);

        impl $name {
            /// An id from a wall-clock time in milliseconds and 80 bits of randomness.
            pub fn from_parts(unix_ms: u64, random: u128) -> Self {
                Self(Ulid::from_parts(unix_ms, random))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": PATTERN})
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Ulid::from_string(text).map(Self).map_err(|_| InvalidId)
            }
        }
    )+};
}

ids! {
    /// A person or bot with an account.
    UserId,
    /// A chat stream.
    ChannelId,
    /// One message, root or reply.
    MessageId,
    /// Somebody's report of a message.
    ReportId,
    /// A word that is not wanted.
    FilterId,
    /// A message that waits for its time.
    ScheduleId,
    /// A link that lets people in who have no account.
    InviteId,
    /// One call; its media room carries the same id.
    CallId,
    /// One signalling session; survives its socket for the resume window.
    SessionId,
    /// Somebody signed in somewhere: what a refresh token keeps alive, whatever sockets come and go.
    LoginId,
    /// A set of participants that share media. Equal to the `CallId` it serves.
    RoomId,
    /// One identity's presence in one room.
    ParticipantId,
    /// A media source as people see it: a microphone, a camera, a screen.
    TrackId,
}

/// A media thread. Other shards know it by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<CallId> for RoomId {
    fn from(id: CallId) -> Self {
        Self(id.0)
    }
}

impl From<RoomId> for CallId {
    fn from(id: RoomId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_junk_is_refused() {
        let id = UserId::from_parts(1_700_000_000_000, 42);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 26);
        assert_eq!("not-an-id".parse::<UserId>(), Err(InvalidId));
    }
}
