//! Who has read a message.

use serde_json::{Value, json};

use super::{Inner, StoredResult as _, outbox::RECEIPTS_UP_TO};
use crate::{
    auth::grants::Actor,
    base::{id::MessageId, time::rfc3339},
    chat::error::{Code, ServiceError},
};

impl Inner {
    /// Names where members hear of each other's reading anyway; a number everywhere.
    pub(super) async fn read_receipts(
        &self,
        actor: &Actor,
        message: MessageId,
    ) -> Result<Value, ServiceError> {
        let named = u32::try_from(RECEIPTS_UP_TO).unwrap_or(u32::MAX);
        let found =
            self.store.read_receipts(message, actor.user, named).await.or_not_found(Code::NotFoundMessage)?;
        let readers: Vec<Value> =
            found.readers.iter().map(|(user, at)| json!({"userId": user, "at": at.map(rfc3339)})).collect();
        Ok(json!({"readers": readers, "count": found.count}))
    }
}
