//! A directory outside says who there is and who works on what; accounts and channels follow.

use serde_json::{Value, json};

use super::{Inner, Services, StoredResult as _};
use crate::{
    auth::hook::WINDOW,
    base::origin::Origin,
    chat::{
        directory::DirectoryChange,
        error::{Code, ServiceError},
    },
    runtime::clock,
    store::{Cut, DirectoryCall, DirectoryDone, REMEMBERED_MS, StoreError},
};

// Before and after its time a signature is good; it must not be forgotten meanwhile.
const _: () = assert!(REMEMBERED_MS as u128 > 2 * WINDOW.as_millis());

impl Services {
    /// Carries out a signed call: all of it, or nothing. Its `signature` is good once.
    pub async fn sync_directory(
        &self,
        change: DirectoryChange,
        signature: String,
        from: Origin,
    ) -> Result<Value, ServiceError> {
        let inner = self.inner.clone();
        // Somebody who hangs up must not leave it half done.
        let done = tokio::spawn(async move { inner.sync_directory(change, signature, from).await }).await;
        done.unwrap_or_else(|_| Err(ServiceError::new(Code::ServerUnavailable, "the call failed")))
    }
}

impl Inner {
    async fn sync_directory(
        &self,
        change: DirectoryChange,
        signature: String,
        from: Origin,
    ) -> Result<Value, ServiceError> {
        let call = DirectoryCall { change, signature, from, now: clock::wall_ms() };
        let out = self.out.clone();
        let then = Box::new(move |done: &DirectoryDone| out.directory(done));
        let done = self.store.sync_directory(call, then).await;
        let done = match done {
            Err(StoreError::Duplicate) => {
                return Err(ServiceError::new(Code::ConflictDuplicate, "the call was carried out before"));
            }
            done => done.or_not_found(Code::NotFoundUser)?,
        };
        for there in &done.channels {
            for member in &there.left {
                self.after_removal(there.channel.id, member.user).await;
            }
            if there.archived {
                self.end_call_of(there.channel.id, done.by).await;
            }
        }
        for cut in &done.cut {
            let (Cut::Inactive(user) | Cut::Less(user)) = *cut;
            for call in self.look(|book| book.of_user(user)) {
                self.expel(call, user).await;
            }
        }
        let item = |item: &crate::store::DirectoryItem| json!({"id": item.id, "target": item.target, "created": item.created, "changed": item.changed});
        Ok(json!({"results": done.items.iter().map(item).collect::<Vec<_>>()}))
    }
}
