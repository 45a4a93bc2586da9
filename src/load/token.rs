//! How bots prove who they are: shared accounts, a ready token, or a minted user each.

use anyhow::Context as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::args::Args;
use crate::runtime::clock;

/// Longer than any run.
const LIFETIME_S: i64 = 12 * 3600;

/// One token per bot, and one for the chat probe.
pub async fn for_bots(args: &Args) -> anyhow::Result<Vec<String>> {
    let bots = args.bots() + u32::from(args.chat_rate > 0);
    if let Some(token) = &args.token {
        return Ok((0..bots).map(|_| token.clone()).collect());
    }
    if let (Some(id), Some(secret)) = (&args.key_id, &args.key_secret) {
        let now = clock::wall_ms() / 1000;
        return (0..bots).map(|bot| mint(id, secret, &format!("load-{bot}"), now)).collect();
    }
    let mut accounts = Vec::new();
    for username in args.username.iter().take(bots as usize) {
        let token = args.url.login(username, &args.password).await;
        accounts.push(token.with_context(|| format!("sign in as {username}"))?);
    }
    Ok(accounts.iter().cycle().take(bots as usize).cloned().collect())
}

/// A token for the user `sub`, whose account may be new. `now` in seconds since 1970.
pub fn mint(key_id: &str, secret: &str, sub: &str, now: i64) -> anyhow::Result<String> {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(key_id.to_owned());
    let claims = json!({
        "sub": sub,
        "name": format!("Load {}", sub.rsplit('-').next().unwrap_or_default()),
        "iss": "convene",
        "aud": "convene",
        "iat": now,
        "exp": now + LIFETIME_S,
    });
    Ok(jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes()))?)
}
