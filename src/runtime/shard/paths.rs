//! Where packets come from that are no plain datagrams of a known address: TCP connections, and clients that moved.

use std::time::{Duration, Instant};

use super::{Owner, State};
use crate::{
    proto::demux::{PacketKind, classify},
    runtime::{ports::Ports, tcp::Proof},
};

/// Searches for senders that moved, per window: about 50 µs each with a thousand participants, so 1 % of the time.
/// Who is not found in time is found by the next check.
const MAX_SEARCHES: u32 = 20;
const SEARCH_WINDOW: Duration = Duration::from_millis(100);

impl State {
    /// Frames of TCP connections, and connections that ended. Returns whether more may be waiting.
    pub(super) fn receive_streams(&mut self, port: &mut Ports, now: Instant) -> bool {
        let more = port.receive_streams(|from, frame| {
            self.datagram(now, from, frame);
            if self.addresses.contains_key(&from) { Proof::Proven } else { Proof::None }
        });
        for address in port.tcp.take_ended() {
            if let Some(owner) = self.addresses.get(&address).copied() {
                self.step(owner.0, now, |room, ctx| room.address_lost(ctx, owner.1, address));
            }
        }
        more
    }

    /// Connections that belong to nobody any more have heard their last words.
    pub(super) fn close_unused(&mut self, port: &mut Ports) {
        for address in self.unused.drain(..) {
            port.tcp.close(&address);
        }
    }

    /// Media from an address that nobody has: perhaps a client moved. Its session decides, here it is only found; as
    /// often as strangers cannot make it expensive.
    pub(super) fn owner_by_stream(&mut self, now: Instant, datagram: &[u8]) -> Option<Owner> {
        if classify(datagram) != PacketKind::Rtp {
            return None;
        }
        let (since, searches) = &mut self.searches;
        if now.saturating_duration_since(*since) >= SEARCH_WINDOW {
            (*since, *searches) = (now, 0);
        }
        if *searches >= MAX_SEARCHES {
            return None;
        }
        *searches += 1;
        let ssrc = u32::from_be_bytes(*datagram.get(8..)?.first_chunk()?);
        self.rooms.iter().find_map(|(id, slot)| Some((*id, slot.room.sender_of(ssrc)?)))
    }
}
