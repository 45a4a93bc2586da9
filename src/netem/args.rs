//! The hidden command `convene impair`: the UDP proxy on the command line.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use anyhow::Context as _;

use super::{
    impair::{Impair, parse_duration},
    proxy::{Change, Direction, Proxy, ProxyConfig, Step},
};

/// Put a bad network between UDP clients and a server.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Where clients send to.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The server behind the proxy.
    #[arg(long)]
    pub to: SocketAddr,
    /// Client → server: `latency=20ms,jitter=5ms,loss=0.05,burst=4,reorder=0.01,duplicate=0.01,rate=2M,buffer=64k`.
    #[arg(long, default_value = "")]
    pub up: Impair,
    /// Server → client, same form.
    #[arg(long, default_value = "")]
    pub down: Impair,
    /// Replace one direction's impairment after a while, `5s:up:loss=0.2`, or give every client another address
    /// towards the server, `5s:rebind` (may be given several times). SIGUSR1 rebinds at once.
    #[arg(long = "step")]
    pub steps: Vec<StepArg>,
    /// Seed of both directions where they name none.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Stop after this time instead of on SIGTERM.
    #[arg(long, value_parser = duration)]
    pub duration: Option<Duration>,
}

/// `AT:up|down:SPEC` or `AT:rebind` of `--step`.
#[derive(Debug, Clone)]
pub struct StepArg(pub Step);

impl FromStr for StepArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let at = parts.next().and_then(parse_duration).ok_or("expected AT:up|down:SPEC or AT:rebind")?;
        let direction = match parts.next() {
            Some("up") => Direction::Up,
            Some("down") => Direction::Down,
            Some("rebind") => return Ok(Self(Step { at, change: Change::Rebind })),
            _ => return Err("the direction is up or down".into()),
        };
        let impair = parts.next().unwrap_or("").parse().map_err(|error| format!("{error}"))?;
        Ok(Self(Step { at, change: Change::Impair(direction, impair) }))
    }
}

/// Prints `{"listen", "to"}` as the first line, runs until SIGTERM, Ctrl-C or `--duration`, and prints the
/// counters as the last line.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let seeded = |mut impair: Impair, salt: u64| {
        if impair.seed == 0 {
            impair.seed = args.seed.wrapping_mul(2).wrapping_add(salt);
        }
        impair
    };
    let mut steps: Vec<Step> = args.steps.iter().map(|step| step.0.clone()).collect();
    steps.sort_by_key(|step| step.at);
    let config = ProxyConfig {
        listen: args.listen,
        to: args.to,
        up: seeded(args.up.clone(), 0),
        down: seeded(args.down.clone(), 1),
        steps,
    };
    let proxy = Proxy::start(config).await.context("cannot start the proxy")?;
    println!("{}", serde_json::json!({"listen": proxy.local_addr(), "to": args.to}));
    wait_for_end(args.duration, &proxy).await?;
    println!("{}", serde_json::to_string(&proxy.stop().await)?);
    Ok(())
}

async fn wait_for_end(duration: Option<Duration>, proxy: &Proxy) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut rebind = signal(SignalKind::user_defined1())?;
    let rebinding = async {
        while rebind.recv().await.is_some() {
            proxy.rebind();
        }
        std::future::pending::<()>().await;
    };
    let timer = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = timer => {}
        () = rebinding => {}
    }
    Ok(())
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as 10s".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read() {
        let step: StepArg = "5s:up:loss=0.2".parse().unwrap();
        assert_eq!(step.0.at, Duration::from_secs(5));
        let Change::Impair(Direction::Up, impair) = step.0.change else { panic!("{step:?}") };
        assert_eq!(impair.loss.loss_good, 0.2);
        assert_eq!("1s:rebind".parse::<StepArg>().unwrap().0.change, Change::Rebind);
        assert!("5s:sideways:loss=0.2".parse::<StepArg>().is_err());
        assert!("soon:up:".parse::<StepArg>().is_err());
        assert!(
            "1s:down:"
                .parse::<StepArg>()
                .is_ok_and(|step| step.0.change == Change::Impair(Direction::Down, Impair::default()))
        );
    }
}
