//! Transport-wide feedback for packets that never pass the full stack, as an interceptor.
//!
//! Takes the place of `rtc`'s own one in a sink: that would report every packet outside the sample as lost and
//! the server would slow down for a path that is perfect.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError, mpsc::Receiver},
    time::Instant,
};

use bytes::Bytes;
use rtc::{
    interceptor::{
        AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket, TwccReceiverBuilder,
        TwccReceiverInterceptor,
    },
    rtp,
    sansio::Protocol,
    shared::{TransportContext, error::Error},
};

use super::Arrival;

/// Extension id under which `inner` knows the sequence; it reads nothing but packets made here.
const OWN_ID: u8 = 1;

pub struct SinkFeedback {
    inner: TwccReceiverInterceptor,
    /// Interceptors have to be `Sync`; nobody ever waits for this lock.
    arrivals: Mutex<Receiver<Arrival>>,
    reads: VecDeque<TaggedPacket>,
}

impl SinkFeedback {
    pub fn new(arrivals: Receiver<Arrival>) -> Self {
        let mut inner = TwccReceiverBuilder::new().build();
        // Any stream will do: the id then holds for the whole transport.
        inner.bind_remote_stream(&StreamInfo {
            rtp_header_extensions: vec![rtc::interceptor::RTPHeaderExtension {
                uri: rtc::sdp::extmap::TRANSPORT_CC_URI.to_owned(),
                id: u16::from(OWN_ID),
            }],
            ..StreamInfo::default()
        });
        Self { inner, arrivals: Mutex::new(arrivals), reads: VecDeque::new() }
    }

    fn record(&mut self, arrival: Arrival) -> Result<(), Error> {
        let mut header = rtp::Header { version: 2, ssrc: arrival.ssrc, ..Default::default() };
        header.set_extension(OWN_ID, Bytes::copy_from_slice(&arrival.sequence.to_be_bytes()))?;
        self.inner.handle_read(TaggedPacket {
            now: arrival.at,
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtp(rtp::Packet { header, payload: Bytes::new() })),
        })?;
        let _ = self.inner.poll_read();
        Ok(())
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for SinkFeedback {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.reads.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.inner.handle_write(msg)
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.inner.poll_write()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        while let Ok(arrival) = self.arrivals.get_mut().unwrap_or_else(PoisonError::into_inner).try_recv() {
            self.record(arrival)?;
        }
        self.inner.handle_timeout(now)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.inner.poll_timeout()
    }
}

impl Interceptor for SinkFeedback {
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}

    fn bind_local_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::sync_channel, time::Duration};

    use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;

    use super::*;
    use crate::runtime::clock;

    #[test]
    fn feedback_names_what_arrived_and_only_that() {
        let (sender, arrivals) = sync_channel(8);
        let mut feedback = SinkFeedback::new(arrivals);
        let start = clock::now();
        for (ms, sequence) in [(0, 100), (10, 101), (20, 103)] {
            let at = start + Duration::from_millis(ms);
            sender.send(Arrival { at, ssrc: 5, sequence }).unwrap();
        }
        feedback.handle_timeout(start + Duration::from_millis(30)).unwrap();
        assert!(feedback.poll_write().is_none(), "not yet due");
        let due = feedback.poll_timeout().expect("due once a packet is known");
        feedback.handle_timeout(due).unwrap();
        let Some(Packet::Rtcp(packets)) = feedback.poll_write().map(|tagged| tagged.message.packet) else {
            panic!("no feedback");
        };
        let report = packets[0].as_any().downcast_ref::<TransportLayerCc>().expect("transport-wide");
        assert_eq!((report.base_sequence_number, report.packet_status_count), (100, 4));
        assert_eq!(report.recv_deltas.len(), 3);
    }
}
