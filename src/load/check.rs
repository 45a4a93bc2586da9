//! Verdict on one received stream: is every frame there, whole, unchanged and in its place?
//!
//! Works on packets after decryption and RTX recovery, in any order of arrival. A frame is identified by the
//! sequence number of its first packet, because around a layer switch the same frame number may rightly come
//! twice, once per layer.

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use super::payload::{self, Marker, MediaKind, PayloadError};

/// Packets a late one may be behind the newest; about 7 s at 150 packets/s. Doubling it doubles the memory
/// of a stream and nothing else.
const WINDOW_PACKETS: u64 = 1024;

/// What is counted over the whole life of a stream, warm-up included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Faults {
    /// Payload or checksum wrong.
    pub corrupt: u64,
    /// Right bytes at the wrong place: another publisher's, wrong order, a frame torn apart, a layer switch
    /// without a keyframe, picture ids that do not continue.
    pub misplaced: u64,
    pub duplicates: u64,
    /// Arrived after everything around it was given up.
    pub late: u64,
}

impl std::ops::AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.corrupt += other.corrupt;
        self.misplaced += other.misplaced;
        self.duplicates += other.duplicates;
        self.late += other.late;
    }
}

/// What a packet brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    pub sent_us: u64,
    /// The packet completed this frame.
    pub completed: Option<Completed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completed {
    pub frame: u32,
    pub layer: u8,
    pub keyframe: bool,
}

/// The parts of a received RTP packet that matter here.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: &'a [u8],
}

#[derive(Debug)]
pub struct StreamCheck {
    kind: MediaKind,
    publisher: u32,
    newest: Option<u64>,
    /// By extended sequence number of the first packet.
    frames: BTreeMap<u64, Frame>,
    window: Option<Window>,
    faults: Faults,
    last_fault: Option<String>,
    /// Longest time between two completed frames inside the window.
    last_completed: Option<Instant>,
    longest_gap: Duration,
    layers: [u64; 3],
}

#[derive(Debug)]
struct Frame {
    number: u32,
    layer: u8,
    keyframe: bool,
    count: u16,
    timestamp: u32,
    picture_id: u16,
    /// One bit per packet.
    have: Vec<u64>,
    missing: u16,
}

/// The frames that count, and which of them are here.
#[derive(Debug)]
struct Window {
    first: u32,
    end: Option<u32>,
    have: Vec<u64>,
}

impl StreamCheck {
    pub fn new(kind: MediaKind, publisher: u32) -> Self {
        Self {
            kind,
            publisher,
            newest: None,
            frames: BTreeMap::new(),
            window: None,
            faults: Faults::default(),
            last_fault: None,
            last_completed: None,
            longest_gap: Duration::ZERO,
            layers: [0; 3],
        }
    }

    /// From frame `first` on delivery counts.
    pub fn open_window(&mut self, first: u32) {
        self.window = Some(Window { first, end: None, have: Vec::new() });
        self.last_completed = None;
        self.longest_gap = Duration::ZERO;
        self.layers = [0; 3];
    }

    /// Frames from `end` on no longer count; late ones before it still do.
    pub fn close_window(&mut self, end: u32) {
        if let Some(window) = &mut self.window {
            window.end = Some(end);
        }
    }

    /// Frames of the window that arrived whole.
    pub fn delivered(&self) -> u64 {
        let Some(window) = &self.window else { return 0 };
        let frames = window.range();
        frames.filter(|frame| window.has(*frame)).count() as u64
    }

    /// Whose stream this is, and of which kind.
    pub fn source(&self) -> (u32, MediaKind) {
        (self.publisher, self.kind)
    }

    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// What the last corrupt or misplaced packet was about.
    pub fn last_fault(&self) -> Option<&str> {
        self.last_fault.as_deref()
    }

    pub fn longest_gap(&self) -> Duration {
        self.longest_gap
    }

    /// Completed frames per layer since the window opened.
    pub fn layers(&self) -> [u64; 3] {
        self.layers
    }

    /// Judges one packet. `None` if it is a fault.
    pub fn receive(&mut self, now: Instant, packet: &Received<'_>) -> Option<Accepted> {
        let (picture_id, marker) = match self.read(packet.payload) {
            Ok(read) => read,
            Err(error) => {
                self.faults.corrupt += 1;
                self.last_fault = Some(format!("seq {}: {error}", packet.sequence));
                return None;
            }
        };
        if marker.publisher != self.publisher || marker.kind != self.kind || marker.index >= marker.count {
            return self.misplaced(format!("{marker:?} in the stream of {}", self.publisher));
        }
        let sequence = self.extend(packet.sequence);
        let base = sequence.saturating_sub(u64::from(marker.index));
        if self.newest.is_some_and(|newest| base + WINDOW_PACKETS < newest) {
            self.faults.late += 1;
            return None;
        }
        self.newest = self.newest.max(Some(sequence));
        if let Some(torn) = self.torn(base, &marker) {
            return self.misplaced(torn);
        }

        let frame =
            self.frames.entry(base).or_insert_with(|| Frame::new(&marker, packet.timestamp, picture_id));
        if !frame.fits(&marker, packet, picture_id, self.kind) {
            let what = format!("seq {}: {marker:?} does not belong to {frame:?}", packet.sequence);
            return self.misplaced(what);
        }
        if !frame.take(marker.index) {
            self.faults.duplicates += 1;
            return None;
        }
        let completed = (frame.missing == 0).then_some(Completed {
            frame: marker.frame,
            layer: marker.layer,
            keyframe: marker.keyframe,
        });
        if let Some(completed) = completed {
            self.complete(now, base, completed);
        }
        Some(Accepted { sent_us: marker.sent_us, completed })
    }

    fn read(&self, payload: &[u8]) -> Result<(u16, Marker), PayloadError> {
        match self.kind {
            MediaKind::Video => {
                let (descriptor, marker) = payload::read_video(payload)?;
                Ok((descriptor.picture_id, marker))
            }
            MediaKind::Audio => Ok((0, payload::read_audio(payload)?)),
        }
    }

    /// Another part of the same frame lies where this packet does not fit to it.
    fn torn(&self, base: u64, marker: &Marker) -> Option<String> {
        if self.frames.contains_key(&base) {
            return None;
        }
        let neighbours = [self.frames.range(..base).next_back(), self.frames.range(base..).next()];
        let other = neighbours
            .into_iter()
            .flatten()
            .find(|(_, frame)| (frame.number, frame.layer) == (marker.frame, marker.layer));
        other.map(|(at, frame)| format!("{marker:?} would begin at {base}, but {frame:?} begins at {at}"))
    }

    fn misplaced(&mut self, what: String) -> Option<Accepted> {
        self.faults.misplaced += 1;
        self.last_fault = Some(what);
        None
    }

    /// The 64-bit number nearest to the newest that ends in these 16 bits.
    fn extend(&self, sequence: u16) -> u64 {
        let Some(newest) = self.newest else {
            // One lap up, so that packets before the first one have a number too.
            return u64::from(sequence) + 0x1_0000;
        };
        let ahead = sequence.wrapping_sub(newest as u16) as i16;
        newest.saturating_add_signed(i64::from(ahead))
    }

    fn complete(&mut self, now: Instant, base: u64, completed: Completed) {
        if let Some(window) = &mut self.window
            && window.insert(completed.frame)
        {
            if let Some(count) = self.layers.get_mut(usize::from(completed.layer)) {
                *count += 1;
            }
            if let Some(last) = self.last_completed {
                self.longest_gap = self.longest_gap.max(now.saturating_duration_since(last));
            }
            self.last_completed = Some(now);
        }
        let before = self.frames.range(..base).next_back();
        let after = self.frames.range(base + 1..).next();
        let this = self.frames.get(&base);
        let problem = [(before, this.map(|frame| (&base, frame))), (this.map(|frame| (&base, frame)), after)]
            .into_iter()
            .find_map(|(first, second)| self.follows(first?, second?).err());
        if let Some(problem) = problem {
            let _ = self.misplaced(problem);
        }
        let newest = self.newest.unwrap_or(base);
        while self.frames.first_key_value().is_some_and(|(first, _)| first + WINDOW_PACKETS < newest) {
            self.frames.pop_first();
        }
    }

    /// Whether two frames that are neighbours in sequence may be neighbours.
    fn follows(
        &self,
        (first_base, first): (&u64, &Frame),
        (second_base, second): (&u64, &Frame),
    ) -> Result<(), String> {
        let fail = |what| Err(format!("{what}: {first_base} {first:?} then {second_base} {second:?}"));
        let end = first_base + u64::from(first.count);
        if end > *second_base && first.missing == 0 {
            return fail("frames overlap");
        }
        // Only if no packet between them is missing can anything be said about what comes next.
        if end != *second_base || first.missing > 0 {
            return Ok(());
        }
        let switched = first.layer != second.layer;
        if second.number < first.number || (second.number == first.number && !switched) {
            return fail("frames out of order");
        }
        if self.kind == MediaKind::Video {
            if switched && !second.keyframe {
                return fail("layer switch without a keyframe");
            }
            if second.picture_id != (first.picture_id + 1) & 0x7fff {
                return fail("picture id does not continue");
            }
        }
        if second.timestamp.wrapping_sub(first.timestamp) as i32 <= 0 {
            return fail("timestamp does not rise");
        }
        Ok(())
    }
}

impl Frame {
    fn new(marker: &Marker, timestamp: u32, picture_id: u16) -> Self {
        Self {
            number: marker.frame,
            layer: marker.layer,
            keyframe: marker.keyframe,
            count: marker.count,
            timestamp,
            picture_id,
            have: vec![0; usize::from(marker.count).div_ceil(64)],
            missing: marker.count,
        }
    }

    fn fits(&self, marker: &Marker, packet: &Received<'_>, picture_id: u16, kind: MediaKind) -> bool {
        let last = marker.index + 1 == marker.count;
        (self.number, self.layer, self.keyframe, self.count)
            == (marker.frame, marker.layer, marker.keyframe, marker.count)
            && self.timestamp == packet.timestamp
            && self.picture_id == picture_id
            && (kind == MediaKind::Audio || packet.marker == last)
    }

    /// False if it was here already.
    fn take(&mut self, index: u16) -> bool {
        let Some(word) = self.have.get_mut(usize::from(index) / 64) else { return false };
        let bit = 1u64 << (index % 64);
        let new = *word & bit == 0;
        *word |= bit;
        self.missing -= u16::from(new);
        new
    }
}

impl Window {
    fn range(&self) -> Range<u32> {
        let open_end = self.first.saturating_add(self.have.len() as u32 * 64);
        self.first..self.end.unwrap_or(open_end)
    }

    fn has(&self, frame: u32) -> bool {
        let at = frame.wrapping_sub(self.first) as usize;
        self.have.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// True if the frame counts and was not here yet.
    fn insert(&mut self, frame: u32) -> bool {
        /// Frames one measurement can hold; 12 hours at 60 fps.
        const LIMIT: usize = 60 * 3600 * 12;
        if frame < self.first || self.end.is_some_and(|end| frame >= end) {
            return false;
        }
        let at = (frame - self.first) as usize;
        if at >= LIMIT {
            return false;
        }
        if self.have.len() <= at / 64 {
            self.have.resize(at / 64 + 1, 0);
        }
        let Some(word) = self.have.get_mut(at / 64) else { return false };
        let bit = 1u64 << (at % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

#[cfg(test)]
mod tests;
