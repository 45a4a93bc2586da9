//! What `serve --dev` brings along: accounts to try it with.

use anyhow::Context;

use crate::{
    chat::error::Code,
    services::{NewAccount, Services},
};

/// User name and display name.
pub const DEMO_USERS: [(&str, &str); 4] =
    [("ana", "Ana Almeida"), ("bo", "Bo Lindqvist"), ("cy", "Cy Okafor"), ("di", "Di Tanaka")];
pub const DEMO_PASSWORD: &str = "convene-demo";

/// Creates the accounts that do not exist yet. The first one is an administrator.
pub(super) async fn create_accounts(services: &Services) -> anyhow::Result<()> {
    for (index, (username, name)) in DEMO_USERS.into_iter().enumerate() {
        let account = NewAccount {
            username: username.into(),
            name: name.into(),
            password: Some(DEMO_PASSWORD.into()),
            admin: index == 0,
        };
        match services.create_user(account).await {
            Ok(_) => {}
            Err(error) if error.code == Code::ConflictDuplicate => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create the demo account {username}"));
            }
        }
    }
    Ok(())
}
