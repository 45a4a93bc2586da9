//! Finding messages, channels and people.

use serde_json::{Value, json};

use super::{Inner, StoredResult as _};
use crate::{
    auth::grants::Actor,
    base::{
        id::{ChannelId, UserId},
        time::{DAY_MS, parse_date, parse_rfc3339},
    },
    chat::{
        command::{SearchMessages, SearchSuggest},
        error::{Code, ServiceError},
        limits::page,
        model::{ChannelRecord, UserRecord, WallMs},
        search::{Query, highlights, words},
    },
    store::{ChannelQuery, SearchQuery, StoreError},
};

/// Channels and people suggested when the client does not say how many.
const SUGGESTIONS: u32 = 5;
/// Candidates of which the best are suggested.
const CANDIDATES: u32 = 100;

impl Inner {
    /// `place` is the channel that was named, which the caller is a member of.
    pub(super) async fn search(
        &self,
        actor: &Actor,
        place: Option<ChannelId>,
        ask: SearchMessages,
    ) -> Result<Value, ServiceError> {
        let query = Query::parse(&ask.q)?;
        let given = place.is_some() || ask.sender_id.is_some() || ask.from.is_some() || ask.to.is_some();
        if query == Query::default() && !given {
            return Err(ServiceError::invalid("q", "a word, a phrase or a filter"));
        }
        let since = ask.from.as_deref().map(|text| moment("from", text, 0)).transpose()?;
        let until = ask.to.as_deref().map(|text| moment("to", text, DAY_MS)).transpose()?;
        let before = ask.cursor.as_deref().map(str::parse).transpose();
        let query = SearchQuery {
            user: actor.user,
            channels: self.channels_meant(place.or(self.room_of(actor).await?), &query.within).await?,
            authors: self.authors_meant(ask.sender_id, &query.from).await?,
            links: query.links,
            since: query.since.max(since),
            until: [query.until, until].into_iter().flatten().min(),
            before: before.map_err(|_| not_a_cursor())?,
            limit: page(ask.limit),
            terms: query.terms,
        };
        let terms = query.terms.clone();
        let found = self.store.search(query).await.map_err(|error| match error {
            StoreError::NotFound => not_a_cursor(),
            other => super::store_error(other, Code::NotFoundMessage),
        })?;
        let shown = self.messages_json(actor, &found.messages).await?;
        let hit = |(message, record): (Value, &crate::chat::model::MessageRecord)| {
            let places = highlights(&record.content, &terms).unwrap_or_default();
            json!({"message": message, "highlights": places})
        };
        let hits: Vec<Value> = shown.into_iter().zip(&found.messages).map(hit).collect();
        Ok(json!({"hits": hits, "next": found.next}))
    }

    /// The one that was named, or else is all that a token allows, as far as it is among those of the filter.
    async fn channels_meant(
        &self,
        only: Option<ChannelId>,
        names: &[String],
    ) -> Result<Option<Vec<ChannelId>>, ServiceError> {
        if names.is_empty() {
            return Ok(only.map(|channel| vec![channel]));
        }
        let mut meant = Vec::new();
        for name in names {
            match self.store.resolve_channel(name).await {
                Ok((id, ..)) if only.is_none_or(|channel| channel == id) => meant.push(id),
                Ok(_) | Err(StoreError::NotFound) => {}
                Err(error) => return Err(super::store_error(error, Code::NotFoundChannel)),
            }
        }
        Ok(Some(meant))
    }

    async fn authors_meant(
        &self,
        only: Option<UserId>,
        names: &[String],
    ) -> Result<Option<Vec<UserId>>, ServiceError> {
        if names.is_empty() {
            return Ok(only.map(|user| vec![user]));
        }
        let mut meant = Vec::new();
        for name in names {
            match self.store.user_by_username(name).await {
                Ok(user) if only.is_none_or(|id| id == user.id) => meant.push(user.id),
                Ok(_) | Err(StoreError::NotFound) => {}
                Err(error) => return Err(super::store_error(error, Code::NotFoundUser)),
            }
        }
        Ok(Some(meant))
    }

    /// Channels of mine and people, by the beginning of a word of their names.
    pub(super) async fn suggest(&self, actor: &Actor, ask: SearchSuggest) -> Result<Value, ServiceError> {
        let size = ask.limit.unwrap_or(SUGGESTIONS) as usize;
        let (want_channels, want_people, name) = match ask.q.trim().split_at_checked(1) {
            Some(("#", name)) => (true, false, name),
            Some(("@", name)) => (false, true, name),
            _ => (true, true, ask.q.trim()),
        };
        let within = self.within(actor).await?;
        let room = within.channel;
        let mut channels: Vec<ChannelRecord> = Vec::new();
        if want_channels {
            channels = match room {
                Some(room) => vec![self.channel(actor, room).await?],
                None => {
                    let query = ChannelQuery {
                        search: Some(name.into()),
                        limit: CANDIDATES,
                        ..ChannelQuery::default()
                    };
                    self.store.channels(actor.user, query).await.or_not_found(Code::NotFoundChannel)?
                }
            };
            channels.retain(|channel| begins(&channel.name, name));
            channels.sort_by_key(|channel| std::cmp::Reverse(channel.last_message_at));
            channels.truncate(size);
        }
        let mut users: Vec<UserRecord> = Vec::new();
        if want_people {
            let found = self.store.users(Some(name), None, within, CANDIDATES).await;
            users = found.or_not_found(Code::NotFoundUser)?;
            users.retain(|user| begins(&user.name, name) || begins(&user.username, name));
            users.truncate(size);
        }
        Ok(json!({
            "channels": channels.iter().map(|channel| self.channel_json(channel)).collect::<Vec<_>>(),
            "users": self.users_json(actor, &users).await?,
        }))
    }
}

/// Whether a word of the name begins with this, or the name as a whole.
fn begins(name: &str, start: &str) -> bool {
    let (name, start) = (words(name), words(start));
    (0..name.len()).any(|at| {
        let mut rest = name.iter().skip(at);
        let last = start.len().saturating_sub(1);
        start.iter().enumerate().all(|(n, wanted)| {
            rest.next().is_some_and(|word| match n == last {
                true => word.folded.starts_with(&wanted.folded),
                false => word.folded == wanted.folded,
            })
        })
    })
}

/// A time, or a date and so much of it.
fn moment(path: &str, text: &str, of_day: WallMs) -> Result<WallMs, ServiceError> {
    let date = parse_date(text).map(|start| start + of_day);
    date.or_else(|| parse_rfc3339(text)).ok_or_else(|| ServiceError::invalid(path, "RFC 3339 or a date"))
}

fn not_a_cursor() -> ServiceError {
    ServiceError::invalid("cursor", "not a cursor of ours")
}
