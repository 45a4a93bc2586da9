//! The last reliable frames of a session, for replay after a lost socket (protocol.md 4, level 1). Pure.

use std::{collections::VecDeque, sync::Arc};

use super::frame::OutFrame;

#[derive(Debug, Default)]
pub struct Ring {
    /// Their numbers end with `last` and have no gaps. Many sessions keep many of these.
    frames: VecDeque<Arc<str>>,
    bytes: usize,
    /// Sequence of the newest frame ever pushed.
    last: u64,
}

impl Ring {
    /// Gives the frame its number and keeps it.
    pub fn push(&mut self, frame: &OutFrame) -> OutFrame {
        self.last += 1;
        let numbered = frame.numbered(self.last);
        self.bytes += numbered.len();
        self.frames.push_back(frame.body());
        while self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES {
            let Some(old) = self.frames.pop_front() else { break };
            self.bytes -= OutFrame::len_of(&old);
        }
        numbered
    }

    /// Everything after `s`, oldest first; `None` if some of it is gone or `s` is from another life.
    pub fn after(&self, s: u64) -> Option<Vec<OutFrame>> {
        let missing = self.last.checked_sub(s)?;
        let skip = u64::try_from(self.frames.len()).ok()?.checked_sub(missing)?;
        let missed = self.frames.iter().skip(usize::try_from(skip).ok()?);
        Some((s + 1..).zip(missed).map(|(s, body)| OutFrame::reliable(Arc::clone(body), s)).collect())
    }

    pub fn last(&self) -> u64 {
        self.last
    }
}

/// A few minutes of a busy channel; doubling doubles the worst-case memory of every lost session.
pub const MAX_FRAMES: usize = 512;
/// Bodies are shared, so the true cost is far lower; rarely reached before `MAX_FRAMES`.
pub const MAX_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::{super::frame::Class, *};

    fn frame(size: usize) -> OutFrame {
        OutFrame::event("e", &serde_json::Value::String("x".repeat(size)), Class::Reliable)
    }

    fn numbers(ring: &Ring, s: u64) -> Option<Vec<u64>> {
        ring.after(s).map(|frames| frames.iter().filter_map(|f| f.s()).collect())
    }

    #[test]
    fn replay_starts_right_after_the_given_number() {
        let mut ring = Ring::default();
        assert_eq!(numbers(&ring, 0), Some(vec![]));
        assert_eq!(numbers(&ring, 1), None);
        for _ in 0..3 {
            ring.push(&frame(1));
        }
        assert_eq!(numbers(&ring, 0), Some(vec![1, 2, 3]));
        assert_eq!(numbers(&ring, 2), Some(vec![3]));
        assert_eq!(numbers(&ring, 3), Some(vec![]));
        assert_eq!(numbers(&ring, 4), None);
        assert_eq!(numbers(&ring, u64::MAX), None);
    }

    #[test]
    fn the_oldest_frames_go_first_by_count_and_by_size() {
        let mut ring = Ring::default();
        for _ in 0..MAX_FRAMES + 10 {
            ring.push(&frame(1));
        }
        assert_eq!(numbers(&ring, 9), None);
        assert_eq!(numbers(&ring, 10).map(|n| n.len()), Some(MAX_FRAMES));
        let mut ring = Ring::default();
        for _ in 0..10 {
            ring.push(&frame(100 * 1024));
        }
        assert_eq!(numbers(&ring, 8), Some(vec![9, 10]));
        assert_eq!(numbers(&ring, 7), None);
        ring.push(&frame(MAX_BYTES + 1));
        assert_eq!(numbers(&ring, 10), None);
        assert_eq!(numbers(&ring, 11), Some(vec![]));
    }
}
