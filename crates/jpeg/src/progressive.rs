//! Reads the scans of progressive JPEGs (ITU-T T.81, annex G). A refinement scan can only be read by knowing which
//! coefficients are not zero, so that is kept for all blocks, one bit each. What else is kept is up to [`Keep`].

use crate::bits::Bits;
use crate::error::{JpegError, damaged, unsupported};
use crate::huffman::{Lookup, extend};
use crate::markers::{Frame, Scan};
use crate::scan::{Blocks, InvalidBits, Place, walk};

/// What is kept of coefficients, which arrive bit by bit.
pub trait Keep {
    /// A coefficient, as far as its bits are known.
    fn set(&mut self, place: Place, index: u32, value: i32);
    /// One more bit of a DC coefficient.
    fn refine_dc(&mut self, place: Place, bit: i32);
    /// One more bit, taken from `bits`, of each coefficient in the set `which`; a bit that is set adds `unit`.
    fn refine(&mut self, bits: &mut Bits, place: Place, which: u64, unit: i32);
}

/// Keeps nothing.
pub struct Nothing;

impl Keep for Nothing {
    fn set(&mut self, _: Place, _: u32, _: i32) {}
    fn refine_dc(&mut self, _: Place, _: i32) {}
    fn refine(&mut self, bits: &mut Bits, _: Place, which: u64, _: i32) {
        bits.skip(which.count_ones());
    }
}

/// The state between the scans of a picture.
pub struct Progress<K> {
    /// What is kept.
    pub keep: K,
    /// Which coefficients are not zero, one bit each, by component and block.
    nonzero: Vec<Vec<u64>>,
    /// Blocks in a row, by component.
    stride: Vec<u32>,
    /// The bit position down to which each coefficient is known; `None` before its first scan.
    known: Vec<[Option<u32>; 64]>,
}

impl<K: Keep> Progress<K> {
    /// The state before the first scan. The data of that scan have at most `bytes` bytes: as each of its blocks needs a
    /// bit or more, a header of a few bytes cannot demand much memory.
    pub fn new(frame: &Frame, bytes: usize, keep: K) -> Result<Self, JpegError> {
        let sizes: Vec<[u32; 2]> = frame
            .components
            .iter()
            .map(|c| c.padded(frame.mcus))
            .collect();
        let blocks = |[wide, high]: [u32; 2]| u64::from(wide) * u64::from(high);
        let total: u64 = sizes.iter().map(|&size| blocks(size)).sum();
        if total > MAX_BLOCKS {
            return Err(unsupported(format!(
                "progressive with {total} blocks; at most {MAX_BLOCKS} are kept in memory"
            )));
        }
        if total > 8 * bytes as u64 {
            return Err(damaged(format!(
                "{total} blocks cannot be in {bytes} bytes"
            )));
        }
        Ok(Progress {
            keep,
            nonzero: sizes.iter().map(|&s| vec![0; blocks(s) as usize]).collect(),
            stride: sizes.iter().map(|size| size[0]).collect(),
            known: vec![[None; 64]; sizes.len()],
        })
    }

    /// Reads a scan; returns the offset of the marker after it.
    pub fn read(&mut self, bytes: &[u8], frame: &Frame, scan: &Scan) -> Result<usize, JpegError> {
        for (component, ..) in &scan.components {
            self.follow(*component, scan)?;
        }
        let [first, last] = scan.band;
        let pass = Pass {
            progress: self,
            first,
            last,
            band: (u64::MAX << first) & (u64::MAX >> (63 - last)),
            shift: scan.bits[1],
            predictions: [0; 4],
            run: 0,
        };
        match (scan.band[0], scan.bits[0]) {
            (0, 0) => walk(bytes, frame, scan, &mut DcFirst(pass)),
            (0, _) => walk(bytes, frame, scan, &mut DcRefine(pass)),
            (_, 0) => walk(bytes, frame, scan, &mut AcFirst(pass)),
            _ => walk(bytes, frame, scan, &mut AcRefine(pass)),
        }
    }

    /// Notes what a scan contributes to a component; fails if it does not continue where the scans before it ended.
    fn follow(&mut self, component: usize, scan: &Scan) -> Result<(), JpegError> {
        let known = &mut self.known[component];
        let [before, now] = scan.bits;
        let out_of_order = |what: &str| {
            let (number, [first, last]) = (component + 1, scan.band);
            Err(damaged(format!(
                "a scan of coefficients {first} to {last} of component {number} {what}"
            )))
        };
        if scan.band[0] > 0 && known[0].is_none() {
            return out_of_order("before its first");
        }
        for state in &mut known[scan.band[0] as usize..=scan.band[1] as usize] {
            match (*state, before) {
                (None, 0) => {}
                (Some(at), before) if before > 0 && at == before => {}
                _ => return out_of_order("out of order"),
            }
            *state = Some(now);
        }
        Ok(())
    }
}

/// About a gigapixel of colour: 128 MiB of bits.
const MAX_BLOCKS: u64 = 1 << 24;

struct Pass<'a, K> {
    progress: &'a mut Progress<K>,
    first: u32,
    last: u32,
    band: u64,
    shift: u32,
    predictions: [i32; 4],
    /// Blocks still to come that have no more coefficients in this scan.
    run: u32,
}

impl<K: Keep> Pass<'_, K> {
    fn nonzero(&mut self, place: Place) -> &mut u64 {
        let stride = self.progress.stride[place.component] as usize;
        let index = place.row as usize * stride + place.column as usize;
        &mut self.progress.nonzero[place.component][index]
    }

    fn set(&mut self, place: Place, index: u32, value: i32) {
        *self.nonzero(place) |= 1 << index;
        self.progress.keep.set(place, index, value);
    }

    /// Begins the run of an EOBn code, which includes this block (G.1.2.2).
    fn begin_run(&mut self, bits: &mut Bits, symbol: u8) {
        let size = u32::from(symbol >> 4);
        self.run = (1 << size) + bits.take(size);
    }
}

struct DcFirst<'a, K>(Pass<'a, K>);

impl<K: Keep> Blocks for DcFirst<'_, K> {
    fn restart(&mut self) {
        self.0.predictions = [0; 4];
    }

    fn block(
        &mut self,
        bits: &mut Bits,
        place: Place,
        dc: &Lookup,
        _: &Lookup,
    ) -> Result<(), InvalidBits> {
        bits.fill();
        let entry = dc.entry(bits)?;
        bits.consume(entry.length());
        let difference = extend(bits.take(entry.size()), entry.size());
        let prediction = &mut self.0.predictions[place.component];
        *prediction = prediction.wrapping_add(difference);
        let value = prediction.wrapping_shl(self.0.shift);
        self.0.progress.keep.set(place, 0, value);
        Ok(())
    }
}

struct DcRefine<'a, K>(Pass<'a, K>);

impl<K: Keep> Blocks for DcRefine<'_, K> {
    fn block(
        &mut self,
        bits: &mut Bits,
        place: Place,
        _: &Lookup,
        _: &Lookup,
    ) -> Result<(), InvalidBits> {
        bits.fill();
        let bit = bits.take(1) as i32;
        self.0.progress.keep.refine_dc(place, bit << self.0.shift);
        Ok(())
    }
}

struct AcFirst<'a, K>(Pass<'a, K>);

impl<K: Keep> Blocks for AcFirst<'_, K> {
    fn restart(&mut self) {
        self.0.run = 0;
    }

    fn block(
        &mut self,
        bits: &mut Bits,
        place: Place,
        _: &Lookup,
        ac: &Lookup,
    ) -> Result<(), InvalidBits> {
        let pass = &mut self.0;
        let mut index = pass.first;
        while pass.run == 0 && index <= pass.last {
            bits.fill();
            let entry = ac.entry(bits)?;
            bits.consume(entry.length());
            match (entry.symbol() >> 4, entry.size()) {
                (15, 0) => index += 16,
                (_, 0) => pass.begin_run(bits, entry.symbol()),
                (zeros, size) => {
                    index += u32::from(zeros);
                    let value = extend(bits.take(size), size) << pass.shift;
                    if index > pass.last {
                        return Err(InvalidBits);
                    }
                    pass.set(place, index, value);
                    index += 1;
                }
            }
        }
        pass.run = pass.run.saturating_sub(1);
        Ok(())
    }
}

struct AcRefine<'a, K>(Pass<'a, K>);

impl<K: Keep> Blocks for AcRefine<'_, K> {
    fn restart(&mut self) {
        self.0.run = 0;
    }

    fn block(
        &mut self,
        bits: &mut Bits,
        place: Place,
        _: &Lookup,
        ac: &Lookup,
    ) -> Result<(), InvalidBits> {
        let pass = &mut self.0;
        let unit = 1 << pass.shift;
        let before = *pass.nonzero(place);
        // Coefficients of the band that are still to come in this block.
        let mut ahead = pass.band;
        while pass.run == 0 && ahead != 0 {
            bits.fill();
            let entry = ac.entry(bits)?;
            bits.consume(entry.length());
            let (zeros, size) = (entry.symbol() >> 4, entry.size());
            if size == 0 && zeros < 15 {
                pass.begin_run(bits, entry.symbol());
                break;
            }
            let value = match (size, size > 0 && bits.take(1) == 0) {
                (0, _) => 0,
                (1, false) => unit,
                (1, true) => -unit,
                _ => return Err(InvalidBits),
            };
            let (landing, passed) = pass_over(ahead, before, zeros);
            if landing == 64 && size > 0 {
                return Err(InvalidBits);
            }
            ahead &= !passed;
            pass.progress
                .keep
                .refine(bits, place, passed & before, unit);
            if size > 0 {
                pass.set(place, landing, value);
            }
        }
        if pass.run > 0 {
            pass.run -= 1;
            pass.progress.keep.refine(bits, place, ahead & before, unit);
        }
        Ok(())
    }
}

/// The index after a run of `zeros` coefficients that stay zero, 64 if the band ends before; and the coefficients of the
/// band up to there, of which those that are not zero are refined.
fn pass_over(ahead: u64, nonzero: u64, zeros: u8) -> (u32, u64) {
    let mut free = ahead & !nonzero;
    (0..zeros).for_each(|_| free &= free.wrapping_sub(1));
    let landing = free.trailing_zeros();
    match landing {
        63 | 64 => (landing, ahead),
        _ => (landing, ahead & ((2 << landing) - 1)),
    }
}
