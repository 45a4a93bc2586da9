//! SRTP: packets opened and sealed in place (RFC 3711, RFC 7714).
//!
//! Why not `rtc-srtp`: it allocates per packet, and here every subscriber costs one seal per packet.

mod rtcp;

use std::collections::BTreeMap;

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey},
    hmac,
    iv::FixedLength,
};
use rtc_srtp::{config::SessionKeys, protection_profile::ProtectionProfile};

use self::rtcp::{RtcpIn, RtcpOut};
use crate::proto::rtp::Header;

/// SSRCs one sender may use. Legitimate clients need 2 per layer and track; each state costs 160 B.
const MAX_SSRCS: usize = 64;
/// Late packets are accepted this far behind (RFC 3711 3.3.2 asks for at least 64).
const REPLAY_WINDOW: u64 = 1024;
/// Bytes a sealed RTP packet may grow by: the GCM tag is the longest.
pub const MAX_OVERHEAD: usize = 16;
const SHA1_80_TAG: usize = 10;

/// The two profiles of `draft-ietf-rtcweb-security-arch` that browsers offer and we prefer, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    AeadAes128Gcm,
    Aes128CmSha1_80,
}

impl Profile {
    pub fn rtc(self) -> ProtectionProfile {
        match self {
            Self::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            Self::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    #[error("packet is too short")]
    Short,
    #[error("authentication failed")]
    Forged,
    #[error("packet was seen before or is too old")]
    Replayed,
    #[error("too many streams")]
    TooManyStreams,
    #[error("keys could not be derived")]
    Keys,
}

/// Session keys of one direction.
struct Cipher {
    kind: CipherKind,
    /// 12 bytes for GCM, 14 for AES-CM (left-justified).
    salt: [u8; 14],
}

enum CipherKind {
    Gcm(Box<LessSafeKey>),
    CmSha1 { key: Box<EncryptingKey>, auth: Box<hmac::Key> },
}

/// What keys are derived for (RFC 3711 4.3.2).
struct Labels {
    encryption: u8,
    authentication: u8,
    salt: u8,
}

const RTP: Labels = Labels { encryption: 0, authentication: 1, salt: 2 };

impl Cipher {
    fn new(
        profile: Profile,
        master_key: &[u8],
        master_salt: &[u8],
        labels: &Labels,
    ) -> Result<Self, SrtpError> {
        let mut key = [0u8; 16];
        derive(master_key, master_salt, labels.encryption, &mut key)?;
        let mut salt = [0u8; 14];
        let kind = match profile {
            Profile::AeadAes128Gcm => {
                let used = salt.first_chunk_mut::<12>().ok_or(SrtpError::Keys)?;
                derive(master_key, master_salt, labels.salt, used)?;
                let key = UnboundKey::new(&AES_128_GCM, &key).map_err(|_| SrtpError::Keys)?;
                CipherKind::Gcm(Box::new(LessSafeKey::new(key)))
            }
            Profile::Aes128CmSha1_80 => {
                derive(master_key, master_salt, labels.salt, &mut salt)?;
                let mut auth = [0u8; 20];
                derive(master_key, master_salt, labels.authentication, &mut auth)?;
                let key = UnboundCipherKey::new(&AES_128, &key).map_err(|_| SrtpError::Keys)?;
                CipherKind::CmSha1 {
                    key: Box::new(EncryptingKey::ctr(key).map_err(|_| SrtpError::Keys)?),
                    auth: Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth)),
                }
            }
        };
        Ok(Self { kind, salt })
    }

    /// RFC 7714 8.1: 00 ‖ SSRC ‖ ROC ‖ SEQ, XOR salt.
    fn gcm_nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let [c0, c1, c2, c3] = ssrc.to_be_bytes();
        let [_, _, r0, r1, r2, r3, s0, s1] = index.to_be_bytes();
        let mut nonce = [0, 0, c0, c1, c2, c3, r0, r1, r2, r3, s0, s1];
        for (byte, salt) in nonce.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    /// RFC 3711 4.1.1: (salt << 16) XOR (SSRC << 64) XOR (index << 16).
    fn cm_iv(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let [c0, c1, c2, c3] = ssrc.to_be_bytes();
        let [_, _, i0, i1, i2, i3, i4, i5] = index.to_be_bytes();
        let mut iv = [0, 0, 0, 0, c0, c1, c2, c3, i0, i1, i2, i3, i4, i5, 0, 0];
        for (byte, salt) in iv.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        iv
    }
}

/// RFC 3711 4.3 with AES-CM and key derivation rate 0; GCM's 12-byte salt is padded at the end (RFC 7714 11).
fn derive(master_key: &[u8], master_salt: &[u8], label: u8, out: &mut [u8]) -> Result<(), SrtpError> {
    let mut iv = [0u8; 16];
    for (byte, salt) in iv.iter_mut().zip(master_salt) {
        *byte = *salt;
    }
    let [_, _, _, _, _, _, _, labelled, ..] = &mut iv;
    *labelled ^= label;
    let key = UnboundCipherKey::new(&AES_128, master_key).map_err(|_| SrtpError::Keys)?;
    let key = EncryptingKey::ctr(key).map_err(|_| SrtpError::Keys)?;
    out.fill(0);
    apply_ctr(&key, iv, out)
}

fn apply_ctr(key: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) -> Result<(), SrtpError> {
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(data, context).map(|_| ()).map_err(|_| SrtpError::Keys)
}

/// The word behind the packet is signed with it: the rollover counter, or the index of SRTCP.
fn sha1_tag(auth: &hmac::Key, packet: &[u8], word: [u8; 4]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(auth);
    context.update(packet);
    context.update(&word);
    context.sign()
}

fn rollover(index: u64) -> [u8; 4] {
    let [_, _, r0, r1, r2, r3, _, _] = index.to_be_bytes();
    [r0, r1, r2, r3]
}

/// What was received of one SSRC.
#[derive(Debug, Clone)]
struct Received {
    highest: u64,
    window: [u64; (REPLAY_WINDOW / 64) as usize],
}

impl Received {
    fn new(index: u64) -> Self {
        let mut received = Self { highest: index, window: [0; 16] };
        received.mark(index);
        received
    }

    /// The 48-bit index that a sequence number most likely means (RFC 3711 appendix A).
    fn guess(&self, sequence: u16) -> Option<u64> {
        #[expect(clippy::cast_possible_truncation, reason = "the low 16 bits are the sequence number")]
        let delta = sequence.wrapping_sub(self.highest as u16).cast_signed();
        self.highest.checked_add_signed(i64::from(delta))
    }

    fn is_fresh(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        self.highest - index < REPLAY_WINDOW
            && self.word(index).is_some_and(|word| word & (1 << (index % 64)) == 0)
    }

    fn accept(&mut self, index: u64) {
        if index > self.highest {
            // Forget what falls out of the window.
            let gap = (index - self.highest).min(REPLAY_WINDOW);
            for stale in (index + 1 - gap)..=index {
                self.clear(stale);
            }
            self.highest = index;
        }
        self.mark(index);
    }

    fn word(&self, index: u64) -> Option<u64> {
        self.window.get(slot(index)).copied()
    }

    fn mark(&mut self, index: u64) {
        if let Some(word) = self.window.get_mut(slot(index)) {
            *word |= 1 << (index % 64);
        }
    }

    fn clear(&mut self, index: u64) {
        if let Some(word) = self.window.get_mut(slot(index)) {
            *word &= !(1 << (index % 64));
        }
    }
}

fn slot(index: u64) -> usize {
    usize::try_from(index / 64 % (REPLAY_WINDOW / 64)).unwrap_or(0)
}

/// The receiving direction.
pub struct SrtpIn {
    cipher: Cipher,
    streams: BTreeMap<u32, Received>,
    rtcp: RtcpIn,
}

impl SrtpIn {
    pub fn new(profile: Profile, keys: &SessionKeys) -> Result<Self, SrtpError> {
        let (key, salt) = (&keys.remote_master_key, &keys.remote_master_salt);
        Ok(Self {
            cipher: Cipher::new(profile, key, salt, &RTP)?,
            streams: BTreeMap::new(),
            rtcp: RtcpIn::new(profile, key, salt)?,
        })
    }

    /// Decrypts in place and returns the length of the plain packet.
    ///
    /// Nothing is remembered of a packet that does not authenticate.
    pub fn open(&mut self, header: &Header, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let known = self.streams.get(&header.ssrc);
        let index = match known {
            Some(received) => received.guess(header.sequence).ok_or(SrtpError::Replayed)?,
            None if self.streams.len() >= MAX_SSRCS => return Err(SrtpError::TooManyStreams),
            None => u64::from(header.sequence),
        };
        if known.is_some_and(|received| !received.is_fresh(index)) {
            return Err(SrtpError::Replayed);
        }
        let len = self.decrypt(header, index, packet)?;
        self.streams
            .entry(header.ssrc)
            .and_modify(|received| received.accept(index))
            .or_insert_with(|| Received::new(index));
        Ok(len)
    }

    fn decrypt(&self, header: &Header, index: u64, packet: &mut [u8]) -> Result<usize, SrtpError> {
        match &self.cipher.kind {
            CipherKind::Gcm(key) => {
                let (aad, body) =
                    packet.split_at_mut_checked(header.payload_start).ok_or(SrtpError::Short)?;
                let nonce = self.cipher.gcm_nonce(header.ssrc, index);
                let plain =
                    key.open_in_place(nonce, Aad::from(&*aad), body).map_err(|_| SrtpError::Forged)?;
                Ok(header.payload_start + plain.len())
            }
            CipherKind::CmSha1 { key, auth } => {
                let len = packet.len().checked_sub(SHA1_80_TAG).ok_or(SrtpError::Short)?;
                let (signed, tag) = packet.split_at_mut_checked(len).ok_or(SrtpError::Short)?;
                let expected = sha1_tag(auth, signed, rollover(index));
                let expected = expected.as_ref().get(..SHA1_80_TAG).ok_or(SrtpError::Short)?;
                aws_lc_rs::constant_time::verify_slices_are_equal(expected, tag)
                    .map_err(|_| SrtpError::Forged)?;
                let body = signed.get_mut(header.payload_start..).ok_or(SrtpError::Short)?;
                apply_ctr(key, self.cipher.cm_iv(header.ssrc, index), body)?;
                Ok(len)
            }
        }
    }

    /// Opens it in place. Returns the length of the plain packet.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        self.rtcp.open(packet)
    }
}

/// The sending direction. The caller owns the 48-bit packet index of every stream it sends.
pub struct SrtpOut {
    cipher: Cipher,
    rtcp: RtcpOut,
}

impl SrtpOut {
    pub fn new(profile: Profile, keys: &SessionKeys) -> Result<Self, SrtpError> {
        let (key, salt) = (&keys.local_master_key, &keys.local_master_salt);
        Ok(Self { cipher: Cipher::new(profile, key, salt, &RTP)?, rtcp: RtcpOut::new(profile, key, salt)? })
    }

    /// Encrypts `slot[..len]` in place; `slot` must have `MAX_OVERHEAD` spare bytes. Returns the final length.
    ///
    /// One (SSRC, index) must never be sealed twice with different bytes: with GCM that gives away the key.
    pub fn seal(
        &self,
        slot: &mut [u8],
        header_len: usize,
        len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, SrtpError> {
        let (packet, spare) = slot.split_at_mut_checked(len).ok_or(SrtpError::Short)?;
        match &self.cipher.kind {
            CipherKind::Gcm(key) => {
                let (header, body) = packet.split_at_mut_checked(header_len).ok_or(SrtpError::Short)?;
                let nonce = self.cipher.gcm_nonce(ssrc, index);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(&*header), body)
                    .map_err(|_| SrtpError::Keys)?;
                let tag = tag.as_ref();
                spare.get_mut(..tag.len()).ok_or(SrtpError::Short)?.copy_from_slice(tag);
                Ok(len + tag.len())
            }
            CipherKind::CmSha1 { key, auth } => {
                let body = packet.get_mut(header_len..).ok_or(SrtpError::Short)?;
                apply_ctr(key, self.cipher.cm_iv(ssrc, index), body)?;
                let tag = sha1_tag(auth, packet, rollover(index));
                let tag = tag.as_ref().get(..SHA1_80_TAG).ok_or(SrtpError::Short)?;
                spare.get_mut(..SHA1_80_TAG).ok_or(SrtpError::Short)?.copy_from_slice(tag);
                Ok(len + SHA1_80_TAG)
            }
        }
    }

    pub fn seal_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
        self.rtcp.seal(packet)
    }
}

#[cfg(test)]
mod tests {
    use rtc_dtls::crypto_provider::{RTCCryptoProvider as _, providers::AwsLcRsProvider};
    use rtc_srtp::context::Context;

    use super::*;
    use crate::proto::rtp::{ExtensionBlock, HeaderFields, write_header};

    fn keys(profile: Profile) -> SessionKeys {
        let salt_len = profile.rtc().salt_len();
        SessionKeys {
            local_master_key: (0..16).collect(),
            local_master_salt: (50..).take(salt_len).collect(),
            remote_master_key: (0..16).collect(),
            remote_master_salt: (50..).take(salt_len).collect(),
        }
    }

    fn plain(sequence: u16) -> (Vec<u8>, usize) {
        let fields = HeaderFields { marker: false, payload_type: 96, sequence, timestamp: 5, ssrc: 9 };
        let mut packet = vec![0u8; 12];
        let len = write_header(&mut packet, &fields, &ExtensionBlock::default()).unwrap();
        packet.extend_from_slice(b"some payload");
        (packet, len)
    }

    const BOTH: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80];

    /// The independent implementation of `rtc-srtp` opens what we seal, and we open what it seals.
    #[test]
    fn interoperates_with_rtc_srtp() {
        let provider = AwsLcRsProvider::new();
        for profile in BOTH {
            let keys = keys(profile);
            let context = || {
                Context::new(
                    &keys.local_master_key,
                    &keys.local_master_salt,
                    profile.rtc(),
                    None,
                    None,
                    provider.crypto(),
                )
                .unwrap()
            };
            let (packet, header_len) = plain(1000);
            let ours = SrtpOut::new(profile, &keys).unwrap();
            let mut slot = packet.clone();
            slot.resize(packet.len() + MAX_OVERHEAD, 0);
            let len = ours.seal(&mut slot, header_len, packet.len(), 9, 1000).unwrap();
            assert_eq!(&context().decrypt_rtp(&slot[..len]).unwrap()[..], &packet[..], "{profile:?}");

            let mut sealed = context().encrypt_rtp(&packet).unwrap().to_vec();
            let mut opener = SrtpIn::new(profile, &keys).unwrap();
            let header = Header::parse(&sealed).unwrap();
            let len = opener.open(&header, &mut sealed).unwrap();
            assert_eq!(&sealed[..len], &packet[..], "{profile:?}");
        }
    }

    #[test]
    fn replays_and_forgeries_are_refused_and_wrapping_works() {
        for profile in BOTH {
            let keys = keys(profile);
            let sealer = SrtpOut::new(profile, &keys).unwrap();
            let mut opener = SrtpIn::new(profile, &keys).unwrap();
            let mut open = |index: u64, flip: bool| {
                let (mut packet, header_len) = plain(u16::try_from(index & 0xFFFF).unwrap());
                let len = packet.len();
                packet.resize(len + MAX_OVERHEAD, 0);
                let len = sealer.seal(&mut packet, header_len, len, 9, index).unwrap();
                packet.truncate(len);
                if flip {
                    packet[14] ^= 1;
                }
                let header = Header::parse(&packet).unwrap();
                opener.open(&header, &mut packet).map(|_| ())
            };
            assert_eq!(open(65_530, false), Ok(()));
            assert_eq!(open(65_530, false), Err(SrtpError::Replayed));
            assert_eq!(open(65_531, true), Err(SrtpError::Forged));
            assert_eq!(open(65_540, false), Ok(()), "over the wrap");
            assert_eq!(open(65_531, false), Ok(()), "late, before the wrap");
            assert_eq!(open(65_531, false), Err(SrtpError::Replayed));
            assert_eq!(open(70_000, false), Ok(()));
            assert_eq!(open(65_541, false), Err(SrtpError::Replayed), "behind the window");
            assert_eq!(open(69_990, false), Ok(()), "inside the window");
        }
    }
}
