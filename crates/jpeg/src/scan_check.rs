//! Whether a sequential scan is complete, and nothing else: faster than [`walk`](crate::scan::walk).
//!
//! `walk` is slow because each code must be known before the next can be looked up, and because a marker may begin at
//! every byte. Here the stuffing is removed from a stretch of data first, and one lookup skips several codes. Whatever
//! is unusual, damage above all, is left to `walk`, which can describe it.

use crate::bits::{Bits, SURPLUS};
use crate::error::JpegError;
use crate::huffman::{BEYOND, Lookup, STRIDES, Stride};
use crate::markers::{Frame, Scan};
use crate::scan::{Blocks, InvalidBits, Place, Unit, ends_well, layout, pass_ac, walk};

/// Bytes that are freed of stuffing at a time: few enough to stay in the processor's cache.
const STRETCH: usize = 16 << 10;
/// From this many MCUs on, tables of strides are worth the time to make them.
const LONG: u64 = 2000;

/// Checks that a sequential scan is complete; returns the offset of the marker after it. A scan that is complete and
/// unusual (fill bytes before its marker) is read twice.
pub fn check_scan(bytes: &[u8], frame: &Frame, scan: &Scan) -> Result<usize, JpegError> {
    match fast_check(bytes, frame, scan) {
        Some(end) => Ok(end),
        None => walk(bytes, frame, scan, &mut SkipBlocks),
    }
}

/// Skips blocks code by code, and keeps nothing.
struct SkipBlocks;

impl Blocks for SkipBlocks {
    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut Bits,
        _: Place,
        dc: &Lookup,
        ac: &Lookup,
    ) -> Result<(), InvalidBits> {
        bits.fill();
        bits.consume(dc.entry(bits)?.total());
        pass_ac(bits, ac)
    }
}

/// The offset of the marker after a scan, if the scan is complete and nothing about it is unusual.
fn fast_check(bytes: &[u8], frame: &Frame, scan: &Scan) -> Option<usize> {
    let (units, [across, down]) = layout(frame, scan);
    let mcus = u64::from(across) * u64::from(down);
    if mcus < LONG && units.iter().any(|unit| !unit.ac.has_strides_from(unit.dc)) {
        return None;
    }
    let steps = Steps::new(&units)?;
    let mut left = mcus * units.len() as u64;
    let interval = match scan.interval {
        0 => left,
        mcus => u64::from(mcus) * units.len() as u64,
    };
    let mut segment = Segment::new(bytes, scan.start);
    let mut restarts = 0;
    loop {
        let blocks = left.min(interval);
        segment.blocks(&steps, blocks)?;
        left -= blocks;
        let marker = segment.end()?;
        match (left, bytes.get(marker + 1)?) {
            (0, _) => return Some(marker),
            (_, code) if u32::from(*code) == 0xD0 + restarts % 8 => restarts += 1,
            _ => return None,
        }
        segment.continue_at(marker + 2);
    }
}

/// Most blocks of an MCU (B.2.3 allows ten); a power of two, so that an index can be masked instead of checked.
const UNITS: usize = 16;

/// The strides of all blocks of an MCU, and which come after which.
struct Steps<'a> {
    /// The tables of strides, one after the other.
    strides: Vec<Stride>,
    /// For each block of an MCU, in their order.
    units: [Step; UNITS],
    /// Their DC and AC tables.
    tables: Vec<[&'a Lookup; 2]>,
    /// Offset in `strides` of those at the beginning of the first block.
    begin: u32,
}

/// What follows the strides of a block of an MCU.
#[derive(Clone, Copy, Default)]
struct Step {
    /// Offset in `strides` of those within the block.
    within: u32,
    /// The block that comes after it.
    after: u32,
    /// Offset in `strides` of those at the beginning of that block.
    begin: u32,
}

impl<'a> Steps<'a> {
    /// `None` for more blocks than an MCU may have.
    fn new(units: &[Unit<'a>]) -> Option<Self> {
        if units.len() > UNITS {
            return None;
        }
        let tables: Vec<[&Lookup; 2]> = units.iter().map(|unit| [unit.dc, unit.ac]).collect();
        let is_same = |a: &[&Lookup; 2], b: &[&Lookup; 2]| {
            std::ptr::eq(a[0], b[0]) && std::ptr::eq(a[1], b[1])
        };
        let mut strides = Vec::new();
        let mut begins: Vec<u32> = Vec::new();
        for (n, pair) in tables.iter().enumerate() {
            let begin = match tables[..n].iter().position(|other| is_same(other, pair)) {
                Some(known) => begins[known],
                None => {
                    let begin = strides.len() as u32;
                    strides.extend_from_slice(&pair[1].strides_from(pair[0]));
                    strides.extend_from_slice(pair[1].strides());
                    begin
                }
            };
            begins.push(begin);
        }
        let mut steps = [Step::default(); UNITS];
        for n in 0..begins.len() {
            let after = (n + 1) % begins.len();
            steps[n] = Step {
                within: begins[n] + STRIDES as u32,
                after: after as u32,
                begin: begins[after],
            };
        }
        Some(Steps {
            strides,
            units: steps,
            begin: *begins.first()?,
            tables,
        })
    }
}

/// Entropy-coded data up to a marker.
struct Segment<'a> {
    bytes: &'a [u8],
    /// Offset of the next byte to be freed of stuffing.
    next: usize,
    /// Offset of the marker, once that is known.
    marker: Option<usize>,
    /// A stretch of data without stuffing; the last one is followed by zeros.
    pure: Vec<u8>,
    /// How many bytes of it are data.
    length: usize,
    cursor: Cursor,
}

/// Position of the next bits in a stretch.
#[derive(Clone, Copy, Default)]
struct Cursor {
    /// The first byte that is not completely in the buffer.
    at: usize,
    /// The next bits, from the top. Below `count` of them are zeros, or bits that will be put there again.
    buffer: u64,
    count: u32,
}

impl Cursor {
    /// Makes 56 bits available; false at the end of the stretch.
    #[inline(always)]
    fn fill(&mut self, pure: &[u8]) -> bool {
        let Some(&word) = pure.get(self.at..).and_then(|rest| rest.first_chunk()) else {
            return false;
        };
        self.buffer |= u64::from_be_bytes(word) >> self.count;
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
        true
    }

    #[inline(always)]
    fn consume(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count -= bits;
    }
}

impl<'a> Segment<'a> {
    fn new(bytes: &'a [u8], start: usize) -> Self {
        Segment {
            bytes,
            next: start,
            marker: None,
            pure: Vec::with_capacity(2 * STRETCH),
            length: 0,
            cursor: Cursor::default(),
        }
    }

    /// Continues with the data at the offset `start`.
    fn continue_at(&mut self, start: usize) {
        self.pure.clear();
        (self.next, self.marker, self.length) = (start, None, 0);
        self.cursor = Cursor::default();
    }

    /// Skips so many blocks, the first of them the first of an MCU.
    ///
    /// Which table is next depends on the last code. That is chosen by masks: a branch on it would be mispredicted
    /// every other time. Only rare cases branch.
    fn blocks(&mut self, steps: &Steps, mut blocks: u64) -> Option<()> {
        let strides = &steps.strides[..];
        let (mut unit, mut index, mut table) = (0, 0, steps.begin);
        let mut cursor = self.cursor;
        while blocks > 0 {
            if !cursor.fill(&self.pure) {
                self.cursor = cursor;
                self.stretch()?;
                cursor = self.cursor;
                continue;
            }
            let Step {
                within,
                after,
                begin,
            } = steps.units[unit as usize % UNITS];
            let stride = *strides.get(table as usize + Lookup::stride_index(cursor.buffer))?;
            let further = index + stride.advance();
            let (total, ended);
            if further < BEYOND {
                (total, ended) = (stride.total(), stride.end_mask());
                index = further & !ended;
            } else {
                // A long code, or the last coefficient of a block without an end of block.
                let lookup = steps.tables.get(unit as usize)?[usize::from(index > 0)];
                let entry = lookup.entry_of(cursor.buffer).ok()?;
                index += entry.advance();
                total = entry.total();
                ended = match index < BEYOND {
                    true => 0,
                    false => u32::MAX,
                };
                if index >= BEYOND {
                    ends_well(index).ok()?;
                    index = 0;
                }
            }
            cursor.consume(total);
            table = within ^ (within ^ begin) & ended;
            unit ^= (unit ^ after) & ended;
            blocks -= u64::from(ended & 1);
        }
        self.cursor = cursor;
        Some(())
    }

    /// Removes the stuffing from the next stretch; `None` if there is no more, or something unusual.
    #[cold]
    #[inline(never)]
    fn stretch(&mut self) -> Option<()> {
        if self.marker.is_some() {
            return None;
        }
        self.pure.drain(..self.cursor.at);
        self.cursor.at = 0;
        while self.pure.len() < STRETCH {
            let rest = self.bytes.get(self.next..)?;
            let Some(some) = memchr::memchr(0xFF, &rest[..rest.len().min(STRETCH)]) else {
                self.pure.extend_from_slice(rest.get(..STRETCH)?);
                self.next += STRETCH;
                continue;
            };
            match rest.get(some + 1)? {
                0 => {
                    self.pure.extend_from_slice(&rest[..=some]);
                    self.next += some + 2;
                }
                // Fill bytes.
                0xFF => return None,
                _ => {
                    self.pure.extend_from_slice(&rest[..some]);
                    self.marker = Some(self.next + some);
                    break;
                }
            }
        }
        self.length = self.pure.len();
        if self.marker.is_some() {
            self.pure.extend([0; 16]);
        }
        Some(())
    }

    /// The offset of the marker, if nothing but padding and [`SURPLUS`] is left before it.
    fn end(&mut self) -> Option<usize> {
        if self.marker.is_none() {
            self.stretch()?;
        }
        let there = self.length * 8 + self.cursor.count as usize;
        let left = there.checked_sub(self.cursor.at * 8)?;
        (left / 8 <= SURPLUS).then_some(self.marker?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    use proptest::prelude::*;

    use super::*;
    use crate::markers::Reader;

    /// Noise in one corner, so that blocks of all lengths come.
    fn encoded(kind: usize) -> Vec<u8> {
        let (width, height) = (1024, 700);
        let channels = if kind % 4 == 3 { 1 } else { 3 };
        let mut seed = 7_u32;
        let pixels: Vec<u8> = (0..width * height * channels)
            .map(|n| {
                let (x, y) = (n / channels % width, n / channels / width);
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (seed >> 24) * u32::from(x + y < 600) / 2;
                (noise + (x as u32 / 5 + y as u32 / 3) % 120) as u8
            })
            .collect();
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, [40, 85, 100][kind % 3]);
        encoder.set_sampling_factor([SamplingFactor::F_2_2, SamplingFactor::F_1_1][kind / 4 % 2]);
        encoder.set_optimized_huffman_tables(kind / 8 % 2 == 1);
        if kind / 16 % 2 == 1 {
            encoder.set_restart_interval(37);
        }
        let colour = if channels == 1 {
            ColorType::Luma
        } else {
            ColorType::Rgb
        };
        encoder
            .encode(&pixels, width as u16, height as u16, colour)
            .unwrap();
        out
    }

    static ENCODED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| (0..32).map(encoded).collect());

    /// The end of the first scan as the fast and the slow check find it.
    fn both(bytes: &[u8]) -> Option<(Option<usize>, Option<usize>)> {
        let mut reader = Reader::new(bytes).ok()?;
        let scan = reader.next_scan().ok()??;
        let frame = reader.frame().ok()?;
        let slow = walk(bytes, frame, &scan, &mut SkipBlocks).ok();
        Some((fast_check(bytes, frame, &scan), slow))
    }

    #[test]
    fn whole_scans_are_proven_quickly() {
        for (kind, bytes) in ENCODED.iter().enumerate() {
            let (quick, slow) = both(bytes).unwrap();
            assert!(
                slow.is_some() && quick == slow,
                "{kind}: {quick:?} {slow:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn what_is_proven_quickly_is_whole(
            kind in 0usize..32,
            damage in prop::collection::vec((0.0f64..1.0, any::<u8>()), 1..3),
            cut in prop::option::of(0.0f64..1.0),
        ) {
            let mut bytes = ENCODED[kind].clone();
            for (at, byte) in damage {
                let at = 700 + ((bytes.len() - 700) as f64 * at) as usize;
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(700 + ((bytes.len() - 700) as f64 * cut) as usize);
            }
            if let Some((Some(quick), slow)) = both(&bytes) {
                prop_assert_eq!(Some(quick), slow);
            }
        }
    }
}
