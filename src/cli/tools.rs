//! What operators do with a database besides serving it: found one, move it, keep a copy, hand out what it knows.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context;
use serde_json::Value;

use super::{
    args::{DbCopy, Export, Init},
    commands::environment,
};
use crate::{
    app::{database, open_store},
    config::layers,
    services::{self, NewAccount, ServicesConfig},
    store::sql::{
        backup,
        copy::copy as copy_database,
        export::{self as exporting, Subject},
        source::Address,
    },
};

/// What `init` writes, with `@…@` where something of this installation goes.
const TEMPLATE: &str = include_str!("init.toml");
/// Letters and digits that nobody mistakes for each other; 20 of them are 100 bits.
const PASSWORD_LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const PASSWORD_LENGTH: usize = 20;
/// A password that people may try from the internet.
const SHORTEST_PASSWORD: usize = 8;

pub(super) async fn init(args: Init) -> anyhow::Result<()> {
    let text = configuration(&args);
    // So it is founded where it will be served from, PostgreSQL for example.
    let config = layers::load(Some(&text), &environment(), &[])?;
    let (password, made_up) =
        if args.password_stdin { (first_line(&mut io::stdin().lock())?, false) } else { (password(), true) };
    let mut file = create(&args.config)?;
    let founded = async {
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).context("the configuration")?;
        let store = open_store(&config).await?;
        let account = NewAccount {
            username: args.admin.clone(),
            password: Some(password.clone()),
            ..NewAccount::default()
        };
        let founded = services::found(&*store, &ServicesConfig::default(), account).await;
        store.close().await;
        founded.context("the first administrator")
    };
    if let Err(error) = founded.await {
        // Written by us a moment ago, and of no use.
        let _ = fs::remove_file(&args.config);
        return Err(error);
    }
    let place = match database(&config) {
        Address::Sqlite(path) => path.display().to_string(),
        Address::Postgres(_) => "PostgreSQL".into(),
    };
    let (config, admin) = (args.config.display(), &args.admin);
    let mut out = io::stdout().lock();
    writeln!(out, "wrote {config} (it holds the signing key: only its owner can read it)")?;
    writeln!(out, "created the database, {place}, and the administrator {admin}")?;
    if made_up {
        writeln!(out, "password of {admin}, shown this once: {password}")?;
    }
    writeln!(
        out,
        "\nNext:\n  1. look through {config}: addresses, and server.public_url behind a TLS proxy"
    )?;
    writeln!(out, "  2. convene check-config --config {config}")?;
    writeln!(out, "  3. convene serve --config {config}   and sign in as {admin}")?;
    Ok(())
}

fn configuration(args: &Init) -> String {
    let secret = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let public_url = match &args.public_url {
        Some(url) => format!("public_url = {}", quoted(url)),
        None => "# public_url = \"https://meet.example.org\"".into(),
    };
    TEMPLATE
        .replace("@public_url@", &public_url)
        .replace("@secret@", &secret)
        .replace("@data_dir@", &quoted(&args.data_dir))
}

fn first_line(from: &mut dyn io::BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    // More than any password: the rest of a wrong file is not read.
    io::Read::take(from, 2048).read_line(&mut line).context("no password on standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(
        password.chars().count() >= SHORTEST_PASSWORD,
        "the password on standard input needs at least {SHORTEST_PASSWORD} characters"
    );
    Ok(password.to_owned())
}

fn password() -> String {
    let letter = |byte: u8| char::from(PASSWORD_LETTERS[usize::from(byte) % PASSWORD_LETTERS.len()]);
    rand::random::<[u8; PASSWORD_LENGTH]>().into_iter().map(letter).collect()
}

pub(super) async fn copy(args: DbCopy) -> anyhow::Result<()> {
    let copied = copy_database(&args.from, &args.to).await?;
    let mut out = io::stdout().lock();
    let mut total = 0;
    for (table, rows) in &copied.tables {
        writeln!(out, "{rows:>12}  {table}")?;
        total += rows;
    }
    writeln!(out, "{total:>12}  rows in {} tables, counted on both sides", copied.tables.len())?;
    writeln!(out, "last_seq and rev of {} channels are the same", copied.channels)?;
    let log = if copied.audit.whole { "is whole" } else { "is broken, as it was at the source," };
    writeln!(out, "the audit log {log} up to line {}", copied.audit.intact)?;
    writeln!(out, "the index for searches is built when the server first starts on it")?;
    Ok(())
}

pub(super) async fn backup(database: &Address, to: &Path) -> anyhow::Result<()> {
    let Address::Sqlite(path) = database else {
        anyhow::bail!("this is for SQLite; a PostgreSQL database is backed up with pg_dump");
    };
    let size = backup::backup(path, to).await?;
    writeln!(io::stdout(), "{} holds the database, {size} bytes, checked", to.display())?;
    Ok(())
}

pub(super) async fn export(database: &Address, args: Export) -> anyhow::Result<()> {
    let subject = match (args.user, args.channel) {
        (Some(user), _) => Subject::User(user),
        (None, Some(channel)) => Subject::Channel(channel),
        (None, None) => anyhow::bail!("--user or --channel"),
    };
    let Some(path) = args.out else {
        let mut out = BufWriter::new(io::stdout());
        write_lines(database, &subject, &mut out).await?;
        return Ok(());
    };
    let mut file = BufWriter::new(create(&path)?);
    match write_lines(database, &subject, &mut file).await {
        Ok(count) => writeln!(io::stdout(), "{} holds {count} records", path.display())?,
        Err(error) => {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
    }
    Ok(())
}

async fn write_lines(
    database: &Address,
    subject: &Subject,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<u64> {
    let mut line = |record: &Value| {
        serde_json::to_writer(&mut *out, record)?;
        out.write_all(b"\n")
    };
    let count = exporting::export(database, subject, &mut line).await?;
    out.flush()?;
    Ok(count)
}

/// New, and for its owner only.
fn create(path: &Path) -> anyhow::Result<File> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.with_context(|| format!("cannot create {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn args() -> Init {
        Init {
            config: "c.toml".into(),
            data_dir: "a \"quoted\" folder".into(),
            public_url: Some("https://meet.example.org".into()),
            admin: "admin".into(),
            password_stdin: false,
        }
    }

    #[test]
    fn what_init_writes_is_a_configuration_with_a_key_of_its_own() {
        let config = layers::load(Some(&configuration(&args())), &[], &[]).unwrap();
        assert_eq!(config.storage.data_dir, Path::new("a \"quoted\" folder"));
        assert_eq!(config.server.public_url, "https://meet.example.org");
        assert!(config.auth.keys[0].secret.expose().len() >= 64);
        let other = layers::load(Some(&configuration(&args())), &[], &[]).unwrap();
        assert_ne!(config.auth.keys[0].secret, other.auth.keys[0].secret);
    }

    /// What stands there as a comment works when the `#` is taken away, and says what is so without it.
    #[test]
    fn the_comments_of_the_configuration_are_the_defaults() {
        let text = configuration(&Init { public_url: None, ..args() });
        let settings = |line: &&str| line.strip_prefix("# ").is_some_and(|rest| rest.contains(" = "));
        let commented: Vec<&str> = text.lines().filter(settings).collect();
        assert!(commented.len() > 15, "{commented:#?}");
        let with: Vec<&str> = text.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
        let with: Vec<&str> =
            with.into_iter().filter(|line| line.contains(" = ") || line.starts_with('[')).collect();
        let with = layers::load(Some(&with.join("\n")), &[], &[]).unwrap();
        let mut without = layers::load(Some(&text), &[], &[]).unwrap();
        // Examples, since nothing else is right for everybody.
        without.server.public_url.clone_from(&with.server.public_url);
        without.media.advertise.clone_from(&with.media.advertise);
        without.storage.database_url = with.storage.database_url.clone();
        without.turn.clone_from(&with.turn);
        assert_eq!(Config::to_toml(&with), Config::to_toml(&without));
    }

    #[test]
    fn passwords_are_read_to_the_end_of_the_line() {
        assert_eq!(first_line(&mut &b"correct horse\nnot this"[..]).unwrap(), "correct horse");
        assert_eq!(first_line(&mut &b" spaces count \r\n"[..]).unwrap(), " spaces count ");
        assert!(first_line(&mut &b"short\n"[..]).is_err());
        assert!(first_line(&mut &b""[..]).is_err());
        assert_eq!(password().len(), PASSWORD_LENGTH);
        assert_ne!(password(), password());
    }
}
