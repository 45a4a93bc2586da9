//! The size limits of the protocol tables, checked before anything is looked up.

use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    command::{ChannelCreate, ChannelRef, Command, MessageSend},
    error::ServiceError,
    model::ChannelKind,
    search::words,
};
use crate::base::{id::UserId, playout::PlayoutDelay};

/// Characters of one message.
pub const MAX_CONTENT: usize = 10_000;
/// People in one `channel:create`.
pub const MAX_PARTICIPANTS: usize = 500;
/// People rung by one `call:start` or `call:invite`.
pub const MAX_RUNG: usize = 50;
/// People in one presence question.
pub const MAX_PRESENCE: usize = 500;
/// Largest page of any list.
pub const MAX_PAGE: u32 = 100;
/// Page size when the client does not say.
pub const DEFAULT_PAGE: u32 = 50;

/// Bytes: a family of four with skin tones has 41.
pub(super) const MAX_EMOJI: usize = 64;
pub(super) const MAX_EMOJI_NAME: usize = 32;
pub(super) const MAX_MENTIONS: usize = 50;
pub(super) const MAX_SEARCH: usize = 200;
pub(super) const MAX_DESCRIPTION: usize = 500;
pub(super) const MAX_TOPIC: usize = 250;
/// Why somebody is kicked, timed out or banned.
pub(super) const MAX_REASON: usize = 500;
/// What a message is reported for: a word or two.
pub(super) const MAX_REPORT_REASON: usize = 100;
pub(super) const MAX_NOTE: usize = 1000;
/// A phrase, not a sentence.
pub(super) const MAX_FILTER_WORD: usize = 100;
/// A link for guests: five minutes to ninety days, in seconds.
pub(super) const MIN_INVITE_S: u32 = 300;
pub(super) const MAX_INVITE_S: u32 = 7_776_000;
/// Guests by one link, where it says so.
pub(super) const MAX_INVITE_USES: u32 = 1000;
/// Six hours.
pub(super) const MAX_SLOW_MODE_S: u32 = 21_600;
/// Ten years.
pub(super) const MAX_RETENTION_DAYS: u32 = 3650;
/// The id of a department or project in somebody else's books.
pub(super) const MAX_EXTERNAL_ID: usize = 64;
/// Bytes.
pub(super) const MAX_CONTEXT: usize = 2048;
pub(super) const MAX_CUSTOM_STATUS: usize = 100;
pub(super) const MAX_NONCE: usize = 64;
/// A ULID has 26 characters, a slug at most 100.
pub(super) const MAX_REF: usize = 100;
/// Opaque list cursors are ids or names.
pub(super) const MAX_CURSOR: usize = 256;
/// Names of channels.
pub(super) const MAX_NAME: usize = 100;
pub(super) const MAX_ACTIVITY_TYPE: usize = 32;
pub(super) const MAX_ACTIVITY_NAME: usize = 128;
pub(super) const MAX_ACTIVITY_DETAILS: usize = 256;

/// `Some(n)` clamped into 1..=100, 50 if absent.
pub fn page(limit: Option<u32>) -> u32 {
    limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE)
}

/// No database of ours keeps it in a text, and no text needs it.
pub(super) fn no_nul(data: &Value) -> Result<(), ServiceError> {
    let found = match data {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => return items.iter().try_for_each(no_nul),
        Value::Object(fields) => return fields.values().try_for_each(no_nul),
        _ => false,
    };
    ensure(!found, "d", "no NUL characters")
}

pub(super) fn check(command: &Command) -> Result<(), ServiceError> {
    match command {
        Command::ChannelList(c) => {
            for (path, id) in [("projectId", &c.project_id), ("departmentId", &c.department_id)] {
                chars(path, id.as_deref().unwrap_or("x"), 1, MAX_EXTERNAL_ID)?;
            }
            list(c.search.as_deref(), c.cursor.as_deref(), c.limit)
        }
        Command::UserBlocks(c) | Command::Bans(c) => list(None, c.cursor.as_deref(), c.limit),
        Command::Reports(c) => list(None, c.cursor.as_deref(), c.limit),
        Command::AuditLog(c) => list(None, c.cursor.as_deref(), c.limit),
        Command::AdminCalls(c) | Command::AdminRings(c) => limit(c.limit),
        Command::MessageReport(c) => {
            chars("reason", c.reason.trim(), 1, MAX_REPORT_REASON)?;
            chars("note", &c.note, 0, MAX_NOTE)
        }
        Command::ResolveReport(c) => chars("note", &c.note, 0, MAX_NOTE),
        Command::KickUser(c) => {
            channel(&c.channel_id)?;
            chars("reason", &c.reason, 0, MAX_REASON)
        }
        Command::TimeoutUser(c) => {
            channel(&c.channel_id)?;
            chars("reason", &c.reason, 0, MAX_REASON)
        }
        Command::BanUser(c) => chars("reason", &c.reason, 0, MAX_REASON),
        Command::UserList(c) => list(c.search.as_deref(), c.cursor.as_deref(), c.limit),
        Command::ThreadList(c) => {
            optional_channel(c.channel_id.as_ref())?;
            list(None, c.cursor.as_deref(), c.limit)
        }
        Command::CallHistory(c) => {
            optional_channel(c.channel_id.as_ref())?;
            list(None, c.cursor.as_deref(), c.limit)
        }
        Command::ChannelCreate(c) => {
            if c.kind == ChannelKind::Dm {
                ensure(c.is_internal != Some(true), "isInternal", "not of a dm")?;
                return ensure(c.participants.len() == 1, "participants", "exactly 1 for a dm");
            }
            of_a_unit(c)?;
            let open = c.is_internal == Some(false) && c.kind.is_internal();
            ensure(!open, "isInternal", "always true in channels of this type")?;
            ensure(c.context.as_ref().is_none_or(fits_context), "context", "at most 2048 bytes of JSON")?;
            chars("name", c.name.trim(), 2, MAX_NAME)?;
            chars("description", c.description.as_deref().unwrap_or_default(), 0, MAX_DESCRIPTION)?;
            ensure(c.participants.len() <= MAX_PARTICIPANTS, "participants", "at most 500")
        }
        Command::ChannelHistory(c) => {
            channel(&c.channel_id)?;
            let anchors = [c.before, c.after, c.around].iter().flatten().count();
            ensure(anchors <= 1, "before", "only one of before, after, around")?;
            limit(c.limit)
        }
        Command::ChannelSync(c) => channel(&c.channel_id),
        Command::ChannelUpdate(c) => {
            channel(&c.channel_id)?;
            if let Some(name) = &c.name {
                chars("name", name.trim(), 2, MAX_NAME)?;
            }
            chars("description", c.description.as_deref().unwrap_or_default(), 0, MAX_DESCRIPTION)?;
            chars("topic", c.topic.as_deref().unwrap_or_default(), 0, MAX_TOPIC)?;
            ensure(c.slow_mode.is_none_or(|s| s <= MAX_SLOW_MODE_S), "slowMode", "0..=21600")?;
            ensure(c.retention_days.is_none_or(|d| d <= MAX_RETENTION_DAYS), "retentionDays", "0..=3650")
        }
        Command::ChannelArchive(c) => channel(&c.channel_id),
        Command::MemberAdd(c)
        | Command::MemberRemove(c)
        | Command::InviteAdmit(c)
        | Command::InviteRefuse(c) => channel(&c.channel_id),
        Command::MemberRole(c) => channel(&c.channel_id),
        Command::SetNotify(c) => channel(&c.channel_id),
        Command::MessageSend(c) => send(c),
        Command::MessageEdit(c) => content(&c.content),
        Command::ScheduleList(c) => optional_channel(c.channel_id.as_ref()),
        Command::ScheduleUpdate(c) => {
            let given = c.content.is_some() || c.mentions.is_some() || c.send_at.is_some();
            ensure(given, "sendAt", "one of content, mentions, sendAt")?;
            c.content.as_deref().map_or(Ok(()), content)?;
            mentioned(c.mentions.as_deref().unwrap_or_default())
        }
        Command::MessageReact(c) => ensure(is_emoji(&c.emoji), "emoji", "one emoji or :name:"),
        Command::MessagePin(c) | Command::MessageUnpin(c) => optional_channel(c.channel_id.as_ref()),
        Command::MarkRead(c) => {
            channel(&c.channel_id)?;
            let given = [c.seq.is_some(), c.message_id.is_some(), c.unread_from.is_some(), c.all];
            ensure(given.iter().filter(|g| **g).count() == 1, "seq", "one of seq, messageId, unreadFrom, all")
        }
        Command::PresenceUpdate(c) => {
            chars("customStatus", c.custom_status.as_deref().unwrap_or_default(), 0, MAX_CUSTOM_STATUS)?;
            let emoji = c.emoji.as_deref().filter(|emoji| !emoji.is_empty());
            ensure(emoji.is_none_or(is_emoji), "emoji", "one emoji or :name:")?;
            let custom = c.custom_status.is_some() || c.emoji.is_some();
            ensure(custom || c.until.is_none(), "until", "the end of a customStatus or emoji")?;
            let Some(activity) = &c.activity else { return Ok(()) };
            chars("activity.type", &activity.kind, 0, MAX_ACTIVITY_TYPE)?;
            chars("activity.name", &activity.name, 0, MAX_ACTIVITY_NAME)?;
            chars("activity.details", &activity.details, 0, MAX_ACTIVITY_DETAILS)
        }
        Command::PresenceSubscribe(c) | Command::PresenceUnsubscribe(c) | Command::PresenceBulk(c) => {
            optional_channel(c.channel_id.as_ref())?;
            ensure(c.user_ids.len() <= MAX_PRESENCE, "userIds", "at most 500")
        }
        Command::VoiceJoin(c) => {
            channel(&c.channel_id)?;
            playout_delay(c.playout_delay)
        }
        Command::VoiceLeave(c) => optional_channel(c.channel_id.as_ref()),
        Command::VoiceUpdate(c) => optional_channel(c.which.channel_id.as_ref()),
        Command::CallStart(c) => {
            channel(&c.channel_id)?;
            playout_delay(c.playout_delay)?;
            ensure(c.participant_ids.len() <= MAX_RUNG, "participantIds", "at most 50")
        }
        Command::CallReact(c) => ensure(is_one_emoji(&c.emoji), "emoji", "one emoji"),
        Command::CallInvite(c) => ensure((1..=MAX_RUNG).contains(&c.user_ids.len()), "userIds", "1..=50"),
        Command::SearchMessages(c) => {
            chars("q", &c.q, 0, MAX_SEARCH)?;
            optional_channel(c.channel_id.as_ref())?;
            list(None, c.cursor.as_deref(), c.limit)
        }
        Command::SearchSuggest(c) => {
            chars("q", &c.q, 0, MAX_SEARCH)?;
            limit(c.limit)
        }
        Command::ChannelGet(c)
        | Command::ChannelJoin(c)
        | Command::ChannelLeave(c)
        | Command::ChannelPins(c)
        | Command::InviteList(c)
        | Command::TypingActive(c)
        | Command::VoiceParticipants(c) => channel(&c.channel_id),
        Command::TypingStart(c) | Command::TypingStop(c) => channel(&c.channel_id),
        Command::FilterAdd(c) => {
            chars("word", c.word.trim(), 1, MAX_FILTER_WORD)?;
            ensure(!words(&c.word).is_empty(), "word", "with a letter or a digit")
        }
        Command::InviteCreate(c) => {
            channel(&c.channel_id)?;
            let span = c.expires_in.is_none_or(|s| (MIN_INVITE_S..=MAX_INVITE_S).contains(&s));
            ensure(span, "expiresIn", "300..=7776000")?;
            let uses = c.max_uses.is_none_or(|n| (1..=MAX_INVITE_USES).contains(&n));
            ensure(uses, "maxUses", "1..=1000")
        }
        Command::InviteRevoke(c) => optional_channel(c.channel_id.as_ref()),
        Command::SessionRevoke(c) => {
            ensure(c.session_id.is_some() != c.others, "sessionId", "either sessionId or others")
        }
        Command::MessageDelete(_)
        | Command::MessageGet(_)
        | Command::MessageRevisions(_)
        | Command::ReadReceipts(_)
        | Command::ScheduleCancel(_)
        | Command::ThreadGet(_)
        | Command::ThreadFollow(_)
        | Command::ThreadUnfollow(_)
        | Command::PresenceHeartbeat(_)
        | Command::CallRinging(_)
        | Command::CallAccept(_)
        | Command::CallDecline(_)
        | Command::CallCancel(_)
        | Command::CallJoin(_)
        | Command::CallLeave(_)
        | Command::CallEnd(_)
        | Command::CallMute(_)
        | Command::CallKick(_)
        | Command::CallAskUnmute(_)
        | Command::CallHand(_)
        | Command::CallLock(_)
        | Command::CallGet(_)
        | Command::DmOpen(_)
        | Command::UserBlock(_)
        | Command::UserUnblock(_)
        | Command::UnbanUser(_)
        | Command::UserGet(_)
        | Command::SessionList(_)
        | Command::Filters(_)
        | Command::FilterRemove(_)
        | Command::UserSessions(_)
        | Command::AdminOverview(_)
        | Command::AdminPolicy(_)
        | Command::AdminCall(_)
        | Command::AdminEndCall(_)
        | Command::AdminCancelRing(_)
        | Command::RevokeSessions(_) => Ok(()),
    }
}

/// Channels of departments and projects say of which one.
/// What every member gets with the channel is not for more than a few fields.
pub(super) fn fits_context(context: &serde_json::Map<String, Value>) -> bool {
    serde_json::to_string(context).is_ok_and(|text| text.len() <= MAX_CONTEXT)
}

fn of_a_unit(c: &ChannelCreate) -> Result<(), ServiceError> {
    let units = [
        ("departmentId", &c.department_id, ChannelKind::Department),
        ("projectId", &c.project_id, ChannelKind::Project),
    ];
    for (path, id, kind) in units {
        ensure(id.is_some() == (c.kind == kind), path, "in channels of this type, and only there")?;
        if let Some(id) = id {
            chars(path, id.trim(), 1, MAX_EXTERNAL_ID)?;
        }
    }
    Ok(())
}

fn playout_delay(bounds: Option<PlayoutDelay>) -> Result<(), ServiceError> {
    let checked = bounds.map_or(Ok(()), PlayoutDelay::check);
    checked.map_err(|(name, rule)| ServiceError::invalid(format!("playoutDelay.{name}"), rule))
}

fn send(c: &MessageSend) -> Result<(), ServiceError> {
    channel(&c.channel_id)?;
    content(&c.content)?;
    if let Some(nonce) = &c.nonce {
        chars("nonce", nonce, 1, MAX_NONCE)?;
    }
    mentioned(&c.mentions)?;
    ensure(c.kind.as_deref().is_none_or(|kind| kind == "text"), "type", "only text is supported")?;
    ensure(c.attachments.as_ref().is_none_or(Vec::is_empty), "attachments", "not supported")?;
    ensure(c.encrypted.is_none(), "encrypted", "not supported")
}

fn mentioned(users: &[UserId]) -> Result<(), ServiceError> {
    ensure(users.len() <= MAX_MENTIONS, "mentions", "at most 50")
}

/// One grapheme that is not a letter, digit or blank, or the name of a picture between colons.
fn is_emoji(text: &str) -> bool {
    if let Some(name) = text.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')) {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_+-".contains(&byte);
        return (1..=MAX_EMOJI_NAME).contains(&name.len()) && name.bytes().all(fits);
    }
    is_one_emoji(text)
}

fn is_one_emoji(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || c.is_whitespace() || c.is_control();
    let mut graphemes = text.graphemes(true);
    let one = graphemes.next().is_some() && graphemes.next().is_none();
    one && text.len() <= MAX_EMOJI && !text.chars().all(plain)
}

fn content(text: &str) -> Result<(), ServiceError> {
    ensure(!text.trim().is_empty(), "content", "1..=10000 chars, not only blanks")?;
    chars("content", text, 1, MAX_CONTENT)
}

fn list(search: Option<&str>, cursor: Option<&str>, size: Option<u32>) -> Result<(), ServiceError> {
    chars("search", search.unwrap_or_default(), 0, MAX_SEARCH)?;
    chars("cursor", cursor.unwrap_or_default(), 0, MAX_CURSOR)?;
    limit(size)
}

fn limit(size: Option<u32>) -> Result<(), ServiceError> {
    ensure(size.is_none_or(|n| (1..=MAX_PAGE).contains(&n)), "limit", "1..=100")
}

fn channel(name: &ChannelRef) -> Result<(), ServiceError> {
    chars("channelId", &name.0, 1, MAX_REF)
}

fn optional_channel(name: Option<&ChannelRef>) -> Result<(), ServiceError> {
    name.map_or(Ok(()), channel)
}

pub(super) fn chars(path: &str, text: &str, min: usize, max: usize) -> Result<(), ServiceError> {
    // `len` bounds the character count from above, so counting is only needed for long or multi-byte text.
    let count = if text.len() <= max { text.len().min(max) } else { text.chars().count() };
    let enough = text.chars().take(min).count() == min;
    ensure(enough && count <= max, path, &format!("{min}..={max} chars"))
}

pub(super) fn ensure(holds: bool, path: &str, rule: &str) -> Result<(), ServiceError> {
    if holds { Ok(()) } else { Err(ServiceError::invalid(path, rule)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::error::Code;
    use super::*;

    fn code(op: &str, data: Value) -> Option<Code> {
        Command::parse(op, data).err().map(|e| e.code)
    }

    #[test]
    fn content_limit_counts_characters_not_bytes() {
        let send = |content: String| json!({"channelId": "general", "content": content, "nonce": "n"});
        assert_eq!(code("message:send", send("ä".repeat(10_000))), None);
        assert_eq!(code("message:send", send("ä".repeat(10_001))), Some(Code::ValidationFailed));
        assert_eq!(code("message:send", send("a".repeat(10_001))), Some(Code::ValidationFailed));
        assert_eq!(code("message:send", send("  \n".into())), Some(Code::ValidationFailed));
        assert_eq!(code("message:send", send("a\0b".into())), Some(Code::ValidationFailed));
    }

    #[test]
    fn a_broken_rule_names_its_field() {
        let error = Command::parse("channel:create", json!({"type": "group", "name": "x"})).unwrap_err();
        assert_eq!(error.details[0].path, "name");
        assert_eq!(error.details[0].rule, "2..=100 chars");
    }

    #[test]
    fn unknown_ops_and_missing_or_mistyped_fields_are_told_apart() {
        assert_eq!(code("nope", Value::Null), Some(Code::OpUnknown));
        assert_eq!(code("channel:get", Value::Null), Some(Code::ValidationFailed));
        assert_eq!(code("message:get", json!({"messageId": "junk"})), Some(Code::ValidationFailed));
        assert_eq!(code("channel:list", Value::Null), None);
        assert_eq!(code("channel:list", json!({"someday": 1, "limit": 100})), None);
        assert_eq!(code("channel:list", json!({"limit": 101})), Some(Code::ValidationFailed));
    }

    #[test]
    fn playout_delays_of_calls_are_bounded() {
        for op in ["voice:join", "call:start"] {
            let parse = |delay: Value| Command::parse(op, json!({"channelId": "x", "playoutDelay": delay}));
            for good in [json!(null), json!({}), json!({"min": 200, "max": 200}), json!({"max": 0})] {
                assert!(parse(good).is_ok());
            }
            for (bad, path) in [
                (json!({"min": 300, "max": 200}), "playoutDelay.min"),
                (json!({"max": 40_960}), "playoutDelay.max"),
                (json!({"min": 15}), "playoutDelay.min"),
                (json!({"min": -10}), "d"),
                (json!({"max": 70_000}), "d"),
                (json!({"least": 10}), "d"),
            ] {
                let error = parse(bad).unwrap_err();
                assert_eq!((error.code, error.details[0].path.as_str()), (Code::ValidationFailed, path));
            }
        }
    }

    #[test]
    fn emoji_are_one_grapheme_or_a_name() {
        let family = "\u{1F468}\u{1F3FD}\u{200D}\u{1F469}\u{1F3FD}\u{200D}\u{1F467}\u{1F3FD}\u{200D}\u{1F466}\u{1F3FD}";
        for good in [
            "\u{1F44D}",
            "\u{1F44D}\u{1F3FD}",
            family,
            "1\u{FE0F}\u{20E3}",
            "\u{1F1EA}\u{1F1FA}",
            "!",
            ":party-2_+:",
        ] {
            assert!(is_emoji(good), "{good}");
        }
        let long = format!(":{}:", "a".repeat(33));
        for bad in ["", "a", "\u{e9}", "7", " ", "\n", "\u{1F44D}\u{1F44D}", "::", ":A:", ":a b:", &long] {
            assert!(!is_emoji(bad), "{bad:?}");
        }
    }

    #[test]
    fn channels_of_departments_and_projects_name_them() {
        let create = |kind: &str, fields: Value| {
            let mut data = json!({"type": kind, "name": "Sales"});
            data.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            code("channel:create", data)
        };
        assert_eq!(create("department", json!({"departmentId": "d1"})), None);
        assert_eq!(create("project", json!({"projectId": "p1"})), None);
        for (kind, fields) in [
            ("department", json!({})),
            ("department", json!({"projectId": "p1"})),
            ("group", json!({"departmentId": "d1"})),
            ("project", json!({"projectId": " "})),
        ] {
            assert_eq!(create(kind, fields), Some(Code::ValidationFailed), "{kind}");
        }
    }

    #[test]
    fn settings_of_channels_are_bounded() {
        let update = |fields: Value| {
            let mut data = json!({"channelId": "x"});
            data.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            code("channel:update", data)
        };
        assert_eq!(update(json!({"slowMode": 21_600, "topic": "t".repeat(250), "name": " ab "})), None);
        assert_eq!(update(json!({"retentionDays": 3650})), None);
        for bad in [
            json!({"slowMode": 21_601}),
            json!({"topic": "t".repeat(251)}),
            json!({"name": " a "}),
            json!({"retentionDays": 3651}),
            json!({"retentionDays": -1}),
        ] {
            assert_eq!(update(bad), Some(Code::ValidationFailed));
        }
        let notify = |until: &str| json!({"channelId": "x", "pref": "none", "mutedUntil": until});
        assert_eq!(code("channel:set_notify", notify("2030-01-01T00:00:00Z")), None);
        assert_eq!(code("channel:set_notify", notify("tomorrow")), Some(Code::ValidationFailed));
    }

    #[test]
    fn history_takes_one_anchor() {
        let two = json!({"channelId": "g", "before": 4, "after": 2});
        assert_eq!(code("channel:get_history", two), Some(Code::ValidationFailed));
    }

    #[test]
    fn every_op_has_a_name_that_parses_back() {
        let parsed = Command::parse("voice:update", json!({"muted": true})).unwrap();
        assert_eq!(parsed.name(), "voice:update");
        assert!(Command::OPS.contains(&"call:history"));
    }
}
