//! Datagrams on their way out, collected until the shard flushes them.

use std::net::SocketAddr;

/// Bytes that may wait for a flush. The shard flushes long before; beyond this, packets are dropped.
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub to: SocketAddr,
    start: usize,
    len: usize,
}

/// Send slots in one reused buffer: nothing is allocated per packet once it has grown.
#[derive(Debug, Default)]
pub struct Outbox {
    buffer: Vec<u8>,
    entries: Vec<Entry>,
    used: usize,
    overflowed: u64,
}

impl Outbox {
    /// Lends a slot of `capacity` bytes; `fill` returns how many it used, `None` to send nothing.
    ///
    /// Returns the length that will be sent.
    pub fn push_with(
        &mut self,
        to: SocketAddr,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let end = self.used + capacity;
        if end > MAX_BYTES {
            self.overflowed += 1;
            return None;
        }
        if self.buffer.len() < end {
            self.buffer.resize(end.next_power_of_two(), 0);
        }
        let slot = self.buffer.get_mut(self.used..end)?;
        let len = fill(slot)?.min(capacity);
        self.entries.push(Entry { to, start: self.used, len });
        self.used += len;
        Some(len)
    }

    pub fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.push_with(to, datagram.len(), |slot| {
            slot.copy_from_slice(datagram);
            Some(datagram.len())
        });
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn datagram(&self, entry: &Entry) -> &[u8] {
        self.buffer.get(entry.start..entry.start + entry.len).unwrap_or_default()
    }

    /// The bytes of neighbouring entries: they lie one behind the other.
    pub fn run(&self, entries: &[Entry]) -> &[u8] {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return &[] };
        self.buffer.get(first.start..last.start + last.len).unwrap_or_default()
    }

    pub fn bytes(&self) -> usize {
        self.used
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.used = 0;
    }

    /// Packets dropped because nobody flushed, since the last call.
    pub fn take_overflowed(&mut self) -> u64 {
        std::mem::take(&mut self.overflowed)
    }
}

impl Entry {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
