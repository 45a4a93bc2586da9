//! All sessions of this node, and who gets which event. Implements `Broadcast`.
//!
//! Never blocks and never awaits: every session has a bounded queue of its own.

use std::{
    cell::LazyCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use smallvec::SmallVec;
use tokio::sync::{Notify, Semaphore};

use super::super::{
    probe::Tests,
    socket::{WriteError, Writer, Wrote},
};
use super::{
    frame::{Class, OutFrame},
    hearing::{Hearing, channel_of},
    outbox::Pushed,
    pace::{self, Pace},
    rounds::{Gathering, Rounds},
    session::{Cut, Generation, SessionState},
};
use crate::{
    auth::grants::{Actor, Grants},
    base::id::{ChannelId, LoginId, SessionId, UserId},
    chat::broadcast::{Audience, Broadcast, OutEvent},
    observe::metrics::Metrics,
    runtime::clock,
};

/// A session and the way to wake its socket.
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    state: Mutex<Shared>,
    /// Held while a command of this session runs and until its ack is queued. Whoever must come after the
    /// ack (the events of a join) waits for it.
    pub commands: tokio::sync::Mutex<()>,
    /// Connection tests under way.
    pub tests: Tests,
    hearing: Hearing,
}

struct Shared {
    session: SessionState,
    wake: Arc<Notify>,
    /// Of the socket, while it is open.
    writer: Option<Writer>,
    /// Until then the socket counts as busy: events that can wait are gathered, and a round writes them, not its task.
    busy_until: Option<Instant>,
    /// A round will come.
    listed: bool,
    /// Something that cannot wait is queued.
    urgent: bool,
}

/// Whether a frame may be gathered with those that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    Now,
    /// It came at this moment.
    Patient(Instant),
}

impl Shared {
    /// Whether what is queued may be left to a round.
    fn can_wait(&self) -> bool {
        !self.urgent && self.session.queued() < pace::GATHERED
    }
}

impl Session {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` on the state and wakes the socket.
    pub fn update<T>(&self, f: impl FnOnce(&mut SessionState) -> T) -> T {
        let mut shared = self.shared();
        let result = f(&mut shared.session);
        shared.wake.notify_one();
        result
    }

    /// Runs `f` on the state.
    pub fn read<T>(&self, f: impl FnOnce(&SessionState) -> T) -> T {
        f(&self.shared().session)
    }

    pub fn next(&self, generation: Generation) -> Result<Option<OutFrame>, Cut> {
        let mut shared = self.shared();
        let next = shared.session.next(generation);
        if matches!(next, Ok(None)) {
            shared.urgent = false;
        }
        next
    }

    /// Queues a frame and wakes the socket, unless both can wait. The generation: of a socket that has to be listed for
    /// a round.
    fn push(&self, frame: &OutFrame, haste: Haste) -> (Pushed, Option<Generation>) {
        let mut shared = self.shared();
        let pushed = shared.session.push(frame);
        shared.urgent |= haste == Haste::Now;
        let is_gathering = match haste {
            Haste::Now => false,
            Haste::Patient(now) => shared.listed || shared.busy_until.is_some_and(|until| now < until),
        };
        let waits = is_gathering && pushed == Pushed::Queued && shared.can_wait();
        if !waits {
            shared.wake.notify_one();
            return (pushed, None);
        }
        let listed = std::mem::replace(&mut shared.listed, true);
        (pushed, (!listed).then(|| shared.session.generation()))
    }

    /// Whether the socket `generation` has something to do that no round will.
    pub fn has_work(&self, generation: Generation) -> bool {
        let shared = self.shared();
        let left_to_a_round = shared.listed && shared.can_wait();
        shared.session.is_cut(generation) || (shared.session.queued() > 0 && !left_to_a_round)
    }

    /// From now on rounds may write to the socket `generation`.
    pub fn lend(&self, generation: Generation, writer: &Writer) {
        let mut shared = self.shared();
        if generation == shared.session.generation() {
            shared.writer = Some(writer.clone());
        }
    }

    /// The socket `generation` ends.
    pub fn take_back(&self, generation: Generation) {
        let mut shared = self.shared();
        if generation == shared.session.generation() {
            shared.writer = None;
        }
    }

    /// Writes what is queued for the socket `generation`, as much as goes into one write.
    pub fn write(&self, generation: Generation, writer: &Writer) -> Result<Wrote, WriteError<Cut>> {
        writer.write(|| self.next(generation))
    }

    /// The socket `generation` was written to, and counts as busy until then.
    fn wrote(&self, generation: Generation, until: Instant) {
        let mut shared = self.shared();
        if generation == shared.session.generation() {
            shared.busy_until = shared.writer.is_some().then_some(until);
        }
    }

    /// A round has come: writes what was gathered. Returns how many frames that were; the socket counts as busy `until`
    /// then. `None` if there was nothing, or its own task has to see to it.
    fn turn(&self, generation: Generation, until: Instant) -> Option<u64> {
        let mut shared = self.shared();
        if generation != shared.session.generation() {
            // Of the socket that came after it nobody knows anything here.
            return None;
        }
        shared.listed = false;
        if shared.session.queued() == 0 {
            return None;
        }
        let writer = shared.writer.clone();
        drop(shared);
        let wrote = writer.map(|writer| self.write(generation, &writer));
        if let Some(Ok(Wrote { frames, more: false, drained: true })) = wrote {
            self.wrote(generation, until);
            return Some(frames);
        }
        // A slow client, a cut, or an error: its task sees the same.
        let mut shared = self.shared();
        shared.busy_until = None;
        shared.wake.notify_one();
        None
    }

    /// For good, with a close code of the protocol.
    pub fn disconnect(&self, close_code: u16, code: &'static str) {
        self.update(|state| {
            state.doom();
            state.cut(Cut { close_code, reason: "disconnected by the server", invalid: Some(code) });
        });
    }

    pub fn is_cut(&self, generation: Generation) -> bool {
        self.read(|session| session.is_cut(generation))
    }

    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.shared().wake)
    }

    pub fn actor(&self) -> Arc<Actor> {
        self.read(SessionState::actor)
    }

    /// Who it is now, and which channel its token is bound to.
    pub fn set_hearing(&self, grants: &Grants, room: Option<ChannelId>) {
        self.hearing.set(grants, room);
    }
}

/// A socket's claim on a session.
pub struct Attachment {
    pub session: Arc<Session>,
    pub generation: Generation,
    pub wake: Arc<Notify>,
    /// To be sent before anything else.
    pub replay: Vec<OutFrame>,
}

pub struct Registry {
    index: RwLock<Index>,
    /// Presence changes waiting for the next beat, latest wins.
    presence: Mutex<BTreeMap<SessionId, BTreeMap<UserId, Value>>>,
    /// Turns of sessions that open or resume.
    pub admissions: Semaphore,
    pace: Mutex<Pace>,
    rounds: Rounds,
    /// What `pace` said last, in µs, and the writes to sockets it goes by.
    gather_us: AtomicU64,
    writes: AtomicU64,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Index {
    sessions: HashMap<SessionId, Arc<Session>>,
    /// Mostly one each; there are as many as people.
    by_user: HashMap<UserId, SmallVec<[Arc<Session>; 1]>>,
    focused: HashMap<ChannelId, BTreeSet<SessionId>>,
    focus_of: HashMap<SessionId, HashSet<ChannelId>>,
    watchers: HashMap<UserId, BTreeSet<SessionId>>,
    interest_of: HashMap<SessionId, HashMap<String, Vec<UserId>>>,
}

impl Index {
    /// Calls `f` for each session of the audience.
    fn each(&self, to: &Audience, f: impl FnMut(&Arc<Session>)) {
        match to {
            Audience::Users(users) => self.of_users(users).for_each(f),
            Audience::UsersExcept(users, except) => {
                self.of_users(users).filter(|session| session.id != *except).for_each(f);
            }
            Audience::Session(id) => self.sessions.get(id).into_iter().for_each(f),
            Audience::OtherSessions { user, except } => {
                self.of_users(&[*user]).filter(|session| session.id != *except).for_each(f);
            }
            Audience::Focused { channel, except } => {
                let ids = self.focused.get(channel).into_iter().flatten();
                let sessions = ids.filter_map(|id| self.sessions.get(id));
                sessions.filter(|session| except.binary_search(&session.user).is_err()).for_each(f);
            }
            Audience::PresenceWatchers(user) => {
                let ids = self.watchers.get(user).into_iter().flatten();
                ids.filter_map(|id| self.sessions.get(id)).for_each(f);
            }
            Audience::Everyone => self.sessions.values().for_each(f),
        }
    }

    fn of_users<'a>(&'a self, users: &'a [UserId]) -> impl Iterator<Item = &'a Arc<Session>> {
        users.iter().filter_map(|user| self.by_user.get(user)).flatten()
    }

    /// How many sessions an event for this audience may reach: people count once, whether or not they are here.
    fn size(&self, to: &Audience) -> usize {
        match to {
            Audience::Users(users) | Audience::UsersExcept(users, _) => users.len(),
            Audience::Session(_) | Audience::OtherSessions { .. } => 1,
            Audience::Focused { channel, .. } => self.focused.get(channel).map_or(0, BTreeSet::len),
            Audience::PresenceWatchers(user) => self.watchers.get(user).map_or(0, BTreeSet::len),
            Audience::Everyone => self.sessions.len(),
        }
    }
}

impl Registry {
    pub fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            index: RwLock::default(),
            presence: Mutex::default(),
            admissions: Semaphore::new(ADMISSIONS),
            pace: Mutex::new(Pace::new(clock::now())),
            rounds: Rounds::new(std::thread::available_parallelism().map_or(1, usize::from)),
            gather_us: AtomicU64::new(micros(pace::SHORTEST)),
            writes: AtomicU64::new(0),
            metrics,
        })
    }

    /// A socket was written to by its own task.
    pub fn wrote(&self, session: &Session, generation: Generation, frames: u64) {
        self.count(frames);
        session.wrote(generation, self.busy_until(clock::now()));
    }

    fn count(&self, frames: u64) {
        self.writes.fetch_add(1, Relaxed);
        self.metrics.ws_frames_out(frames);
    }

    fn gather(&self) -> Duration {
        Duration::from_micros(self.gather_us.load(Relaxed))
    }

    fn busy_until(&self, now: Instant) -> Instant {
        now + pace::QUIET * self.gather()
    }

    /// The loops that write what was gathered. They do not end.
    pub fn rounds(self: &Arc<Self>) -> impl Iterator<Item = impl Future<Output = ()> + Send + use<>> + use<> {
        let registry = Arc::clone(self);
        (0..self.rounds.lanes()).map(move |lane| {
            let registry = Arc::clone(&registry);
            async move {
                let turn = |one: Gathering, now| {
                    if let Some(frames) = one.session.turn(one.generation, registry.busy_until(now)) {
                        registry.count(frames);
                    }
                };
                registry.rounds.walk(lane, turn).await;
            }
        })
    }

    /// Adds a session with its first socket; `None` if the user has too many.
    pub fn open(&self, actor: Arc<Actor>, expires_s: u64) -> Option<Attachment> {
        let mut index = self.write();
        let (id, user) = (actor.session, actor.user);
        let mine = index.by_user.get(&user).map(SmallVec::as_slice).unwrap_or_default();
        if mine.len() >= MAX_SESSIONS_PER_USER {
            let oldest = mine
                .iter()
                .filter_map(|session| Some((session.read(SessionState::detached_since)?, session)))
                .min_by_key(|(since, _)| *since)?;
            // The next sweep takes it away.
            oldest.1.update(SessionState::doom);
        }
        if mine.len() >= 2 * MAX_SESSIONS_PER_USER {
            return None;
        }
        let wake = Arc::new(Notify::new());
        let hearing = Hearing::new(&actor.grants, None);
        let state = Shared {
            session: SessionState::new(actor, expires_s),
            wake: Arc::clone(&wake),
            writer: None,
            busy_until: None,
            listed: false,
            urgent: false,
        };
        let session = Arc::new(Session {
            id,
            user,
            state: Mutex::new(state),
            commands: tokio::sync::Mutex::default(),
            tests: Tests::default(),
            hearing,
        });
        index.sessions.insert(id, Arc::clone(&session));
        index.by_user.entry(user).or_default().push(Arc::clone(&session));
        Some(Attachment { session, generation: 1, wake, replay: Vec::new() })
    }

    /// Gives a session a new socket. Only its own user can; `None` = start a new one.
    pub fn resume(&self, id: SessionId, s: u64, actor: &Actor, expires_s: u64) -> Option<Attachment> {
        let session = self.get(id).filter(|session| session.user == actor.user)?;
        // What it missed was meant for what its token allowed then.
        let before = session.actor();
        if before.grants.room != actor.grants.room || before.grants.chat != actor.grants.chat {
            return None;
        }
        let mut shared = session.shared();
        let (generation, replay) = shared.session.resume(s)?;
        shared.session.refresh(Arc::new(Actor { session: id, ..actor.clone() }), expires_s);
        (shared.writer, shared.busy_until) = (None, None);
        (shared.listed, shared.urgent) = (false, false);
        let wake = Arc::new(Notify::new());
        // The old socket must learn that it was replaced.
        std::mem::replace(&mut shared.wake, Arc::clone(&wake)).notify_one();
        drop(shared);
        Some(Attachment { session, generation, wake, replay })
    }

    pub fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        self.read().sessions.get(&id).cloned()
    }

    /// Takes away the sessions whose time is over and tells sockets whose token has expired. The caller tells
    /// the services about the returned ones.
    pub fn sweep(&self, now: Instant, now_s: u64, window: Duration) -> Vec<Arc<Actor>> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        self.gather_us.store(micros(pace.adjust(self.writes.load(Relaxed), now)), Relaxed);
        drop(pace);
        let all: Vec<Arc<Session>> = self.read().sessions.values().cloned().collect();
        let mut gone = Vec::new();
        for session in all {
            if session.read(|state| state.is_over(now, window)) {
                gone.extend(self.close(session.id));
            } else if session.read(|state| state.is_attached() && state.expires_s() <= now_s) {
                session.update(|state| state.cut(Cut::EXPIRED));
            }
        }
        gone
    }

    /// Forgets a session. Returns who it was.
    pub fn close(&self, id: SessionId) -> Option<Arc<Actor>> {
        let mut index = self.write();
        let session = index.sessions.remove(&id)?;
        if let Some(mine) = index.by_user.get_mut(&session.user) {
            mine.retain(|session| session.id != id);
            if mine.is_empty() {
                index.by_user.remove(&session.user);
            }
        }
        for channel in index.focus_of.remove(&id).unwrap_or_default() {
            remove_from(&mut index.focused, &channel, id);
        }
        for user in index.interest_of.remove(&id).unwrap_or_default().into_values().flatten() {
            remove_from(&mut index.watchers, &user, id);
        }
        drop(index);
        self.pending_presence().remove(&id);
        session.update(|state| {
            state.doom();
            state.cut(Cut::FORGOTTEN);
        });
        Some(session.actor())
    }

    /// Sends one event to one session.
    pub fn send(&self, id: SessionId, name: &'static str, data: &Value, class: Class) {
        if let Some(session) = self.get(id) {
            self.push(&session, &OutFrame::event(name, data, class));
        }
    }

    pub fn push(&self, session: &Session, frame: &OutFrame) {
        let (pushed, _) = session.push(frame, Haste::Now);
        self.count_lost(frame, pushed);
    }

    fn deliver(&self, session: &Arc<Session>, frame: &OutFrame, haste: Haste) {
        let (pushed, listed) = session.push(frame, haste);
        if let (Haste::Patient(now), Some(generation)) = (haste, listed) {
            self.rounds.add(Gathering { due: now + self.gather(), session: Arc::clone(session), generation });
        }
        self.count_lost(frame, pushed);
    }

    fn count_lost(&self, frame: &OutFrame, pushed: Pushed) {
        match pushed {
            Pushed::Queued => {}
            Pushed::Dropped if frame.class == Class::Ephemeral => self.metrics.ws_dropped("ephemeral"),
            Pushed::Dropped => {}
            Pushed::Full => self.metrics.ws_dropped("slow_consumer"),
        }
    }

    /// One beat of the presence batch.
    pub fn flush_presence(&self) {
        let due = std::mem::take(&mut *self.pending_presence());
        for (id, changes) in due {
            let list = Value::Array(changes.into_values().collect());
            self.send(id, "presence:changed", &list, Class::Ephemeral);
        }
    }

    /// Everyone with a socket.
    pub fn attached(&self) -> Vec<Arc<Session>> {
        self.read().sessions.values().filter(|s| s.read(SessionState::is_attached)).cloned().collect()
    }

    /// Sessions in total, with a socket, and frames waiting in their queues.
    pub fn counts(&self) -> (usize, usize, usize) {
        let index = self.read();
        let (mut attached, mut queued) = (0, 0);
        for session in index.sessions.values() {
            session.read(|state| {
                attached += usize::from(state.is_attached());
                queued += state.queued();
            });
        }
        (index.sessions.len(), attached, queued)
    }

    fn receivers(&self, to: &Audience) -> Vec<Arc<Session>> {
        let mut found = Vec::new();
        self.read().each(to, |session| found.push(Arc::clone(session)));
        found
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending_presence(&self) -> MutexGuard<'_, BTreeMap<SessionId, BTreeMap<UserId, Value>>> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Broadcast for Registry {
    fn emit(&self, to: Audience, event: OutEvent) {
        let class = if event.reliable { Class::Reliable } else { Class::Ephemeral };
        let frame = LazyCell::new(|| OutFrame::event(event.name, &event.data, class));
        let about = LazyCell::new(|| channel_of(&event.data));
        // Held until everybody has it: a session that was expelled from a channel meanwhile must not get what was
        // meant for those in focus after it was told that it is out.
        let index = self.read();
        let haste = if index.size(&to) >= pace::CROWD { Haste::Patient(clock::now()) } else { Haste::Now };
        index.each(&to, |session| {
            if session.hearing.hears(event.name, &about) {
                self.deliver(session, &frame, haste);
            }
        });
    }

    fn focus(&self, session: SessionId, channel: ChannelId) -> bool {
        let mut index = self.write();
        if !index.sessions.contains_key(&session) {
            // A REST call: nothing to deliver to, nothing to refuse.
            return true;
        }
        let mine = index.focus_of.entry(session).or_default();
        if mine.len() >= MAX_FOCUS && !mine.contains(&channel) {
            return false;
        }
        mine.insert(channel);
        index.focused.entry(channel).or_default().insert(session);
        true
    }

    fn unfocus(&self, session: SessionId, channel: ChannelId) {
        let mut index = self.write();
        if let Some(mine) = index.focus_of.get_mut(&session) {
            mine.remove(&channel);
        }
        remove_from(&mut index.focused, &channel, session);
    }

    fn expel(&self, user: UserId, channel: ChannelId) {
        let mine: Vec<SessionId> =
            self.read().by_user.get(&user).into_iter().flatten().map(|session| session.id).collect();
        for session in mine {
            self.unfocus(session, channel);
            self.unwatch_presence(session, &channel.to_string());
        }
    }

    fn watch_presence(&self, session: SessionId, key: &str, users: &[UserId]) {
        self.unwatch_presence(session, key);
        let mut index = self.write();
        if !index.sessions.contains_key(&session) {
            return;
        }
        let mine = index.interest_of.entry(session).or_default();
        if mine.len() >= MAX_INTEREST_KEYS {
            return;
        }
        mine.insert(key.to_owned(), users.to_vec());
        for user in users {
            index.watchers.entry(*user).or_default().insert(session);
        }
    }

    fn unwatch_presence(&self, session: SessionId, key: &str) {
        let mut index = self.write();
        let Some(mine) = index.interest_of.get_mut(&session) else { return };
        let Some(users) = mine.remove(key) else { return };
        let still: HashSet<UserId> = mine.values().flatten().copied().collect();
        for user in users.iter().filter(|user| !still.contains(user)) {
            remove_from(&mut index.watchers, user, session);
        }
    }

    fn presence_changed(&self, user: UserId, presence: Value, hidden: &dyn Fn(UserId) -> bool) {
        let watchers = self.receivers(&Audience::PresenceWatchers(user));
        let told = |session: &&Arc<Session>| !hidden(session.user) && session.read(SessionState::is_attached);
        let mut pending = self.pending_presence();
        for session in watchers.iter().filter(told) {
            let changes = pending.entry(session.id).or_default();
            if changes.len() < MAX_PRESENCE_BATCH || changes.contains_key(&user) {
                changes.insert(user, presence.clone());
            }
        }
    }

    fn presence_shown(&self, user: UserId, presence: Value, to: UserId) {
        let index = self.read();
        let Some(watchers) = index.watchers.get(&user) else { return };
        let mut pending = self.pending_presence();
        let told = |session: &&Arc<Session>| {
            watchers.contains(&session.id) && session.read(SessionState::is_attached)
        };
        for session in index.of_users(&[to]).filter(told) {
            // Also where a batch is full: what is hidden has to go, and one blocks a few people a minute.
            pending.entry(session.id).or_default().insert(user, presence.clone());
        }
    }

    fn disconnect_user(&self, user: UserId, close_code: u16, code: &'static str) {
        for session in self.receivers(&Audience::Users(Arc::from([user]))) {
            session.disconnect(close_code, code);
        }
    }

    fn disconnect_login(&self, user: UserId, login: LoginId, close_code: u16, code: &'static str) {
        for session in self.receivers(&Audience::Users(Arc::from([user]))) {
            if session.actor().login == Some(login) {
                session.disconnect(close_code, code);
            }
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn remove_from<K: std::hash::Hash + Eq>(map: &mut HashMap<K, BTreeSet<SessionId>>, key: &K, id: SessionId) {
    if let Some(set) = map.get_mut(key) {
        set.remove(&id);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

/// Sessions that open or resume at the same time. When ten thousand come back at once, the commands of those who are
/// there must not wait behind them all; more would not be faster, since a core each is busy with a few.
const ADMISSIONS: usize = 8;
/// Channels a session looks at; a page shows a handful.
const MAX_FOCUS: usize = 8;
/// Interest sets of a session: one per visible channel and one for people.
const MAX_INTEREST_KEYS: usize = 32;
/// Changes per beat and session; beyond it the page asks again when it needs to know.
const MAX_PRESENCE_BATCH: usize = 1000;
/// Sessions of one user that may wait for their sockets; the oldest lost one gives way.
const MAX_SESSIONS_PER_USER: usize = 32;

#[cfg(test)]
mod tests;
