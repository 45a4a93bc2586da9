//! The services on a real SQLite file, with a recording broadcast and media plane.

use std::{path::PathBuf, time::Duration};

use super::*;
use crate::{
    auth::grants::{Device, Grants},
    base::{
        id::{LoginId, SessionId},
        playout::PlayoutDelay,
        time::rfc3339,
    },
    call::media_plane::MediaUnavailable,
    chat::broadcast::{Audience, OutEvent},
    store::sql::{SqlStore, SqliteConfig},
};

mod administering;
mod calling;
mod chatting;
mod directing;
mod marking;
mod measured;
mod moderating;
mod notifying;
mod overseeing;
mod presence;
mod privacy;
mod scheduling;
mod searching;
mod threading;

#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<(Audience, OutEvent)>>,
    presence: Mutex<Vec<(UserId, Value)>>,
    /// To one user alone.
    shown: Mutex<Vec<(UserId, Value, UserId)>>,
    cut: Mutex<Vec<(UserId, u16, &'static str)>>,
    expelled: Mutex<Vec<(UserId, ChannelId)>>,
    seats: Mutex<Vec<(ParticipantId, bool)>>,
    /// What each join said of its call.
    playout_delays: Mutex<Vec<Option<PlayoutDelay>>>,
    full: AtomicBool,
    news: Notify,
}

impl Broadcast for Recorder {
    fn emit(&self, to: Audience, event: OutEvent) {
        self.events.lock().unwrap().push((to, event));
        self.news.notify_waiters();
    }

    fn focus(&self, _session: SessionId, _channel: ChannelId) -> bool {
        true
    }

    fn unfocus(&self, _session: SessionId, _channel: ChannelId) {}

    fn expel(&self, user: UserId, channel: ChannelId) {
        self.expelled.lock().unwrap().push((user, channel));
    }

    fn watch_presence(&self, _session: SessionId, _key: &str, _users: &[UserId]) {}
    fn unwatch_presence(&self, _session: SessionId, _key: &str) {}

    fn presence_changed(&self, user: UserId, presence: Value, _hidden: &dyn Fn(UserId) -> bool) {
        self.presence.lock().unwrap().push((user, presence));
        self.news.notify_waiters();
    }

    fn presence_shown(&self, user: UserId, presence: Value, to: UserId) {
        self.shown.lock().unwrap().push((user, presence, to));
    }

    fn disconnect_user(&self, user: UserId, close_code: u16, code: &'static str) {
        self.cut.lock().unwrap().push((user, close_code, code));
    }

    fn disconnect_login(&self, user: UserId, _login: LoginId, close_code: u16, code: &'static str) {
        self.cut.lock().unwrap().push((user, close_code, code));
    }
}

impl MediaPlane for Recorder {
    fn join(
        &self,
        _call: CallId,
        who: ParticipantId,
        _actor: &Actor,
        playout_delay: Option<PlayoutDelay>,
    ) -> Result<(), MediaUnavailable> {
        if self.full.load(Relaxed) {
            return Err(MediaUnavailable);
        }
        self.seats.lock().unwrap().push((who, true));
        self.playout_delays.lock().unwrap().push(playout_delay);
        Ok(())
    }

    fn leave(&self, _call: CallId, who: ParticipantId) {
        self.seats.lock().unwrap().push((who, false));
    }

    fn force_mute(&self, _call: CallId, _who: ParticipantId, _muted: bool) {}
    fn set_muted(&self, _call: CallId, _who: ParticipantId, _muted: bool) {}
}

impl Recorder {
    /// Names and payloads of what one session of the user was sent.
    fn heard(&self, actor: &Actor) -> Vec<(&'static str, Value)> {
        let events = self.events.lock().unwrap();
        let for_me = |to: &Audience| match to {
            Audience::Users(users) => users.contains(&actor.user),
            Audience::UsersExcept(users, except) => users.contains(&actor.user) && *except != actor.session,
            Audience::Session(session) => *session == actor.session,
            Audience::OtherSessions { user, except } => *user == actor.user && *except != actor.session,
            Audience::Focused { except, .. } => !except.contains(&actor.user),
            Audience::PresenceWatchers(_) | Audience::Everyone => true,
        };
        events
            .iter()
            .filter(|(to, _)| for_me(to))
            .map(|(_, event)| (event.name, event.data.clone()))
            .collect()
    }

    fn names(&self, actor: &Actor) -> Vec<&'static str> {
        self.heard(actor).into_iter().map(|(name, _)| name).collect()
    }

    fn of(&self, actor: &Actor, name: &str) -> Vec<Value> {
        self.heard(actor).into_iter().filter(|(n, _)| *n == name).map(|(_, data)| data).collect()
    }

    /// Waits, at most 5 s, until the recorder shows it.
    async fn until(&self, what: &str, seen: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let news = self.news.notified();
                if seen(self) {
                    return;
                }
                news.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap_or_else(|_| panic!("never: {what}"));
    }
}

struct House {
    services: Services,
    seen: Arc<Recorder>,
    store: Arc<SqlStore>,
    path: PathBuf,
    _dir: Option<tempfile::TempDir>,
}

fn quick() -> ServicesConfig {
    ServicesConfig {
        rate: RateScale::Off,
        password: PasswordCost { memory_kib: 64, passes: 1, parallel: 2 },
        calls: CallConfig {
            heartbeat: Duration::from_millis(20),
            quality_interval: Duration::from_millis(20),
            ..CallConfig::default()
        },
        ..ServicesConfig::default()
    }
}

async fn house(config: ServicesConfig) -> House {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.db");
    House { _dir: Some(dir), ..open(path, config).await }
}

async fn open(path: PathBuf, config: ServicesConfig) -> House {
    let sqlite = SqliteConfig { path: path.clone(), full_sync: false };
    let store = Arc::new(SqlStore::sqlite(sqlite).await.unwrap());
    let seen = Arc::new(Recorder::default());
    let services = Services::start(store.clone(), seen.clone(), seen.clone(), config).await.unwrap();
    House { services, seen, store, path, _dir: None }
}

impl House {
    /// A new account and a session of it.
    async fn person(&self, username: &str) -> Actor {
        let account =
            NewAccount { username: username.into(), name: username.to_uppercase(), ..NewAccount::default() };
        device(&self.services.create_user(account).await.unwrap())
    }

    async fn run(&self, actor: &Actor, op: &str, data: Value) -> Result<Value, ServiceError> {
        self.services.execute(actor, Command::parse(op, data)?).await
    }

    async fn ok(&self, actor: &Actor, op: &str, data: Value) -> Value {
        self.run(actor, op, data).await.unwrap_or_else(|error| panic!("{op}: {error}"))
    }

    async fn code(&self, actor: &Actor, op: &str, data: Value) -> Code {
        self.run(actor, op, data).await.expect_err(op).code
    }

    async fn dm(&self, a: &Actor, b: &Actor) -> String {
        let made = self.ok(a, "dm:open", json!({"userId": b.user})).await;
        made["channel"]["id"].as_str().unwrap().to_owned()
    }
}

/// One more session of a user.
fn device(user: &UserRecord) -> Actor {
    Actor {
        user: user.id,
        username: user.username.as_str().into(),
        name: user.name.as_str().into(),
        session: SessionId::from_parts(1, rand::random()),
        device: Device::Desktop,
        grants: Arc::new(Grants::default()),
        login: None,
        from: Default::default(),
    }
}

fn second_device(actor: &Actor) -> Actor {
    Actor { session: SessionId::from_parts(1, rand::random()), device: Device::Mobile, ..actor.clone() }
}
