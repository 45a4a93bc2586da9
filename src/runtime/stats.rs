//! Plain numbers a shard hands out on request. Counters only grow; gauges are of the moment.

/// In seconds if not said otherwise. `counts` has the values between a bound and the one before, and one more slot
/// for everything above the last.
#[derive(Debug, Clone, Default)]
pub struct HistogramData {
    pub bounds: &'static [f64],
    pub counts: Vec<u64>,
    pub sum: f64,
}

/// The listener for media over TCP.
#[derive(Debug, Clone, Default)]
pub struct TcpStats {
    /// Open now, those without a shard included.
    pub open: u64,
    pub accepted: u64,
    /// (reason, count) of those closed before a shard saw them.
    pub refused: Vec<(&'static str, u64)>,
}

/// One shard's state when it was asked.
#[derive(Debug, Clone, Default)]
pub struct ShardStats {
    pub shard: u16,
    // Gauges
    pub rooms: u64,
    /// WebRTC associations.
    pub sessions: u64,
    pub publications: u64,
    pub subscriptions: u64,
    /// Parts of rooms on other shards, summed over the rooms here.
    pub relay_links: u64,
    /// Pictures paused for lack of bandwidth.
    pub paused: u64,
    /// Media connections over TCP.
    pub connections: u64,
    pub command_queue_depth: u64,
    pub relay_queue_depth: u64,
    pub event_backlog: u64,
    // Counters
    pub packets_in: u64,
    pub bytes_in: u64,
    pub packets_out: u64,
    pub bytes_out: u64,
    /// System calls that sent them.
    pub sends: u64,
    /// RTP packets taken from publishers and handed to subscribers.
    pub rtp_received: u64,
    pub rtp_forwarded: u64,
    /// RTP packets from and to the parts of rooms on other shards.
    pub relay_received: u64,
    pub relay_sent: u64,
    pub nacks_received: u64,
    pub nacks_sent: u64,
    pub rtx_received: u64,
    pub rtx_sent: u64,
    /// Transport-wide feedback of subscribers, and packets that probed their paths.
    pub arrival_reports: u64,
    pub probe_packets_sent: u64,
    /// Pictures that got a better or worse layer because of their subscriber's bandwidth.
    pub shares_raised: u64,
    pub shares_lowered: u64,
    pub plis_received: u64,
    pub plis_sent: u64,
    /// (`DropReason` as text, count): every datagram, packet or event that was thrown away.
    pub drops: Vec<(&'static str, u64)>,
    pub room_panics: u64,
    // Histograms
    /// Command `Join` → DTLS up.
    pub join_seconds: HistogramData,
    /// Longest time from taking a packet off the socket to having sent it to everybody, per flush.
    pub forward_seconds: HistogramData,
    /// Of participants, one value each every five seconds.
    pub quality_score: HistogramData,
    pub quality_loss: HistogramData,
    pub quality_rtt_seconds: HistogramData,
    /// Time from one wake-up of the shard loop to having sent all it caused.
    pub loop_seconds: HistogramData,
}
