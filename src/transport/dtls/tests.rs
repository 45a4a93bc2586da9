use std::time::Duration;

use super::*;

#[path = "tests/browser.rs"]
mod browser;

use browser::Browser;

use crate::netem::link::Link;

/// What a call may take before everybody has given up.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a room with somebody who connects drives the handshake.
const TICK: u64 = 50;

#[test]
fn gcm_wins_whatever_the_order() {
    assert_eq!(choose(&[1, 8, 7]), Some(Profile::AeadAes128Gcm));
    assert_eq!(choose(&[1, 2]), Some(Profile::Aes128CmSha1_80));
    assert_eq!(choose(&[2, 8]), None);
    assert_eq!(choose(&[]), None);
}

/// A server session and a browser with a network between them, on a clock of their own.
struct Call {
    now: Instant,
    millis: u64,
    server: Dtls,
    browser: Browser,
    up: Link<Vec<u8>>,
    down: Link<Vec<u8>>,
}

impl Call {
    fn new(path: &str, seed: u64) -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests need some first instant")]
        let now = Instant::now();
        let identity = Identity::generate_default().unwrap();
        let browser = Browser::new(now);
        let link = |seed: u64| Link::new(format!("{path},seed={seed}").parse().unwrap());
        Self {
            now,
            millis: 0,
            server: Dtls::new(identity, browser.fingerprint),
            browser,
            up: link(2 * seed),
            down: link(2 * seed + 1),
        }
    }

    /// One millisecond passes.
    fn step(&mut self) -> Result<(), DtlsError> {
        self.now += Duration::from_millis(1);
        self.millis += 1;
        while let Some(datagram) = self.down.pop(self.now) {
            self.browser.handle(self.now, &datagram);
        }
        self.browser.tick(self.now);
        for datagram in self.browser.sent() {
            self.up.push(self.now, datagram);
        }
        while let Some(datagram) = self.up.pop(self.now) {
            self.server.handle(self.now, &datagram)?;
        }
        if self.millis.is_multiple_of(TICK) {
            self.server.handle_timeout(self.now)?;
        }
        while let Some(datagram) = self.server.poll_transmit() {
            self.down.push(self.now, datagram.to_vec());
        }
        Ok(())
    }

    /// How long it took until both sides had their keys.
    fn connect(&mut self) -> Result<Duration, DtlsError> {
        let start = self.now;
        while !(self.server.is_connected() && self.browser.connected) {
            if self.now - start > PATIENCE {
                return Err(DtlsError::Handshake("too slow".to_owned()));
            }
            self.step()?;
        }
        Ok(self.now - start)
    }
}

/// How long many handshakes take over such a path, shortest first. None fails.
fn handshakes(path: &str, count: u64) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut failed = Vec::new();
    for seed in 0..count {
        match Call::new(path, seed).connect() {
            Ok(duration) => took.push(duration),
            Err(error) => failed.push((seed, error)),
        }
    }
    took.sort_unstable();
    assert!(
        failed.is_empty(),
        "{path}: {} of {count} failed, {:?}; the median of the others is {:?}",
        failed.len(),
        failed.first(),
        took.get(took.len() / 2)
    );
    took
}

#[test]
fn a_fifth_lost_each_way_delays_a_handshake_and_fails_none() {
    let took = handshakes("loss=0.2,latency=25ms", 500);
    assert!(took[250] <= Duration::from_millis(400), "the median: {:?}", took[250]);
    assert!(took[495] <= Duration::from_secs(3), "99 of 100: {:?}", took[495]);
}

#[test]
fn a_little_loss_costs_a_handshake_little() {
    let took = handshakes("loss=0.05,latency=25ms", 200);
    assert!(took[190] <= Duration::from_secs(1), "95 of 100: {:?}", took[190]);
}

#[test]
fn datagrams_in_any_order_and_twice_end_no_handshake() {
    let took = handshakes("loss=0.1,latency=25ms,jitter=60ms,reorder=0.3,duplicate=0.3", 200);
    assert!(took[190] <= Duration::from_secs(2), "95 of 100: {:?}", took[190]);
}

#[test]
fn a_path_without_loss_carries_three_round_trips_and_nothing_twice() {
    let mut call = Call::new("latency=20ms", 1);
    let took = call.connect().unwrap();
    assert!(took <= Duration::from_millis(125), "{took:?}");
    // Hello verify, one flight, and the end.
    assert_eq!(call.down.counters().received, 3);
}

#[test]
fn what_nobody_could_have_sealed_does_not_end_a_handshake() {
    let mut alert = dtls::plaintext_record(21, 1, &[2, 40]);
    let junk = [
        vec![22; 500],
        vec![22, 0xFE, 0xFD],
        alert.clone(),
        dtls::plaintext_record(21, 2, &[1, 0]),
        dtls::plaintext_record(23, 3, b"not sealed"),
        dtls::plaintext_record(22, 4, &[14; 40]),
        dtls::plaintext_record(20, 5, &[1]),
        {
            alert[4] = 1; // of the epoch that has keys, which nobody has yet
            alert
        },
    ];
    let mut call = Call::new("latency=20ms", 2);
    while !(call.server.is_connected() && call.browser.connected) {
        for datagram in &junk {
            assert_eq!(call.server.handle(call.now, datagram).unwrap().len(), 0);
        }
        call.step().unwrap();
        assert!(call.millis < 500, "the handshake goes on");
    }
}

#[test]
fn a_client_that_lost_the_end_gets_it_again() {
    let mut call = Call::new("latency=20ms", 3);
    while !call.server.is_connected() {
        call.step().unwrap();
    }
    // The last flight does not arrive.
    while call.down.pop(call.now + PATIENCE).is_some() {}
    let mut hello = Browser::new(call.now);
    for datagram in hello.sent() {
        assert!(call.server.handle(call.now, &datagram).unwrap().is_empty());
        assert!(call.server.poll_transmit().is_none(), "only the client itself can ask for it");
    }
    let took = call.connect().unwrap();
    assert!(took <= Duration::from_millis(100), "{took:?}");
}

#[test]
fn the_last_flight_is_repeated_as_it_was_until_the_client_speaks() {
    let mut call = Call::new("latency=5ms", 7);
    while !call.server.is_connected() {
        call.step().unwrap();
    }
    let last = call.down.pop(call.now + PATIENCE).unwrap();
    let mut later = call.now;
    let mut copies = 0;
    for _ in 0..100 {
        later += Duration::from_millis(TICK);
        call.server.handle_timeout(later).unwrap();
        while let Some(copy) = call.server.poll_transmit() {
            assert_eq!(copy, last, "a client that has it throws it away as a copy");
            copies += 1;
        }
    }
    assert_eq!(copies, 4);

    let mut call = Call::new("latency=5ms", 8);
    call.connect().unwrap();
    call.server.confirm();
    call.server.handle_timeout(call.now + PATIENCE).unwrap();
    assert!(call.server.poll_transmit().is_none());
}

#[test]
fn data_and_a_goodbye_arrive_both_ways() {
    let mut call = Call::new("latency=5ms", 4);
    call.connect().unwrap();
    assert!(matches!(call.server.library, Library::Asleep(_)));
    call.browser.write(call.now, b"up");
    let up = call.browser.sent().pop_front().unwrap();
    let events = call.server.handle(call.now, &up).unwrap();
    assert!(matches!(&events[..], [DtlsEvent::Data(data)] if data == b"up"));
    assert!(call.server.handle(call.now, &up).unwrap().is_empty(), "a copy is no news");
    call.server.write(call.now, b"down");
    let down = call.server.poll_transmit().unwrap();
    call.browser.handle(call.now, &down);
    call.browser.handle(call.now, &down);
    assert_eq!(call.browser.received, [b"down"]);
    let mut forged = up.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(call.server.handle(call.now, &forged).unwrap().is_empty());
    call.server.close(call.now);
    call.browser.handle(call.now, &call.server.poll_transmit().unwrap());
    assert!(call.browser.closed);
}

#[test]
fn the_client_s_goodbye_ends_the_session() {
    let mut call = Call::new("latency=5ms", 5);
    call.connect().unwrap();
    call.browser.close(call.now);
    let goodbye = call.browser.sent().pop_front().unwrap();
    let events = call.server.handle(call.now, &goodbye).unwrap();
    assert!(matches!(events[..], [DtlsEvent::Closed]));
    assert!(call.server.poll_transmit().is_some(), "answered by a goodbye");
}

#[test]
fn a_client_that_does_not_go_on_is_given_up() {
    let mut call = Call::new("latency=5ms", 6);
    for datagram in call.browser.sent() {
        call.server.handle(call.now, &datagram).unwrap();
    }
    let mut sent = 0;
    let error = loop {
        call.now += Duration::from_millis(TICK);
        sent += std::iter::from_fn(|| call.server.poll_transmit()).count();
        if let Err(error) = call.server.handle_timeout(call.now) {
            break error;
        }
    };
    assert!(matches!(error, DtlsError::Handshake(_)));
    assert!((30..50).contains(&sent), "{sent} datagrams");
}
