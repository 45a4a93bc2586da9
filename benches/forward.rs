//! What a forwarded packet costs up to the system call: opening it, deciding, rewriting and sealing it for every
//! subscriber. No socket: what the kernel adds is measured by `limit` and by whole-server runs.

#[path = "support/room.rs"]
mod room;

use std::time::Duration;

use convene::runtime::clock::now;
use room::Bench;

const FRAMES: u32 = 150;

fn main() {
    println!("{:<44} {:>12} {:>14}", "", "ns per frame", "ns per packet");
    for (subscribers, packets) in [(1, 5), (50, 1), (50, 5), (50, 20), (150, 5)] {
        let mut bench = Bench::call(subscribers);
        let mut frames = bench.frames(FRAMES, packets);
        let (warm, measured) = frames.split_at_mut(30);
        for frame in warm {
            bench.forward_for_real(frame);
        }
        let mut times: Vec<(u64, usize)> = measured
            .iter_mut()
            .map(|frame| {
                let started = now();
                let sent = bench.forward(frame);
                let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
                bench.pass(Duration::from_millis(33));
                (nanos, sent)
            })
            .collect();
        let (sent, expected) =
            (times.iter().map(|(_, sent)| sent).sum::<usize>(), measured.len() * packets * subscribers);
        assert!(sent * 100 >= expected * 95, "{sent} of {expected}: every packet goes to every subscriber");
        times.sort_unstable();
        let (median, sent) = times[times.len() / 2];
        println!(
            "{:<44} {median:>12} {:>14.0}",
            format!("{packets} packets to {subscribers} subscribers"),
            median as f64 / sent as f64
        );
    }
}
