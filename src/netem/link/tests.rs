use super::*;
use crate::{
    netem::impair::{Bottleneck, GilbertElliott},
    runtime::clock,
};

const STEP: Duration = Duration::from_millis(1);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Pushes `count` numbered datagrams one per `STEP`, then drains; returns (number, time since start).
fn run(impair: Impair, count: u32) -> (Vec<(u32, Duration)>, Counters) {
    let start = clock::now();
    let mut link = Link::new(impair);
    let mut out = Vec::new();
    let mut drain = |link: &mut Link<[u8; 4]>, until: Instant| {
        while let Some(due) = link.next_timeout().filter(|due| *due <= until) {
            let datagram = link.pop(due).expect("due now");
            out.push((u32::from_be_bytes(datagram), due - start));
        }
    };
    for number in 0..count {
        let now = start + STEP * number;
        drain(&mut link, now);
        link.push(now, number.to_be_bytes());
    }
    drain(&mut link, start + Duration::from_secs(3600));
    (out, link.counters())
}

#[test]
fn a_perfect_link_changes_nothing() {
    let (out, counters) = run(Impair::default(), 100);
    assert_eq!(out, (0..100).map(|n| (n, STEP * n)).collect::<Vec<_>>());
    assert_eq!((counters.lost, counters.overflowed, counters.delivered), (0, 0, 100));
}

#[test]
fn the_same_seed_replays_the_same_schedule_and_another_does_not() {
    let impair = |seed| Impair {
        latency: ms(20),
        jitter: ms(10),
        loss: GilbertElliott::bursts(0.05, 3.0),
        reorder: 0.02,
        duplicate: 0.02,
        link: Some(Bottleneck { rate_bits_per_second: 100_000, buffer_bytes: 1_000 }),
        seed,
    };
    assert_eq!(run(impair(7), 5_000), run(impair(7), 5_000));
    assert_ne!(run(impair(7), 5_000), run(impair(8), 5_000));
}

#[test]
fn random_loss_has_the_asked_rate() {
    let (out, counters) =
        run(Impair { loss: GilbertElliott::random(0.05), seed: 3, ..Impair::default() }, 20_000);
    assert!((800..1_200).contains(&counters.lost), "{}", counters.lost);
    assert_eq!(out.len() as u64 + counters.lost, 20_000);
}

#[test]
fn burst_loss_has_the_asked_rate_and_length() {
    let (out, counters) =
        run(Impair { loss: GilbertElliott::bursts(0.1, 8.0), seed: 5, ..Impair::default() }, 50_000);
    assert!((4_000..6_000).contains(&counters.lost), "{}", counters.lost);
    let bursts = out.windows(2).filter(|pair| pair[1].0 > pair[0].0 + 1).count();
    let mean = counters.lost as f64 / bursts as f64;
    assert!((6.0..10.0).contains(&mean), "mean burst {mean}");
}

#[test]
fn jitter_delays_within_bounds_and_keeps_the_order() {
    let (out, _) = run(Impair { latency: ms(20), jitter: ms(30), seed: 1, ..Impair::default() }, 2_000);
    assert_eq!(out.len(), 2_000);
    for (number, at) in &out {
        let delay = *at - STEP * *number;
        assert!((ms(20)..=ms(50)).contains(&delay), "{number}: {delay:?}");
    }
    assert!(out.is_sorted_by_key(|(number, _)| *number));
}

#[test]
fn reordering_holds_datagrams_back_and_loses_none() {
    let (out, counters) = run(Impair { reorder: 0.1, seed: 2, ..Impair::default() }, 1_000);
    assert!((60..140).contains(&counters.reordered), "{}", counters.reordered);
    assert!(!out.is_sorted_by_key(|(number, _)| *number));
    let mut numbers: Vec<_> = out.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..1_000).collect::<Vec<_>>());
}

#[test]
fn duplicates_arrive_next_to_their_original() {
    let (out, counters) = run(Impair { duplicate: 0.1, seed: 2, ..Impair::default() }, 1_000);
    let pairs = out.windows(2).filter(|pair| pair[0].0 == pair[1].0).count() as u64;
    assert!((60..140).contains(&pairs), "{pairs}");
    assert_eq!((pairs, counters.delivered), (counters.duplicated, 1_000 + pairs));
}

#[test]
fn a_bottleneck_serialises_queues_and_drops_the_tail() {
    // 4-byte datagrams at 1 000 per second offered, 250 per second served, 8 fit the queue.
    let link = Some(Bottleneck { rate_bits_per_second: 8_000, buffer_bytes: 32 });
    let (out, counters) = run(Impair { link, ..Impair::default() }, 1_000);
    assert!((245..265).contains(&counters.delivered), "{}", counters.delivered);
    assert_eq!(counters.delivered + counters.overflowed, 1_000);
    assert_eq!(out[0].1, ms(4), "serialisation takes 32 bits / 8000 b/s");
    assert!(out.windows(2).all(|pair| pair[1].1 - pair[0].1 >= ms(4)));
    assert!(out.iter().all(|(number, at)| *at - STEP * *number <= ms(32)), "the queue holds 8 × 4 ms");
}

#[test]
fn a_datagram_larger_than_the_buffer_still_passes_an_idle_link() {
    let link = Some(Bottleneck { rate_bits_per_second: 8_000, buffer_bytes: 1 });
    let (_, counters) = run(Impair { link, ..Impair::default() }, 1);
    assert_eq!(counters.delivered, 1);
}

#[test]
fn a_changed_impairment_holds_from_the_next_datagram() {
    let start = clock::now();
    let mut link = Link::new(Impair { latency: ms(50), ..Impair::default() });
    link.push(start, [0u8; 1]);
    link.set_impair(Impair { loss: GilbertElliott::random(1.0), ..Impair::default() });
    link.push(start, [1u8; 1]);
    assert_eq!(link.pop(start), None);
    assert_eq!(link.pop(start + ms(50)), Some([0u8; 1]));
    assert_eq!((link.next_timeout(), link.counters().lost), (None, 1));
}
