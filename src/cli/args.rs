//! Flags and subcommands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Span, layers::Flag},
    store::sql::source::Address,
};

/// Group calls, screen sharing and team chat from one binary.
#[derive(Debug, Parser)]
#[command(name = "convene", version, about, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// Check the configuration and exit
    CheckConfig(CheckConfig),
    /// Create or update the database and exit
    Migrate(Migrate),
    /// Write a configuration, create the database and its first administrator
    Init(Init),
    /// Copy the database while the server runs (SQLite)
    Backup(Backup),
    /// Write down everything that is stored of one person or one channel
    Export(Export),
    /// Move between databases
    #[command(subcommand)]
    Db(DbCommand),
    /// Mint a token for a user or a program
    Token(Token),
    /// Put a bad network between UDP clients and a server (for tests)
    #[command(hide = true)]
    Impair(crate::netem::Args),
    /// Measure a running server: its media with bots that speak real ICE, DTLS and SRTP, or its chat
    Load(Box<Load>),
}

/// Flags alone measure media.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Load {
    #[command(subcommand)]
    pub what: Option<LoadWhat>,
    #[command(flatten)]
    pub media: crate::load::Args,
}

#[derive(Debug, Subcommand)]
pub enum LoadWhat {
    Chat(Box<crate::load::chat::Args>),
}

#[derive(Debug, Args)]
pub struct Source {
    /// Configuration file (TOML)
    #[arg(long, short, env = "CONVENE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub source: Source,
    /// Try it out: loopback only, demo accounts, a key made up for this run
    #[arg(long)]
    pub dev: bool,
    /// HTTP and WebSocket address
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<String>,
    /// UDP address for media
    #[arg(long, value_name = "IP:PORT")]
    pub media_listen: Option<String>,
    /// Addresses clients send media to, if not the one listened on
    #[arg(long, value_name = "IP[:PORT],…")]
    pub advertise: Option<String>,
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Media threads (0 = one per core)
    #[arg(long, value_name = "N")]
    pub shards: Option<usize>,
    /// How browsers reach this server
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// What is logged, such as info or debug
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

impl Serve {
    /// The flags as settings.
    pub fn flags(&self) -> Vec<Flag> {
        let shards = self.shards.map(|n| n.to_string());
        let given = [
            ("server", "listen", &self.listen),
            ("media", "listen", &self.media_listen),
            ("media", "advertise", &self.advertise),
            ("storage", "data_dir", &self.data_dir),
            ("media", "shards", &shards),
            ("server", "public_url", &self.public_url),
            ("log", "filter", &self.log),
        ];
        given
            .into_iter()
            .filter_map(|(section, key, text)| Some(Flag { section, key, text: text.clone()? }))
            .collect()
    }
}

#[derive(Debug, Args)]
pub struct CheckConfig {
    #[command(flatten)]
    pub source: Source,
    /// Print the effective settings as TOML, secrets redacted
    #[arg(long)]
    pub print: bool,
}

#[derive(Debug, Args)]
pub struct Migrate {
    #[command(flatten)]
    pub database: Database,
}

#[derive(Debug, Args)]
pub struct Init {
    /// Configuration file to write; it must not exist yet
    #[arg(long, short, env = "CONVENE_CONFIG", value_name = "FILE", default_value = "convene.toml")]
    pub config: PathBuf,
    /// Folder of the database
    #[arg(long, value_name = "DIR", default_value = "./data")]
    pub data_dir: String,
    /// How browsers will reach the server
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// User name of the first administrator
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub admin: String,
    /// Read its password from the first line of standard input; otherwise one is made up and shown once
    #[arg(long)]
    pub password_stdin: bool,
}

/// The database that the configuration names.
#[derive(Debug, Args)]
pub struct Database {
    #[command(flatten)]
    pub source: Source,
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
}

#[derive(Debug, Args)]
pub struct Backup {
    #[command(flatten)]
    pub database: Database,
    /// File to write; it must not exist yet
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    pub database: Database,
    /// A person: user name, id, or the id of an integrator
    #[arg(long, value_name = "NAME|ID", required_unless_present = "channel", conflicts_with = "channel")]
    pub user: Option<String>,
    /// A channel: id or slug
    #[arg(long, value_name = "ID|SLUG")]
    pub channel: Option<String>,
    /// File to write, which must not exist yet; standard output if not given
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Copy everything into an empty database of the other kind
    Copy(DbCopy),
}

#[derive(Debug, Args)]
pub struct DbCopy {
    /// sqlite:PATH or postgres://user@host/database (its password may be in PGPASSWORD)
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub from: Address,
    /// As --from; it is created or brought up to date first, and must be empty
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub to: Address,
}

fn address(text: &str) -> Result<Address, &'static str> {
    text.parse()
}

#[derive(Debug, Args)]
pub struct Token {
    #[command(flatten)]
    pub source: Source,
    /// Who the token is for: a user name, a user id, or an id of your own
    #[arg(long)]
    pub sub: String,
    /// Display name, for a user who is new here
    #[arg(long)]
    pub name: Option<String>,
    /// Somebody who is new here is not of the organisation
    #[arg(long)]
    pub external: bool,
    /// Only this channel (id or slug)
    #[arg(long, value_name = "CHANNEL")]
    pub room: Option<String>,
    /// May not send media
    #[arg(long)]
    pub no_publish: bool,
    /// May not receive media
    #[arg(long)]
    pub no_subscribe: bool,
    /// May not use chat
    #[arg(long)]
    pub no_chat: bool,
    /// Host powers everywhere
    #[arg(long)]
    pub admin: bool,
    /// How long it is valid
    #[arg(long, default_value = "1h")]
    pub ttl: Span,
    /// Which configured key signs (default: the first)
    #[arg(long, value_name = "ID")]
    pub key_id: Option<String>,
    /// Sign with this key instead of a configured one
    #[arg(long, value_name = "ID:SECRET", conflicts_with = "key_id")]
    pub key: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn load_measures_media_unless_it_is_told_to_measure_chat() {
        let load = |line: &str| match Cli::try_parse_from(line.split_whitespace()) {
            Ok(Cli { command: Command::Load(load) }) => Some(*load),
            _ => None,
        };
        let media = load("convene load --publishers 1 --subscribers 2").unwrap();
        assert!(media.what.is_none() && media.media.bots() == 3);
        let chat = load("convene load chat fan-out --key-id a --key-secret b --rooms 3").unwrap();
        assert!(matches!(chat.what, Some(LoadWhat::Chat(_))));
        assert!(load("convene load --publishers 1 chat fan-out --key-id a --key-secret b").is_none());
    }

    #[test]
    fn flags_become_settings() {
        let cli =
            Cli::try_parse_from(["convene", "serve", "--listen", "127.0.0.1:0", "--shards", "2"]).unwrap();
        let Command::Serve(serve) = cli.command else { panic!("not serve") };
        let flags = serve.flags();
        assert_eq!(flags.len(), 2);
        let config = crate::config::layers::load(None, &[], &flags).unwrap();
        assert_eq!((config.server.listen.port(), config.media.shards), (0, 2));
    }
}
