//! Group channels made for a run, so that idle bots are not all in one room.
//!
//! Groups, not channels for all: there every join is told to everybody online, and 500 bots measure that.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{args::Args, signalling::Session};

/// The channel of every idle bot; empty if no rooms were asked for. `tokens` are those of the idle bots. The
/// channels stay: measure a server of your own.
pub async fn make(args: &Args, tokens: &[String]) -> anyhow::Result<Vec<String>> {
    let count = (args.rooms as usize).min(tokens.len());
    let mut rooms = vec![String::new(); tokens.len()];
    if count == 0 {
        return Ok(Vec::new());
    }
    // Also the first visit of every account, so that making it is not part of a join.
    let mut users = Vec::new();
    for token in tokens {
        let mut session = Session::open(&args.url, token).await?;
        users.push(session.user().await?);
        session.close().await;
    }
    for (room, owner) in tokens.iter().take(count).enumerate() {
        let members = || (room..tokens.len()).step_by(count);
        let mut session = Session::open(&args.url, owner).await?;
        let own = users.get(room);
        let guests: BTreeSet<_> =
            members().filter_map(|bot| users.get(bot)).filter(|user| Some(*user) != own).collect();
        let request =
            json!({"type": "group", "name": format!("Load {room}"), "voice": true, "participants": guests});
        let created = session.call("channel:create", request).await?;
        let id = created.pointer("/channel/id").and_then(Value::as_str);
        let id = id.context("channel:create without an id")?;
        for member in members() {
            if let Some(slot) = rooms.get_mut(member) {
                id.clone_into(slot);
            }
        }
        session.close().await;
    }
    Ok(rooms)
}
