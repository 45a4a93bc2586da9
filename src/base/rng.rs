//! The injected source of randomness. Seeded in tests, from the operating system in production.

use rand::{Rng as _, RngCore, SeedableRng, rngs::StdRng};

/// A cryptographically secure generator (ICE credentials come from it), owned by one shard.
#[derive(Debug)]
pub struct Rng(StdRng);

impl Rng {
    /// The same seed gives the same ids, SSRCs and credentials: for tests and replays only.
    pub fn from_seed(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Seeded by the operating system.
    pub fn from_entropy(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    pub fn u16(&mut self) -> u16 {
        self.0.random()
    }

    pub fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn u128(&mut self) -> u128 {
        self.0.random()
    }

    /// `len` characters of the ICE alphabet (RFC 8839 5.4, without `+` and `/` so that logs and URLs stay plain).
    pub fn token(&mut self, len: usize) -> String {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..len).map(|_| char::from(ALPHABET[self.0.random_range(0..ALPHABET.len())])).collect()
    }
}
