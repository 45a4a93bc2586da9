//! What a token allows: the one place where grants are enforced.

use crate::{
    auth::grants::{Actor, Grants},
    base::id::ChannelId,
    chat::{
        command::Command,
        error::{Code, ServiceError},
    },
};

/// The channel a command is about. The slug is only looked up for tokens bound to a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub id: ChannelId,
    pub slug: Option<String>,
}

/// Refuses what the token does not allow. Membership is checked elsewhere; grants only ever narrow it.
pub(super) fn permit(grants: &Grants, command: &Command, place: Option<&Place>) -> Result<(), ServiceError> {
    match place {
        Some(place) if !in_room(grants, place) => {
            return Err(ServiceError::new(Code::NotFoundChannel, "no such channel"));
        }
        None if grants.room.is_some() && leaves_room(command) => {
            return Err(denied("the token is bound to one room"));
        }
        _ => {}
    }
    if grants.room.is_some() && invites(command) {
        return Err(denied("the token is bound to one room"));
    }
    if grants.guest && bothers_people(command) {
        return Err(denied("guests may not do this"));
    }
    if !grants.chat && is_chat(command) {
        return Err(denied("the token does not allow chat"));
    }
    if !grants.publish && !grants.subscribe && enters_call(command) {
        return Err(denied("the token does not allow calls"));
    }
    let video = matches!(command, Command::VoiceUpdate(c) if c.video == Some(true) || c.screen == Some(true));
    if video && !grants.publish {
        return Err(denied("the token does not allow publishing"));
    }
    Ok(())
}

/// Host powers by token; the role in the channel may give them as well.
pub(super) fn is_host(actor: &Actor, role: &str) -> bool {
    actor.grants.admin || matches!(role, "owner" | "admin")
}

fn in_room(grants: &Grants, place: &Place) -> bool {
    grants.room.as_deref().is_none_or(|room| {
        place.slug.as_deref() == Some(room) || room.parse::<ChannelId>().is_ok_and(|id| id == place.id)
    })
}

fn leaves_room(command: &Command) -> bool {
    matches!(
        command,
        Command::ChannelCreate(_)
            | Command::DmOpen(_)
            | Command::UserBlock(_)
            | Command::UserUnblock(_)
            | Command::UserBlocks(_)
            | Command::SessionList(_)
            | Command::SessionRevoke(_)
            | Command::Filters(_)
            | Command::FilterAdd(_)
            | Command::FilterRemove(_)
            | Command::UserSessions(_)
            | Command::RevokeSessions(_)
            | Command::Reports(_)
            | Command::ResolveReport(_)
            | Command::BanUser(_)
            | Command::UnbanUser(_)
            | Command::Bans(_)
            | Command::AuditLog(_)
            | Command::AdminOverview(_)
            | Command::AdminPolicy(_)
            | Command::AdminCalls(_)
            | Command::AdminCall(_)
            | Command::AdminEndCall(_)
            | Command::AdminRings(_)
            | Command::AdminCancelRing(_)
    )
}

/// Lets people in who have no account.
fn invites(command: &Command) -> bool {
    matches!(
        command,
        Command::InviteCreate(_)
            | Command::InviteList(_)
            | Command::InviteRevoke(_)
            | Command::InviteAdmit(_)
            | Command::InviteRefuse(_)
    )
}

/// Looks for people, or reaches beyond those who are there.
fn bothers_people(command: &Command) -> bool {
    matches!(
        command,
        Command::UserList(_)
            | Command::SearchSuggest(_)
            | Command::DmOpen(_)
            | Command::ChannelCreate(_)
            | Command::MemberAdd(_)
            | Command::CallStart(_)
            | Command::CallInvite(_)
    )
}

fn enters_call(command: &Command) -> bool {
    matches!(
        command,
        Command::VoiceJoin(_)
            | Command::CallStart(_)
            | Command::CallAccept(_)
            | Command::CallJoin(_)
            | Command::CallInvite(_)
    )
}

fn is_chat(command: &Command) -> bool {
    matches!(
        command,
        Command::ChannelHistory(_)
            | Command::ChannelSync(_)
            | Command::ChannelUpdate(_)
            | Command::ChannelArchive(_)
            | Command::MemberAdd(_)
            | Command::MemberRemove(_)
            | Command::MemberRole(_)
            | Command::SetNotify(_)
            | Command::MessageReport(_)
            | Command::Reports(_)
            | Command::MessageSend(_)
            | Command::MessageEdit(_)
            | Command::MessageDelete(_)
            | Command::MessageReact(_)
            | Command::MessagePin(_)
            | Command::MessageUnpin(_)
            | Command::ChannelPins(_)
            | Command::MessageGet(_)
            | Command::MessageRevisions(_)
            | Command::MarkRead(_)
            | Command::ReadReceipts(_)
            | Command::ScheduleList(_)
            | Command::ScheduleUpdate(_)
            | Command::ScheduleCancel(_)
            | Command::ThreadGet(_)
            | Command::ThreadList(_)
            | Command::ThreadFollow(_)
            | Command::ThreadUnfollow(_)
            | Command::TypingStart(_)
            | Command::TypingStop(_)
            | Command::TypingActive(_)
            | Command::SearchMessages(_)
            | Command::SearchSuggest(_)
            | Command::InviteCreate(_)
            | Command::InviteList(_)
            | Command::InviteRevoke(_)
            | Command::InviteAdmit(_)
            | Command::InviteRefuse(_)
    )
}

fn denied(why: &str) -> ServiceError {
    ServiceError::new(Code::PermDenied, why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place() -> Place {
        Place { id: ChannelId::from_parts(1, 1), slug: Some("standup".into()) }
    }

    fn code(grants: &Grants, op: &str, data: serde_json::Value, place: Option<&Place>) -> Option<Code> {
        permit(grants, &Command::parse(op, data).unwrap(), place).err().map(|error| error.code)
    }

    #[test]
    fn a_room_token_sees_nothing_but_its_room() {
        for (room, seen) in [("standup", true), ("other", false), (&place().id.to_string(), true)] {
            let grants = Grants { room: Some(room.into()), ..Grants::default() };
            let refused = (!seen).then_some(Code::NotFoundChannel);
            assert_eq!(code(&grants, "channel:get", json!({"channelId": "x"}), Some(&place())), refused);
            assert_eq!(code(&grants, "channel:list", json!({}), None), None);
            let create = json!({"type": "group", "name": "new"});
            assert_eq!(code(&grants, "channel:create", create, None), Some(Code::PermDenied));
            let host = Grants { admin: true, ..grants };
            let user = json!({"userId": crate::base::id::UserId::from_parts(1, 1)});
            let call = json!({"callId": crate::base::id::CallId::from_parts(1, 1)});
            for (op, data) in [
                ("user:block", user.clone()),
                ("user:unblock", user.clone()),
                ("user:blocks", json!({})),
                ("session:list", json!({})),
                ("session:revoke", json!({"others": true})),
                ("moderation:sessions", user.clone()),
                ("moderation:filters", json!({})),
                ("moderation:filter_add", json!({"word": "x", "action": "mask"})),
                ("moderation:revoke_sessions", user.clone()),
                ("moderation:reports", json!({})),
                ("moderation:ban_user", user.clone()),
                ("moderation:unban_user", user.clone()),
                ("moderation:bans", json!({})),
                ("moderation:audit", json!({})),
                ("admin:overview", json!({})),
                ("admin:policy", json!({})),
                ("admin:calls", json!({})),
                ("admin:call", call.clone()),
                ("admin:end_call", call.clone()),
                ("admin:rings", json!({})),
                ("admin:cancel_ring", call.clone()),
            ] {
                assert_eq!(code(&host, op, data, None), Some(Code::PermDenied), "{op}");
            }
        }
    }

    #[test]
    fn a_guest_bothers_nobody_and_a_room_token_lets_nobody_in() {
        let (here, user) = (place(), json!({"userId": crate::base::id::UserId::from_parts(1, 1)}));
        let channel = json!({"channelId": "standup"});
        let bound = Grants { room: Some("standup".into()), admin: true, ..Grants::default() };
        let invite = json!({"inviteId": crate::base::id::InviteId::from_parts(1, 1)});
        let waits = json!({"channelId": "standup", "userId": user["userId"]});
        for (op, data) in [
            ("invite:create", &channel),
            ("invite:list", &channel),
            ("invite:revoke", &invite),
            ("invite:admit", &waits),
            ("invite:refuse", &waits),
        ] {
            assert_eq!(code(&bound, op, data.clone(), Some(&here)), Some(Code::PermDenied), "{op}");
            assert_eq!(code(&Grants::default(), op, data.clone(), Some(&here)), None, "{op}");
            let mute = Grants { chat: false, ..Grants::default() };
            assert_eq!(code(&mute, op, data.clone(), Some(&here)), Some(Code::PermDenied), "{op}");
        }
        let guest = Grants { guest: true, ..bound };
        for (op, data, place) in [
            ("user:list", json!({}), None),
            ("search:suggest", json!({"q": "a"}), None),
            ("dm:open", user.clone(), None),
            ("channel:create", json!({"type": "group", "name": "new"}), None),
            ("channel:member_add", json!({"channelId": "x", "userId": user["userId"]}), Some(&here)),
            ("call:start", json!({"channelId": "x", "type": "voice"}), Some(&here)),
        ] {
            assert_eq!(code(&guest, op, data, place), Some(Code::PermDenied), "{op}");
        }
        assert_eq!(code(&guest, "voice:join", channel.clone(), Some(&here)), None);
        assert_eq!(
            code(&guest, "message:send", json!({"channelId": "x", "content": "hi"}), Some(&here)),
            None
        );
        // As it was before there were guests: others' tokens do not say that they are none.
        assert!(!serde_json::to_string(&Grants::default()).unwrap().contains("guest"));
        assert_eq!(serde_json::from_str::<Grants>("{}").unwrap(), Grants::default());
    }

    #[test]
    fn chat_and_media_are_granted_apart() {
        let place = place();
        let watcher = Grants { chat: false, publish: false, ..Grants::default() };
        let send = json!({"channelId": "x", "content": "hi"});
        assert_eq!(code(&watcher, "message:send", send.clone(), Some(&place)), Some(Code::PermDenied));
        let report = json!({"messageId": place.id, "reason": "spam"});
        assert_eq!(code(&watcher, "message:report", report, Some(&place)), Some(Code::PermDenied));
        assert_eq!(code(&watcher, "moderation:reports", json!({}), None), Some(Code::PermDenied));
        assert_eq!(code(&watcher, "voice:join", json!({"channelId": "x"}), Some(&place)), None);
        assert_eq!(code(&watcher, "voice:update", json!({"video": true}), None), Some(Code::PermDenied));
        let writer = Grants { publish: false, subscribe: false, ..Grants::default() };
        assert_eq!(code(&writer, "message:send", send, Some(&place)), None);
        assert_eq!(
            code(&writer, "voice:join", json!({"channelId": "x"}), Some(&place)),
            Some(Code::PermDenied)
        );
    }
}
