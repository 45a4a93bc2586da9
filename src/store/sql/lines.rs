//! Lines that a channel says about itself. They take a `seq` and a `rev` like any message, count as read, and do not move
//! the channel to the front of a list.

use super::{db::args, messages::find, writer::Tx};
use crate::{
    base::id::{ChannelId, MessageId, UserId},
    chat::{
        line::{Line, NAMED, Named},
        model::{ChannelKind, MessageRecord, WallMs},
    },
    store::Result,
};

/// Direct conversations have nobody who comes or goes, and everybody is in a general one.
pub(super) fn speaks(kind: ChannelKind) -> bool {
    !matches!(kind, ChannelKind::Dm | ChannelKind::General)
}

pub(super) async fn write(
    db: &mut Tx<'_>,
    channel: ChannelId,
    by: UserId,
    line: &Line,
    now: WallMs,
) -> Result<MessageRecord> {
    let id = MessageId::from_parts(u64::try_from(now).unwrap_or(0), rand::random());
    let place = db
        .conn
        .one(
            "UPDATE channels SET rev = rev + 1, last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq, rev",
            args![channel],
        )
        .await?;
    let detail = serde_json::to_string(line).unwrap_or_else(|_| "{}".into());
    db.conn
        .run(
            "INSERT INTO messages (id, channel_id, seq, rev, author_id, type, content, detail, created_at) \
             VALUES ($1, $2, $3, $4, $5, 'system', '', $6, $7)",
            args![id, channel, place.int("last_seq")?, place.int("rev")?, by, detail, now],
        )
        .await?;
    find(&mut db.conn, id).await
}

/// These people, as a line names them: the first of them, and how many there are.
pub(super) async fn people(db: &mut Tx<'_>, users: &[UserId]) -> Result<(Vec<Named>, u32)> {
    let mut named = Vec::with_capacity(users.len().min(NAMED));
    for user in users.iter().take(NAMED) {
        let row = db.conn.one("SELECT name FROM users WHERE id = $1", args![*user]).await?;
        named.push(Named { id: *user, name: row.text("name")? });
    }
    Ok((named, u32::try_from(users.len()).unwrap_or(u32::MAX)))
}
