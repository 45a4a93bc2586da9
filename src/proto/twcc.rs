//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1).
//!
//! Here the receiving half: remembers when packets arrived and encodes that for the sender's estimator.

pub mod report;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::base::seq::{SeqExtender, low16};

/// More packets than this between two feedbacks are not reported: 100 ms at 40 Mb/s is about 400.
const MAX_PENDING: usize = 2_000;
/// Status symbols in one feedback; bounds its size when sequence numbers jump.
const MAX_SPAN: u64 = 2_000;
const DELTA_TICK: Duration = Duration::from_micros(250);
const REFERENCE_TICK_MS: u128 = 64;

/// Arrival times of one sender's packets since the last feedback.
#[derive(Debug)]
pub struct ArrivalRecorder {
    epoch: Instant,
    extender: SeqExtender,
    pending: VecDeque<(u64, Instant)>,
    next_base: u64,
    feedback_count: u8,
}

impl ArrivalRecorder {
    /// `epoch` is any instant before the first packet; reference times count from it.
    pub fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            extender: SeqExtender::default(),
            pending: VecDeque::new(),
            next_base: 0,
            feedback_count: 0,
        }
    }

    pub fn record(&mut self, now: Instant, sequence: u16) {
        let sequence = self.extender.extend(sequence);
        if sequence >= self.next_base && self.pending.len() < MAX_PENDING {
            self.pending.push_back((sequence, now));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Encodes what arrived since the last call as one RTCP packet, and forgets it.
    pub fn feedback(&mut self, sender_ssrc: u32, media_ssrc: u32) -> Option<Vec<u8>> {
        let mut arrivals: Vec<_> = self.pending.drain(..).collect();
        arrivals.sort_unstable();
        arrivals.dedup_by_key(|(sequence, _)| *sequence);
        let (last, _) = *arrivals.last()?;
        let (first, _) = *arrivals.first()?;
        let base =
            if self.next_base != 0 && last - self.next_base < MAX_SPAN { self.next_base } else { first };
        let base = base.max(last.saturating_sub(MAX_SPAN - 1));
        arrivals.retain(|(sequence, _)| *sequence >= base);
        self.next_base = last + 1;

        let (_, first_arrival) = *arrivals.first()?;
        let reference = first_arrival.saturating_duration_since(self.epoch).as_millis() / REFERENCE_TICK_MS;
        let mut previous =
            self.epoch + Duration::from_millis(u64::try_from(reference * REFERENCE_TICK_MS).ok()?);

        let mut symbols = Vec::with_capacity(usize::try_from(last - base + 1).ok()?);
        let mut deltas = Vec::with_capacity(arrivals.len() * 2);
        let mut arrived = arrivals.iter().peekable();
        for sequence in base..=last {
            let Some((_, at)) = arrived.next_if(|(arrived, _)| *arrived == sequence) else {
                symbols.push(Symbol::Missing);
                continue;
            };
            let ticks = signed_ticks(*at, previous);
            previous = step(previous, ticks);
            if let Ok(small) = u8::try_from(ticks) {
                symbols.push(Symbol::Small);
                deltas.push(small);
            } else {
                symbols.push(Symbol::Large);
                deltas.extend_from_slice(&ticks.to_be_bytes());
            }
        }

        let reference = u32::try_from(reference).unwrap_or(u32::MAX) & 0x00FF_FFFF;
        let mut body = Vec::with_capacity(20 + symbols.len() / 3 + deltas.len());
        body.extend_from_slice(&sender_ssrc.to_be_bytes());
        body.extend_from_slice(&media_ssrc.to_be_bytes());
        body.extend_from_slice(&low16(base).to_be_bytes());
        body.extend_from_slice(&u16::try_from(symbols.len()).ok()?.to_be_bytes());
        body.extend_from_slice(&((reference << 8) | u32::from(self.feedback_count)).to_be_bytes());
        self.feedback_count = self.feedback_count.wrapping_add(1);
        // Two-bit status vectors of seven symbols each: simple, and at most 0.3 bytes per packet worse.
        for chunk in symbols.chunks(7) {
            let mut word = 0xC000u16;
            for (index, symbol) in chunk.iter().enumerate() {
                word |= u16::from(*symbol as u8) << (12 - 2 * index);
            }
            body.extend_from_slice(&word.to_be_bytes());
        }
        body.extend_from_slice(&deltas);
        Some(finish_packet(body))
    }
}

#[derive(Debug, Clone, Copy)]
enum Symbol {
    Missing = 0,
    Small = 1,
    Large = 2,
}

fn signed_ticks(at: Instant, previous: Instant) -> i16 {
    let ticks =
        |duration: Duration| i64::try_from(duration.as_nanos() / DELTA_TICK.as_nanos()).unwrap_or(i64::MAX);
    let delta = if at >= previous { ticks(at - previous) } else { -ticks(previous - at) };
    i16::try_from(delta).unwrap_or(if delta < 0 { i16::MIN } else { i16::MAX })
}

fn step(previous: Instant, ticks: i16) -> Instant {
    let distance = DELTA_TICK * u32::from(ticks.unsigned_abs());
    if ticks >= 0 { previous + distance } else { previous.checked_sub(distance).unwrap_or(previous) }
}

/// Header (RTPFB, format 15) and padding to a word.
fn finish_packet(mut body: Vec<u8>) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    if let Ok(count) = u8::try_from(padding)
        && count > 0
    {
        body.resize(body.len() + padding - 1, 0);
        body.push(count);
    }
    let words = u16::try_from(body.len() / 4).unwrap_or(u16::MAX);
    let first = if padding > 0 { 0x80 | 0x20 | 15 } else { 0x80 | 15 };
    let [w0, w1] = words.to_be_bytes();
    let mut packet = vec![first, 205, w0, w1];
    packet.append(&mut body);
    packet
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;

    use super::*;

    fn decode(packet: &[u8]) -> TransportLayerCc {
        let packets = rtc_rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(packet)).unwrap();
        packets[0].as_any().downcast_ref::<TransportLayerCc>().unwrap().clone()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the epoch")]
    fn an_independent_decoder_reads_gaps_and_deltas() {
        let epoch = Instant::now();
        let mut recorder = ArrivalRecorder::new(epoch);
        let ms = |n| epoch + Duration::from_millis(n);
        recorder.record(ms(100), 65_534);
        recorder.record(ms(101), 65_535);
        recorder.record(ms(300), 1); // 0 is missing; 199 ms do not fit a small delta
        let packet = decode(&recorder.feedback(1, 2).unwrap());
        assert_eq!(packet.base_sequence_number, 65_534);
        assert_eq!(packet.packet_status_count, 4);
        assert_eq!(packet.reference_time, 1);
        let deltas: Vec<i64> = packet.recv_deltas.iter().map(|delta| delta.delta).collect();
        assert_eq!(deltas, vec![36_000, 1_000, 199_000]);
        assert!(recorder.feedback(1, 2).is_none());
        recorder.record(ms(310), 3);
        let packet = decode(&recorder.feedback(1, 2).unwrap());
        assert_eq!((packet.base_sequence_number, packet.packet_status_count), (2, 2));
        assert_eq!(packet.fb_pkt_count, 1);
    }
}
