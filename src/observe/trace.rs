//! Logs: for people on a terminal, JSON for machines. Always on stderr; stdout belongs to the command.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Auto,
    Human,
    Json,
}

/// The protocol crates warn about every handshake extension they do not know: nothing an operator can act on.
const QUIET: &str = "rtc_dtls=error,rtc_sctp=error,rtc_stun=error";

/// Starts logging; `filter` as in `info,convene::api=debug`. A second call in one process changes nothing.
pub fn init(format: Format, filter: &str) -> Result<(), String> {
    // The operator's own directives come later and win.
    let filter = format!("{QUIET},{filter}");
    let filter = EnvFilter::builder().parse(filter).map_err(|error| format!("log.filter: {error}"))?;
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        Format::Auto => !terminal,
        Format::Human => false,
        Format::Json => true,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let started = if json {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
    } else {
        registry
            .with(fmt::layer().compact().with_ansi(terminal).with_target(false).with_writer(std::io::stderr))
            .try_init()
    };
    // Only fails if a test in the same process was first.
    started.or(Ok(()))
}
