//! RTCP (RFC 3550 6, RFC 4585, RFC 5104) reduced to what the SFU acts on; codecs from `rtc-rtcp`.

use bytes::Bytes;
use rtc_rtcp::{
    Packet,
    extended_report::{DLRRReportBlock, ExtendedReport, ReceiverReferenceTimeReportBlock},
    goodbye::Goodbye,
    payload_feedbacks::{
        full_intra_request::FullIntraRequest, picture_loss_indication::PictureLossIndication,
        receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate,
    },
    receiver_report::ReceiverReport,
    reception_report::ReceptionReport,
    sender_report::SenderReport,
    transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers},
};
use rtc_shared::marshal::Marshal as _;

/// Sequence numbers named by one NACK packet are capped: a storm must not cost us a storm of work.
const MAX_NACKED: usize = 512;

/// One thing a compound packet says.
#[derive(Debug, Clone, PartialEq)]
pub enum Feedback {
    /// "I cannot decode `ssrc` any more."
    KeyframeWanted {
        ssrc: u32,
    },
    Nack {
        ssrc: u32,
        sequences: Vec<u16>,
    },
    SenderReport {
        ssrc: u32,
        ntp: u64,
        rtp: u32,
    },
    /// A receiver's view of one stream we send.
    Reception(Reception),
    /// The answer to a receiver reference time report (RFC 3611 4.5).
    ReferenceAnswered {
        /// Who sent the report.
        ssrc: u32,
        last_rr: u32,
        /// In 1/65536 s.
        delay: u32,
    },
    Remb {
        bitrate_bps: u64,
    },
    Bye {
        ssrcs: Vec<u32>,
    },
}

/// The packets of a compound one by one, with their headers; `None` for what is left if a length lies.
pub fn packets(compound: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = compound;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let len = rest
            .first_chunk::<4>()
            .map(|[_, _, l0, l1]| (usize::from(u16::from_be_bytes([*l0, *l1])) + 1) * 4);
        let split = len.and_then(|len| rest.split_at_checked(len));
        let (packet, behind) = split.map_or((None, &[][..]), |(packet, behind)| (Some(packet), behind));
        rest = behind;
        Some(packet)
    })
}

/// A reception report block (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reception {
    pub ssrc: u32,
    pub fraction_lost: u8,
    /// 24 bits.
    pub total_lost: u32,
    /// Extended by the receiver's count of cycles.
    pub highest: u32,
    pub jitter: u32,
    pub last_sr: u32,
    /// In 1/65536 s.
    pub delay: u32,
}

/// Everything of interest in a decrypted compound packet; `None` if it is malformed.
pub fn parse(compound: &[u8]) -> Option<Vec<Feedback>> {
    let mut input = Bytes::copy_from_slice(compound);
    let packets = rtc_rtcp::packet::unmarshal(&mut input).ok()?;
    let mut found = Vec::new();
    for packet in packets {
        read(packet.as_ref(), &mut found);
    }
    Some(found)
}

fn read(packet: &dyn Packet, found: &mut Vec<Feedback>) {
    let any = packet.as_any();
    if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
        found.push(Feedback::KeyframeWanted { ssrc: pli.media_ssrc });
    } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
        found.extend(fir.fir.iter().map(|entry| Feedback::KeyframeWanted { ssrc: entry.ssrc }));
    } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
        let sequences = nack.nacks.iter().flat_map(|pair| pair.packet_list()).take(MAX_NACKED).collect();
        found.push(Feedback::Nack { ssrc: nack.media_ssrc, sequences });
    } else if let Some(report) = any.downcast_ref::<SenderReport>() {
        found.push(Feedback::SenderReport { ssrc: report.ssrc, ntp: report.ntp_time, rtp: report.rtp_time });
        receptions(&report.reports, found);
    } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
        receptions(&report.reports, found);
    } else if let Some(remb) = any.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
        found.push(Feedback::Remb { bitrate_bps: remb.bitrate as u64 });
    } else if let Some(extended) = any.downcast_ref::<ExtendedReport>() {
        let blocks = extended.reports.iter().filter_map(|one| one.as_any().downcast_ref::<DLRRReportBlock>());
        found.extend(blocks.flat_map(|block| &block.reports).map(|answer| Feedback::ReferenceAnswered {
            ssrc: answer.ssrc,
            last_rr: answer.last_rr,
            delay: answer.dlrr,
        }));
    } else if let Some(bye) = any.downcast_ref::<Goodbye>() {
        found.push(Feedback::Bye { ssrcs: bye.sources.clone() });
    }
}

fn receptions(reports: &[ReceptionReport], found: &mut Vec<Feedback>) {
    found.extend(reports.iter().map(|report| {
        Feedback::Reception(Reception {
            ssrc: report.ssrc,
            fraction_lost: report.fraction_lost,
            total_lost: report.total_lost,
            highest: report.last_sequence_number,
            jitter: report.jitter,
            last_sr: report.last_sender_report,
            delay: report.delay,
        })
    }));
}

/// Builds one outgoing compound packet. It starts with a receiver report, as RFC 3550 6.1 wants.
#[derive(Debug)]
pub struct CompoundBuilder {
    sender_ssrc: u32,
    reports: Vec<ReceptionReport>,
    bytes: Vec<u8>,
}

/// An RR or SR carries at most 31 report blocks (5-bit count).
const MAX_REPORTS: usize = 31;

impl CompoundBuilder {
    pub fn new(sender_ssrc: u32) -> Self {
        Self { sender_ssrc, reports: Vec::new(), bytes: Vec::new() }
    }

    pub fn report(&mut self, report: ReceptionReport) {
        if self.reports.len() < MAX_REPORTS {
            self.reports.push(report);
        }
    }

    pub fn pli(&mut self, media_ssrc: u32) {
        self.push(&PictureLossIndication { sender_ssrc: self.sender_ssrc, media_ssrc });
    }

    pub fn nack(&mut self, media_ssrc: u32, sequences: &[u16]) {
        let nacks = nack_pairs_from_sequence_numbers(sequences);
        self.push(&TransportLayerNack { sender_ssrc: self.sender_ssrc, media_ssrc, nacks });
    }

    /// Asks for the round trip: a sender answers with the time it kept this (RFC 3611 4.4).
    pub fn reference_time(&mut self, ntp: u64) {
        let block = ReceiverReferenceTimeReportBlock { ntp_timestamp: ntp };
        self.push(&ExtendedReport { sender_ssrc: self.sender_ssrc, reports: vec![Box::new(block)] });
    }

    /// A compound of one sender report, which may stand first by itself.
    pub fn sender(ssrc: u32, ntp: u64, rtp: u32, packets: u32, octets: u32) -> Vec<u8> {
        let report = SenderReport {
            ssrc,
            ntp_time: ntp,
            rtp_time: rtp,
            packet_count: packets,
            octet_count: octets,
            reports: Vec::new(),
            profile_extensions: Bytes::new(),
        };
        report.marshal().map(|bytes| bytes.to_vec()).unwrap_or_default()
    }

    /// Appends a packet that was encoded elsewhere (transport-wide feedback).
    pub fn raw(&mut self, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.reports.is_empty()
    }

    pub fn finish(self) -> Vec<u8> {
        let head = ReceiverReport {
            ssrc: self.sender_ssrc,
            reports: self.reports,
            profile_extensions: Bytes::new(),
        };
        let mut compound = head.marshal().map(|bytes| bytes.to_vec()).unwrap_or_default();
        compound.extend_from_slice(&self.bytes);
        compound
    }

    fn push(&mut self, packet: &dyn Packet) {
        // Cannot fail for the fixed-size packets built here; a failure would only lose this feedback.
        if let Ok(bytes) = packet.marshal() {
            self.bytes.extend_from_slice(&bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use rtc_rtcp::extended_report::DLRRReport;

    use super::*;

    #[test]
    fn built_compounds_are_understood() {
        let mut builder = CompoundBuilder::new(1);
        builder.pli(10);
        builder.nack(11, &[5, 6, 30]);
        let found = parse(&builder.finish()).unwrap();
        assert_eq!(
            found,
            vec![
                Feedback::KeyframeWanted { ssrc: 10 },
                Feedback::Nack { ssrc: 11, sequences: vec![5, 6, 30] },
            ]
        );
        let answer = DLRRReportBlock { reports: vec![DLRRReport { ssrc: 1, last_rr: 2, dlrr: 3 }] };
        let answer = ExtendedReport { sender_ssrc: 7, reports: vec![Box::new(answer)] };
        let answered = Feedback::ReferenceAnswered { ssrc: 1, last_rr: 2, delay: 3 };
        assert_eq!(parse(&answer.marshal().unwrap()), Some(vec![answered]));
        let mut asks = CompoundBuilder::new(1);
        asks.reference_time(0x0102_0304_0506_0708);
        assert!(asks.finish().ends_with(&[4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]));
        let report = CompoundBuilder::sender(12, 99, 1000, 3, 400);
        assert_eq!(parse(&report), Some(vec![Feedback::SenderReport { ssrc: 12, ntp: 99, rtp: 1000 }]));
    }

    #[test]
    fn junk_is_refused() {
        assert_eq!(parse(&[0x81, 206, 0, 9, 0]), None);
        assert_eq!(parse(&[]), None);
    }
}
