//! The services behind every front door: they authorise, change durable state, and tell those who must know.
//!
//! Knows no socket and no SQL. Front doors decode to a `Command`, call `execute`, and encode what comes back.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use governor::clock::DefaultClock;
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinHandle};

use self::{
    accounts::Passwords,
    bell::Bell,
    config::{general_channel, timing},
    desk::{Desk, DeskParts, SharedBook, SharedQuality},
    failures::{StoredResult, hide, store_error},
    ids::Ids,
    outbox::Outbox,
    permit::{Place, permit},
    rates::Rates,
};
use crate::{
    auth::grants::Actor,
    base::{
        id::{CallId, ChannelId, MessageId, ParticipantId, UserId},
        quality::Quality,
    },
    call::{
        book::Book,
        media_plane::{MediaPlane, MediaState},
        quality::QualityBook,
    },
    chat::{
        broadcast::Broadcast,
        command::{ChannelRef, Command},
        error::{Code, ServiceError},
        model::UserRecord,
        presence::Presence,
        receipts::Receipts,
        typing::Typing,
    },
    runtime::clock,
    store::{self, Store, StoreError, StoreStats},
};

mod accounts;
mod administration;
mod bell;
mod calls;
mod config;
mod conversation;
mod desk;
mod directory;
mod failures;
mod filtering;
mod hosting;
mod ids;
mod invites;
mod lobby;
mod logins;
mod marks;
mod moderation;
mod outbox;
mod oversight;
mod permit;
mod privacy;
mod rates;
mod receipts;
mod retention;
mod schedules;
mod search;
mod soft;
mod threads;

pub use config::{CallConfig, PasswordCost, RateProfile, RateScale, ServicesConfig};
pub use invites::{Arriving, Guest};

/// Sessions come and go; when somebody was last there is written this often, and when the last device is gone.
const LAST_SEEN_EVERY_MS: i64 = 5 * 60 * 1000;

/// Cheap to clone.
#[derive(Clone)]
pub struct Services {
    inner: Arc<Inner>,
}

/// The identity in a token minted by an integrator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExternalUser {
    /// The `sub` claim: one of our user ids, a known external id, a username, or something new.
    pub sub: String,
    pub name: Option<String>,
    pub username: Option<String>,
    /// Not of the organisation; of an account that is created.
    pub outside: bool,
}

/// An account to create (`serve --dev`, tests, later administration).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAccount {
    /// 2-32 of `a-z 0-9 . _ -`.
    pub username: String,
    pub name: String,
    /// `None` = cannot log in with a password.
    pub password: Option<String>,
    pub admin: bool,
}

struct Inner {
    store: Arc<dyn Store>,
    out: Outbox,
    config: ServicesConfig,
    ids: Arc<Ids>,
    rates: Rates,
    passwords: Passwords,
    presence: Mutex<Presence>,
    typing: Mutex<Typing>,
    wake: Arc<Notify>,
    /// A message was scheduled, or one that waits was changed.
    schedules: Arc<Notify>,
    book: SharedBook,
    desk: Desk,
    quality: SharedQuality,
    /// What people of calls have shown and the others have not been told yet.
    applause: hosting::Applause,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    closing: AtomicBool,
    banned: Arc<moderation::Banished>,
    ended: logins::Ended,
    waiting: lobby::Waiting,
    wordlist: filtering::Wordlist,
}

/// Makes the general channel and its first administrator in a database without accounts (`convene init`).
pub async fn found(
    store: &dyn Store,
    config: &ServicesConfig,
    account: NewAccount,
) -> Result<UserRecord, ServiceError> {
    accounts::found(store, config, account).await
}

impl Services {
    /// Makes the general channel, ends the calls a dead predecessor left behind, starts the timers.
    pub async fn start(
        store: Arc<dyn Store>,
        broadcast: Arc<dyn Broadcast>,
        media: Arc<dyn MediaPlane>,
        config: ServicesConfig,
    ) -> Result<Self, ServiceError> {
        let ids = Arc::new(Ids::default());
        if let Some(slug) = &config.general_channel {
            let general = general_channel(ids.channel(), slug);
            store.create_channel(general, store::nothing()).await.or_not_found(Code::NotFoundChannel)?;
        }
        let epoch = store.next_epoch(&config.node).await.or_not_found(Code::NotFoundCall)?;
        let swept = store.sweep_calls(&config.node, epoch, clock::wall_ms()).await;
        let swept = swept.or_not_found(Code::NotFoundCall)?;
        if swept > 0 {
            tracing::warn!(calls = swept, "ended calls that an earlier process left behind");
        }
        let wordlist = store.filters().await.or_not_found(Code::NotFoundFilter)?;
        let wordlist = filtering::Wordlist::new(wordlist);
        let waiting = lobby::Waiting::of(&*store).await?;
        let book = SharedBook::new(Book::new(timing(&config)).into());
        let quality = SharedQuality::default();
        let (bell, rings) = Bell::new();
        let discretion = privacy::Discretion::new(Receipts::new(config.receipts_every));
        let out = Outbox { carrier: broadcast, bell, discretion };
        let (desk, desk_task) = Desk::start(DeskParts {
            book: book.clone(),
            store: store.clone(),
            media,
            out: out.clone(),
            ids: ids.clone(),
            node: config.node.clone(),
            epoch,
            heartbeat: config.calls.heartbeat,
            quality: quality.clone(),
        });
        let (wake, news) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let applause = hosting::Applause::default();
        let clapping = applause.news.clone();
        let inner = Arc::new(Inner {
            store,
            out,
            ids,
            rates: Rates::new(config.rate, config.rate_profile, DefaultClock::default()),
            passwords: Passwords::new(config.password).await?,
            presence: Mutex::new(Presence::new(config.presence_grace, config.presence_idle)),
            typing: Mutex::new(Typing::new(config.typing_ttl)),
            wake: wake.clone(),
            schedules: news.clone(),
            book,
            desk,
            quality,
            applause,
            tasks: Mutex::new(vec![desk_task]),
            closing: AtomicBool::new(false),
            banned: Arc::default(),
            ended: Default::default(),
            waiting,
            wordlist,
            config,
        });
        let ticker = tokio::spawn(soft::tick(Arc::downgrade(&inner), wake));
        let measured = tokio::spawn(soft::tell_quality(Arc::downgrade(&inner)));
        let sender = tokio::spawn(schedules::run(Arc::downgrade(&inner), news));
        let forgetting = tokio::spawn(retention::follow(Arc::downgrade(&inner)));
        let telling = tokio::spawn(bell::run(Arc::downgrade(&inner), rings));
        let reading = tokio::spawn(privacy::tell_receipts(Arc::downgrade(&inner)));
        let clapping = tokio::spawn(hosting::tell_reactions(Arc::downgrade(&inner), clapping));
        let more = [ticker, measured, sender, forgetting, telling, reading, clapping];
        inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).extend(more);
        Ok(Self { inner })
    }

    /// Every non-session command of every front door.
    ///
    /// When it returns, the change is committed and the events it caused have been handed to `Broadcast`.
    pub async fn execute(&self, actor: &Actor, command: Command) -> Result<Value, ServiceError> {
        if !administration::has_aftermath(&command) {
            return self.inner.execute(actor, command).await;
        }
        // Somebody who hangs up must not leave it half done.
        let (inner, actor) = (self.inner.clone(), actor.clone());
        let done = tokio::spawn(async move { inner.execute(&actor, command).await }).await;
        done.unwrap_or_else(|_| Err(ServiceError::new(Code::ServerUnavailable, "the command failed")))
    }

    /// A session starts: `{user, channels[], presence[], activeCalls[]}` for `session:ready`.
    pub async fn session_opened(&self, actor: &Actor) -> Result<Value, ServiceError> {
        let inner = &self.inner;
        let user = inner.user(actor.user).await?;
        if !user.is_active {
            return Err(ServiceError::new(Code::AuthUserInactive, "the account is disabled"));
        }
        // Again: the ban may have come between the check of the token and the session.
        moderation::not_banned(&user)?;
        inner.ended.check(actor)?;
        if actor.grants.guest && inner.is_kept_waiting(actor).await? {
            return inner.wait_in_lobby(actor, &user).await;
        }
        if let Some(room) = inner.room_of(actor).await? {
            inner.admit(actor, room).await?;
        }
        inner.know(&user).await?;
        inner.presence().seed(soft::moment(), user.id, user.status.clone(), user.last_seen_at);
        inner.attached(actor);
        inner.out.bell.forget(user.id);
        let now = clock::wall_ms();
        if user.last_seen_at.is_none_or(|at| now - at >= LAST_SEEN_EVERY_MS) {
            inner.store.touch_users(&[user.id], now).await.or_not_found(Code::NotFoundUser)?;
        }
        inner.snapshot(actor, &user).await
    }

    /// The one channel the actor's token is bound to, if it is; `not_found.channel` if there is none of that name.
    pub async fn room_of(&self, actor: &Actor) -> Result<Option<ChannelId>, ServiceError> {
        self.inner.room_of(actor).await
    }

    /// The socket came back by resume.
    pub async fn session_attached(&self, actor: &Actor) {
        self.inner.back_in_lobby(actor);
        self.inner.attached(actor);
        self.inner.session_lost(actor, false).await;
    }

    /// The socket is lost, the session may still resume.
    pub async fn session_detached(&self, actor: &Actor) {
        self.inner.away_from_lobby(actor);
        self.inner.detached(actor);
        self.inner.session_lost(actor, true).await;
    }

    /// The session is gone for good.
    pub async fn session_closed(&self, actor: &Actor) {
        self.inner.away_from_lobby(actor);
        self.inner.detached(actor);
        self.inner.session_left(actor).await;
    }

    /// A callee's session received `call:incoming`; the initiator is told `call:ringing`.
    pub async fn incoming_acked(&self, actor: &Actor, call: CallId) {
        if let Err(error) = self.inner.call_ringing(actor, call).await {
            tracing::debug!(%call, %error, "an acknowledged ring is over");
        }
    }

    pub async fn media_event(&self, call: CallId, participant: ParticipantId, state: MediaState) {
        let told =
            self.inner.desk.ask(None, move |book, now| book.media(now, call, participant, state)).await;
        if let Err(error) = told {
            tracing::debug!(%call, %participant, %error, "media state of somebody who is gone");
        }
    }

    /// What the media plane measured of somebody in a call.
    pub fn media_quality(&self, call: CallId, participant: ParticipantId, quality: Quality) {
        let user = self.inner.look(|book| {
            let live = book.get(call).ok()?;
            live.participants.iter().find(|one| one.id == participant).map(|one| one.person.id)
        });
        // Not of those who have left: their averages are stored.
        if let Some(user) = user {
            self.inner.quality().record(call, participant, user, quality);
        }
    }

    /// `auth.invalid` for an unknown name and for a wrong password alike, after the same work.
    pub async fn login(&self, username: &str, password: &str) -> Result<UserRecord, ServiceError> {
        self.inner.login(username, password).await
    }

    /// The user a token of an integrator speaks of; created if unknown and allowed.
    pub async fn ensure_user(&self, external: &ExternalUser) -> Result<UserRecord, ServiceError> {
        self.inner.ensure_user(external).await
    }

    pub async fn user(&self, id: UserId) -> Result<UserRecord, ServiceError> {
        self.inner.user(id).await
    }

    /// `conflict.duplicate` if the username is taken.
    pub async fn create_user(&self, account: NewAccount) -> Result<UserRecord, ServiceError> {
        self.inner.create_user(account).await
    }

    /// A round trip to the database, for health checks.
    pub async fn ping(&self) -> Result<(), ServiceError> {
        self.inner.store.ping().await.or_not_found(Code::ServerUnavailable)
    }

    pub fn store_stats(&self) -> StoreStats {
        self.inner.store.stats()
    }

    /// Ends gracefully: live calls are closed, queued writes committed, timers stopped.
    pub async fn drain(&self) {
        self.inner.closing.store(true, Relaxed);
        self.inner.wake.notify_one();
        for call in self.inner.look(Book::live) {
            if let Err(error) = self.inner.desk.ask(None, move |book, now| book.shut(now, call)).await {
                tracing::warn!(%call, %error, "a call is left to the sweep of the next start");
            }
        }
        let tasks = std::mem::take(&mut *self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        self.inner.store.close().await;
        for task in tasks {
            task.abort();
        }
    }
}

impl Inner {
    async fn execute(self: &Arc<Self>, actor: &Actor, command: Command) -> Result<Value, ServiceError> {
        self.rates.check(actor.user, command.name())?;
        self.banned.check(actor.user)?;
        self.ended.check(actor)?;
        let place = self.place(actor, &command).await?;
        permit(&actor.grants, &command, place.as_ref()).map_err(|error| hide(error, &command))?;
        // The writer checks membership of these itself, in the transaction.
        let checked_by_writer = administration::is_administration(&command)
            || matches!(command, Command::MessageSend(_) | Command::MarkRead(_) | Command::MessageEdit(_))
            || matches!(command, Command::ScheduleUpdate(_) | Command::ScheduleCancel(_));
        let role = match &place {
            Some(place) if !checked_by_writer || actor.grants.room.is_some() => {
                self.admit(actor, place.id).await.map_err(|error| hide(error, &command))?
            }
            _ => String::new(),
        };
        self.dispatch(actor, command, place.map(|place| place.id), &role).await
    }

    async fn dispatch(
        self: &Arc<Self>,
        actor: &Actor,
        command: Command,
        place: Option<ChannelId>,
        role: &str,
    ) -> Result<Value, ServiceError> {
        let channel = || place.ok_or_else(|| ServiceError::new(Code::NotFoundChannel, "no such channel"));
        match command {
            Command::ChannelList(c) => self.channel_list(actor, c).await,
            Command::ChannelCreate(c) => self.channel_create(actor, c).await,
            Command::ChannelUpdate(c) => self.channel_update(actor, channel()?, c).await,
            Command::ChannelArchive(c) => self.channel_archive(actor, channel()?, c.archived).await,
            Command::MemberAdd(c) => self.member_add(actor, channel()?, c.user_id).await,
            Command::MemberRemove(c) => self.member_remove(actor, channel()?, c.user_id).await,
            Command::MemberRole(c) => self.member_role(actor, channel()?, c.user_id, c.role).await,
            Command::SetNotify(c) => self.set_notify(actor, channel()?, c).await,
            Command::ChannelGet(_) => self.channel_get(actor, channel()?).await,
            Command::ChannelJoin(_) => self.channel_join(actor, channel()?).await,
            Command::ChannelLeave(_) => Ok(self.channel_leave(actor, channel()?)),
            Command::ChannelHistory(c) => self.history(actor, channel()?, c).await,
            Command::ChannelSync(c) => self.sync(actor, channel()?, c.after_rev).await,
            Command::ChannelPins(_) => self.pins(actor, channel()?).await,
            Command::MessageReact(c) => self.react(actor, c).await,
            Command::MessagePin(c) => self.pin(actor, (channel()?, role), c, true).await,
            Command::MessageUnpin(c) => self.pin(actor, (channel()?, role), c, false).await,
            Command::MessageSend(c) => self.send(actor, channel()?, c).await,
            Command::MessageEdit(c) => self.edit(actor, c).await,
            Command::MessageDelete(c) => self.delete(actor, c.message_id, role).await,
            Command::MessageGet(c) => {
                let message = self.store.message(c.message_id).await.or_not_found(Code::NotFoundMessage)?;
                Ok(json!({"message": self.message_json(actor, &message).await?}))
            }
            Command::MessageRevisions(c) => self.revisions(actor, c.message_id, role).await,
            Command::MarkRead(c) => self.mark_read(actor, channel()?, c).await,
            Command::ReadReceipts(c) => self.read_receipts(actor, c.message_id).await,
            Command::ScheduleList(_) => self.schedule_list(actor, place).await,
            Command::ScheduleUpdate(c) => self.schedule_update(actor, c).await,
            Command::ScheduleCancel(c) => self.schedule_cancel(actor, c.schedule_id).await,
            Command::ThreadGet(c) => self.thread_get(actor, c.thread_id).await,
            Command::ThreadList(c) => self.thread_list(actor, place, c).await,
            Command::ThreadFollow(c) => self.thread_follow(actor, c.thread_id, true).await,
            Command::ThreadUnfollow(c) => self.thread_follow(actor, c.thread_id, false).await,
            Command::TypingStart(c) => Ok(self.typing_start(actor, channel()?, c.thread_id)),
            Command::TypingStop(_) => {
                self.typing_stopped(channel()?, actor.user);
                Ok(json!({}))
            }
            Command::TypingActive(_) => Ok(json!({"users": self.typing_json(actor.user, channel()?)})),
            Command::PresenceUpdate(c) => self.presence_update(actor, c).await,
            Command::PresenceHeartbeat(c) => Ok(self.presence_heartbeat(actor, c)),
            Command::PresenceSubscribe(c) => self.presence_subscribe(actor, place, c).await,
            Command::PresenceUnsubscribe(_) => Ok(self.presence_unsubscribe(actor, place)),
            Command::PresenceBulk(c) => self.presence_bulk(actor, place, c).await,
            Command::VoiceJoin(c) => self.voice_join(actor, (channel()?, role), c).await,
            Command::VoiceLeave(c) => self.call_leave(actor.session, self.my_call(actor, &c, place)?).await,
            Command::VoiceUpdate(c) => {
                let call = self.my_call(actor, &c.which, place)?;
                self.voice_update(actor, call, c).await
            }
            Command::VoiceParticipants(_) => Ok(self.voice_participants(channel()?)),
            Command::CallStart(c) => self.call_start(actor, (channel()?, role), c).await,
            Command::CallRinging(c) => self.call_ringing(actor, c.call_id).await,
            Command::CallAccept(c) => self.call_join(actor, role, c, true).await,
            Command::CallDecline(c) => self.call_decline(actor, c.call_id, c.reason).await,
            Command::CallCancel(c) => self.call_cancel(actor, c.call_id).await,
            Command::CallJoin(c) => self.call_join(actor, role, c, false).await,
            Command::CallLeave(c) => self.call_leave(actor.session, c.call_id).await,
            Command::CallEnd(c) => self.call_end(actor, c.call_id, role).await,
            Command::CallInvite(c) => self.call_invite(actor, (channel()?, role), c).await,
            Command::CallMute(c) => self.call_mute(actor, c, role).await,
            Command::CallKick(c) => self.call_kick(actor, c, role).await,
            Command::CallAskUnmute(c) => self.call_ask_unmute(actor, c, role).await,
            Command::CallHand(c) => self.call_hand(actor, c, role).await,
            Command::CallReact(c) => self.call_react(actor, c),
            Command::CallLock(c) => self.call_lock(actor, c, role).await,
            Command::CallGet(c) => self.call_get(c.call_id).await,
            Command::CallHistory(c) => self.call_history(actor, place, c).await,
            Command::DmOpen(c) => self.dm_open(actor, c.user_id).await,
            Command::UserList(c) => self.user_list(actor, c).await,
            Command::UserGet(c) => self.user_get(actor, c.user_id).await,
            Command::UserBlock(c) => self.user_block(actor, c.user_id, true).await,
            Command::UserUnblock(c) => self.user_block(actor, c.user_id, false).await,
            Command::UserBlocks(c) => self.user_blocks(actor, c).await,
            Command::SessionList(_) => self.session_list(actor).await,
            Command::SessionRevoke(c) => self.session_revoke(actor, c).await,
            Command::Filters(_) => self.filters(actor).await,
            Command::FilterAdd(c) => self.filter_add(actor, c).await,
            Command::FilterRemove(c) => self.filter_remove(actor, c.filter_id).await,
            Command::UserSessions(c) => self.user_sessions(actor, c.user_id).await,
            Command::RevokeSessions(c) => self.revoke_user_sessions(actor, c).await,
            Command::InviteCreate(c) => self.invite_create(actor, channel()?, c).await,
            Command::InviteList(_) => self.invite_list(actor, channel()?).await,
            Command::InviteRevoke(c) => self.invite_revoke(actor, channel()?, c.invite_id).await,
            Command::InviteAdmit(c) => self.decide_on_guest(actor, channel()?, c.user_id, true).await,
            Command::InviteRefuse(c) => self.decide_on_guest(actor, channel()?, c.user_id, false).await,
            Command::MessageReport(c) => self.message_report(actor, c).await,
            Command::Reports(c) => self.reports(actor, c).await,
            Command::ResolveReport(c) => self.resolve_report(actor, c).await,
            Command::KickUser(c) => self.kick_user(actor, channel()?, c).await,
            Command::TimeoutUser(c) => self.timeout_user(actor, channel()?, c).await,
            Command::BanUser(c) => self.ban_user(actor, c).await,
            Command::UnbanUser(c) => self.unban_user(actor, c.user_id).await,
            Command::Bans(c) => self.bans(actor, c).await,
            Command::AuditLog(c) => self.audit_log(actor, c).await,
            Command::AdminOverview(_) => self.admin_overview(actor).await,
            Command::AdminPolicy(_) => self.admin_policy(actor).await,
            Command::AdminCalls(c) => self.admin_calls(actor, c).await,
            Command::AdminCall(c) => self.admin_call(actor, c.call_id).await,
            Command::AdminEndCall(c) => self.admin_end_call(actor, c.call_id).await,
            Command::AdminRings(c) => self.admin_rings(actor, c).await,
            Command::AdminCancelRing(c) => self.admin_cancel_ring(actor, c).await,
            Command::SearchMessages(c) => self.search(actor, place, c).await,
            Command::SearchSuggest(c) => self.suggest(actor, c).await,
        }
    }

    /// The channel the command is about, directly or through a message or call.
    async fn place(&self, actor: &Actor, command: &Command) -> Result<Option<Place>, ServiceError> {
        let found = match command {
            Command::ChannelGet(c)
            | Command::ChannelJoin(c)
            | Command::ChannelLeave(c)
            | Command::TypingActive(c)
            | Command::ChannelPins(c)
            | Command::InviteList(c)
            | Command::VoiceParticipants(c) => self.named(actor, &c.channel_id).await?,
            Command::TypingStart(c) | Command::TypingStop(c) => self.named(actor, &c.channel_id).await?,
            Command::ThreadGet(c) | Command::ThreadFollow(c) | Command::ThreadUnfollow(c) => {
                self.of_message(actor, c.thread_id).await?
            }
            Command::ThreadList(c) => return self.maybe_named(actor, c.channel_id.as_ref()).await,
            Command::ChannelHistory(c) => self.named(actor, &c.channel_id).await?,
            Command::ChannelSync(c) => self.named(actor, &c.channel_id).await?,
            Command::ChannelUpdate(c) => self.named(actor, &c.channel_id).await?,
            Command::ChannelArchive(c) => self.named(actor, &c.channel_id).await?,
            Command::MemberAdd(c)
            | Command::MemberRemove(c)
            | Command::InviteAdmit(c)
            | Command::InviteRefuse(c) => self.named(actor, &c.channel_id).await?,
            Command::MemberRole(c) => self.named(actor, &c.channel_id).await?,
            Command::SetNotify(c) => self.named(actor, &c.channel_id).await?,
            Command::MessageSend(c) => self.named(actor, &c.channel_id).await?,
            Command::MarkRead(c) => self.named(actor, &c.channel_id).await?,
            Command::VoiceJoin(c) => self.named(actor, &c.channel_id).await?,
            Command::CallStart(c) => self.named(actor, &c.channel_id).await?,
            Command::KickUser(c) => self.named(actor, &c.channel_id).await?,
            Command::TimeoutUser(c) => self.named(actor, &c.channel_id).await?,
            Command::InviteCreate(c) => self.named(actor, &c.channel_id).await?,
            Command::InviteRevoke(c) => self.of_invite(actor, c).await?,
            Command::MessageReport(c) => self.of_message(actor, c.message_id).await?,
            Command::MessageEdit(c) => self.of_message(actor, c.message_id).await?,
            Command::MessageReact(c) => self.of_message(actor, c.message_id).await?,
            Command::MessagePin(c) | Command::MessageUnpin(c) => {
                let place = self.of_message(actor, c.message_id).await?;
                if let Some(named) = self.maybe_named(actor, c.channel_id.as_ref()).await?
                    && named.id != place.id
                {
                    return Err(ServiceError::new(Code::NotFoundMessage, "no such message in this channel"));
                }
                place
            }
            Command::MessageDelete(c) | Command::MessageGet(c) | Command::MessageRevisions(c) => {
                self.of_message(actor, c.message_id).await?
            }
            Command::ReadReceipts(c) => self.of_message(actor, c.message_id).await?,
            Command::ScheduleList(c) => return self.maybe_named(actor, c.channel_id.as_ref()).await,
            Command::ScheduleUpdate(c) => self.of_schedule(actor, c.schedule_id).await?,
            Command::ScheduleCancel(c) => self.of_schedule(actor, c.schedule_id).await?,
            Command::CallRinging(c)
            | Command::CallCancel(c)
            | Command::CallLeave(c)
            | Command::CallEnd(c)
            | Command::CallGet(c) => self.of_call(actor, c.call_id).await?,
            Command::CallAccept(c) | Command::CallJoin(c) => self.of_call(actor, c.call_id).await?,
            Command::CallDecline(c) => self.of_call(actor, c.call_id).await?,
            Command::CallInvite(c) => self.of_call(actor, c.call_id).await?,
            Command::CallKick(c) | Command::CallAskUnmute(c) => self.of_call(actor, c.call_id).await?,
            Command::CallMute(c) => self.of_call(actor, c.call_id).await?,
            Command::CallHand(c) => self.of_call(actor, c.call_id).await?,
            Command::CallReact(c) => self.of_call(actor, c.call_id).await?,
            Command::CallLock(c) => self.of_call(actor, c.call_id).await?,
            Command::VoiceLeave(c) => return self.maybe_named(actor, c.channel_id.as_ref()).await,
            Command::VoiceUpdate(c) => return self.maybe_named(actor, c.which.channel_id.as_ref()).await,
            Command::CallHistory(c) => return self.maybe_named(actor, c.channel_id.as_ref()).await,
            Command::SearchMessages(c) => return self.maybe_named(actor, c.channel_id.as_ref()).await,
            Command::PresenceSubscribe(c) | Command::PresenceUnsubscribe(c) | Command::PresenceBulk(c) => {
                return self.maybe_named(actor, c.channel_id.as_ref()).await;
            }
            Command::ChannelList(_)
            | Command::ChannelCreate(_)
            | Command::PresenceUpdate(_)
            | Command::PresenceHeartbeat(_)
            | Command::DmOpen(_)
            | Command::UserList(_)
            | Command::UserGet(_)
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
            | Command::SearchSuggest(_) => return Ok(None),
        };
        Ok(Some(found))
    }

    async fn maybe_named(
        &self,
        actor: &Actor,
        name: Option<&ChannelRef>,
    ) -> Result<Option<Place>, ServiceError> {
        match name {
            Some(name) => Ok(Some(self.named(actor, name).await?)),
            None => Ok(None),
        }
    }

    async fn named(&self, actor: &Actor, name: &ChannelRef) -> Result<Place, ServiceError> {
        if actor.grants.room.is_none()
            && let Ok(id) = name.0.parse()
        {
            return Ok(Place { id, slug: None });
        }
        let (id, slug, _) = self.store.resolve_channel(&name.0).await.or_not_found(Code::NotFoundChannel)?;
        Ok(Place { id, slug })
    }

    async fn of_message(&self, actor: &Actor, message: MessageId) -> Result<Place, ServiceError> {
        let message = self.store.message(message).await.or_not_found(Code::NotFoundMessage)?;
        self.named(actor, &ChannelRef(message.channel.to_string())).await
    }

    async fn of_call(&self, actor: &Actor, call: CallId) -> Result<Place, ServiceError> {
        let live = self.look(|book| book.get(call).map(|live| live.channel).ok());
        let channel = match live {
            Some(channel) => channel,
            None => self.store.call(call).await.or_not_found(Code::NotFoundCall)?.channel,
        };
        self.named(actor, &ChannelRef(channel.to_string())).await
    }

    /// The actor's role in the channel. A token bound to exactly this room makes its bearer a member, unless it has been
    /// one and is not any more.
    async fn admit(&self, actor: &Actor, channel: ChannelId) -> Result<String, ServiceError> {
        match self.store.role(channel, actor.user).await {
            Err(StoreError::NotFound) if self.room_of(actor).await? == Some(channel) => {
                let out = self.out.clone();
                let then = Box::new(move |joined: &store::JoinedChannel| {
                    if joined.added {
                        out.member_joined(joined);
                    }
                });
                let joined = self.store.add_member(channel, actor.user, clock::wall_ms(), then).await;
                Ok(joined.or_not_found(Code::NotFoundChannel)?.member.role)
            }
            role => role.or_not_found(Code::NotFoundChannel),
        }
    }

    /// The one channel a token is bound to.
    async fn room_of(&self, actor: &Actor) -> Result<Option<ChannelId>, ServiceError> {
        let Some(room) = &actor.grants.room else { return Ok(None) };
        let (id, ..) = self.store.resolve_channel(room).await.or_not_found(Code::NotFoundChannel)?;
        Ok(Some(id))
    }

    fn look<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn quality(&self) -> MutexGuard<'_, QualityBook> {
        self.quality.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }
}

async fn members_of(store: &dyn Store, channel: ChannelId) -> Result<Vec<UserId>, ServiceError> {
    let members = store.members(channel).await.or_not_found(Code::NotFoundChannel)?;
    Ok(members.into_iter().map(|member| member.user).collect())
}

#[cfg(test)]
mod tests;
