//! What a run needs before it begins: open files, people, rooms, and a connection for everybody.

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};

use super::{
    super::token,
    args::Common,
    link::{Door, Link},
};
use crate::{observe::process::Usage, runtime::clock};

/// Requests of the set-up under way at a time.
const REQUESTS: usize = 16;
/// Files beside the connections.
const OTHER_FILES: u64 = 100;
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

/// An account of the run.
#[derive(Debug, Clone)]
pub struct Person {
    pub token: String,
    pub user: String,
}

/// A server made ready: who may connect, and which rooms there are.
pub struct Stage {
    pub door: Door,
    pub people: Vec<Person>,
    /// Channel ids; person `n` is in room `n / members`.
    pub rooms: Vec<String>,
    pub members: usize,
    /// Connections of each person.
    pub sessions: usize,
    pub at_once: usize,
}

/// A connection that is to be made, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    pub person: usize,
    pub room: usize,
}

impl Stage {
    /// Makes accounts and rooms for that many connections. Over REST, so that no session is left behind.
    pub async fn set(common: &Common, connections: usize, members: usize) -> anyhow::Result<Self> {
        allow_open_files(connections as u64 + OTHER_FILES)?;
        let door = Door { url: common.url.clone(), address: common.url.resolve().await? };
        let sessions = common.sessions as usize;
        let count = connections.div_ceil(sessions);
        let now = clock::wall_ms() / 1000;
        let people = stream::iter(0..count)
            .map(|number| {
                let minted = token::mint(&common.key_id, &common.key_secret, &format!("chat-{number}"), now);
                account(&door, minted)
            })
            .buffered(REQUESTS)
            .try_collect::<Vec<_>>()
            .await?;
        let rooms = stream::iter(people.chunks(members).enumerate())
            .map(|(number, people)| room(&door, number, people))
            .buffered(REQUESTS)
            .try_collect::<Vec<_>>()
            .await?;
        Ok(Self { door, people, rooms, members, sessions, at_once: common.at_once as usize })
    }

    /// All connections, those of a room next to each other.
    pub fn seats(&self, connections: usize) -> impl Iterator<Item = Seat> + use<> {
        let (sessions, members) = (self.sessions, self.members);
        (0..connections).map(move |number| {
            let person = number / sessions;
            Seat { person, room: person / members }
        })
    }

    pub fn person(&self, seat: Seat) -> anyhow::Result<&Person> {
        self.people.get(seat.person).context("more connections than people")
    }

    pub fn room(&self, seat: Seat) -> anyhow::Result<&str> {
        self.rooms.get(seat.room).map(String::as_str).context("a seat without a room")
    }

    /// Opens new sessions for all, `at_once` at a time. The first failure ends it.
    pub async fn connect(&self, connections: usize) -> anyhow::Result<Vec<(Seat, Link, String)>> {
        let open = |seat| async move {
            let mut link = Link::open(&self.door).await?;
            let admitted = link.hello(&self.person(seat)?.token, None, |_| {}).await?;
            anyhow::Ok((seat, link, admitted.session))
        };
        stream::iter(self.seats(connections)).map(open).buffered(self.at_once).try_collect().await
    }
}

async fn account(door: &Door, minted: anyhow::Result<String>) -> anyhow::Result<Person> {
    let token = minted?;
    let answer = door.url.as_user(&token, "GET", "/api/v1/users/me", "").await?;
    let user = answer.pointer("/data/id").and_then(Value::as_str).context("no user id")?;
    Ok(Person { user: user.to_owned(), token })
}

async fn room(door: &Door, number: usize, people: &[Person]) -> anyhow::Result<String> {
    let owner = people.first().context("a room for nobody")?;
    let guests: Vec<&str> = people.iter().skip(1).map(|person| person.user.as_str()).collect();
    let wanted = json!({"type": "group", "name": format!("Load {number}"), "participants": guests});
    let answer = door.url.as_user(&owner.token, "POST", "/api/v1/channels", &wanted.to_string()).await?;
    let id = answer.pointer("/data/channel/id").and_then(Value::as_str).context("no channel id")?;
    Ok(id.to_owned())
}

/// Every connection is an open file, here and in the server.
fn allow_open_files(wanted: u64) -> anyhow::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("read the limit of open files")?;
    if soft >= wanted {
        return Ok(());
    }
    if hard < wanted {
        bail!(
            "{wanted} open files are needed and {hard} allowed: raise `ulimit -Hn`, here and for the server"
        );
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).context("raise the limit of open files")
}

/// The server's, if its process is known.
pub fn server_usage(common: &Common) -> anyhow::Result<Option<Usage>> {
    common.server_pid.map(usage_of).transpose()
}

pub fn own_usage() -> anyhow::Result<Usage> {
    usage_of(std::process::id())
}

fn usage_of(pid: u32) -> anyhow::Result<Usage> {
    Usage::of(pid).with_context(|| format!("cannot read /proc/{pid}"))
}

/// Looks again and again, for half a minute. `false` if it never came true.
pub async fn come_true(condition: impl Fn() -> bool) -> bool {
    let until = clock::now() + GIVE_UP_AFTER;
    while !condition() {
        if clock::now() > until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}
