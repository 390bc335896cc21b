//! All coefficients of a tile in memory: for tiles that are not a single sequential scan.

use crate::bits::Bits;
use crate::check::every_component;
use crate::error::{JpegError, unsupported};
use crate::huffman::{Lookup, extend};
use crate::markers::{Component, Frame, Reader, Scan};
use crate::progressive::{Keep, Progress};
use crate::scan::{Blocks, InvalidBits, Place, Predictions, ends_well, walk};

/// The coefficients of a block, in zigzag order.
pub type Block = [i16; 64];

/// The blocks of a component, including those that only complete its last MCUs.
struct Plane {
    stride: usize,
    blocks: Vec<Block>,
}

/// The coefficients of a picture.
pub struct Coefficients {
    planes: Vec<Plane>,
    /// Whether a coefficient did not fit into 16 bits.
    overflow: bool,
}

/// A tile of 8192 × 8192 pixels in three full components: 384 MiB.
const MAX_BLOCKS: u64 = 3 << 20;

impl Coefficients {
    /// Reads all scans of a JPEG; the header of the `first` one was read from `reader` already.
    pub fn read(reader: &mut Reader, first: Scan) -> Result<Coefficients, JpegError> {
        let bytes = reader.bytes();
        let mut seen = [false; 4];
        let mut next = Some(first);
        let mut all = Coefficients::new(reader.frame()?, bytes.len())?;
        let mut progress = match reader.frame()?.progressive {
            true => {
                let frame = reader.frame()?;
                let kept = std::mem::replace(&mut all, Coefficients::empty());
                Some(Progress::new(frame, bytes.len(), kept)?)
            }
            false => None,
        };
        while let Some(scan) = next {
            let frame = reader.frame()?;
            let end = match &mut progress {
                Some(progress) => progress.read(bytes, frame, &scan)?,
                None => walk(bytes, frame, &scan, &mut Collector::new(&mut all))?,
            };
            let all = progress.as_mut().map_or(&mut all, |p| &mut p.keep);
            let alone = scan.components.len() == 1 && scan.band[0] == 0;
            for (component, ..) in scan.components.iter().filter(|_| alone) {
                all.pad(*component, &frame.components[*component]);
            }
            scan.components.iter().for_each(|(c, ..)| seen[*c] = true);
            reader.resume(end);
            next = reader.next_scan()?;
        }
        every_component(reader.frame()?, seen)?;
        let all = progress.map_or(all, |progress| progress.keep);
        match all.overflow {
            true => Err(unsupported("coefficients of more than 16 bits")),
            false => Ok(all),
        }
    }

    fn empty() -> Self {
        Coefficients {
            planes: Vec::new(),
            overflow: false,
        }
    }

    /// All zero, for a picture whose file has so many bytes: as a block needs a bit or more, a small file cannot demand
    /// much memory.
    pub fn new(frame: &Frame, bytes: usize) -> Result<Self, JpegError> {
        let size = |component: &Component| component.padded(frame.mcus).map(|n| n as usize);
        let count = |[wide, high]: [usize; 2]| wide as u64 * high as u64;
        let total: u64 = frame.components.iter().map(|c| count(size(c))).sum();
        if total > MAX_BLOCKS || total > 8 * bytes as u64 {
            return Err(unsupported(format!(
                "a tile of {total} blocks in {bytes} bytes that is not a single sequential scan"
            )));
        }
        let plane = |component: &Component| {
            let [stride, high] = size(component);
            Plane {
                stride,
                blocks: vec![[0; 64]; stride * high],
            }
        };
        Ok(Coefficients {
            planes: frame.components.iter().map(plane).collect(),
            overflow: false,
        })
    }

    /// Whether a coefficient did not fit into 16 bits.
    pub fn overflowed(&self) -> bool {
        self.overflow
    }

    /// The block at a position.
    pub fn block(&self, place: Place) -> &Block {
        let plane = &self.planes[place.component];
        &plane.blocks[place.row as usize * plane.stride + place.column as usize]
    }

    /// The block at a position, to change it.
    pub fn block_mut(&mut self, place: Place) -> &mut Block {
        let plane = &mut self.planes[place.component];
        &mut plane.blocks[place.row as usize * plane.stride + place.column as usize]
    }

    fn put(&mut self, place: Place, index: u32, value: i32) {
        match i16::try_from(value) {
            Ok(value) => self.block_mut(place)[index as usize] = value,
            Err(_) => self.overflow = true,
        }
    }

    /// Gives the blocks that complete the last MCUs the DC coefficient of their nearest neighbour: a scan of one
    /// component does not contain them (A.2.3).
    fn pad(&mut self, component: usize, frame: &Component) {
        let plane = &mut self.planes[component];
        let [wide, high] = frame.blocks.map(|n| n as usize);
        let rows = plane.blocks.len() / plane.stride;
        for row in 0..rows {
            for column in 0..plane.stride {
                if row >= high || column >= wide {
                    let nearest = row.min(high - 1) * plane.stride + column.min(wide - 1);
                    plane.blocks[row * plane.stride + column][0] = plane.blocks[nearest][0];
                }
            }
        }
    }
}

impl Keep for Coefficients {
    fn set(&mut self, place: Place, index: u32, value: i32) {
        self.put(place, index, value);
    }

    fn refine_dc(&mut self, place: Place, bit: i32) {
        let before = i32::from(self.block_mut(place)[0]);
        self.put(place, 0, before | bit);
    }

    fn refine(&mut self, bits: &mut Bits, place: Place, mut which: u64, unit: i32) {
        while which != 0 {
            let index = which.trailing_zeros();
            which &= which - 1;
            bits.fill();
            if bits.take(1) == 1 {
                let before = i32::from(self.block_mut(place)[index as usize]);
                // The bit is not set yet: scans that come twice are refused before.
                self.put(place, index, before + unit * before.signum());
            }
        }
    }
}

/// Keeps all coefficients of a sequential scan.
pub struct Collector<'a> {
    all: &'a mut Coefficients,
    /// The DC coefficient of each component's last block.
    pub predictions: Predictions,
}

impl<'a> Collector<'a> {
    /// Keeps the coefficients in `all`.
    pub fn new(all: &'a mut Coefficients) -> Self {
        Collector {
            all,
            predictions: Predictions::default(),
        }
    }
}

impl Blocks for Collector<'_> {
    fn restart(&mut self) {
        self.predictions = Predictions::default();
    }

    fn block(
        &mut self,
        bits: &mut Bits,
        place: Place,
        dc: &Lookup,
        ac: &Lookup,
    ) -> Result<(), InvalidBits> {
        let value = self.predictions.next(bits, place.component, dc)?;
        self.all.put(place, 0, value);
        let mut index = 1;
        while index < 64 {
            bits.fill();
            let entry = ac.entry(bits)?;
            bits.consume(entry.length());
            index += entry.advance();
            if entry.size() > 0 {
                let value = extend(bits.take(entry.size()), entry.size());
                if index > 64 {
                    return Err(InvalidBits);
                }
                self.all.put(place, index - 1, value);
            }
        }
        ends_well(index)
    }
}
