//! The server's own counters, from `/metrics`: what only it can know.

/// A counter of ours, summed over all its labels; `None` if the server has none of that name.
pub fn counter(exposition: &str, name: &str) -> Option<f64> {
    let values = exposition.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labels) => labels.rsplit_once('}')?.1,
            None => rest.strip_prefix(' ')?,
        };
        value.trim().parse::<f64>().ok()
    });
    values.reduce(|sum, value| sum + value)
}

/// Readings of the counters before and after.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sends {
    packets: f64,
    sends: f64,
}

impl Sends {
    pub fn read(exposition: &str) -> Option<Self> {
        Some(Self {
            packets: counter(exposition, "convene_sent_packets_total")?,
            sends: counter(exposition, "convene_sends_total")?,
        })
    }

    /// The mean length of a train since `earlier`; `None` if nothing was sent.
    pub fn packets_per_send_since(self, earlier: Self) -> Option<f64> {
        let sends = self.sends - earlier.sends;
        (sends > 0.0).then(|| (self.packets - earlier.packets) / sends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE convene_sends_total counter\n\
        convene_sends_total{shard=\"0\"} 10\nconvene_sends_total{shard=\"1\"} 2\n\
        convene_sent_packets_total{shard=\"0\"} 40\nconvene_sends_total_else 7\nplain 3\n";

    #[test]
    fn counters_are_summed_over_labels_and_not_confused() {
        assert_eq!(counter(TEXT, "convene_sends_total"), Some(12.0));
        assert_eq!(counter(TEXT, "plain"), Some(3.0));
        assert_eq!(counter(TEXT, "convene_sends"), None);
    }

    #[test]
    fn a_train_is_packets_per_send_in_between() {
        let before = Sends::read(TEXT).unwrap();
        let after = Sends { packets: 120.0, sends: 22.0 };
        assert_eq!(after.packets_per_send_since(before), Some(8.0));
        assert_eq!(before.packets_per_send_since(before), None);
        assert_eq!(Sends::read("convene_sent_packets_total 4"), None);
    }
}
