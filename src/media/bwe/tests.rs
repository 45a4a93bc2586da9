//! The estimator on emulated paths, on a virtual clock: traffic that follows the estimate, as layers of a full room
//! do, and now and then a probe.

use super::*;
use crate::{
    netem::{
        impair::Impair,
        link::Link,
        tcp::{PACKET, Tcp},
    },
    proto::twcc::ArrivalRecorder,
};

const STEP: Duration = Duration::from_millis(1);
const FEEDBACK: Duration = Duration::from_millis(50);
const FRAME: Duration = Duration::from_millis(33);
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// A datagram that knows its number and who sent it.
#[derive(Clone)]
struct Datagram {
    bytes: Vec<u8>,
    number: Option<u16>,
    at: Instant,
}

impl AsRef<[u8]> for Datagram {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

struct Path {
    now: Instant,
    estimator: Estimator,
    link: Link<Datagram>,
    back: Vec<(Instant, Vec<u8>)>,
    recorder: ArrivalRecorder,
    one_way: Duration,
    next_frame: Instant,
    next_feedback: Instant,
    next_probe: Instant,
    /// What the application has to send at most.
    demand: u64,
    queue: usize,
    paced: f64,
    sent: u64,
    delivered: u64,
    lost_to_queue: u64,
    tcp: Option<Tcp>,
    worst_queue: Duration,
    /// The receiver does nothing until then, again and again: every so often for so long.
    busy: Option<(Duration, Duration)>,
    busy_until: Instant,
    busy_from: Instant,
}

impl Path {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn new(impair: &str, demand: u64) -> Self {
        let now = Instant::now();
        let impair: Impair = impair.parse().unwrap();
        Self {
            now,
            estimator: Estimator::new(now, START_BPS),
            one_way: impair.latency,
            link: Link::new(impair),
            back: Vec::new(),
            recorder: ArrivalRecorder::new(now),
            next_frame: now,
            next_feedback: now,
            next_probe: now + Duration::from_millis(300),
            demand,
            queue: 0,
            paced: 0.0,
            sent: 0,
            delivered: 0,
            lost_to_queue: 0,
            tcp: None,
            worst_queue: Duration::ZERO,
            busy: None,
            busy_until: now,
            busy_from: now,
        }
    }

    fn change(&mut self, impair: &str) {
        self.link.set_impair(impair.parse().unwrap());
    }

    fn send(&mut self, bytes: usize, cluster: Cluster) {
        let number = self.estimator.next_sequence();
        self.estimator.sent(self.now, bytes, cluster);
        self.sent += bytes as u64;
        self.link.push(self.now, Datagram { bytes: vec![0; bytes], number: Some(number), at: self.now });
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now += STEP;
            self.applications();
            if self.receiver_is_busy() {
                self.estimator.tick(self.now);
                continue;
            }
            self.arrivals();
            if self.now >= self.next_feedback {
                self.next_feedback = self.now + FEEDBACK;
                if let Some(report) = self.recorder.feedback(1, 2) {
                    self.back.push((self.now + self.one_way, report));
                }
            }
            while self.back.first().is_some_and(|(due, _)| *due <= self.now) {
                let (_, report) = self.back.remove(0);
                self.estimator.report(self.now, &ArrivalReport::parse(&report).unwrap());
            }
            self.estimator.tick(self.now);
        }
    }

    fn receiver_is_busy(&mut self) -> bool {
        let Some((every, length)) = self.busy else { return false };
        if self.now >= self.busy_from + every {
            self.busy_from = self.now;
            self.busy_until = self.now + length;
        }
        self.now < self.busy_until
    }

    fn applications(&mut self) {
        let rate = self.estimator.usable_bps().min(self.demand);
        if self.now >= self.next_frame {
            self.next_frame += FRAME;
            self.queue += (rate as f64 * FRAME.as_secs_f64() / 8.0) as usize;
        }
        self.paced = (self.paced + 2.5 * rate as f64 * STEP.as_secs_f64() / 8.0).min(3.0 * PACKET as f64);
        while self.queue >= PACKET && self.paced >= PACKET as f64 {
            self.queue -= PACKET;
            self.paced -= PACKET as f64;
            self.send(PACKET, Cluster::NONE);
        }
        if self.now >= self.next_probe && self.estimator.may_probe() && self.demand > self.estimator.bps() {
            self.next_probe = self.now + PROBE_EVERY;
            self.probe();
        }
        if let Some(tcp) = &mut self.tcp {
            let at = self.now;
            tcp.send(at, &mut self.link, || Datagram { bytes: vec![0; PACKET], number: None, at });
        }
    }

    /// Twice the estimate for 25 ms.
    fn probe(&mut self) {
        let rate = self.estimator.bps() * 2;
        let cluster = self.estimator.start_cluster();
        let packets = (rate as f64 * 0.025 / 8.0 / PACKET as f64).ceil().max(5.0);
        let apart = Duration::from_secs_f64(PACKET as f64 * 8.0 / rate as f64);
        let start = self.now;
        for number in 0..packets as u32 {
            self.now = start + apart * number;
            self.send(PACKET, cluster);
        }
        self.now = start;
    }

    fn arrivals(&mut self) {
        while let Some(datagram) = self.link.pop(self.now) {
            self.worst_queue = self.worst_queue.max((self.now - datagram.at).saturating_sub(self.one_way));
            match (datagram.number, &mut self.tcp) {
                (Some(number), _) => {
                    self.delivered += datagram.bytes.len() as u64;
                    self.recorder.record(self.now, number);
                }
                (None, Some(tcp)) => tcp.arrived(),
                (None, None) => {}
            }
        }
        self.lost_to_queue = self.link.counters().overflowed;
    }

    /// Bits per second delivered over the next while.
    fn goodput(&mut self, time: Duration) -> f64 {
        let before = self.delivered;
        self.run(time);
        (self.delivered - before) as f64 * 8.0 / time.as_secs_f64()
    }
}

const PLENTY: u64 = 20_000_000;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn a_fixed_bottleneck_is_used_without_filling_its_queue() {
    for (rate, text) in [(300e3, "300k"), (1e6, "1M"), (2.5e6, "2.5M"), (5e6, "5M")] {
        let (mut used, mut loss, mut queue) = (Vec::new(), Vec::new(), Duration::ZERO);
        for seed in 1..=5 {
            let mut path = Path::new(&format!("latency=23ms,jitter=4ms,rate={text},seed={seed}"), PLENTY);
            path.run(Duration::from_secs(5));
            let (lost, sent) = (path.lost_to_queue, path.link.counters().received);
            path.worst_queue = Duration::ZERO;
            used.push(path.goodput(Duration::from_secs(20)) / rate);
            let sent = path.link.counters().received - sent;
            loss.push((path.lost_to_queue - lost) as f64 / sent as f64);
            queue = queue.max(path.worst_queue);
        }
        println!("{text}: {used:.2?} used, {loss:.4?} lost, queue at worst {queue:?}");
        assert!(median(used) >= 0.8, "{text}");
        assert!(median(loss) < 0.01, "{text}");
    }
}

#[test]
fn a_step_down_is_followed_and_a_step_up_found() {
    let mut path = Path::new("latency=25ms,rate=3M", 2_500_000);
    path.run(Duration::from_secs(15));
    let before = path.estimator.bps();
    assert!(before > 2_000_000, "{before}");
    path.change("latency=25ms,rate=500k");
    path.run(Duration::from_secs(1));
    let soon = path.estimator.bps();
    path.run(Duration::from_secs(4));
    let low = path.estimator.bps();
    path.change("latency=25ms,rate=3M");
    path.run(Duration::from_secs(9));
    let after = path.estimator.bps();
    println!("3M: {before}, 1 s after the step {soon}, low {low}, 9 s after the step back {after}");
    assert!(soon < 700_000, "{soon}");
    assert!((200_000..520_000).contains(&low), "{low}");
    assert!(after > 2_000_000, "{after}");
}

#[test]
fn random_loss_does_not_starve() {
    for (loss, least) in [("0.02", 0.8), ("0.05", 0.7), ("0.1", 0.5), ("0.2", 0.25)] {
        let mut path = Path::new(&format!("latency=25ms,rate=2M,loss={loss},seed=5"), PLENTY);
        path.run(Duration::from_secs(10));
        let used = path.goodput(Duration::from_secs(30)) / 2e6;
        println!("loss {loss}: {used:.2} of 2 Mb/s delivered");
        assert!(used > least, "{loss}: {used}");
    }
}

#[test]
fn tcp_and_we_share_a_bottleneck() {
    // A window fills a queue of 64 kB, packet by packet, in ten seconds at 5 Mb/s and in a minute at 300 kb/s: what is
    // measured has to be several times as long.
    for (rate, text, seconds) in
        [(300e3, "300k", 300), (1e6, "1M", 120), (2.5e6, "2.5M", 60), (5e6, "5M", 60)]
    {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for seed in 1..=5 {
            let mut path = Path::new(&format!("latency=23ms,jitter=4ms,rate={text},seed={seed}"), PLENTY);
            path.run(Duration::from_secs(10));
            path.tcp = Some(Tcp::default());
            path.run(Duration::from_secs(20));
            let before = path.tcp.as_ref().unwrap().delivered();
            ours.push(path.goodput(Duration::from_secs(seconds)) / rate);
            let delivered = path.tcp.as_ref().unwrap().delivered() - before;
            theirs.push(delivered as f64 * 8.0 / seconds as f64 / rate);
        }
        println!("{text}: ours {ours:.2?}, TCP {theirs:.2?}");
        assert!(median(ours) >= 0.3, "{text}: ours");
        assert!(median(theirs) >= 0.3, "{text}: TCP");
    }
}

#[test]
fn silence_lowers_the_estimate_and_it_comes_back() {
    let mut path = Path::new("latency=25ms,rate=3M", PLENTY);
    path.run(Duration::from_secs(10));
    let before = path.estimator.bps();
    path.change("latency=25ms,loss=1");
    path.run(Duration::from_secs(8));
    assert!(path.estimator.bps() < before / 4, "{before} {}", path.estimator.bps());
    path.change("latency=25ms,rate=3M");
    path.run(Duration::from_secs(10));
    assert!(path.estimator.bps() > 2_000_000, "{}", path.estimator.bps());
}

#[test]
fn sound_that_is_sent_again_as_it_was_is_no_queue() {
    let mut path = Path::new("latency=12ms", 0);
    let start = path.now;
    // Now and then three in a row are lost, asked for, and come a round trip later under their own numbers.
    let is_lost = |number: u16| number % 40 > 36;
    let mut on_the_way = Vec::new();
    for ms in 0..20_000u32 {
        path.now = start + STEP * ms;
        if ms % 20 == 0 {
            let number = path.estimator.next_sequence();
            path.estimator.sent(path.now, 100, Cluster::NONE);
            on_the_way.push((ms + if is_lost(number) { 60 } else { 12 }, number));
        }
        for (_, number) in on_the_way.extract_if(.., |(due, _)| *due == ms) {
            if is_lost(number) {
                path.estimator.repeated(number);
            }
            path.recorder.record(path.now, number);
        }
        if ms % 100 == 0
            && let Some(report) = path.recorder.feedback(1, 2)
        {
            path.estimator.report(path.now, &ArrivalReport::parse(&report).unwrap());
            assert_eq!(path.estimator.queue_delay(), Duration::ZERO, "after {ms} ms");
        }
    }
    assert!(!path.estimator.is_limited(), "{}", path.estimator.bps());
}

#[test]
fn a_receiver_that_is_busy_now_and_then_is_no_slow_path() {
    // Longer ones look like a queue that grows for several reports; what is left must do for a small picture.
    for (every, length, enough) in [(400, 120, 300_000), (700, 180, 300_000), (1_500, 300, 120_000)] {
        let mut path = Path::new("latency=25ms,rate=20M", 800_000);
        path.run(Duration::from_secs(5));
        path.busy = Some((Duration::from_millis(every), Duration::from_millis(length)));
        let mut seen: Vec<u64> = Vec::new();
        for _ in 0..300 {
            path.run(Duration::from_millis(100));
            seen.push(path.estimator.bps());
        }
        let least = *seen.iter().min().unwrap();
        println!("busy for {length} of {every} ms: at least {least} b/s");
        assert!(least > enough, "{length} of {every} ms: {seen:?}");
    }
}
