//! Who is there, over all devices of a person. Soft state, sans-I/O.
//!
//! What others see is computed from the sessions and the person's wish: dnd > online > away > offline, `invisible`
//! looks offline. A person whose last session is gone stays online for a grace period.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::command::{Activity, PresenceStatus};
use crate::{
    auth::grants::Device,
    base::{
        id::{SessionId, UserId},
        time::rfc3339,
    },
};

#[derive(Debug, Default)]
struct Person {
    /// Sessions with a live socket.
    sessions: BTreeMap<SessionId, Device>,
    /// No socket since; offline when reached.
    offline_at: Option<Instant>,
    wish: Option<PresenceStatus>,
    custom_status: String,
    activity: Option<Activity>,
    last_seen: Option<i64>,
    /// What others were last told.
    shown: Option<&'static str>,
}

#[derive(Debug)]
pub struct Presence {
    grace: Duration,
    people: BTreeMap<UserId, Person>,
}

impl Presence {
    pub fn new(grace: Duration) -> Self {
        Self { grace, people: BTreeMap::new() }
    }

    /// Each of these returns true if what others see has changed.
    pub fn attached(&mut self, user: UserId, session: SessionId, device: Device) -> bool {
        let person = self.people.entry(user).or_default();
        person.sessions.insert(session, device);
        person.offline_at = None;
        person.flipped()
    }

    pub fn detached(&mut self, now: Instant, wall_ms: i64, user: UserId, session: SessionId) -> bool {
        let grace = self.grace;
        let Some(person) = self.people.get_mut(&user) else { return false };
        let was_there = person.sessions.remove(&session).is_some();
        if was_there {
            person.last_seen = Some(wall_ms);
            if person.sessions.is_empty() {
                person.offline_at = Some(now + grace);
            }
        }
        person.flipped()
    }

    pub fn update(
        &mut self,
        user: UserId,
        wish: Option<PresenceStatus>,
        custom_status: Option<String>,
        activity: Option<Activity>,
    ) -> bool {
        let person = self.people.entry(user).or_default();
        let before = (person.custom_status.clone(), person.activity.clone());
        person.wish = wish.or(person.wish);
        if let Some(text) = custom_status {
            person.custom_status = text;
        }
        if let Some(activity) = activity {
            person.activity = Some(activity).filter(|a| !a.kind.is_empty());
        }
        let said = before != (person.custom_status.clone(), person.activity.clone());
        let flipped = person.flipped();
        flipped || (said && person.visible() != OFFLINE)
    }

    /// Remembers what the database knows, unless the person has said something newer.
    pub fn seed(&mut self, user: UserId, custom_status: &str, last_seen: Option<i64>) {
        let person = self.people.entry(user).or_default();
        if person.custom_status.is_empty() {
            custom_status.clone_into(&mut person.custom_status);
        }
        person.last_seen = person.last_seen.max(last_seen);
    }

    /// Whose grace has run out.
    pub fn expire(&mut self, now: Instant) -> Vec<UserId> {
        let mut flipped = Vec::new();
        for (user, person) in &mut self.people {
            if person.offline_at.is_some_and(|at| at <= now) {
                person.offline_at = None;
                if person.flipped() {
                    flipped.push(*user);
                }
            }
        }
        flipped
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.people.values().filter_map(|person| person.offline_at).min()
    }

    /// `{userId, status, customStatus, activity, device, lastSeen}` as others see it.
    pub fn seen_by_others(&self, user: UserId) -> Value {
        let nobody = Person::default();
        let person = self.people.get(&user).unwrap_or(&nobody);
        let status = person.visible();
        let there = status != OFFLINE;
        json!({
            "userId": user, "status": status, "customStatus": person.custom_status,
            "activity": person.activity.as_ref().filter(|_| there),
            "device": person.device().filter(|_| there), "lastSeen": person.last_seen.map(rfc3339),
        })
    }

    /// The same, but the person itself sees that it is invisible.
    pub fn seen_by_self(&self, user: UserId) -> Value {
        let mut presence = self.seen_by_others(user);
        let invisible = self.people.get(&user).is_some_and(|p| p.wish == Some(PresenceStatus::Invisible));
        if invisible && let Some(status) = presence.get_mut("status") {
            *status = "invisible".into();
        }
        presence
    }

    /// Whether the person has any live socket.
    pub fn is_there(&self, user: UserId) -> bool {
        self.people.get(&user).is_some_and(|person| !person.sessions.is_empty())
    }
}

impl Person {
    fn visible(&self) -> &'static str {
        if self.sessions.is_empty() && self.offline_at.is_none() {
            return OFFLINE;
        }
        match self.wish {
            Some(PresenceStatus::Invisible) => OFFLINE,
            Some(PresenceStatus::Dnd) => "dnd",
            Some(PresenceStatus::Away) => "away",
            Some(PresenceStatus::Online) | None => "online",
        }
    }

    fn flipped(&mut self) -> bool {
        let visible = self.visible();
        self.shown.replace(visible).unwrap_or(OFFLINE) != visible
    }

    /// A desktop tells more than a phone in a pocket.
    fn device(&self) -> Option<Device> {
        let has = |device| self.sessions.values().any(|d| *d == device);
        [Device::Desktop, Device::Tablet, Device::Mobile].into_iter().find(|device| has(*device))
    }
}

const OFFLINE: &str = "offline";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const GRACE: Duration = Duration::from_secs(10);

    fn ids() -> (UserId, SessionId, SessionId) {
        (UserId::from_parts(1, 1), SessionId::from_parts(1, 1), SessionId::from_parts(1, 2))
    }

    fn status(presence: &Presence, user: UserId) -> String {
        presence.seen_by_others(user)["status"].as_str().unwrap().to_owned()
    }

    #[test]
    fn the_second_device_changes_nothing_and_the_last_one_counts() {
        let (user, phone, desk) = ids();
        let (mut presence, t0) = (Presence::new(GRACE), clock::now());
        assert!(presence.attached(user, phone, Device::Mobile));
        assert!(!presence.attached(user, desk, Device::Desktop));
        assert_eq!(presence.seen_by_others(user)["device"], "desktop");
        assert!(!presence.detached(t0, 5, user, desk));
        assert_eq!(presence.next_timeout(), None);
        assert!(!presence.detached(t0, 6, user, phone));
        assert_eq!(status(&presence, user), "online");
        assert!(presence.expire(t0 + GRACE - Duration::from_millis(1)).is_empty());
        assert_eq!(presence.expire(t0 + GRACE), [user]);
        assert_eq!(status(&presence, user), "offline");
    }

    #[test]
    fn a_reconnect_within_the_grace_is_not_seen() {
        let (user, phone, desk) = ids();
        let (mut presence, t0) = (Presence::new(GRACE), clock::now());
        presence.attached(user, phone, Device::Mobile);
        presence.detached(t0, 5, user, phone);
        assert!(!presence.attached(user, desk, Device::Desktop));
        assert!(presence.expire(t0 + GRACE * 2).is_empty());
        assert_eq!(status(&presence, user), "online");
    }

    #[test]
    fn invisible_looks_offline_to_others_only() {
        let (user, phone, _) = ids();
        let mut presence = Presence::new(GRACE);
        presence.attached(user, phone, Device::Mobile);
        assert!(presence.update(user, Some(PresenceStatus::Invisible), Some("here".into()), None));
        assert_eq!(status(&presence, user), "offline");
        assert!(presence.seen_by_others(user)["device"].is_null());
        assert_eq!(presence.seen_by_self(user)["status"], "invisible");
        assert!(!presence.update(user, None, Some("still here".into()), None));
        assert!(presence.update(user, Some(PresenceStatus::Dnd), None, None));
        assert_eq!(status(&presence, user), "dnd");
    }
}
