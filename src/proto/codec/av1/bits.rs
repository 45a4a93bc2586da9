//! Bit by bit, most significant first.

use arrayvec::ArrayVec;

use super::MAX_DESCRIPTOR;

#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    pub fn at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    /// In bits from the start.
    pub fn position(&self) -> usize {
        self.position
    }

    /// At most 32 bits.
    pub fn read(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.position / 8)?;
            let bit = byte >> (7 - self.position % 8) & 1;
            value = (value << 1) | u32::from(bit);
            self.position += 1;
        }
        Some(value)
    }

    pub fn flag(&mut self) -> Option<bool> {
        self.read(1).map(|bit| bit == 1)
    }

    /// At most 8 bits.
    pub fn small(&mut self, count: usize) -> Option<u8> {
        u8::try_from(self.read(count)?).ok()
    }

    /// `ns(n)`: a value below `n`, the smaller ones in a bit less (AV1 specification 4.10.7).
    pub fn non_symmetric(&mut self, n: usize) -> Option<u8> {
        let width = n.checked_ilog2()? as usize + 1;
        let shorter = (1u32 << width).checked_sub(u32::try_from(n).ok()?)?;
        let value = self.read(width - 1)?;
        let value = if value < shorter { value } else { (value << 1) + self.read(1)? - shorter };
        u8::try_from(value).ok()
    }
}

/// Appends bits; the last byte is filled up with zeros.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut ArrayVec<u8, MAX_DESCRIPTOR>,
    /// Bits used of the last byte, 0 = all.
    used: usize,
}

impl<'a> BitWriter<'a> {
    pub fn new(out: &'a mut ArrayVec<u8, MAX_DESCRIPTOR>) -> Self {
        Self { out, used: 0 }
    }

    /// `None` if there is no more room.
    pub fn write(&mut self, value: u32, count: usize) -> Option<()> {
        for bit in (0..count).rev() {
            if self.used == 0 {
                self.out.try_push(0).ok()?;
            }
            let last = self.out.last_mut()?;
            if value >> bit & 1 == 1 {
                *last |= 0x80 >> self.used;
            }
            self.used = (self.used + 1) % 8;
        }
        Some(())
    }
}
