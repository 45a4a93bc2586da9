//! Who is there, over all devices of a person. Soft state, sans-I/O.
//!
//! What others see is computed from the sessions and the person's wish: dnd > online > away > offline, `invisible`
//! looks offline. A person whose last session is gone stays online for a grace period, and is away when nobody has
//! touched any of its devices for a while. Sessions that never say how long they have been idle are never idle.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    command::{Activity, PresenceStatus},
    model::{SelfStatus, WallMs},
};
use crate::{
    auth::grants::Device,
    base::{
        id::{SessionId, UserId},
        time::rfc3339,
    },
};

/// When it is: timers run by the first, times of others by the second.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub instant: Instant,
    pub wall_ms: WallMs,
}

/// A session with a live socket.
#[derive(Debug)]
struct Seat {
    device: Device,
    /// When somebody last touched it, as it said.
    touched: Option<Instant>,
}

#[derive(Debug, Default)]
struct Person {
    sessions: BTreeMap<SessionId, Seat>,
    /// No socket since; offline when reached.
    offline_at: Option<Instant>,
    /// Nobody touches any device.
    idle: bool,
    said: SelfStatus,
    /// When the custom status ends.
    status_ends: Option<Instant>,
    activity: Option<Activity>,
    last_seen: Option<WallMs>,
    /// What others were last told.
    shown: Option<&'static str>,
    /// Where it stands among those that time changes.
    due: Option<Instant>,
}

#[derive(Debug)]
pub struct Presence {
    grace: Duration,
    idle_after: Duration,
    people: BTreeMap<UserId, Person>,
    due: BTreeSet<(Instant, UserId)>,
}

/// Whom time has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Others see something new.
    pub changed: Vec<UserId>,
    /// The last device is gone for good.
    pub gone: Vec<UserId>,
}

impl Presence {
    pub fn new(grace: Duration, idle_after: Duration) -> Self {
        Self { grace, idle_after, people: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// Does something to a person; true if its status changed for others.
    fn change(&mut self, user: UserId, act: impl FnOnce(&mut Person)) -> bool {
        let person = self.people.entry(user).or_default();
        act(person);
        let due = person.next_timeout(self.idle_after);
        if due != person.due {
            if let Some(before) = person.due {
                self.due.remove(&(before, user));
            }
            self.due.extend(due.map(|at| (at, user)));
            person.due = due;
        }
        person.flipped()
    }

    /// Each of these returns true if what others see has changed.
    pub fn attached(&mut self, user: UserId, session: SessionId, device: Device) -> bool {
        self.change(user, |person| {
            person.sessions.insert(session, Seat { device, touched: None });
            person.offline_at = None;
            person.idle = false;
        })
    }

    pub fn detached(&mut self, now: Moment, user: UserId, session: SessionId) -> bool {
        let (grace, idle_after) = (self.grace, self.idle_after);
        if !self.people.contains_key(&user) {
            return false;
        }
        self.change(user, |person| {
            if person.sessions.remove(&session).is_some() {
                person.last_seen = Some(now.wall_ms);
                if person.sessions.is_empty() {
                    person.offline_at = Some(now.instant + grace);
                }
            }
            person.idle = person.is_idle(now.instant, idle_after);
        })
    }

    /// The session says how long nobody has touched its device.
    pub fn heartbeat(&mut self, now: Instant, user: UserId, session: SessionId, idle: Duration) -> bool {
        let idle_after = self.idle_after;
        if !self.people.contains_key(&user) {
            return false;
        }
        self.change(user, |person| {
            if let Some(seat) = person.sessions.get_mut(&session) {
                // Longer than that makes no difference, and a clock may not reach back so far.
                seat.touched = now.checked_sub(idle.min(idle_after)).or(Some(now));
            }
            person.idle = person.is_idle(now, idle_after);
        })
    }

    /// What the person now says of itself.
    pub fn update(
        &mut self,
        now: Moment,
        user: UserId,
        said: SelfStatus,
        activity: Option<Activity>,
    ) -> bool {
        let mut told = false;
        let flipped = self.change(user, |person| {
            let before = (person.said.clone(), person.activity.clone());
            person.say(now, said);
            if let Some(activity) = activity {
                person.activity = Some(activity).filter(|a| !a.kind.is_empty());
            }
            told = before != (person.said.clone(), person.activity.clone()) && person.visible() != OFFLINE;
        });
        flipped || told
    }

    /// Remembers what the database knows.
    pub fn seed(&mut self, now: Moment, user: UserId, said: SelfStatus, last_seen: Option<WallMs>) {
        self.change(user, |person| {
            person.say(now, said);
            person.last_seen = person.last_seen.max(last_seen);
        });
    }

    /// Whose grace, quiet or custom status has run out.
    pub fn expire(&mut self, now: Instant) -> Expired {
        let mut expired = Expired::default();
        let idle_after = self.idle_after;
        while let Some((_, user)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            let (mut gone, mut ended) = (false, false);
            let flipped = self.change(user, |person| {
                gone = person.offline_at.take_if(|at| *at <= now).is_some();
                ended = person.status_ends.take_if(|at| *at <= now).is_some();
                if ended {
                    person.said.clear_custom();
                }
                person.idle = person.is_idle(now, idle_after);
                ended &= person.visible() != OFFLINE;
            });
            expired.changed.extend((flipped || ended).then_some(user));
            expired.gone.extend(gone.then_some(user));
        }
        expired
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// `{userId, status, customStatus, emoji, until, activity, device, lastSeen}` as others see it.
    pub fn seen_by_others(&self, user: UserId) -> Value {
        let nobody = Person::default();
        let person = self.people.get(&user).unwrap_or(&nobody);
        let status = person.visible();
        let there = status != OFFLINE;
        let last_seen = person.last_seen.filter(|_| !person.said.hides_last_seen);
        json!({
            "userId": user, "status": status, "customStatus": person.said.text, "emoji": person.said.emoji,
            "until": person.said.until.map(rfc3339), "activity": person.activity.as_ref().filter(|_| there),
            "device": person.device().filter(|_| there), "lastSeen": last_seen.map(rfc3339),
        })
    }

    /// The same for whom the person blocks.
    pub fn hidden(user: UserId) -> Value {
        json!({
            "userId": user, "status": OFFLINE, "customStatus": "", "emoji": "", "until": null, "activity": null,
            "device": null, "lastSeen": null,
        })
    }

    /// The same, but the person itself sees that it is invisible.
    pub fn seen_by_self(&self, user: UserId) -> Value {
        let mut presence = self.seen_by_others(user);
        let invisible =
            self.people.get(&user).is_some_and(|p| p.said.wish == Some(PresenceStatus::Invisible));
        if invisible && let Some(status) = presence.get_mut("status") {
            *status = "invisible".into();
        }
        presence
    }

    /// How many of these others see as there.
    pub fn count(&self, users: impl IntoIterator<Item = UserId>) -> usize {
        let there = |user: &UserId| self.people.get(user).is_some_and(|person| person.visible() != OFFLINE);
        users.into_iter().filter(there).count()
    }

    /// Whether something can still reach a session of the person: it has a socket, or had one a moment ago.
    pub fn is_reachable(&self, user: UserId, now: WallMs) -> bool {
        let lately = |seen: WallMs| now - seen <= MAY_RESUME_MS;
        self.people
            .get(&user)
            .is_some_and(|person| !person.sessions.is_empty() || person.last_seen.is_some_and(lately))
    }

    /// The person does not want to be disturbed.
    pub fn is_dnd(&self, user: UserId) -> bool {
        self.people.get(&user).is_some_and(|person| person.said.wish == Some(PresenceStatus::Dnd))
    }

    /// Whether the person has any live socket.
    pub fn is_there(&self, user: UserId) -> bool {
        self.people.get(&user).is_some_and(|person| !person.sessions.is_empty())
    }
}

impl Person {
    fn say(&mut self, now: Moment, said: SelfStatus) {
        let left = said.until.map(|until| until.saturating_sub(now.wall_ms).max(0).unsigned_abs());
        self.status_ends = left.and_then(|ms| now.instant.checked_add(Duration::from_millis(ms)));
        self.said = said;
    }

    fn is_idle(&self, now: Instant, after: Duration) -> bool {
        let is_idle = |seat: &Seat| seat.touched.is_some_and(|at| now.saturating_duration_since(at) >= after);
        !self.sessions.is_empty() && self.sessions.values().all(is_idle)
    }

    /// When it will be idle if nothing happens.
    fn idle_at(&self, after: Duration) -> Option<Instant> {
        if self.idle {
            return None;
        }
        // `None` sorts first: one that never says anything keeps all awake.
        let never = self.sessions.values().map(|seat| seat.touched).min()?.is_none();
        let last = self.sessions.values().filter_map(|seat| seat.touched).max()?;
        if never { None } else { last.checked_add(after) }
    }

    fn next_timeout(&self, idle_after: Duration) -> Option<Instant> {
        [self.offline_at, self.status_ends, self.idle_at(idle_after)].into_iter().flatten().min()
    }

    fn visible(&self) -> &'static str {
        if self.sessions.is_empty() && self.offline_at.is_none() {
            return OFFLINE;
        }
        match self.said.wish {
            Some(PresenceStatus::Invisible) => OFFLINE,
            Some(PresenceStatus::Dnd) => "dnd",
            Some(PresenceStatus::Away) => "away",
            Some(PresenceStatus::Online) | None if self.idle => "away",
            Some(PresenceStatus::Online) | None => "online",
        }
    }

    fn flipped(&mut self) -> bool {
        let visible = self.visible();
        self.shown.replace(visible).unwrap_or(OFFLINE) != visible
    }

    /// A desktop tells more than a phone in a pocket.
    fn device(&self) -> Option<Device> {
        let has = |device| self.sessions.values().any(|seat| seat.device == device);
        [Device::Desktop, Device::Tablet, Device::Mobile].into_iter().find(|device| has(*device))
    }
}

const OFFLINE: &str = "offline";
/// A session waits two minutes for its socket, unless the configuration says else; after more than this none does.
const MAY_RESUME_MS: WallMs = 10 * 60 * 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const GRACE: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(300);

    fn ids() -> (UserId, SessionId, SessionId) {
        (UserId::from_parts(1, 1), SessionId::from_parts(1, 1), SessionId::from_parts(1, 2))
    }

    fn status(presence: &Presence, user: UserId) -> String {
        presence.seen_by_others(user)["status"].as_str().unwrap().to_owned()
    }

    fn start() -> (Presence, Moment) {
        (Presence::new(GRACE, IDLE), Moment { instant: clock::now(), wall_ms: 1_000_000 })
    }

    fn later(now: Moment, span: Duration) -> Moment {
        Moment { instant: now.instant + span, wall_ms: now.wall_ms + span.as_millis() as i64 }
    }

    fn wish(wish: PresenceStatus, text: &str) -> SelfStatus {
        SelfStatus { wish: Some(wish), text: text.into(), ..SelfStatus::default() }
    }

    #[test]
    fn the_second_device_changes_nothing_and_the_last_one_counts() {
        let (user, phone, desk) = ids();
        let (mut presence, t0) = start();
        assert!(presence.attached(user, phone, Device::Mobile));
        assert!(!presence.attached(user, desk, Device::Desktop));
        assert_eq!(presence.seen_by_others(user)["device"], "desktop");
        assert!(!presence.detached(t0, user, desk));
        assert_eq!(presence.next_timeout(), None);
        assert!(!presence.detached(t0, user, phone));
        assert_eq!(status(&presence, user), "online");
        assert_eq!(presence.expire(t0.instant + GRACE - Duration::from_millis(1)), Expired::default());
        let expected = Expired { changed: vec![user], gone: vec![user] };
        assert_eq!(presence.expire(t0.instant + GRACE), expected);
        assert_eq!(status(&presence, user), "offline");
        assert_eq!(presence.next_timeout(), None);
    }

    #[test]
    fn a_reconnect_within_the_grace_is_not_seen() {
        let (user, phone, desk) = ids();
        let (mut presence, t0) = start();
        presence.attached(user, phone, Device::Mobile);
        presence.detached(t0, user, phone);
        assert!(!presence.attached(user, desk, Device::Desktop));
        assert_eq!(presence.expire(t0.instant + GRACE * 2), Expired::default());
        assert_eq!(status(&presence, user), "online");
    }

    #[test]
    fn invisible_looks_offline_to_others_only() {
        let (user, phone, _) = ids();
        let (mut presence, t0) = start();
        presence.attached(user, phone, Device::Mobile);
        assert!(presence.update(t0, user, wish(PresenceStatus::Invisible, "here"), None));
        assert_eq!(status(&presence, user), "offline");
        assert!(presence.seen_by_others(user)["device"].is_null());
        assert_eq!(presence.seen_by_self(user)["status"], "invisible");
        assert!(!presence.update(t0, user, wish(PresenceStatus::Invisible, "still here"), None));
        assert!(presence.update(t0, user, wish(PresenceStatus::Dnd, "still here"), None));
        assert_eq!(status(&presence, user), "dnd");
    }

    #[test]
    fn nobody_at_any_device_is_away_and_one_touch_brings_them_back() {
        let (user, phone, desk) = ids();
        let (mut presence, t0) = start();
        let at = |s: u64| t0.instant + Duration::from_secs(s);
        presence.attached(user, phone, Device::Mobile);
        presence.attached(user, desk, Device::Desktop);
        presence.heartbeat(at(0), user, phone, Duration::from_secs(200));
        assert_eq!(presence.next_timeout(), None, "the other one has said nothing");
        presence.heartbeat(at(60), user, desk, Duration::ZERO);
        assert_eq!(presence.next_timeout(), Some(at(360)));
        assert_eq!(presence.expire(at(359)), Expired::default());
        assert_eq!(presence.expire(at(360)), Expired { changed: vec![user], gone: vec![] });
        assert_eq!((status(&presence, user).as_str(), presence.next_timeout()), ("away", None));
        assert!(!presence.heartbeat(at(400), user, phone, Duration::from_secs(600)));
        assert!(presence.heartbeat(at(401), user, phone, Duration::from_secs(1)));
        assert_eq!(status(&presence, user), "online");
        // The touched one goes: the other was idle all the time.
        assert!(presence.detached(later(t0, Duration::from_secs(402)), user, phone));
        assert_eq!(status(&presence, user), "away");
        presence.update(t0, user, wish(PresenceStatus::Dnd, ""), None);
        assert_eq!(status(&presence, user), "dnd", "what is wished for goes before");
    }

    #[test]
    fn a_custom_status_ends_by_itself() {
        let (user, phone, _) = ids();
        let (mut presence, t0) = start();
        presence.attached(user, phone, Device::Mobile);
        let lunch = SelfStatus {
            text: "lunch".into(),
            emoji: "🍜".into(),
            until: Some(t0.wall_ms + 60_000),
            ..SelfStatus::default()
        };
        assert!(presence.update(t0, user, lunch.clone(), None));
        let seen = presence.seen_by_others(user);
        assert_eq!((&seen["customStatus"], &seen["emoji"]), (&json!("lunch"), &json!("🍜")));
        let end = later(t0, Duration::from_secs(60));
        assert_eq!(presence.expire(end.instant), Expired { changed: vec![user], gone: vec![] });
        assert_eq!(presence.people[&user].said, SelfStatus::default());
        assert_eq!(presence.seen_by_others(user)["until"], Value::Null);
        // One that ended while the server was down ends at once.
        presence.seed(end, user, lunch, None);
        assert_eq!(presence.expire(end.instant).changed, [user]);
    }

    #[test]
    fn last_seen_is_shown_to_nobody_who_may_not_know() {
        let (user, phone, _) = ids();
        let (mut presence, t0) = start();
        presence.attached(user, phone, Device::Mobile);
        presence.detached(t0, user, phone);
        assert!(presence.seen_by_others(user)["lastSeen"].is_string());
        let hidden = SelfStatus { hides_last_seen: true, ..SelfStatus::default() };
        presence.update(t0, user, hidden, None);
        assert!(presence.seen_by_others(user)["lastSeen"].is_null());
    }
}
