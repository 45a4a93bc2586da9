//! Tells people what is for them in particular, on their own sessions only: mentions, direct messages, replies in threads
//! they follow, calls they missed, and how much of it waits for them.
//!
//! A task of its own does it after the commit and beside the fan-out. A message that is for nobody in particular costs one
//! look at two empty lists, however many are in the channel; a message that is costs one query for those of them who have a
//! session, however many those are.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Inner, Services, outbox::EXCERPT};
use crate::{
    base::id::{ChannelId, UserId},
    chat::{
        broadcast::Audience,
        model::{ChannelKind, MessageRecord, NotifyPref},
    },
    runtime::clock,
    store::{self, SentMessage, Wishes},
};

/// What waits to be told. Full: the newest is not told (and counted); what is unread can still be seen.
const QUEUE: usize = 1024;
/// Rings of one go: whoever gets several of them has its badge counted once.
const AT_ONCE: usize = 256;
/// Badges that are remembered.
const REMEMBERED: usize = 50_000;

/// What waits for somebody: `unread_total` is what a badge shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Badge {
    unread_total: u32,
    mentions: u32,
}

pub(super) enum Ring {
    Message(Box<Said>),
    Missed {
        users: Vec<UserId>,
        channel: ChannelId,
        data: Value,
    },
    /// Somebody read something; `always` if it may have counted.
    Read {
        user: UserId,
        always: bool,
    },
}

/// A message that is for somebody in particular.
pub(super) struct Said {
    message: MessageRecord,
    direct: bool,
    mentioned: Vec<UserId>,
    /// The other one of a direct conversation.
    others: Vec<UserId>,
}

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Bell {
    queue: mpsc::Sender<Ring>,
    lost: Arc<AtomicU64>,
    /// What people were told last. Whose badge shows nothing is not counted again because it reads.
    badges: Arc<Mutex<HashMap<UserId, Badge>>>,
}

impl Bell {
    pub(super) fn new() -> (Self, mpsc::Receiver<Ring>) {
        let (queue, rings) = mpsc::channel(QUEUE);
        (Self { queue, lost: Arc::default(), badges: Arc::default() }, rings)
    }

    pub(super) fn ring(&self, ring: Ring) {
        if self.queue.try_send(ring).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn said(&self, sent: &SentMessage) {
        let message = &sent.message;
        let everybody = message.mentions_all && message.thread.is_none();
        let direct = sent.direct && message.thread.is_none();
        if !everybody && !direct && sent.mentioned.is_empty() && message.thread.is_none() {
            return;
        }
        let others = || sent.audience.iter().copied().filter(|user| *user != message.author);
        let mentioned = if everybody { others().collect() } else { sent.mentioned.clone() };
        let others = if direct { others().collect() } else { Vec::new() };
        self.ring(Ring::Message(Box::new(Said { message: message.clone(), direct, mentioned, others })));
    }

    /// A session begins: what its user was told before is not what it was told.
    pub(super) fn forget(&self, user: UserId) {
        self.badges().remove(&user);
    }

    fn badges(&self) -> MutexGuard<'_, HashMap<UserId, Badge>> {
        self.badges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Services {
    /// Notifications that were too many at once.
    pub fn lost_notifications(&self) -> u64 {
        self.inner.out.bell.lost.load(Relaxed)
    }
}

/// Ends when the services are dropped or drained.
pub(super) async fn run(inner: Weak<Inner>, mut queue: mpsc::Receiver<Ring>) {
    while let Some(first) = queue.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_closing() {
            return;
        }
        let mut counted = BTreeSet::new();
        let mut next = Some(first);
        for _ in 0..AT_ONCE {
            let Some(ring) = next.take() else { break };
            if let Err(error) = inner.tell(ring, &mut counted).await {
                tracing::warn!(%error, "people could not be told what is for them");
            }
            next = queue.try_recv().ok();
        }
        // What was taken and is not told yet is the beginning of the next go.
        if let Some(ring) = next {
            let told = inner.tell(ring, &mut counted).await;
            told.unwrap_or_else(|error| tracing::warn!(%error, "people could not be told what is for them"));
        }
        for user in counted {
            if let Err(error) = inner.tell_badge(user).await {
                tracing::warn!(%error, "a badge could not be counted");
            }
        }
    }
}

impl Inner {
    async fn tell(&self, ring: Ring, counted: &mut BTreeSet<UserId>) -> store::Result<()> {
        match ring {
            Ring::Message(said) => self.tell_message(&said, counted).await,
            Ring::Missed { users, channel, data } => {
                let from = data["from"]["id"].as_str().and_then(|id| id.parse().ok());
                for (user, pref) in self.wishes(channel, &users, from).await? {
                    let quiet = pref != NotifyPref::All || self.presence().is_dnd(user);
                    if !quiet {
                        let data = json!({
                            "kind": "missed_call", "channelId": channel, "callId": data["callId"],
                            "messageId": null, "threadId": null, "senderId": data["from"]["id"],
                            "senderName": data["from"]["name"], "excerpt": "",
                        });
                        self.out.reliable(Audience::Users([user].into()), "notification:new", data);
                    }
                }
                Ok(())
            }
            Ring::Read { user, always } => {
                let nothing = self.out.bell.badges().get(&user) == Some(&Badge::default());
                if always || !nothing {
                    counted.insert(user);
                }
                Ok(())
            }
        }
    }

    async fn tell_message(&self, said: &Said, counted: &mut BTreeSet<UserId>) -> store::Result<()> {
        let message = &said.message;
        let mut users: BTreeSet<UserId> = said.mentioned.iter().chain(&said.others).copied().collect();
        if let Some(root) = message.thread {
            users.extend(self.store.thread_followers(root).await?);
        }
        users.remove(&message.author);
        let users: Vec<UserId> = users.into_iter().collect();
        let mut told: HashMap<&'static str, Vec<UserId>> = HashMap::new();
        for (user, pref) in self.wishes(message.channel, &users, Some(message.author)).await? {
            counted.insert(user);
            let kind = if said.mentioned.binary_search(&user).is_ok() {
                "mention"
            } else if pref != NotifyPref::All {
                continue;
            } else if said.direct {
                "direct"
            } else {
                "thread"
            };
            if !self.presence().is_dnd(user) {
                told.entry(kind).or_default().push(user);
            }
        }
        for (kind, users) in told {
            let data = json!({
                "kind": kind, "channelId": message.channel, "callId": null, "messageId": message.id,
                "threadId": message.thread, "senderId": message.author, "senderName": message.author_name,
                "excerpt": message.content.chars().take(EXCERPT).collect::<String>(),
            });
            self.out.reliable(Audience::Users(users.into()), "notification:new", data);
        }
        Ok(())
    }

    /// Who of these wants to hear of the channel, and of what. Nobody is asked for who has no session.
    async fn wishes(
        &self,
        channel: ChannelId,
        users: &[UserId],
        from: Option<UserId>,
    ) -> store::Result<Vec<(UserId, NotifyPref)>> {
        let now = clock::wall_ms();
        let reachable: Vec<UserId> = {
            let presence = self.presence();
            users.iter().copied().filter(|user| presence.is_reachable(*user, now)).collect()
        };
        if reachable.is_empty() {
            return Ok(Vec::new());
        }
        self.store.wishes(Wishes { channel, users: reachable, from, now }).await
    }

    async fn tell_badge(&self, user: UserId) -> store::Result<()> {
        let now = clock::wall_ms();
        if !self.presence().is_reachable(user, now) {
            self.out.bell.badges().remove(&user);
            return Ok(());
        }
        let mut badge = Badge::default();
        for channel in self.store.waiting(user, now).await? {
            badge.mentions += channel.mentions + channel.thread_mentions;
            badge.unread_total += channel.thread_mentions
                + match channel.kind == ChannelKind::Dm && channel.pref == NotifyPref::All {
                    true => channel.unread,
                    false => channel.mentions,
                };
        }
        let before = {
            let mut badges = self.out.bell.badges();
            if badges.len() >= REMEMBERED {
                badges.clear();
            }
            badges.insert(user, badge)
        };
        if before != Some(badge) {
            let data = json!({"unreadTotal": badge.unread_total, "mentions": badge.mentions});
            self.out.reliable(Audience::Users([user].into()), "notification:badge", data);
        }
        Ok(())
    }
}
