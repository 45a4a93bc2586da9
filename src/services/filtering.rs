//! Unwanted words: the list that administrators keep, and texts on their way into the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Value, json};

use super::{Inner, StoredResult as _, ids::Ids, outbox::Outbox};
use crate::{
    auth::grants::Actor,
    base::id::{FilterId, MessageId},
    chat::{
        command::FilterAdd,
        error::{Code, ServiceError, Violation},
        filter::{Filter, FilterRecord, WordFilter, mask, same},
    },
    runtime::clock,
    store::{NewFilter, NewFlag, OldFilter, Reported, Store, StoreError},
};

/// The list as it is in the database, and what judges by it. Changes arrive in the order of their commits.
#[derive(Default)]
pub(super) struct Wordlist {
    all: Mutex<Vec<FilterRecord>>,
    judge: RwLock<Arc<WordFilter>>,
}

impl Wordlist {
    pub(super) fn new(all: Vec<FilterRecord>) -> Self {
        let list = Self::default();
        list.change(|words| *words = all);
        list
    }

    fn change(&self, change: impl FnOnce(&mut Vec<FilterRecord>)) {
        let mut all = self.words();
        change(&mut all);
        let judge = Arc::new(WordFilter::new(all.iter().map(|one| (one.word.as_str(), one.action))));
        *self.judge.write().unwrap_or_else(PoisonError::into_inner) = judge;
    }

    fn judge(&self) -> Arc<WordFilter> {
        self.judge.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn words(&self) -> MutexGuard<'_, Vec<FilterRecord>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be reported of a message once it is stored; nothing, mostly.
pub(super) struct Suspicion {
    flagged: Vec<String>,
    store: Arc<dyn Store>,
    ids: Arc<Ids>,
    out: Outbox,
}

impl Suspicion {
    /// Runs after the commit of the message, whether or not its author waits for the answer.
    pub(super) fn report(&self, message: MessageId) {
        if self.flagged.is_empty() {
            return;
        }
        let note = self.flagged.join(", ");
        let flag = NewFlag { id: self.ids.report(), message, note, now: clock::wall_ms() };
        let (store, out) = (self.store.clone(), self.out.clone());
        tokio::spawn(async move {
            let then = Box::new(move |reported: &Reported| out.reported(reported));
            match store.flag(flag, then).await {
                // Deleted at once.
                Ok(_) | Err(StoreError::State) => {}
                Err(error) => tracing::warn!(%message, %error, "what a filter saw could not be reported"),
            }
        });
    }
}

impl Inner {
    /// The text as it may be stored, and what is to be reported of it then. `validation.filtered` if it may not.
    pub(super) fn filtered(&self, mut content: String) -> Result<(String, Suspicion), ServiceError> {
        let list = self.wordlist.judge();
        let mut flagged: Vec<String> = Vec::new();
        let configured = self.config.filters.iter().map(|filter| &**filter);
        for filter in configured.chain([&*list as &dyn Filter]) {
            let verdict = filter.judge(&content);
            if verdict.blocked {
                return Err(refused());
            }
            if !verdict.masked.is_empty() {
                content = mask(&content, &verdict.masked);
            }
            flagged.extend(verdict.flagged);
        }
        let (store, ids, out) = (self.store.clone(), self.ids.clone(), self.out.clone());
        Ok((content, Suspicion { flagged, store, ids, out }))
    }

    pub(super) async fn filters(&self, actor: &Actor) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let found = self.store.filters().await.or_not_found(Code::NotFoundFilter)?;
        Ok(json!({"filters": found.iter().map(FilterRecord::to_json).collect::<Vec<_>>()}))
    }

    pub(super) async fn filter_add(
        self: &Arc<Self>,
        actor: &Actor,
        add: FilterAdd,
    ) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let word = add.word.trim();
        let known = self.wordlist.words().iter().map(|one| &one.word).find(|one| same(one, word)).cloned();
        let new = NewFilter {
            id: self.ids.filter(),
            // However it is spelled this time: two entries of one word would be at odds.
            word: known.unwrap_or_else(|| word.to_owned()),
            action: add.action,
            by: actor.user,
            from: actor.from,
            now: clock::wall_ms(),
        };
        let here = self.clone();
        let then = Box::new(move |filter: &FilterRecord| {
            here.wordlist.change(|all| {
                all.retain(|one| one.id != filter.id);
                all.push(filter.clone());
            });
        });
        let done = self.store.add_filter(new, then).await.or_not_found(Code::NotFoundFilter)?;
        Ok(json!({"filter": done.to_json()}))
    }

    pub(super) async fn filter_remove(
        self: &Arc<Self>,
        actor: &Actor,
        id: FilterId,
    ) -> Result<Value, ServiceError> {
        self.require_server_admin(actor).await?;
        let here = self.clone();
        let then = Box::new(move |gone: &FilterRecord| {
            here.wordlist.change(|all| all.retain(|one| one.id != gone.id));
        });
        let old = OldFilter { id, by: actor.user, from: actor.from, now: clock::wall_ms() };
        self.store.remove_filter(old, then).await.or_not_found(Code::NotFoundFilter)?;
        Ok(json!({}))
    }
}

/// Which word it was stays between the list and its keepers: guessing it is work.
fn refused() -> ServiceError {
    let mut error =
        ServiceError::new(Code::ValidationFiltered, "the message has words that are not wanted here");
    error.details.push(Violation { path: "content".into(), rule: "no unwanted words".into() });
    error
}
