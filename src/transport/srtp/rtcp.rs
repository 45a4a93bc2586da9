//! SRTCP (RFC 3711 3.4, RFC 7714 9).
//!
//! Why not `rtc-srtp`: its contexts hold the keys for RTP a second time, and they keep a state for every SSRC that
//! anybody claims, before the packet is known to be authentic.

use std::collections::BTreeMap;

use aws_lc_rs::aead::Aad;

use super::{Cipher, CipherKind, Labels, MAX_SSRCS, Profile, SHA1_80_TAG, SrtpError, apply_ctr, sha1_tag};

const LABELS: Labels = Labels { encryption: 3, authentication: 4, salt: 5 };
/// The first header and its SSRC are not encrypted.
const CLEAR: usize = 8;
/// The index behind the packet, with the flag that says that it is encrypted.
const INDEX: usize = 4;
const ENCRYPTED: u32 = 1 << 31;
const GCM_TAG: usize = 16;
/// Late packets are accepted this far behind: one bit each.
const WINDOW: u32 = 64;

pub struct RtcpIn {
    cipher: Cipher,
    streams: BTreeMap<u32, Received>,
}

/// What was received of one SSRC: bit n of the window stands for the nth index below the highest.
#[derive(Debug, Clone, Copy)]
struct Received {
    highest: u32,
    window: u64,
}

impl Received {
    fn is_fresh(&self, index: u32) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && self.window & (1 << behind) == 0,
        }
    }

    fn accept(&mut self, index: u32) {
        match self.highest.checked_sub(index) {
            Some(behind) => self.window |= 1u64.checked_shl(behind).unwrap_or(0),
            None => {
                self.window = self.window.checked_shl(index - self.highest).unwrap_or(0) | 1;
                self.highest = index;
            }
        }
    }
}

impl RtcpIn {
    pub fn new(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Result<Self, SrtpError> {
        let cipher = Cipher::new(profile, master_key, master_salt, &LABELS)?;
        Ok(Self { cipher, streams: BTreeMap::new() })
    }

    /// Opens it in place: the first bytes of it, so many as returned, are the plain packet. Nothing is remembered of one
    /// that does not authenticate, and nothing of it may be read.
    pub fn open(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = sender(packet)?;
        let (len, index) = match &self.cipher.kind {
            CipherKind::Gcm(key) => {
                let (packet, word) = packet.split_last_chunk_mut::<INDEX>().ok_or(SrtpError::Short)?;
                let (clear, sealed) = packet.split_first_chunk_mut::<CLEAR>().ok_or(SrtpError::Short)?;
                let index = self.fresh(ssrc, *word)?;
                let mut aad = [0; CLEAR + INDEX];
                let (start, end) = aad.split_at_mut(CLEAR);
                start.copy_from_slice(clear);
                end.copy_from_slice(word);
                let nonce = self.cipher.gcm_nonce(ssrc, u64::from(index));
                let plain =
                    key.open_in_place(nonce, Aad::from(aad), sealed).map_err(|_| SrtpError::Forged)?;
                (CLEAR + plain.len(), index)
            }
            CipherKind::CmSha1 { key, auth } => {
                let (signed, tag) = packet.split_last_chunk_mut::<SHA1_80_TAG>().ok_or(SrtpError::Short)?;
                let (packet, word) = signed.split_last_chunk_mut::<INDEX>().ok_or(SrtpError::Short)?;
                let index = self.fresh(ssrc, *word)?;
                let expected = sha1_tag(auth, packet, *word);
                let expected = expected.as_ref().get(..SHA1_80_TAG).ok_or(SrtpError::Short)?;
                aws_lc_rs::constant_time::verify_slices_are_equal(expected, tag)
                    .map_err(|_| SrtpError::Forged)?;
                let body = packet.get_mut(CLEAR..).ok_or(SrtpError::Short)?;
                apply_ctr(key, self.cipher.cm_iv(ssrc, u64::from(index)), body)?;
                (packet.len(), index)
            }
        };
        self.streams
            .entry(ssrc)
            .and_modify(|received| received.accept(index))
            .or_insert(Received { highest: index, window: 1 });
        Ok(len)
    }

    /// The index of a packet that is encrypted and was not seen before.
    fn fresh(&self, ssrc: u32, word: [u8; INDEX]) -> Result<u32, SrtpError> {
        let word = u32::from_be_bytes(word);
        let index = word & !ENCRYPTED;
        match self.streams.get(&ssrc) {
            _ if word & ENCRYPTED == 0 => Err(SrtpError::Forged),
            None if self.streams.len() >= MAX_SSRCS => Err(SrtpError::TooManyStreams),
            Some(received) if !received.is_fresh(index) => Err(SrtpError::Replayed),
            _ => Ok(index),
        }
    }
}

pub struct RtcpOut {
    cipher: Cipher,
    /// Of the last packet. One for all SSRCs: no index is used twice with any of them.
    index: u32,
}

impl RtcpOut {
    pub fn new(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Result<Self, SrtpError> {
        Ok(Self { cipher: Cipher::new(profile, master_key, master_salt, &LABELS)?, index: 0 })
    }

    pub fn seal(&mut self, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
        let ssrc = sender(packet)?;
        // After 2³¹ packets the keys are used up; at a hundred a second that takes eight months.
        let index =
            self.index.checked_add(1).filter(|index| index & ENCRYPTED == 0).ok_or(SrtpError::Keys)?;
        self.index = index;
        let word = (index | ENCRYPTED).to_be_bytes();
        let mut sealed = Vec::with_capacity(packet.len() + INDEX + GCM_TAG);
        sealed.extend(packet);
        let (clear, body) = sealed.split_at_mut_checked(CLEAR).ok_or(SrtpError::Short)?;
        match &self.cipher.kind {
            CipherKind::Gcm(key) => {
                let aad = Aad::from([&*clear, &word].concat());
                let nonce = self.cipher.gcm_nonce(ssrc, u64::from(index));
                let tag = key.seal_in_place_separate_tag(nonce, aad, body).map_err(|_| SrtpError::Keys)?;
                sealed.extend(tag.as_ref());
                sealed.extend(word);
            }
            CipherKind::CmSha1 { key, auth } => {
                apply_ctr(key, self.cipher.cm_iv(ssrc, u64::from(index)), body)?;
                let tag = sha1_tag(auth, &sealed, word);
                sealed.extend(word);
                sealed.extend(tag.as_ref().get(..SHA1_80_TAG).ok_or(SrtpError::Keys)?);
            }
        }
        Ok(sealed)
    }
}

/// Whose packet it is: the SSRC behind the first four bytes.
fn sender(packet: &[u8]) -> Result<u32, SrtpError> {
    let ssrc = packet.get(4..).and_then(<[u8]>::first_chunk::<4>).ok_or(SrtpError::Short)?;
    Ok(u32::from_be_bytes(*ssrc))
}

#[cfg(test)]
mod tests {
    use rtc_dtls::crypto_provider::{RTCCryptoProvider as _, providers::AwsLcRsProvider};
    use rtc_srtp::context::Context;

    use super::*;

    const KEY: [u8; 16] = [7; 16];
    const SALT: [u8; 14] = [9; 14];
    const BOTH: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80];

    fn salt(profile: Profile) -> &'static [u8] {
        &SALT[..profile.rtc().salt_len()]
    }

    /// A receiver report without blocks, and something behind it.
    fn report(ssrc: u32) -> Vec<u8> {
        [&[0x80, 201, 0, 1][..], &ssrc.to_be_bytes(), &[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]].concat()
    }

    fn pair(profile: Profile) -> (RtcpOut, RtcpIn) {
        let salt = salt(profile);
        (RtcpOut::new(profile, &KEY, salt).unwrap(), RtcpIn::new(profile, &KEY, salt).unwrap())
    }

    fn opened(incoming: &mut RtcpIn, sealed: &[u8]) -> Result<Vec<u8>, SrtpError> {
        let mut packet = sealed.to_vec();
        let len = incoming.open(&mut packet)?;
        packet.truncate(len);
        Ok(packet)
    }

    #[test]
    fn interoperates_with_rtc_srtp() {
        let provider = AwsLcRsProvider::new();
        for profile in BOTH {
            let context =
                || Context::new(&KEY, salt(profile), profile.rtc(), None, None, provider.crypto()).unwrap();
            let (mut out, mut incoming) = pair(profile);
            let (mut theirs, mut sealer) = (context(), context());
            for ssrc in [5, 6, 5, 5] {
                let sealed = out.seal(&report(ssrc)).unwrap();
                assert_eq!(theirs.decrypt_rtcp(&sealed).unwrap()[..], report(ssrc)[..], "{profile:?}");
                let sealed = sealer.encrypt_rtcp(&report(ssrc)).unwrap();
                assert_eq!(opened(&mut incoming, &sealed).unwrap(), report(ssrc), "{profile:?}");
            }
        }
    }

    #[test]
    fn replays_and_forgeries_are_refused() {
        for profile in BOTH {
            let (mut out, mut incoming) = pair(profile);
            let sealed: Vec<Vec<u8>> = (0..200).map(|_| out.seal(&report(5)).unwrap()).collect();
            let mut open = |index: usize| opened(&mut incoming, &sealed[index]).map(|_| ());
            assert_eq!(open(10), Ok(()));
            assert_eq!(open(10), Err(SrtpError::Replayed));
            assert_eq!(open(8), Ok(()), "late");
            assert_eq!(open(8), Err(SrtpError::Replayed));
            assert_eq!(open(100), Ok(()));
            assert_eq!(open(36), Err(SrtpError::Replayed), "behind the window");
            assert_eq!(open(37), Ok(()), "the last within it");
            assert_eq!(open(199), Ok(()));
            assert_eq!(open(100), Err(SrtpError::Replayed));
            for at in 0..sealed[150].len() {
                let mut forged = sealed[150].clone();
                forged[at] ^= 0x80;
                assert!(opened(&mut incoming, &forged).is_err(), "{profile:?}: byte {at}");
            }
            for len in 0..sealed[150].len() {
                assert!(opened(&mut incoming, &sealed[150][..len]).is_err(), "{profile:?}: {len} bytes");
            }
            assert_eq!(incoming.streams.len(), 1, "nothing is kept of forgeries");
            assert_eq!(opened(&mut incoming, &sealed[150]), Ok(report(5)));
        }
    }

    #[test]
    fn streams_and_indices_end() {
        let (mut out, mut incoming) = pair(Profile::AeadAes128Gcm);
        for ssrc in 0..64 {
            opened(&mut incoming, &out.seal(&report(ssrc)).unwrap()).unwrap();
        }
        let one_more = out.seal(&report(64)).unwrap();
        assert_eq!(opened(&mut incoming, &one_more), Err(SrtpError::TooManyStreams));
        out.index = ENCRYPTED - 2;
        assert!(opened(&mut incoming, &out.seal(&report(5)).unwrap()).is_ok());
        assert_eq!(out.seal(&report(5)), Err(SrtpError::Keys), "no index is used twice");
        assert_eq!(out.seal(&[0x80, 201]), Err(SrtpError::Short));
    }
}
