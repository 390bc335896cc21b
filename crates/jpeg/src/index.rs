//! An index of a large JPEG: where decoding can begin, every few MCUs, so that a part of the picture costs its own
//! MCUs and no others. Parts come out as coefficients, or as JPEGs of their own, cut without loss.
//!
//! For pictures of one interleaved sequential scan (T.81, A.2.3); others have no places to begin at.

use std::sync::Arc;

use crate::bits::Bits;
use crate::coefficients::{Coefficients, Whole};
use crate::fault::{Fault, Refusal, damaged};
use crate::markers::{Frame, Quantization, Scan};
use crate::scan::{Bad, Blocks as _, Place, Predictions, layout, pass_ac};
use crate::style::{Colour, Style};
use crate::transcode::{Scribe, Symbols, Tables, Tally, is_plain, open};

/// Decoding can begin at every so many MCUs of a row.
const STEP: u32 = 16;

/// Where decoding can begin.
#[derive(Clone, Copy, Debug, Default)]
struct Start {
    byte: usize,
    /// Bits of the byte that come before.
    skip: u8,
    predictions: [i16; 4],
}

/// The index of a JPEG, which does not hold its bytes.
pub struct Index {
    frame: Frame,
    scan: Scan,
    style: Style,
    starts: Vec<Start>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Frame { width, height, .. } = self.frame;
        write!(f, "{width} x {height} in {} starts", self.starts.len())
    }
}

/// A part of a picture in MCUs: from column and row, to column and row that are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first column and row.
    pub from: [u32; 2],
    /// Behind the last column and row.
    pub to: [u32; 2],
}

/// The coefficients of a window.
pub struct Part {
    coefficients: Coefficients,
    frame: Frame,
    quantization: Arc<[Quantization]>,
}

/// How much is done for few bytes when a part is cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Huffman tables of the standard.
    Quick,
    /// Huffman tables of its own.
    Small,
}

impl Index {
    /// Reads a JPEG from its first byte to its end marker. The error says why it cannot be indexed.
    pub fn read(bytes: &[u8]) -> Result<Index, Fault> {
        let (mut reader, scan) = open(bytes)?;
        let mut frame = reader.frame()?.clone();
        let mut style = Style::of(&reader)?;
        if let [only] = &mut frame.components[..] {
            // Its blocks come one by one, whatever its sampling (A.2.2).
            (only.sampling, frame.mcu, frame.mcus) = ([1, 1], [8, 8], only.blocks);
            style.components[0].1 = [1, 1];
        }
        if !is_plain(&frame, &scan) || style.quantization.len() != frame.components.len() {
            let words = "pictures that are not one sequential scan";
            return Err(Fault::Unsupported(words.into()));
        }
        let (starts, end) = starts(bytes, &frame, &scan)?;
        reader.resume(end);
        if reader.next_scan()?.is_some() {
            return Err(damaged("a scan behind the one that has all"));
        }
        Ok(Index {
            frame,
            scan,
            style,
            starts,
        })
    }

    /// `[width, height]` in pixels.
    pub fn size(&self) -> [u32; 2] {
        [self.frame.width, self.frame.height]
    }

    /// `[width, height]` of an MCU in pixels.
    pub fn mcu(&self) -> [u32; 2] {
        self.frame.mcu
    }

    /// `[width, height]` in MCUs.
    pub fn mcus(&self) -> [u32; 2] {
        self.frame.mcus
    }

    /// What its components mean.
    pub fn colour(&self) -> Colour {
        self.style.colour()
    }

    /// Blocks in an MCU, across and down, by component.
    pub fn sampling(&self) -> Vec<[u32; 2]> {
        self.frame.components.iter().map(|c| c.sampling).collect()
    }

    /// Its colour profile.
    pub fn icc(&self) -> Option<&[u8]> {
        self.style.icc.as_deref()
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        self.starts.len() * size_of::<Start>()
    }

    /// Decodes a window of the picture of these bytes to coefficients.
    pub fn part(&self, bytes: &[u8], window: Window) -> Result<Part, Fault> {
        let mcus = [0, 1].map(|side| window.to[side].saturating_sub(window.from[side]));
        let is_inside = (0..2).all(|side| window.to[side] <= self.frame.mcus[side]);
        if !is_inside || mcus.contains(&0) {
            return Err(damaged("a part outside the picture"));
        }
        let frame = self.frame_of(mcus);
        let mut all = Coefficients::new(&frame, bytes.len())?;
        for row in 0..mcus[1] {
            self.row(bytes, window, row, &mut all)
                .map_err(|Bad| damaged("its bits changed since it was indexed"))?;
        }
        if all.overflowed() {
            return Err(Fault::Unsupported("coefficients of over 16 bits".into()));
        }
        Ok(Part {
            coefficients: all,
            frame,
            quantization: self.style.quantization.as_slice().into(),
        })
    }

    /// A frame for a window that is whole MCUs.
    fn frame_of(&self, mcus: [u32; 2]) -> Frame {
        let mut frame = self.frame.clone();
        let [width, height] = [0, 1].map(|side| mcus[side] * frame.mcu[side]);
        (frame.width, frame.height, frame.mcus) = (width, height, mcus);
        for component in &mut frame.components {
            component.blocks = component.padded(mcus);
        }
        frame
    }

    fn row(
        &self,
        bytes: &[u8],
        window: Window,
        row: u32,
        all: &mut Coefficients,
    ) -> Result<(), Bad> {
        let (units, [wide, _]) = layout(&self.frame, &self.scan);
        let y = window.from[1] + row;
        let first = window.from[0] / STEP;
        let start = self.starts[(y * wide.div_ceil(STEP) + first) as usize];
        let mut bits = Bits::new(bytes, start.byte);
        bits.skip(start.skip.into());
        let mut keep = Whole::new(all);
        keep.predictions = Predictions(start.predictions.map(i32::from));
        let mut aside = Predict::new(keep.predictions);
        for x in first * STEP..window.to[0] {
            let number = u64::from(y) * u64::from(wide) + u64::from(x);
            // At a start the marker lies behind already.
            if x > first * STEP
                && let Some(restart) = self.restart_before(number)
            {
                bits.restart(restart).map_err(|_| Bad)?;
                keep.restart();
                aside.restart();
            }
            for unit in &units {
                if x < window.from[0] {
                    aside.block(&mut bits, unit.place(x, y), unit.dc, unit.ac)?;
                    keep.predictions = aside.predictions;
                } else {
                    let place = unit.place(x - window.from[0], row);
                    keep.block(&mut bits, place, unit.dc, unit.ac)?;
                }
            }
            if bits.overran() {
                return Err(Bad);
            }
        }
        Ok(())
    }

    /// Which restart marker stands before an MCU, if one does.
    fn restart_before(&self, number: u64) -> Option<u32> {
        restart_before(&self.scan, number)
    }

    /// Cuts a window out as a JPEG of its own, without its profile; `full` is its size in MCUs where it is to be larger, filled up with
    /// what was last. No coefficient changes.
    pub fn cut(
        &self,
        bytes: &[u8],
        window: Window,
        full: Option<[u32; 2]>,
        care: Care,
    ) -> Result<Vec<u8>, Refusal> {
        let part = self.part(bytes, window)?;
        let (frame, all) = (&part.frame, &part.coefficients);
        let tables = match care {
            Care::Quick => Tables::standard(&self.style),
            Care::Small => Tables::new(
                &Tally::of_coefficients(frame, all, &self.style),
                &self.style,
            ),
        };
        let symbols = Symbols::of(frame, all, &tables)?;
        let blocks = frame.components.iter().map(|c| c.sampling.iter().product());
        let blocks: Vec<u32> = blocks.collect();
        let [wide, high] = full.unwrap_or(frame.mcus);
        let [more_wide, more_high] = [
            wide.saturating_sub(frame.mcus[0]),
            high.saturating_sub(frame.mcus[1]),
        ];
        let mut scribe = Scribe::new();
        for row in 0..symbols.rows() {
            scribe.row(&symbols, row, &tables)?;
            scribe.pad(more_wide, &blocks, &tables)?;
        }
        scribe.pad(more_high * (frame.mcus[0] + more_wide), &blocks, &tables)?;
        scribe.out.align();
        let size = match full {
            Some(_) => [wide * frame.mcu[0], high * frame.mcu[1]],
            // The last MCUs hang over the edge.
            None => [0, 1].map(|side| {
                let edge = self.size()[side] - window.from[side] * frame.mcu[side];
                edge.min(frame.mcus[side] * frame.mcu[side])
            }),
        };
        let style = Style {
            icc: None,
            ..self.style.clone()
        };
        let head = style.head(size, &tables, true);
        Ok([&head, scribe.out.bytes(), &[0xFF, 0xD9]].concat())
    }
}

/// Whether a JPEG that begins so can be indexed, as far as its header says.
pub fn can_be(start: &[u8]) -> bool {
    let is_one = |(reader, scan): (crate::markers::Reader, Scan)| {
        reader.frame().is_ok_and(|frame| is_plain(frame, &scan))
    };
    open(start).is_ok_and(is_one)
}

impl Part {
    /// The coefficients of a block, in zigzag order.
    pub fn block(&self, component: usize, column: u32, row: u32) -> &[i16; 64] {
        self.coefficients.block(Place {
            component,
            column,
            row,
        })
    }

    /// `[width, height]` of a component in blocks.
    pub fn blocks(&self, component: usize) -> [u32; 2] {
        self.frame.components[component].blocks
    }

    /// The quantization steps of a component, in zigzag order.
    pub fn quantization(&self, component: usize) -> &[u16; 64] {
        &self.quantization[component]
    }
}

/// Reads all MCUs of a scan; notes where they begin and where the marker behind them is.
fn starts(bytes: &[u8], frame: &Frame, scan: &Scan) -> Result<(Vec<Start>, usize), Fault> {
    let (units, [wide, high]) = layout(frame, scan);
    let total = u64::from(wide) * u64::from(high);
    let cut = |number: u64| damaged(format!("a scan ends after {number} of {total} MCUs"));
    let mut starts = Vec::new();
    let mut bits = Bits::new(bytes, scan.start);
    let mut predict = Predict::new(Predictions::default());
    for number in 0..total {
        // Both are below 65,536.
        let (x, y) = (
            (number % u64::from(wide)) as u32,
            (number / u64::from(wide)) as u32,
        );
        if let Some(restart) = restart_before(scan, number) {
            bits.restart(restart).map_err(|_| cut(number))?;
            predict.restart();
        }
        if x.is_multiple_of(STEP) {
            starts.push(start(&bits, &predict)?);
        }
        for unit in &units {
            let read = predict.block(&mut bits, unit.place(x, y), unit.dc, unit.ac);
            read.map_err(|Bad| cut(number))?;
        }
        if bits.overran() {
            return Err(cut(number));
        }
    }
    let end = bits.close().map_err(|_| cut(total))?;
    Ok((starts, end))
}

fn restart_before(scan: &Scan, number: u64) -> Option<u32> {
    let interval = u64::from(scan.interval);
    let is_due = interval > 0 && number > 0 && number.is_multiple_of(interval);
    // Only its last three bits count.
    is_due.then(|| ((number / interval - 1) % 8) as u32)
}

fn start(bits: &Bits, predict: &Predict) -> Result<Start, Fault> {
    let unsupported = |what: &str| Fault::Unsupported(what.into());
    let (byte, skip) = bits
        .position()
        .ok_or_else(|| unsupported("fill bytes among the data"))?;
    let mut predictions = [0; 4];
    for (to, from) in predictions.iter_mut().zip(predict.predictions.0) {
        *to = i16::try_from(from).map_err(|_| unsupported("coefficients of over 16 bits"))?;
    }
    // At most 7 bits of a byte come before another.
    let skip = skip as u8;
    Ok(Start {
        byte,
        skip,
        predictions,
    })
}

/// Reads blocks and keeps their DC alone.
struct Predict {
    predictions: Predictions,
}

impl Predict {
    fn new(predictions: Predictions) -> Self {
        Predict { predictions }
    }
}

impl crate::scan::Blocks for Predict {
    fn restart(&mut self) {
        self.predictions = Predictions::default();
    }

    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut Bits,
        place: Place,
        dc: &crate::huffman::Lookup,
        ac: &crate::huffman::Lookup,
    ) -> Result<(), Bad> {
        self.predictions.next(bits, place.component, dc)?;
        pass_ac(bits, ac)
    }
}
