//! The quick look at a sequential scan: whether it is whole, and nothing else.
//!
//! What takes [`walk`](crate::scan::walk) its time is that each step waits for the one before, and that a marker may
//! begin at every byte. Here a stretch of data is freed of its stuffing first, and steps lead over several codes at
//! once. Whatever is not as usual, damage first of all, is left to the slow way, which knows the words for it.

use crate::bits::{Bits, SURPLUS};
use crate::fault::Fault;
use crate::huffman::{BEYOND, Lookup, STRIDES, Stride};
use crate::markers::{Frame, Scan};
use crate::scan::{Bad, Blocks, Place, Unit, ends_well, layout, pass_ac, walk};

/// Data freed of its stuffing at a time: it stays in the processor's cache.
const STRETCH: usize = 16 << 10;
/// From so many MCUs on it pays to make tables of strides.
const LONG: u64 = 2000;

/// Proves that a sequential scan is whole; returns where the marker behind it begins. A scan that is whole and unusual
/// (fill bytes before its marker) is looked at twice.
pub fn prove(bytes: &[u8], frame: &Frame, scan: &Scan) -> Result<usize, Fault> {
    match skim(bytes, frame, scan) {
        Some(end) => Ok(end),
        None => walk(bytes, frame, scan, &mut Look),
    }
}

/// Looks at blocks one code after the other, and keeps nothing.
struct Look;

impl Blocks for Look {
    #[inline(always)]
    fn block(&mut self, bits: &mut Bits, _: Place, dc: &Lookup, ac: &Lookup) -> Result<(), Bad> {
        bits.fill();
        bits.consume(dc.entry(bits)?.total());
        pass_ac(bits, ac)
    }
}

/// Where the marker behind a scan begins, if the scan is whole and nothing about it is unusual.
fn skim(bytes: &[u8], frame: &Frame, scan: &Scan) -> Option<usize> {
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
        segment.go_on(marker + 2);
    }
}

/// Blocks of an MCU at most (B.2.3 allows ten), and so many that an index needs no check.
const UNITS: usize = 16;

/// Where each step over the codes of a block leads.
struct Steps<'a> {
    /// The tables of strides, one behind the other.
    strides: Vec<Stride>,
    /// Of each block of an MCU, in their order.
    units: [Step; UNITS],
    /// Their tables.
    tables: Vec<[&'a Lookup; 2]>,
    /// Where the strides begin that lead into the first.
    begin: u32,
}

/// Where it goes on from a block of an MCU.
#[derive(Clone, Copy, Default)]
struct Step {
    /// Where the strides within it begin.
    within: u32,
    /// The block that follows.
    after: u32,
    /// Where the strides begin that lead into that.
    begin: u32,
}

impl<'a> Steps<'a> {
    /// None for more blocks than an MCU may have.
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

/// Data up to a marker.
struct Segment<'a> {
    bytes: &'a [u8],
    /// What comes next of them.
    next: usize,
    /// Where the marker begins, when that is known.
    marker: Option<usize>,
    /// A stretch of data without stuffing; behind the last one lie zeros.
    pure: Vec<u8>,
    /// How much of it is data.
    length: usize,
    cursor: Cursor,
}

/// Where in a stretch the next bits are.
#[derive(Clone, Copy, Default)]
struct Cursor {
    /// The byte behind those that are in the buffer whole.
    at: usize,
    /// The next bits from the top. Below `count` lie zeros or the bits that come next anyway.
    buffer: u64,
    count: u32,
}

impl Cursor {
    /// Sees to it that 56 bits can be looked at; false where the stretch is over.
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

    /// Goes on with the data that begins there.
    fn go_on(&mut self, start: usize) {
        self.pure.clear();
        (self.next, self.marker, self.length) = (start, None, 0);
        self.cursor = Cursor::default();
    }

    /// Steps over so many blocks, the first of them the first of an MCU.
    ///
    /// What the next step is hangs on the last code. No branch does, but for what is rare, for processors guess such
    /// branches wrong every other time: masks choose.
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

    /// Frees the next stretch of its stuffing; none if there is no more, or something unusual.
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

    /// Where the marker begins, if all data before it was needed but for padding and [`SURPLUS`].
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

    /// What the quick and the slow way say of the first scan.
    fn both(bytes: &[u8]) -> Option<(Option<usize>, Option<usize>)> {
        let mut reader = Reader::new(bytes).ok()?;
        let scan = reader.next_scan().ok()??;
        let frame = reader.frame().ok()?;
        let slow = walk(bytes, frame, &scan, &mut Look).ok();
        Some((skim(bytes, frame, &scan), slow))
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
