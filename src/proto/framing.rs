//! Datagrams on a stream (RFC 4571, as ICE-TCP wants it: RFC 6544 10.1): 16 bits of length, then that many bytes.

/// Larger frames than a datagram of ours may be end the connection: whoever sends them speaks something else, and an
/// unfinished frame is kept in memory.
pub const MAX_FRAME: usize = 2_048;
/// Length of the length.
pub const PREFIX: usize = 2;

/// The peer announced a frame that is larger than any datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes")]
pub struct Oversized(pub usize);

/// Whether the connection is still worth reading after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    GoOn,
    Stop,
}

/// Cuts a stream into frames, wherever it was split. Holds at most one unfinished frame.
#[derive(Debug, Default)]
pub struct Deframer {
    partial: Vec<u8>,
}

impl Deframer {
    /// Hands over each whole frame, in place where the bytes came in one piece. Empty frames mean nothing (RFC 4571 2)
    /// and are skipped.
    ///
    /// # Errors
    /// After an announcement that is too large nothing of the stream makes sense any more.
    pub fn push(
        &mut self,
        mut bytes: &mut [u8],
        mut handle: impl FnMut(&mut [u8]) -> Verdict,
    ) -> Result<Verdict, Oversized> {
        while !self.partial.is_empty() && !bytes.is_empty() {
            let wanted = match announced(&self.partial)? {
                Some(len) => PREFIX + len,
                None => PREFIX,
            };
            let missing = wanted.saturating_sub(self.partial.len()).min(bytes.len());
            let (head, rest) = bytes.split_at_mut_checked(missing).unwrap_or_default();
            self.partial.extend_from_slice(head);
            bytes = rest;
            if announced(&self.partial)?.is_some_and(|len| self.partial.len() == PREFIX + len) {
                let frame = self.partial.get_mut(PREFIX..).unwrap_or_default();
                let verdict = if frame.is_empty() { Verdict::GoOn } else { handle(frame) };
                self.partial.clear();
                if verdict == Verdict::Stop {
                    return Ok(Verdict::Stop);
                }
            }
        }
        while let Some(len) = announced(bytes)? {
            if bytes.len() < PREFIX + len {
                break;
            }
            let (frame, rest) = bytes.split_at_mut_checked(PREFIX + len).unwrap_or_default();
            bytes = rest;
            let frame = frame.get_mut(PREFIX..).unwrap_or_default();
            if !frame.is_empty() && handle(frame) == Verdict::Stop {
                return Ok(Verdict::Stop);
            }
        }
        self.partial.extend_from_slice(bytes);
        Ok(Verdict::GoOn)
    }
}

/// The length at the front, once it is there.
pub fn announced(bytes: &[u8]) -> Result<Option<usize>, Oversized> {
    let Some(prefix) = bytes.first_chunk::<PREFIX>() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes(*prefix));
    if len > MAX_FRAME { Err(Oversized(len)) } else { Ok(Some(len)) }
}

/// What stands in front of a datagram; `None` if it fits no frame.
pub fn prefix(len: usize) -> Option<[u8; PREFIX]> {
    u16::try_from(len).ok().filter(|_| len <= MAX_FRAME).map(u16::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
        frames.iter().flat_map(|one| [&prefix(one.len()).unwrap()[..], one].concat()).collect()
    }

    /// What comes out when the stream is pushed in pieces that end at `cuts`.
    fn read(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Vec<u8>>, Oversized> {
        let (mut deframer, mut found, mut from) = (Deframer::default(), Vec::new(), 0);
        for to in cuts.iter().copied().chain([bytes.len()]) {
            let mut piece = bytes[from..to].to_vec();
            from = to;
            deframer.push(&mut piece, |frame| {
                found.push(frame.to_vec());
                Verdict::GoOn
            })?;
            assert!(deframer.partial.len() < PREFIX + MAX_FRAME, "an unfinished frame is all that is kept");
        }
        Ok(found)
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_wherever_the_stream_is_split(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let bytes = stream(&frames);
            let mut cuts: Vec<usize> = cuts.iter().map(|one| one.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let whole: Vec<Vec<u8>> = frames.into_iter().filter(|one| !one.is_empty()).collect();
            prop_assert_eq!(read(&bytes, &cuts), Ok(whole));
        }
    }

    #[test]
    fn a_byte_at_a_time_is_enough() {
        let frames = [vec![7; MAX_FRAME], vec![1], vec![2; 200]];
        let bytes = stream(&frames);
        let cuts: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(read(&bytes, &cuts), Ok(frames.to_vec()));
    }

    #[test]
    fn too_large_an_announcement_ends_the_stream_before_its_bytes_come() {
        let large = u16::try_from(MAX_FRAME + 1).unwrap().to_be_bytes();
        assert_eq!(read(&large, &[]), Err(Oversized(MAX_FRAME + 1)));
        assert_eq!(read(&large, &[1]), Err(Oversized(MAX_FRAME + 1)));
        assert_eq!(read(&[0, 1, 9, 0xff, 0xff], &[4]), Err(Oversized(0xffff)));
        assert_eq!(prefix(MAX_FRAME + 1), None);
    }

    #[test]
    fn empty_frames_are_skipped_however_many_there_are() {
        assert_eq!(read(&[0; 1_000], &[333]), Ok(Vec::new()));
        assert_eq!(read(&[0, 0, 0, 1, 5, 0, 0], &[1, 3]), Ok(vec![vec![5]]));
    }

    #[test]
    fn nothing_is_read_after_a_stop() {
        for cuts in [vec![], vec![1], vec![3]] {
            let mut seen = 0;
            let bytes = stream(&[vec![1], vec![2]]);
            let (mut deframer, mut from, mut stopped) = (Deframer::default(), 0, false);
            for to in cuts.into_iter().chain([bytes.len()]) {
                let mut piece = bytes[from..to].to_vec();
                from = to;
                let verdict = deframer.push(&mut piece, |_| {
                    seen += 1;
                    Verdict::Stop
                });
                stopped = verdict == Ok(Verdict::Stop);
                if stopped {
                    break;
                }
            }
            assert!(stopped && seen == 1);
        }
    }
}
