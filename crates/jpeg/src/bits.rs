//! Bits of entropy-coded segments: read from a file with its stuffing and markers, kept packed, written with stuffing
//! (ITU-T T.81, F.1.2.3 and F.2.2.5). The first bit of a byte is its most significant one.

/// Reads the bits of one entropy-coded segment, and finds its end.
///
/// After the end come zeros, so that a decoder need not check at every bit; [`Bits::overran`] reports them.
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the top. Below `count` of them are zeros, or bits that will be put there again.
    buffer: u64,
    count: u32,
    /// Zeros that were added after the end.
    phantom: u32,
    ended: bool,
}

/// How an entropy-coded segment ends if not with padding and a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The file ends before a marker.
    Cut,
    /// More bytes follow than the segment needs, and than [`SURPLUS`].
    Stray,
}

/// This many whole bytes before a marker may be unused: some encoders fill up to a word, and libjpeg-turbo drops what
/// is left in its bit register without a warning. At more of them it warns, and more are what damage leaves.
pub const SURPLUS: usize = 4;

impl<'a> Bits<'a> {
    /// The segment that begins at the offset `at`.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Bits {
            bytes,
            at,
            buffer: 0,
            count: 0,
            phantom: 0,
            ended: false,
        }
    }

    /// Makes at least 32 bits available.
    #[inline(always)]
    pub fn fill(&mut self) {
        if self.count < 32 {
            self.refill();
        }
    }

    #[inline(always)]
    fn refill(&mut self) {
        match self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk())
        {
            Some(&next) if !holds_ff(u64::from_be_bytes(next)) => {
                self.buffer |= u64::from_be_bytes(next) >> self.count;
                let bytes = (63 - self.count) >> 3;
                self.at += bytes as usize;
                self.count += bytes * 8;
            }
            _ => self.refill_bytewise(),
        }
    }

    #[cold]
    #[inline(never)]
    fn refill_bytewise(&mut self) {
        while self.count <= 56 {
            let Some((byte, next)) = self.next_byte() else {
                self.ended = true;
                self.phantom += 64 - self.count;
                self.count = 64;
                return;
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
            self.at = next;
        }
    }

    /// The next byte of data and the offset after it; `None` at a marker and at the end.
    fn next_byte(&self) -> Option<(u8, usize)> {
        if self.ended {
            return None;
        }
        byte_at(self.bytes, self.at)
    }

    /// Position of the next bit: the offset of its byte, and how many bits of the byte come before it. `None` where fill
    /// bytes (B.1.1.2) precede stuffed data.
    pub fn position(&self) -> Option<(usize, u32)> {
        let left = self.count.saturating_sub(self.phantom);
        let (mut at, bytes) = (self.at, left.div_ceil(8));
        for _ in 0..bytes {
            at = at.checked_sub(1)?;
            if self.bytes[at] == 0 && at > 0 && self.bytes[at - 1] == 0xFF {
                at -= 1;
            }
            if self.bytes[at] == 0xFF && at > 0 && self.bytes[at - 1] == 0xFF {
                return None;
            }
        }
        Some((at, bytes * 8 - left))
    }

    /// The next bits, from the top; after [`Bits::fill`] at least 32 of them are valid.
    #[inline(always)]
    pub fn peek(&self) -> u64 {
        self.buffer
    }

    /// Skips up to 32 bits that [`Bits::fill`] made available.
    #[inline(always)]
    pub fn consume(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count -= bits;
    }

    /// Reads the next `bits` bits, 0 to 16, that [`Bits::fill`] made available.
    #[inline(always)]
    pub fn take(&mut self, bits: u32) -> u32 {
        let value = ((self.buffer >> 1) >> (63 - bits)) as u32;
        self.consume(bits);
        value
    }

    /// Skips any number of bits.
    pub fn skip(&mut self, mut bits: u32) {
        while bits > 0 {
            self.fill();
            let some = bits.min(32);
            self.consume(some);
            bits -= some;
        }
    }

    /// Whether bits after the end were consumed.
    #[inline(always)]
    pub fn overran(&self) -> bool {
        self.count < self.phantom
    }

    /// Ends the segment: only padding and [`SURPLUS`] may be left, and a marker must follow, whose offset is returned.
    pub fn close(&self) -> Result<usize, Ending> {
        let mut surplus = (self.count.saturating_sub(self.phantom) / 8) as usize;
        let mut end = self.at;
        while let Some((_, next)) = byte_at(self.bytes, end)
            && surplus <= SURPLUS
        {
            (surplus, end) = (surplus + 1, next);
        }
        let code = end + fill_bytes(&self.bytes[end.min(self.bytes.len())..]);
        match self.bytes.get(code) {
            None => Err(Ending::Cut),
            Some(_) if surplus > SURPLUS => Err(Ending::Stray),
            Some(_) => Ok(end),
        }
    }

    /// Ends the segment and begins the next one after the restart marker, which must be RST`m` with m = `index` mod 8.
    pub fn restart(&mut self, index: u32) -> Result<(), Restart> {
        let marker = self.close().map_err(Restart::Ending)?;
        let code = marker + fill_bytes(&self.bytes[marker..]);
        let found = self.bytes[code];
        if u32::from(found) != 0xD0 + index % 8 {
            return Err(Restart::Other(found));
        }
        *self = Bits::new(self.bytes, code + 1);
        Ok(())
    }
}

/// A byte of data and the offset after it; `None` at a marker and at the end.
fn byte_at(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    match *bytes.get(at)? {
        0xFF => {
            let code = at + fill_bytes(&bytes[at..]);
            (bytes.get(code) == Some(&0)).then_some((0xFF, code + 1))
        }
        byte => Some((byte, at + 1)),
    }
}

/// Why a restart marker was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The segment before it does not end properly.
    Ending(Ending),
    /// There is another marker.
    Other(u8),
}

/// How many FF bytes there are at the beginning: one begins a marker or a stuffed byte, more are fill bytes (B.1.1.2).
pub fn fill_bytes(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| byte == 0xFF).count()
}

#[inline(always)]
fn holds_ff(word: u64) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    (!word).wrapping_sub(LOW) & word & (LOW << 7) != 0
}

/// A sequence of bits, neither stuffed nor aligned.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    words: Vec<u64>,
    /// The last bits, `used` of them, at the bottom; those above are in `words` already.
    last: u64,
    used: u32,
}

impl Packed {
    /// Empty, with capacity for about this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Packed {
            words: Vec::with_capacity(bytes / 8 + 1),
            ..Packed::default()
        }
    }

    /// Number of bits so far.
    pub fn len(&self) -> u64 {
        self.words.len() as u64 * 64 + u64::from(self.used)
    }

    /// Appends the lowest `bits` bits of a value, up to 32; its higher bits must be zero.
    #[inline(always)]
    pub fn put(&mut self, value: u64, bits: u32) {
        let used = self.used + bits;
        if used < 64 {
            self.last = self.last << bits | value;
            self.used = used;
        } else {
            let over = used - 64;
            self.words.push(self.last << (bits - over) | value >> over);
            self.last = value;
            self.used = over;
        }
    }

    /// Ends the sequence, and releases capacity that was not needed.
    pub fn finish(&mut self) {
        if self.used > 0 {
            self.words.push(self.last << (64 - self.used));
        }
        self.words.shrink_to_fit();
    }

    /// The 64 bits from number `bit` on, of a finished sequence; zeros after its end.
    #[inline(always)]
    fn at(&self, bit: u64) -> u64 {
        let (word, shift) = ((bit / 64) as usize, bit % 64);
        let first = self.words.get(word).copied().unwrap_or(0);
        let second = self.words.get(word + 1).copied().unwrap_or(0);
        first << shift | (second >> 1) >> (63 - shift)
    }
}

/// Writes an entropy-coded segment: bits to bytes, a zero byte after each FF.
#[derive(Clone, Debug, Default)]
pub struct Stuffed {
    bytes: Vec<u8>,
    last: u64,
    used: u32,
}

impl Stuffed {
    /// Appends the lowest `bits` bits of a value, up to 64; its higher bits must be zero.
    #[inline(always)]
    pub fn put(&mut self, value: u64, bits: u32) {
        let used = self.used + bits;
        if used < 64 {
            self.last = self.last << bits | value;
            self.used = used;
            return;
        }
        let over = used - 64;
        let room = bits - over;
        let word = match room {
            64 => value,
            _ => self.last << room | value >> over,
        };
        match holds_ff(word) {
            false => self.bytes.extend_from_slice(&word.to_be_bytes()),
            true => word.to_be_bytes().into_iter().for_each(|b| self.byte(b)),
        }
        self.last = value;
        self.used = over;
    }

    /// Appends the bits `from..to` of a finished sequence.
    pub fn append(&mut self, packed: &Packed, from: u64, to: u64) {
        let mut at = from;
        while at + 64 <= to {
            self.put(packed.at(at), 64);
            at += 64;
        }
        if at < to {
            let rest = (to - at) as u32;
            self.put(packed.at(at) >> (64 - rest), rest);
        }
    }

    /// Pads to the next byte with ones (F.1.2.3).
    pub fn align(&mut self) {
        let pad = (8 - self.used % 8) % 8;
        self.put((1 << pad) - 1, pad);
        while self.used > 0 {
            self.used -= 8;
            self.byte((self.last >> self.used) as u8);
        }
    }

    /// Removes and returns the complete bytes.
    pub fn drain(&mut self) -> std::vec::Drain<'_, u8> {
        self.bytes.drain(..)
    }

    /// The complete bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
        if byte == 0xFF {
            self.bytes.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_packed_and_stuffed_are_read_as_they_were(
            values in prop::collection::vec((any::<u32>(), 0u32..=16), 0..400),
            cut in 0usize..400,
        ) {
            let values: Vec<_> = values.iter().map(|&(v, n)| (u64::from(v) & ((1 << n) - 1), n)).collect();
            let cut = cut.min(values.len());
            let mut packed = Packed::default();
            values[..cut].iter().for_each(|&(v, n)| packed.put(v, n));
            let middle = packed.len();
            values[cut..].iter().for_each(|&(v, n)| packed.put(v, n));
            let end = packed.len();
            packed.finish();
            let mut out = Stuffed::default();
            out.append(&packed, 0, middle);
            out.append(&packed, middle, end);
            out.align();
            let mut bytes: Vec<u8> = out.drain().collect();
            bytes.extend([0xFF, 0xFF, 0xD9]);
            let mut bits = Bits::new(&bytes, 0);
            for (v, n) in values {
                bits.fill();
                prop_assert_eq!(u64::from(bits.take(n)), v);
                prop_assert!(!bits.overran());
            }
            prop_assert_eq!(bits.close(), Ok(bytes.len() - 3));
        }
    }

    #[test]
    fn a_segment_ends_with_padding_and_a_marker_or_says_how_else() {
        let cases: [(&[u8], u32, Result<usize, Ending>); 10] = [
            (&[0xAB, 0xFF, 0xD9], 1, Ok(1)),
            (&[0xAB, 0xFF, 0xFF, 0xD9], 8, Ok(1)),
            (&[0xAB, 0xFF, 0xFF, 0x00, 0xFF, 0xD9], 9, Ok(4)),
            (&[0xAB, 0xCD, 0xFF, 0xD9], 8, Ok(2)),
            (&[0xAB, 0xFF, 0x00, 0xFF, 0xD9], 8, Ok(3)),
            (&[0xAB, 1, 2, 3, 4, 0xFF, 0xD9], 8, Ok(5)),
            (&[0xAB, 1, 2, 3, 4, 5, 0xFF, 0xD9], 8, Err(Ending::Stray)),
            (&[0xAB, 0xFF], 8, Err(Ending::Cut)),
            (&[0xAB], 8, Err(Ending::Cut)),
            (&[], 0, Err(Ending::Cut)),
        ];
        for (bytes, taken, wanted) in cases {
            let mut bits = Bits::new(bytes, 0);
            bits.skip(taken);
            assert!(!bits.overran(), "{bytes:?}");
            assert_eq!(bits.close(), wanted, "{bytes:?}");
            bits.skip(8 * bytes.len() as u32 + 64);
            assert!(bits.overran(), "{bytes:?}");
        }
    }

    #[test]
    fn restart_markers_come_in_their_order() {
        let bytes = [0xAB, 0xFF, 0xFF, 0xD1, 0x12, 0xFF, 0xD9];
        let at = |index: u32| {
            let mut bits = Bits::new(&bytes, 0);
            bits.skip(7);
            bits.restart(index).map(|()| {
                bits.fill();
                bits.take(8)
            })
        };
        assert_eq!(at(1), Ok(0x12));
        assert_eq!(at(9), Ok(0x12));
        assert_eq!(at(0), Err(Restart::Other(0xD1)));
    }
}
