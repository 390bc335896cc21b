//! Walks the blocks of a scan in their order, across its restart intervals, to where the scan ends (ITU-T T.81, A.2,
//! E.2.4, F.2.2).

use crate::bits::{Bits, Ending, Restart};
use crate::error::{JpegError, damaged};
use crate::huffman::{END_OF_BLOCK, Lookup, UnknownCode, extend};
use crate::markers::{Frame, Scan};

/// Position of a block.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Index of its component in the frame.
    pub component: usize,
    /// Column in the grid of the component's blocks.
    pub column: u32,
    /// Row in that grid.
    pub row: u32,
}

/// What is done with the blocks of a scan.
pub trait Blocks {
    /// A row of MCUs begins.
    fn row(&mut self) {}
    /// A restart interval begins: predictions are reset.
    fn restart(&mut self) {}
    /// Reads a block with its tables.
    fn block(
        &mut self,
        bits: &mut Bits,
        place: Place,
        dc: &Lookup,
        ac: &Lookup,
    ) -> Result<(), InvalidBits>;
}

/// Bits that are not a valid block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBits;

impl From<UnknownCode> for InvalidBits {
    fn from(_: UnknownCode) -> Self {
        InvalidBits
    }
}

/// The DC coefficient of each component's last block, to which the next one is a difference (F.2.1.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Predictions(pub [i32; 4]);

impl Predictions {
    /// The DC coefficient of a component's next block.
    #[inline(always)]
    pub fn next(
        &mut self,
        bits: &mut Bits,
        component: usize,
        dc: &Lookup,
    ) -> Result<i32, InvalidBits> {
        bits.fill();
        let entry = dc.entry(bits)?;
        bits.consume(entry.length());
        let difference = extend(bits.take(entry.size()), entry.size());
        let last = &mut self.0[component];
        *last = last.wrapping_add(difference);
        Ok(*last)
    }
}

/// One block of an MCU.
pub struct Unit<'a> {
    component: usize,
    /// Columns and rows of the component's blocks per MCU.
    step: [u32; 2],
    /// Column and row of the block within the MCU.
    within: [u32; 2],
    /// Its table for DC.
    pub dc: &'a Lookup,
    /// Its table for AC.
    pub ac: &'a Lookup,
}

impl Unit<'_> {
    /// Position of the block in the MCU of column `x` and row `y`.
    #[inline(always)]
    pub fn place(&self, x: u32, y: u32) -> Place {
        Place {
            component: self.component,
            column: x * self.step[0] + self.within[0],
            row: y * self.step[1] + self.within[1],
        }
    }
}

/// Passes all blocks of a scan to `blocks`; returns the offset of the marker after the scan.
pub fn walk<B: Blocks>(
    bytes: &[u8],
    frame: &Frame,
    scan: &Scan,
    blocks: &mut B,
) -> Result<usize, JpegError> {
    let (units, mcus) = layout(frame, scan);
    let total = u64::from(mcus[0]) * u64::from(mcus[1]);
    let mut bits = Bits::new(bytes, scan.start);
    let (mut done, mut restarts, mut until_restart) = (0, 0, scan.interval);
    for y in 0..mcus[1] {
        blocks.row();
        for x in 0..mcus[0] {
            if scan.interval > 0 && until_restart == 0 {
                bits.restart(restarts)
                    .map_err(|cause| no_restart(cause, done, total))?;
                blocks.restart();
                (restarts, until_restart) = (restarts + 1, scan.interval);
            }
            until_restart = until_restart.wrapping_sub(1);
            for unit in &units {
                let place = unit.place(x, y);
                if let Err(InvalidBits) = blocks.block(&mut bits, place, unit.dc, unit.ac) {
                    return Err(invalid(&bits, done, total));
                }
            }
            if bits.overran() {
                return Err(invalid(&bits, done, total));
            }
            done += 1;
        }
    }
    bits.close().map_err(|ending| match ending {
        Ending::Cut => damaged("it ends without its end marker (EOI)"),
        Ending::Stray => damaged(format!("more data than a scan of {} needs", mcus_of(total))),
    })
}

/// The blocks of an MCU of this scan, and `[columns, rows]` of its MCUs.
pub fn layout<'a>(frame: &Frame, scan: &'a Scan) -> (Vec<Unit<'a>>, [u32; 2]) {
    if let [(component, dc, ac)] = &scan.components[..] {
        let only = Unit {
            component: *component,
            step: [1, 1],
            within: [0, 0],
            dc,
            ac,
        };
        return (vec![only], frame.components[*component].blocks);
    }
    let mut units = Vec::new();
    for (component, dc, ac) in &scan.components {
        let step = frame.components[*component].sampling;
        for row in 0..step[1] {
            for column in 0..step[0] {
                units.push(Unit {
                    component: *component,
                    step,
                    within: [column, row],
                    dc,
                    ac,
                });
            }
        }
    }
    (units, frame.mcus)
}

fn invalid(bits: &Bits, done: u64, total: u64) -> JpegError {
    damaged(match bits.overran() {
        true => format!("a scan ends after {done} of {}", mcus_of(total)),
        false => format!("invalid bits after {done} of {} of a scan", mcus_of(total)),
    })
}

fn mcus_of(n: u64) -> String {
    format!("{n} {}", if n == 1 { "MCU" } else { "MCUs" })
}

fn no_restart(cause: Restart, done: u64, total: u64) -> JpegError {
    damaged(match cause {
        Restart::Ending(Ending::Cut) | Restart::Other(0xD9) => {
            format!("a scan ends after {done} of {}", mcus_of(total))
        }
        Restart::Ending(Ending::Stray) => {
            format!(
                "more data than a restart interval needs after {done} of {}",
                mcus_of(total)
            )
        }
        Restart::Other(code) => {
            format!(
                "a marker FF {code:02X} instead of a restart marker, after {done} of {}",
                mcus_of(total)
            )
        }
    })
}

/// Skips the codes of a block after its DC coefficient, one after the other.
#[inline(always)]
pub fn pass_ac(bits: &mut Bits, ac: &Lookup) -> Result<(), InvalidBits> {
    let mut index = 1;
    while index < 64 {
        bits.fill();
        let entry = ac.entry(bits)?;
        bits.consume(entry.total());
        index += entry.advance();
    }
    ends_well(index)
}

/// Whether a block of a sequential scan ended at its last coefficient or by an end-of-block code.
#[inline(always)]
pub fn ends_well(index: u32) -> Result<(), InvalidBits> {
    match index == 64 || index > END_OF_BLOCK {
        true => Ok(()),
        false => Err(InvalidBits),
    }
}
