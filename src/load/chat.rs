//! `convene load chat`: what the chat of a running server takes, loses nothing of, and costs.
//!
//! One process plays thousands of clients on real WebSockets. `wire` reads frames without decoding them, `link` is one
//! connection, `stage` makes accounts and rooms, `ledger` judges what a member got, `course` is a run of messages.
//! The modes are `fan_out`, `idle`, `storm` and `presence`. Knows no media.

pub mod args;
mod course;
mod fan_out;
mod idle;
mod ledger;
mod link;
mod presence;
mod report;
mod stage;
mod storm;
mod wire;

use std::fmt;

use anyhow::bail;

pub use self::args::Args;
use self::args::Mode;

/// Runs, prints the report, and fails if messages were lost, doubled or out of order.
pub async fn run_and_print(args: Args) -> anyhow::Result<()> {
    let trouble = match &args.mode {
        Mode::FanOut(mode) => {
            let report = fan_out::run(mode).await?;
            print(&report, mode.common.json)?;
            report.faults.trouble()
        }
        Mode::Idle(mode) => {
            print(&idle::run(mode).await?, mode.common.json)?;
            None
        }
        Mode::Storm(mode) => {
            let report = storm::run(mode).await?;
            print(&report, mode.common.json)?;
            report.faults.trouble()
        }
        Mode::Presence(mode) => {
            print(&presence::run(mode).await?, mode.common.json)?;
            None
        }
    };
    match trouble {
        Some(trouble) => bail!("{trouble}"),
        None => Ok(()),
    }
}

fn print<T: fmt::Display + serde::Serialize>(report: &T, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
