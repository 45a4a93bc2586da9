//! The bounded queue between the server and one socket. Pure.
//!
//! Overflow policy: above half, ephemeral frames are dropped; when full, the socket is closed (4010) and the
//! session resumes from its ring.

use std::collections::VecDeque;

use super::frame::{Class, OutFrame};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    Queued,
    /// Ephemeral, thrown away.
    Dropped,
    /// Nothing fits any more: cut the socket.
    Full,
}

#[derive(Debug, Default)]
pub struct Outbox {
    frames: VecDeque<OutFrame>,
    bytes: usize,
}

impl Outbox {
    pub fn push(&mut self, frame: OutFrame) -> Pushed {
        let half = self.frames.len() >= MAX_FRAMES / 2 || self.bytes >= MAX_BYTES / 2;
        if half && frame.class == Class::Ephemeral {
            return Pushed::Dropped;
        }
        // A single frame above the byte limit passes an empty queue: it has to get out somehow.
        let fits = self.bytes + frame.len() <= MAX_BYTES || self.frames.is_empty();
        if self.frames.len() >= MAX_FRAMES || !fits {
            return Pushed::Full;
        }
        self.bytes += frame.len();
        self.frames.push_back(frame);
        Pushed::Queued
    }

    pub fn pop(&mut self) -> Option<OutFrame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        if self.frames.is_empty() && self.frames.capacity() > KEPT {
            self.frames = VecDeque::new();
        }
        Some(frame)
    }

    pub fn clear(&mut self) {
        self.frames = VecDeque::new();
        self.bytes = 0;
    }

    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// About two seconds of the busiest sane client; more only delays the cut of one that has stopped reading.
pub const MAX_FRAMES: usize = 256;
pub const MAX_BYTES: usize = 1024 * 1024;
/// Room for so many frames stays when there are none; what a burst needed is given back.
const KEPT: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(class: Class, size: usize) -> OutFrame {
        OutFrame::event("e", &serde_json::Value::String("x".repeat(size)), class)
    }

    #[test]
    fn ephemeral_frames_go_first_and_a_full_queue_says_so() {
        let mut outbox = Outbox::default();
        for _ in 0..MAX_FRAMES / 2 {
            assert_eq!(outbox.push(frame(Class::Ephemeral, 1)), Pushed::Queued);
        }
        assert_eq!(outbox.push(frame(Class::Ephemeral, 1)), Pushed::Dropped);
        for _ in 0..MAX_FRAMES / 2 {
            assert_eq!(outbox.push(frame(Class::Reliable, 1)), Pushed::Queued);
        }
        assert_eq!(outbox.push(frame(Class::Reply, 1)), Pushed::Full);
        assert_eq!(outbox.len(), MAX_FRAMES);
        while outbox.pop().is_some() {}
        assert_eq!(outbox.push(frame(Class::Ephemeral, 1)), Pushed::Queued);
        assert_eq!(outbox.bytes, frame(Class::Ephemeral, 1).len());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut outbox = Outbox::default();
        for _ in 0..5 {
            assert_eq!(outbox.push(frame(Class::Reliable, MAX_BYTES / 6)), Pushed::Queued);
        }
        assert_eq!(outbox.push(frame(Class::Ephemeral, 1)), Pushed::Dropped);
        assert_eq!(outbox.push(frame(Class::Reliable, MAX_BYTES / 3)), Pushed::Full);
        outbox.clear();
        assert_eq!(outbox.push(frame(Class::Reliable, 2 * MAX_BYTES)), Pushed::Queued);
        assert_eq!(outbox.push(frame(Class::Reliable, 1)), Pushed::Full);
    }
}
