//! Reads `use_srtp` out of a DTLS ClientHello before the handshake sees it (RFC 6347 4.2, RFC 5764 4.1).
//!
//! Browsers fragment their ClientHello (a post-quantum key share makes it about 1.4 kB), so the fragments of
//! one message are put together first. Only what is needed to choose the SRTP profile is understood.

/// The longest ClientHello that is put together; browsers send about 1.5 kB.
const MAX_HELLO: usize = 8 * 1024;
const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
const CONTENT_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const EXT_USE_SRTP: u16 = 14;

/// Collects the fragments of the client's latest ClientHello.
#[derive(Debug, Default)]
pub struct HelloCollector {
    message_seq: Option<u16>,
    body: Vec<u8>,
    received: Vec<(usize, usize)>,
}

/// What the collector knows after a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hello {
    /// Not a ClientHello, or broken: nothing to wait for.
    None,
    /// Fragments are missing.
    Partial,
    /// The SRTP profiles the client offers, in its order (empty without `use_srtp`).
    Complete(Vec<u16>),
}

impl HelloCollector {
    /// Looks at every record of a datagram.
    pub fn push(&mut self, datagram: &[u8]) -> Hello {
        let mut rest = datagram;
        let mut result = Hello::None;
        while let Some((header, after)) = rest.split_first_chunk::<RECORD_HEADER>() {
            let [content, _, _, epoch_hi, epoch_lo, _, _, _, _, _, _, len_hi, len_lo] = *header;
            let len = usize::from(u16::from_be_bytes([len_hi, len_lo]));
            let Some((record, after)) = after.split_at_checked(len) else { break };
            rest = after;
            if content == CONTENT_HANDSHAKE && [epoch_hi, epoch_lo] == [0, 0] {
                match self.push_record(record) {
                    Hello::None => {}
                    seen => result = seen,
                }
            }
        }
        result
    }

    fn push_record(&mut self, mut record: &[u8]) -> Hello {
        let mut result = Hello::None;
        while let Some((header, after)) = record.split_first_chunk::<HANDSHAKE_HEADER>() {
            let [kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2] = *header;
            let length = u24([l0, l1, l2]);
            let offset = u24([o0, o1, o2]);
            let Some((fragment, after)) = after.split_at_checked(u24([f0, f1, f2])) else { break };
            record = after;
            if kind == CLIENT_HELLO {
                result = self.push_fragment(u16::from_be_bytes([s0, s1]), length, offset, fragment);
            }
        }
        result
    }

    fn push_fragment(&mut self, seq: u16, length: usize, offset: usize, fragment: &[u8]) -> Hello {
        if length > MAX_HELLO {
            return Hello::None;
        }
        if self.message_seq != Some(seq) || self.body.len() != length {
            *self = Self { message_seq: Some(seq), body: vec![0; length], received: Vec::new() };
        }
        let end = offset + fragment.len();
        let Some(place) = self.body.get_mut(offset..end) else { return Hello::None };
        place.copy_from_slice(fragment);
        if self.received.len() < MAX_HELLO / 8 {
            self.received.push((offset, end));
        }
        if !self.is_whole() {
            return Hello::Partial;
        }
        Hello::Complete(use_srtp(&self.body).unwrap_or_default())
    }

    fn is_whole(&mut self) -> bool {
        self.received.sort_unstable();
        let covered = self
            .received
            .iter()
            .fold(0, |covered, (start, end)| if *start <= covered { covered.max(*end) } else { covered });
        covered >= self.body.len()
    }
}

fn u24([a, b, c]: [u8; 3]) -> usize {
    (usize::from(a) << 16) | (usize::from(b) << 8) | usize::from(c)
}

/// Finds the profile list in a whole ClientHello body.
fn use_srtp(body: &[u8]) -> Option<Vec<u16>> {
    let rest = body.get(2 + 32..)?; // version, random
    let rest = skip_vec8(rest)?; // session id
    let rest = skip_vec8(rest)?; // cookie
    let rest = skip_vec16(rest)?; // cipher suites
    let rest = skip_vec8(rest)?; // compression methods
    let (total, rest) = rest.split_first_chunk::<2>()?;
    let mut rest = rest.get(..usize::from(u16::from_be_bytes(*total)))?;
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let [t0, t1, l0, l1] = *head;
        let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        if u16::from_be_bytes([t0, t1]) == EXT_USE_SRTP {
            let (len, profiles) = value.split_first_chunk::<2>()?;
            let profiles = profiles.get(..usize::from(u16::from_be_bytes(*len)))?;
            return Some(profiles.as_chunks::<2>().0.iter().map(|id| u16::from_be_bytes(*id)).collect());
        }
        rest = after;
    }
    None
}

fn skip_vec8(bytes: &[u8]) -> Option<&[u8]> {
    let (&len, rest) = bytes.split_first()?;
    rest.get(usize::from(len)..)
}

fn skip_vec16(bytes: &[u8]) -> Option<&[u8]> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.get(usize::from(u16::from_be_bytes(*len))..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello_body(profiles: &[u16]) -> Vec<u8> {
        let mut body = vec![0xFE, 0xFD];
        body.extend([1; 32]);
        body.push(0);
        body.push(0);
        body.extend([0, 2, 0xC0, 0x2B]);
        body.extend([1, 0]);
        let list: Vec<u8> = profiles.iter().flat_map(|profile| profile.to_be_bytes()).collect();
        let mut extensions = vec![0, 23, 0, 0, 0, 14];
        let list_len = u16::try_from(list.len()).unwrap();
        extensions.extend((list_len + 3).to_be_bytes());
        extensions.extend(list_len.to_be_bytes());
        extensions.extend(list);
        extensions.push(0);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        body
    }

    fn record(body: &[u8], seq: u16, from: usize, to: usize) -> Vec<u8> {
        let u24 = |n: usize| {
            let bytes = u32::try_from(n).unwrap().to_be_bytes();
            [bytes[1], bytes[2], bytes[3]]
        };
        let mut handshake = vec![CLIENT_HELLO];
        handshake.extend(u24(body.len()));
        handshake.extend(seq.to_be_bytes());
        handshake.extend(u24(from));
        handshake.extend(u24(to - from));
        handshake.extend(&body[from..to]);
        let mut record = vec![CONTENT_HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
        record.extend(u16::try_from(handshake.len()).unwrap().to_be_bytes());
        record.extend(handshake);
        record
    }

    #[test]
    fn fragments_in_any_order_and_twice() {
        let body = hello_body(&[1, 8, 7]);
        let mut collector = HelloCollector::default();
        assert_eq!(collector.push(&record(&body, 0, 40, body.len())), Hello::Partial);
        assert_eq!(collector.push(&record(&body, 0, 40, body.len())), Hello::Partial);
        assert_eq!(collector.push(&record(&body, 0, 0, 40)), Hello::Complete(vec![1, 8, 7]));
    }

    #[test]
    fn a_second_hello_replaces_the_first() {
        let body = hello_body(&[7]);
        let mut collector = HelloCollector::default();
        assert_eq!(collector.push(&record(&body, 0, 0, 20)), Hello::Partial);
        let second = hello_body(&[1, 7]);
        assert_eq!(collector.push(&record(&second, 1, 0, second.len())), Hello::Complete(vec![1, 7]));
    }

    #[test]
    fn junk_is_nothing_to_wait_for() {
        let mut collector = HelloCollector::default();
        assert_eq!(collector.push(&[22; 200]), Hello::None);
        let body = hello_body(&[7]);
        let whole = record(&body, 0, 0, body.len());
        for len in 0..whole.len() {
            assert_eq!(collector.push(&whole[..len]), Hello::None, "{len} bytes");
        }
        let mut huge = record(&body, 0, 0, body.len());
        huge[14] = 0xFF; // claims a message of 16 MB
        assert_eq!(collector.push(&huge), Hello::None);
    }
}
