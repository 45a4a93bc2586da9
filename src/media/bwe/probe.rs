//! Short bursts at a higher rate: what comes out at the other end is what the path can carry.

use super::outstanding::Settled;

/// Which probe a packet belongs to; 0 = none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cluster(u8);

impl Cluster {
    pub const NONE: Self = Self(0);
}

/// Fewer packets measure the network card, not the path.
const MIN_PACKETS: u32 = 4;
/// Packets that are enough to answer; a cluster is judged anew with each packet after that.
const MIN_SPAN_US: i64 = 1_000;
/// If less comes out than was put in, the path is full at that rate: stay a little below.
const FULL_BELOW: f64 = 0.9;
const MARGIN: f64 = 0.95;
/// More cannot be told apart from a burst that something held back on the way.
const MAX_RATIO: f64 = 2.0;

#[derive(Debug, Default)]
pub struct ProbeResults {
    newest: u8,
    packets: u32,
    bytes: u64,
    /// Not counted: of the packet sent last and of the one that came first.
    last_bytes: u64,
    first_bytes: u64,
    sent: Option<(i64, i64)>,
    arrived: Option<(i64, i64)>,
    result: Option<Measured>,
}

/// What a probe found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    pub bps: u64,
    /// Less came out than was put in: the path carries no more.
    pub full: bool,
}

impl ProbeResults {
    pub fn start(&mut self) -> Cluster {
        let newest = if self.newest == u8::MAX { 1 } else { self.newest + 1 };
        *self = Self { newest, ..Self::default() };
        Cluster(newest)
    }

    /// A packet arrived.
    pub fn packet(&mut self, packet: &Settled, arrived: i64) {
        if packet.cluster.0 == 0 || packet.cluster.0 != self.newest {
            return;
        }
        let bytes = packet.bytes as u64;
        self.packets += 1;
        self.bytes += bytes;
        let (first_sent, last_sent) = self.sent.unwrap_or((packet.sent, packet.sent));
        if packet.sent >= last_sent {
            self.last_bytes = bytes;
        }
        self.sent = Some((first_sent.min(packet.sent), last_sent.max(packet.sent)));
        let (first_arrived, last_arrived) = self.arrived.unwrap_or((arrived, arrived));
        if arrived <= first_arrived {
            self.first_bytes = bytes;
        }
        self.arrived = Some((first_arrived.min(arrived), last_arrived.max(arrived)));
        self.judge();
    }

    fn judge(&mut self) {
        if self.packets < MIN_PACKETS {
            return;
        }
        let (Some((first_sent, last_sent)), Some((first_arrived, last_arrived))) = (self.sent, self.arrived)
        else {
            return;
        };
        let rate = |bytes: u64, span: i64| bytes as f64 * 8e6 / span.max(MIN_SPAN_US) as f64;
        let put_in = rate(self.bytes - self.last_bytes, last_sent - first_sent);
        let came_out = rate(self.bytes - self.first_bytes, last_arrived - first_arrived);
        let full = came_out < put_in * FULL_BELOW;
        let measured = if came_out > put_in * MAX_RATIO {
            return;
        } else if full {
            came_out * MARGIN
        } else {
            put_in.min(came_out)
        };
        self.result = Some(Measured { bps: measured as u64, full });
    }

    /// What the running cluster says now.
    pub fn take(&mut self) -> Option<Measured> {
        self.result.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(interval_in: i64, interval_out: i64, packets: i64) -> Option<Measured> {
        let mut probes = ProbeResults::default();
        let cluster = probes.start();
        for number in 0..packets {
            let sent = number * interval_in;
            let packet = Settled { sent, bytes: 1_250, cluster, revived: false, repeated: false };
            probes.packet(&packet, 1_000_000 + number * interval_out);
        }
        probes.take()
    }

    #[test]
    fn a_probe_measures_what_went_in_or_what_came_out() {
        assert_eq!(run(5_000, 5_000, 10), Some(Measured { bps: 2_000_000, full: false }));
        assert_eq!(run(5_000, 10_000, 10), Some(Measured { bps: 950_000, full: true }));
        assert_eq!(run(5_000, 2_000, 10), None, "held back and released");
        assert_eq!(run(5_000, 5_000, 3), None, "too few");
    }
}
