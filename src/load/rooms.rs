//! Channels made for a run, so that idle bots are not all in one room.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{args::Args, signalling::Session};

/// Channel ids; empty if none were asked for. The channels stay: measure a server of your own.
pub async fn make(args: &Args) -> anyhow::Result<Vec<String>> {
    if args.rooms == 0 {
        return Ok(Vec::new());
    }
    let username = args.username.first().context("--username is empty")?;
    let token = args.url.login(username, &args.password).await.context("sign in to make channels")?;
    let mut session = Session::open(&args.url, &token).await?;
    let mut rooms = Vec::new();
    for room in 0..args.rooms {
        let request = json!({"type": "general", "name": format!("Load {room}"), "voice": true});
        let created = session.call("channel:create", request).await?;
        session.forget_events();
        let id = created.pointer("/channel/id").and_then(Value::as_str);
        rooms.push(id.context("channel:create without an id")?.to_owned());
    }
    session.close().await;
    Ok(rooms)
}
