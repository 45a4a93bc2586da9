//! What the subcommands do.

use std::{io::Write, path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Parser;

use super::{
    args::{
        Backup, CheckConfig, Cli, Command, Database, DbCommand, Export, LoadWhat, Migrate, Serve, Source,
        Token,
    },
    tools,
};
use crate::{
    api::identity::now_s,
    app::{App, DEMO_PASSWORD, DEMO_USERS, database, open_store},
    auth::{
        grants::Grants,
        token::{NewToken, TokenKind, Tokens},
    },
    config::{AuthKey, Config, LogFormat, Mistakes, Secret, auth::MIN_SECRET, layers},
    observe::trace::{self, Format},
};

/// Parses the arguments, runs, and says how it went.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve(&args),
        Command::CheckConfig(args) => check_config(&args),
        Command::Migrate(args) => migrate(&args),
        Command::Init(args) => runtime().and_then(|runtime| runtime.block_on(tools::init(args))),
        Command::Backup(args) => backup(&args),
        Command::Export(args) => export(args),
        Command::Db(DbCommand::Copy(args)) => runtime().and_then(|it| it.block_on(tools::copy(args))),
        Command::Token(args) => token(&args),
        Command::Impair(args) => runtime().and_then(|runtime| runtime.block_on(crate::netem::run(args))),
        Command::Load(args) => runtime().and_then(|runtime| {
            runtime.block_on(async {
                match args.what {
                    Some(LoadWhat::Chat(chat)) => crate::load::chat::run_and_print(*chat).await,
                    None => crate::load::run_and_print(args.media).await,
                }
            })
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("convene: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &Serve) -> anyhow::Result<()> {
    let mut defaults = Config::default();
    if args.dev {
        defaults = dev_defaults();
    }
    let mut config = load(&args.source, defaults, &args.flags())?;
    let mut mistakes = Vec::new();
    config.check_exposure(args.dev, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes).into());
    }
    let ephemeral_key = args.dev && config.auth.keys.is_empty();
    if ephemeral_key {
        config.auth.keys.push(random_key());
    }
    start_log(&config)?;
    runtime()?.block_on(async {
        let dev = args.dev;
        let no_keys = config.auth.keys.is_empty();
        let app = App::start(config, dev).await?;
        announce(&app, dev, ephemeral_key, no_keys)?;
        wait_for_stop().await?;
        // A second signal ends the process at once.
        tokio::spawn(async {
            if wait_for_stop().await.is_ok() {
                eprintln!("convene: stopped without draining");
                std::process::exit(1);
            }
        });
        if tokio::time::timeout(DRAIN_LIMIT, app.drain()).await.is_err() {
            anyhow::bail!("draining took longer than {} s", DRAIN_LIMIT.as_secs());
        }
        Ok(())
    })
}

/// The first lines an operator sees. The line with the address is for programs, too.
fn announce(app: &App, dev: bool, ephemeral_key: bool, no_keys: bool) -> anyhow::Result<()> {
    let url = format!("http://{}", app.address());
    let mut out = std::io::stdout().lock();
    if dev {
        let names: Vec<&str> = DEMO_USERS.iter().map(|(username, _)| *username).collect();
        writeln!(out, "\n  Convene is running in development mode.\n")?;
        writeln!(out, "  1. Open    {url}  in two browser windows")?;
        writeln!(
            out,
            "  2. Sign in as {} and {}",
            names.first().unwrap_or(&""),
            names.get(1).unwrap_or(&"")
        )?;
        writeln!(out, "             users:    {}", names.join(", "))?;
        writeln!(out, "             password: {DEMO_PASSWORD}")?;
        writeln!(out, "  3. Choose the channel \"general\" and join the call\n")?;
        writeln!(out, "  Only this machine can connect. Stop with Ctrl+C.")?;
        if ephemeral_key {
            writeln!(
                out,
                "  Sign-ins end when the server stops; set CONVENE_AUTH_KEYS=id:secret to keep them."
            )?;
        }
        writeln!(out)?;
    } else if no_keys {
        writeln!(out, "convene: no signing key is configured (auth.keys): nobody can sign in")?;
    }
    writeln!(out, "convene: listening on {url}")?;
    out.flush()?;
    Ok(())
}

fn check_config(args: &CheckConfig) -> anyhow::Result<()> {
    let config = load(&args.source, Config::default(), &[])?;
    let mut out = std::io::stdout().lock();
    if args.print {
        write!(out, "{}", config.to_toml())?;
    }
    let mut mistakes = Vec::new();
    config.check_exposure(false, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes).into());
    }
    if !args.print {
        writeln!(out, "the configuration is fine")?;
    }
    Ok(())
}

fn migrate(args: &Migrate) -> anyhow::Result<()> {
    let config = load_for(&args.database)?;
    start_log(&config)?;
    runtime()?.block_on(open_store(&config))?;
    writeln!(std::io::stdout(), "the database in {} is up to date", config.storage.data_dir.display())?;
    Ok(())
}

fn backup(args: &Backup) -> anyhow::Result<()> {
    let config = load_for(&args.database)?;
    runtime()?.block_on(tools::backup(&database(&config), &args.out))
}

fn export(args: Export) -> anyhow::Result<()> {
    let config = load_for(&args.database)?;
    runtime()?.block_on(tools::export(&database(&config), args))
}

fn load_for(database: &Database) -> anyhow::Result<Config> {
    let flags: Vec<layers::Flag> = database
        .data_dir
        .iter()
        .map(|dir| layers::Flag { section: "storage", key: "data_dir", text: dir.clone() })
        .collect();
    load(&database.source, Config::default(), &flags)
}

fn token(args: &Token) -> anyhow::Result<()> {
    let config = load(&args.source, Config::default(), &[])?;
    let own_key = match &args.key {
        Some(text) => {
            let (id, secret) = text.split_once(':').context("--key must be ID:SECRET")?;
            anyhow::ensure!(
                secret.len() >= MIN_SECRET,
                "--key: the secret needs at least {MIN_SECRET} bytes"
            );
            Some((id, secret))
        }
        None => None,
    };
    let configured = config.auth.keys.iter().map(|key| (key.id.as_str(), key.secret.expose()));
    let keys: Vec<(&str, &str)> = match own_key {
        Some(key) => vec![key],
        None => configured.collect(),
    };
    let tokens = Tokens::new(keys, &config.auth.issuer, &config.auth.audience);
    let grants = Grants {
        room: args.room.clone(),
        publish: !args.no_publish,
        subscribe: !args.no_subscribe,
        chat: !args.no_chat,
        admin: args.admin,
        ..Grants::default()
    };
    let new = NewToken {
        sub: args.sub.clone(),
        name: args.name.clone(),
        kind: if args.external { TokenKind::Client } else { TokenKind::Internal },
        grants,
        epoch: None,
        login: None,
        ttl_s: args.ttl.get().as_secs().max(1),
    };
    let (token, _) = tokens
        .mint(new, args.key_id.as_deref(), now_s())
        .context("configure auth.keys (or CONVENE_AUTH_KEYS=id:secret), or use --key id:secret")?;
    tokens
        .verify(&token, now_s())
        .context("the server would refuse this token: check --sub, --name and --room")?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}

fn load(source: &Source, defaults: Config, flags: &[layers::Flag]) -> anyhow::Result<Config> {
    let file = source.config.as_deref().map(read_file).transpose()?;
    Ok(layers::load_over(defaults, file.as_deref(), &environment(), flags)?)
}

/// Our own variables. A name or value that is not Unicode cannot be one of them.
pub(super) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("CONVENE_"))
        .collect()
}

fn read_file(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {}", path.display()))
}

fn start_log(config: &Config) -> anyhow::Result<()> {
    let format = match config.log.format {
        LogFormat::Auto => Format::Auto,
        LogFormat::Human => Format::Human,
        LogFormat::Json => Format::Json,
    };
    trace::init(format, &config.log.filter).map_err(anyhow::Error::msg)
}

/// Loopback, and limits that do not get in the way of trying things on one machine.
fn dev_defaults() -> Config {
    let mut config = Config::default();
    config.media.listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    config.auth.login_per_ip = 600;
    config.auth.login_per_account = 600;
    config.auth.invites_per_ip = 600;
    config.auth.failures_per_ip = 600;
    config
}

fn random_key() -> AuthKey {
    let secret = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
    AuthKey { id: "dev".into(), secret: Secret::new(secret) }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("signalling").build()?)
}

/// SIGTERM or Ctrl+C.
async fn wait_for_stop() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    Ok(())
}

/// The process is gone 30 s after SIGTERM; the rest is for the runtime to shut down.
const DRAIN_LIMIT: Duration = Duration::from_secs(28);
