//! Safety: blocks, reports, kicks, time-outs, bans, and the log of who did what.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use super::{Inner, StoredResult};
use crate::{
    auth::grants::Actor,
    base::{
        id::{ChannelId, UserId},
        time::rfc3339,
    },
    chat::{
        broadcast::Audience,
        command::{
            AuditLog, BanUser, KickUser, MessageReport, PageOf, ReportResolution, Reports, ResolveReport,
            TimeoutUser,
        },
        error::{Code, ServiceError},
        limits::page,
        model::{UserRecord, WallMs},
        moderation::{AuditRecord, BanRecord, ReportRecord, ReportState},
    },
    runtime::clock,
    store::{Banned, ChangedMember, MemberChange, NewBan, NewReport, Reported, Resolution, Unban},
};

/// For how long a ban is remembered here. Commands that were let in before it are over by then; new ones meet the
/// database.
const REMEMBERED_MS: i64 = 10 * 60 * 1000;

/// Whom this process banned lately: commands may still be waiting in their sockets' queues.
#[derive(Default)]
pub(super) struct Banished(Mutex<HashMap<UserId, Ban>>);

struct Ban {
    at: WallMs,
    until: WallMs,
}

impl Banished {
    fn add(&self, user: UserId, at: WallMs, until: Option<WallMs>) {
        self.bans().insert(user, Ban { at, until: until.unwrap_or(WallMs::MAX) });
    }

    fn remove(&self, user: UserId) {
        self.bans().remove(&user);
    }

    pub(super) fn check(&self, user: UserId) -> Result<(), ServiceError> {
        match self.bans().get(&user).map(|ban| ban.until) {
            Some(until) if until > clock::wall_ms() => Err(banned(until)),
            _ => Ok(()),
        }
    }

    pub(super) fn prune(&self) {
        let now = clock::wall_ms();
        self.bans().retain(|_, ban| ban.until > now && ban.at.saturating_add(REMEMBERED_MS) > now);
    }

    fn bans(&self) -> MutexGuard<'_, HashMap<UserId, Ban>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `auth.banned` while a ban is in force; it ends by itself.
pub(super) fn not_banned(user: &UserRecord) -> Result<(), ServiceError> {
    match user.banned_until {
        Some(until) if user.is_banned(clock::wall_ms()) => Err(banned(until)),
        _ => Ok(()),
    }
}

fn banned(until: WallMs) -> ServiceError {
    let text = match until {
        WallMs::MAX => "the account is banned".into(),
        until => format!("the account is banned until {}", rfc3339(until)),
    };
    ServiceError::new(Code::AuthBanned, text)
}

impl Inner {
    pub(super) async fn require_server_admin(&self, actor: &Actor) -> Result<(), ServiceError> {
        if self.is_server_admin(actor).await? {
            return Ok(());
        }
        Err(ServiceError::new(Code::PermDenied, "only for administrators of the server"))
    }

    pub(super) async fn user_block(
        self: &Arc<Self>,
        actor: &Actor,
        other: UserId,
        blocked: bool,
    ) -> Result<Value, ServiceError> {
        if other == actor.user {
            return Err(ServiceError::invalid("userId", "somebody else"));
        }
        let (inner, me) = (Arc::clone(self), actor.user);
        let then = Box::new(move |changed: &bool| {
            if *changed {
                inner.block_changed(me, other, blocked);
                let name = if blocked { "user:blocked" } else { "user:unblocked" };
                inner.out.reliable(Audience::Users([me].into()), name, json!({"userId": other}));
            }
        });
        let done = self.store.block(me, other, blocked, clock::wall_ms(), then).await;
        done.or_not_found(Code::NotFoundUser)?;
        Ok(json!({}))
    }

    pub(super) async fn user_blocks(&self, actor: &Actor, ask: PageOf) -> Result<Value, ServiceError> {
        let size = page(ask.limit);
        let found = self.store.blocks(actor.user, parse(ask.cursor)?, size + 1).await;
        let mut users = found.or_not_found(Code::NotFoundUser)?;
        let next = cut(&mut users, size, |user| json!(user.id));
        Ok(json!({"users": self.users_json(actor, &users).await?, "next": next}))
    }

    pub(super) async fn message_report(
        &self,
        actor: &Actor,
        report: MessageReport,
    ) -> Result<Value, ServiceError> {
        let new = NewReport {
            id: self.ids.report(),
            message: report.message_id,
            reporter: actor.user,
            reason: report.reason.trim().to_owned(),
            note: report.note,
            now: clock::wall_ms(),
        };
        let out = self.out.clone();
        let then = Box::new(move |reported: &Reported| out.reported(reported));
        let done = self.store.report(new, then).await.or_not_found(Code::NotFoundMessage)?;
        Ok(json!({"reportId": done.report.id}))
    }

    pub(super) async fn reports(&self, actor: &Actor, ask: Reports) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let size = page(ask.limit);
        let found = self.store.reports(ask.state, parse(ask.cursor)?, size + 1).await;
        let mut reports = found.or_not_found(Code::NotFoundMessage)?;
        let next = cut(&mut reports, size, |report| json!(report.id));
        Ok(json!({"reports": reports.iter().map(ReportRecord::to_json).collect::<Vec<_>>(), "next": next}))
    }

    pub(super) async fn resolve_report(
        &self,
        actor: &Actor,
        resolve: ResolveReport,
    ) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let resolution = Resolution {
            report: resolve.report_id,
            by: actor.user,
            from: actor.from,
            state: match resolve.resolution {
                ReportResolution::Dismissed => ReportState::Dismissed,
                ReportResolution::Actioned => ReportState::Actioned,
            },
            note: resolve.note,
            now: clock::wall_ms(),
        };
        let done = self.store.resolve_report(resolution).await.or_not_found(Code::NotFoundMessage)?;
        Ok(json!({"report": done.to_json()}))
    }

    pub(super) async fn kick_user(
        &self,
        actor: &Actor,
        channel: ChannelId,
        kick: KickUser,
    ) -> Result<Value, ServiceError> {
        let (act, out, by) = (self.act(actor, channel).await?, self.out.clone(), actor.user);
        let reason = kick.reason.clone();
        let then = Box::new(move |change: &ChangedMember| out.member_kicked(change, by, &reason));
        let change = MemberChange::Kick { reason: kick.reason };
        let done = self.store.change_member(act, kick.user_id, change, then).await;
        let done = done.or_not_found(Code::NotFoundChannel)?;
        self.after_removal(channel, kick.user_id).await;
        Ok(json!({"member": self.member_json(actor, &done.member).await?}))
    }

    pub(super) async fn timeout_user(
        &self,
        actor: &Actor,
        channel: ChannelId,
        timeout: TimeoutUser,
    ) -> Result<Value, ServiceError> {
        let (act, out) = (self.act(actor, channel).await?, self.out.clone());
        let then = Box::new(move |change: &ChangedMember| out.member_updated(change));
        let change = MemberChange::Timeout { until: timeout.until.map(|at| at.0), reason: timeout.reason };
        let done = self.store.change_member(act, timeout.user_id, change, then).await;
        let done = done.or_not_found(Code::NotFoundChannel)?;
        Ok(json!({"member": self.member_json(actor, &done.member).await?}))
    }

    pub(super) async fn ban_user(&self, actor: &Actor, ban: BanUser) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let (user, now) = (ban.user_id, clock::wall_ms());
        if user == actor.user {
            return Err(ServiceError::invalid("userId", "somebody else"));
        }
        let until = ban.until.map(|at| at.0);
        if until.is_some_and(|until| until <= now) {
            return Err(ServiceError::invalid("until", "in the future"));
        }
        let new = NewBan { user, by: actor.user, reason: ban.reason, until, from: actor.from, now };
        let (out, banished) = (self.out.clone(), self.banned.clone());
        // In this order: what is let in no more cannot follow what was cut.
        let then = Box::new(move |banned: &Banned| {
            banished.add(user, now, until);
            out.user_banned(banned);
        });
        self.store.ban(new, then).await.or_not_found(Code::NotFoundUser)?;
        for call in self.look(|book| book.of_user(user)) {
            self.expel(call, user).await;
        }
        Ok(json!({"userId": user, "until": until.map(rfc3339)}))
    }

    pub(super) async fn unban_user(&self, actor: &Actor, user: UserId) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let banished = self.banned.clone();
        let then = Box::new(move |(): &()| banished.remove(user));
        let unban = Unban { user, by: actor.user, from: actor.from, now: clock::wall_ms() };
        let done = self.store.unban(unban, then).await;
        done.or_not_found(Code::NotFoundUser)?;
        Ok(json!({}))
    }

    pub(super) async fn bans(&self, actor: &Actor, ask: PageOf) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let size = page(ask.limit);
        let found = self.store.bans(clock::wall_ms(), parse(ask.cursor)?, size + 1).await;
        let mut bans = found.or_not_found(Code::NotFoundUser)?;
        let next = cut(&mut bans, size, |ban| json!(ban.user));
        Ok(json!({"bans": bans.iter().map(BanRecord::to_json).collect::<Vec<_>>(), "next": next}))
    }

    pub(super) async fn audit_log(&self, actor: &Actor, ask: AuditLog) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let size = page(ask.limit);
        let found = self.store.audit(parse(ask.cursor)?, size + 1).await;
        let mut lines = found.or_not_found(Code::NotFoundMessage)?;
        let next = cut(&mut lines, size, |line| json!(line.n.to_string()));
        let mut answer =
            json!({"entries": lines.iter().map(AuditRecord::to_json).collect::<Vec<_>>(), "next": next});
        if ask.verify {
            let check = self.store.verify_audit().await.or_not_found(Code::NotFoundMessage)?;
            answer["chain"] = json!({"whole": check.whole, "intact": check.intact});
        }
        Ok(answer)
    }
}

fn parse<T: std::str::FromStr>(cursor: Option<String>) -> Result<Option<T>, ServiceError> {
    let parsed = cursor.map(|cursor| cursor.parse()).transpose();
    parsed.map_err(|_| ServiceError::invalid("cursor", "not a cursor of ours"))
}

/// Takes what is more than a page away; the cursor of the next one, if there was.
fn cut<T>(found: &mut Vec<T>, size: u32, cursor: impl Fn(&T) -> Value) -> Value {
    let more = found.len() > size as usize;
    found.truncate(size as usize);
    found.last().filter(|_| more).map_or(Value::Null, cursor)
}
