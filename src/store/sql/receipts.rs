//! Who has read a message.

use super::{
    db::{Db, Row, args},
    messages::find,
    rows,
    users::by_id,
};
use crate::{
    base::id::{MessageId, UserId},
    chat::model::ChannelKind,
    store::{MAX_READERS, Receipts, Result},
};

/// Whoever hides how far it has read is seen by itself only, and sees itself only.
macro_rules! shown_sql {
    ($viewer:literal, $shows:literal) => {
        concat!("(u.id = ", $viewer, " OR (u.read_receipts AND ", $shows, ")) ")
    };
}

/// Members whose cursor is at the message or past it. Whoever came later has its cursor there without having read.
macro_rules! readers_sql {
    (channel $select:literal $tail:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM channel_members m JOIN users u ON u.id = m.user_id WHERE m.channel_id = $1 AND m.left_at IS NULL AND m.user_id <> $2 ",
            "AND m.read_seq >= $3 AND m.joined_seq < $3 AND ",
            shown_sql!("$4", "$5"),
            $tail
        )
    };
    (thread $select:literal $tail:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM thread_members f JOIN channel_members m ON m.channel_id = f.channel_id AND m.user_id = f.user_id ",
            "AND m.left_at IS NULL JOIN users u ON u.id = f.user_id WHERE f.channel_id = $1 AND f.user_id <> $2 AND f.read_seq >= $3 ",
            "AND f.thread_id = $6 AND m.joined_at <= $7 AND ",
            shown_sql!("$4", "$5"),
            $tail
        )
    };
}

pub(super) async fn of(db: &mut Db<'_>, id: MessageId, viewer: UserId, named_up_to: u32) -> Result<Receipts> {
    let message = find(db, id).await?;
    let shows = !by_id(db, viewer).await?.hides_reading;
    let mut args = args![message.channel, message.author, message.seq, viewer, shows];
    if let Some(root) = message.thread {
        args.extend(args![root, message.created_at]);
    }
    let counted = match message.thread {
        None => db.one(readers_sql!(channel "COUNT(*) AS n" ""), args.clone()).await?,
        Some(_) => db.one(readers_sql!(thread "COUNT(*) AS n" ""), args.clone()).await?,
    };
    let count = counted.small("n")?;
    let place = db
        .one(
            "SELECT kind, (SELECT COUNT(*) FROM channel_members m WHERE m.channel_id = c.id AND m.left_at IS NULL) \
             AS members FROM channels c WHERE c.id = $1",
            args![message.channel],
        )
        .await?;
    if rows::kind(&place)? == ChannelKind::General || place.small("members")? > named_up_to {
        return Ok(Receipts { readers: Vec::new(), count });
    }
    let found = match message.thread {
        None => {
            args.extend(args![MAX_READERS]);
            let sql = readers_sql!(channel "m.user_id, m.read_at" "ORDER BY m.read_at IS NULL, m.read_at DESC, m.user_id LIMIT $6");
            db.all(sql, args).await?
        }
        Some(_) => {
            args.extend(args![MAX_READERS]);
            let sql = readers_sql!(thread "f.user_id, f.read_at" "ORDER BY f.read_at IS NULL, f.read_at DESC, f.user_id LIMIT $8");
            db.all(sql, args).await?
        }
    };
    let read = |row: &Row| Ok((row.id("user_id")?, row.maybe_int("read_at")?));
    Ok(Receipts { readers: found.iter().map(read).collect::<Result<_>>()?, count })
}
