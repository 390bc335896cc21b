//! Random access to a large JPEG: an index of the places where decoding can begin, every few MCUs, so that a window of
//! the picture costs little more than its own MCUs. Windows come out as coefficients, or as JPEGs, cropped without loss.
//!
//! For pictures of one interleaved sequential scan (ITU-T T.81, A.2.3); others have no such places.
//!
//! ```
//! use recto_jpeg::index::{HuffmanTables, Index, Window};
//!
//! # let samples = vec![120; 64 * 48 * 3];
//! # let mut bytes = Vec::new();
//! # jpeg_encoder::Encoder::new(&mut bytes, 90).encode(&samples, 64, 48, jpeg_encoder::ColorType::Rgb)?;
//! // `bytes` is a JPEG of 64 x 48 pixels with MCUs of 8 x 8.
//! let index = Index::read(&bytes)?;
//! assert_eq!((index.size(), index.mcu()), ([64, 48], [8, 8]));
//! let window = Window { from: [1, 2], to: [5, 6] };
//! let cropped = index.crop(&bytes, window, None, HuffmanTables::Optimal)?;
//! assert_eq!(recto_jpeg::check(&cropped)?.width, 32);
//! let part = recto_jpeg::check(&index.crop_part(&bytes, [8, 16, 30, 20])?)?;
//! assert_eq!([part.width, part.height], [30, 20]);
//! assert!(index.crop_part(&bytes, [4, 16, 30, 20]).is_err() && index.crop_part(&bytes, [40, 0, 25, 8]).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use crate::bits::Bits;
use crate::coefficients::{Coefficients, Collector};
use crate::error::{JoinError, JpegError, damaged, unsupported};
use crate::format::{Colour, Format};
use crate::header::header;
use crate::huffman::Lookup;
use crate::markers::{Frame, Quantization, Reader, Scan, is_single_scan, open};
use crate::scan::{Blocks, InvalidBits, Place, Predictions, layout, pass_ac};
use crate::transcode::{EncodingTables, ScanWriter, SymbolCounts, Symbols};

/// Decoding can begin at every MCU of a row whose column is a multiple of this.
const STEP: u32 = 16;

/// The largest difference of DC coefficients in a baseline JPEG (F.1.2.1.2).
const MOST_DC_DIFFERENCE: u32 = 2047;

/// A place where decoding can begin.
#[derive(Clone, Copy, Debug, Default)]
struct Start {
    /// Offset in the file.
    byte: usize,
    /// Bits of that byte that come before, 0 to 7.
    skip: u8,
    /// The DC coefficient of each component's last block.
    predictions: [i16; 4],
}

/// The index of a JPEG. It does not hold the bytes of the JPEG, which each call is given again.
pub struct Index {
    frame: Frame,
    scan: Scan,
    format: Format,
    starts: Vec<Start>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Frame { width, height, .. } = self.frame;
        write!(f, "{width} x {height} pixels, {} starts", self.starts.len())
    }
}

/// A part of a picture, in MCUs. `from` is inside, `to` outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first `[column, row]`.
    pub from: [u32; 2],
    /// The `[column, row]` after the last.
    pub to: [u32; 2],
}

/// The quantized coefficients of a window.
pub struct WindowCoefficients {
    coefficients: Coefficients,
    frame: Frame,
    quantization: Arc<[Quantization]>,
}

/// The Huffman tables of a cropped JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HuffmanTables {
    /// The tables of T.81, annex K.3: faster.
    Standard,
    /// Tables made for this part of the picture: smaller files.
    Optimal,
}

impl Index {
    /// Reads a JPEG from its first byte to its end marker, which proves it complete as [`check`](crate::check) does.
    ///
    /// Memory: 24 bytes for every 16 MCUs or part of a row of 16.
    ///
    /// # Errors
    /// As [`check`](crate::check); [`JpegError::Unsupported`] also if the picture is not a single sequential scan.
    pub fn read(bytes: &[u8]) -> Result<Index, JpegError> {
        let (mut reader, scan) = open(bytes)?;
        let mut frame = reader.frame()?.clone();
        let mut format = Format::of(&reader)?;
        if let [only] = &mut frame.components[..] {
            // Its MCUs are single blocks, whatever its sampling factors (A.2.2).
            (only.sampling, frame.mcu, frame.mcus) = ([1, 1], [8, 8], only.blocks);
            format.components[0].1 = [1, 1];
        }
        if !is_single_scan(&frame, &scan) || format.quantization.len() != frame.components.len() {
            return Err(unsupported("not a single sequential scan"));
        }
        let (starts, end) = starts(bytes, &frame, &scan)?;
        reader.resume(end);
        if reader.next_scan()?.is_some() {
            return Err(damaged(
                "another scan after the one that has all components",
            ));
        }
        Ok(Index {
            frame,
            scan,
            format,
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

    /// What the components mean.
    pub fn colour(&self) -> Colour {
        self.format.colour()
    }

    /// Sampling factors of each component, horizontal and vertical: blocks in an MCU.
    pub fn sampling(&self) -> Vec<[u32; 2]> {
        self.frame.components.iter().map(|c| c.sampling).collect()
    }

    /// The ICC profile.
    pub fn icc(&self) -> Option<&[u8]> {
        self.format.icc.as_deref()
    }

    /// Size of the index in memory, in bytes, without the ICC profile.
    pub fn memory(&self) -> usize {
        self.starts.len() * size_of::<Start>()
    }

    /// Decodes a window to coefficients. `bytes` is the JPEG that was indexed.
    ///
    /// Memory: 128 bytes per block, at most 384 MiB.
    ///
    /// # Errors
    /// [`JpegError::Damaged`] if the window is empty or not inside the picture, or if the bytes are not those that were
    /// indexed; [`JpegError::Unsupported`] if it has more than 3 · 2²⁰ blocks or coefficients of more than 16 bits.
    pub fn coefficients(
        &self,
        bytes: &[u8],
        window: Window,
    ) -> Result<WindowCoefficients, JpegError> {
        let mcus = [0, 1].map(|side| window.to[side].saturating_sub(window.from[side]));
        let is_inside = (0..2).all(|side| window.to[side] <= self.frame.mcus[side]);
        if !is_inside || mcus.contains(&0) {
            return Err(damaged("a window that is empty or outside the picture"));
        }
        let frame = self.frame_of(mcus);
        let mut all = Coefficients::new(&frame, bytes.len())?;
        for row in 0..mcus[1] {
            self.row(bytes, window, row, &mut all)
                .map_err(|InvalidBits| damaged("its bytes changed since it was indexed"))?;
        }
        if all.overflowed() {
            return Err(unsupported("coefficients of more than 16 bits"));
        }
        Ok(WindowCoefficients {
            coefficients: all,
            frame,
            quantization: self.format.quantization.as_slice().into(),
        })
    }

    /// The frame of a window of `[columns, rows]` MCUs.
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
    ) -> Result<(), InvalidBits> {
        let (units, [wide, _]) = layout(&self.frame, &self.scan);
        let y = window.from[1] + row;
        let first = window.from[0] / STEP;
        let start = self.starts[(y * wide.div_ceil(STEP) + first) as usize];
        let mut bits = Bits::new(bytes, start.byte);
        bits.skip(start.skip.into());
        let mut keep = Collector::new(all);
        keep.predictions = Predictions(start.predictions.map(i32::from));
        let mut aside = Predict::new(keep.predictions);
        for x in first * STEP..window.to[0] {
            let number = u64::from(y) * u64::from(wide) + u64::from(x);
            // A start is after the marker already.
            if x > first * STEP
                && let Some(restart) = restart_before(&self.scan, number)
            {
                bits.restart(restart).map_err(|_| InvalidBits)?;
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
                return Err(InvalidBits);
            }
        }
        Ok(())
    }

    /// Crops a window as a JPEG of its own, without metadata and ICC profile. No coefficient changes. `bytes` is the JPEG
    /// that was indexed.
    ///
    /// The result ends where the picture ends if the last MCUs of the window exceed it. With `padded`, in MCUs, it is
    /// at least that large instead, and filled up with MCUs of one colour.
    ///
    /// # Errors
    /// As [`Index::coefficients`], as [`JoinError::Jpeg`]; [`JoinError::TooLarge`] if `padded` exceeds 65,535 pixels a
    /// side; [`JoinError::Incompatible`] if the coefficients are beyond the range of baseline JPEGs.
    pub fn crop(
        &self,
        bytes: &[u8],
        window: Window,
        padded: Option<[u32; 2]>,
        tables: HuffmanTables,
    ) -> Result<Vec<u8>, JoinError> {
        self.cropped(bytes, window, padded, None, tables)
    }

    /// Crops `[x, y, width, height]` in pixels as a JPEG of its own, as [`Index::crop`] does, but with the ICC profile. The part
    /// begins at the corner of an MCU and may end within one.
    ///
    /// # Errors
    /// As [`Index::crop`]; also if the part begins within an MCU or is not inside the picture.
    pub fn crop_part(
        &self,
        bytes: &[u8],
        [x, y, width, height]: [u32; 4],
    ) -> Result<Vec<u8>, JoinError> {
        let mcu = self.frame.mcu;
        let is_inside = x
            .checked_add(width)
            .is_some_and(|right| right <= self.frame.width)
            && y.checked_add(height)
                .is_some_and(|bottom| bottom <= self.frame.height);
        if !is_inside || !x.is_multiple_of(mcu[0]) || !y.is_multiple_of(mcu[1]) {
            return Err(
                damaged("a part that is outside the picture or begins within an MCU").into(),
            );
        }
        let window = Window {
            from: [x / mcu[0], y / mcu[1]],
            to: [(x + width).div_ceil(mcu[0]), (y + height).div_ceil(mcu[1])],
        };
        let size = Some([width, height]);
        self.cropped(bytes, window, None, size, HuffmanTables::Optimal)
    }

    fn cropped(
        &self,
        bytes: &[u8],
        window: Window,
        padded: Option<[u32; 2]>,
        size: Option<[u32; 2]>,
        tables: HuffmanTables,
    ) -> Result<Vec<u8>, JoinError> {
        let too_large = |mcus: [u32; 2]| {
            (0..2).any(|side| u64::from(mcus[side]) * u64::from(self.frame.mcu[side]) > 65_535)
        };
        if padded.is_some_and(too_large) {
            return Err(JoinError::TooLarge(
                "padded to more than 65535 pixels".into(),
            ));
        }
        let part = self.coefficients(bytes, window)?;
        let (frame, all) = (&part.frame, &part.coefficients);
        let tables = match tables {
            HuffmanTables::Standard => EncodingTables::standard(&self.format),
            HuffmanTables::Optimal => EncodingTables::new(
                &SymbolCounts::of_coefficients(frame, all, &self.format),
                &self.format,
            ),
        };
        let symbols = Symbols::of(frame, all, &tables)?;
        let blocks = frame.components.iter().map(|c| c.sampling.iter().product());
        let blocks: Vec<u32> = blocks.collect();
        let [wide, high] = [0, 1].map(|side| {
            let wanted = padded.map_or(0, |mcus| mcus[side]);
            wanted.max(frame.mcus[side])
        });
        let [more_wide, more_high] = [wide - frame.mcus[0], high - frame.mcus[1]];
        let mut writer = ScanWriter::new();
        for row in 0..symbols.rows() {
            writer.row(&symbols, row, &tables)?;
            writer.pad(more_wide, &blocks, &tables)?;
        }
        writer.pad(more_high * (frame.mcus[0] + more_wide), &blocks, &tables)?;
        writer.out.align();
        let format = Format {
            // A part in pixels is a picture of its own.
            icc: size.and(self.format.icc.clone()),
            ..self.format.clone()
        };
        let size = match (size, padded) {
            (Some(size), _) => size,
            (_, Some(_)) => [wide * frame.mcu[0], high * frame.mcu[1]],
            // The last MCUs may exceed the picture.
            _ => [0, 1].map(|side| {
                let edge = self.size()[side] - window.from[side] * frame.mcu[side];
                edge.min(frame.mcus[side] * frame.mcu[side])
            }),
        };
        let header = header(&format, size, &tables, true);
        Ok([&header, writer.out.bytes(), &[0xFF, 0xD9]].concat())
    }
}

/// Whether a JPEG that begins with these bytes can be indexed, as far as its header up to the first scan shows.
pub fn is_indexable(start: &[u8]) -> bool {
    mcu_of(start).is_some()
}

/// `[width, height]` in pixels of an MCU of a JPEG that begins with these bytes; none if it cannot be indexed, as far as its
/// header up to the first scan shows.
pub fn mcu_of(start: &[u8]) -> Option<[u32; 2]> {
    let (reader, scan): (Reader, Scan) = open(start).ok()?;
    let frame = reader.frame().ok()?;
    let mcu = match &frame.components[..] {
        // Its MCUs are single blocks, whatever its sampling factors (A.2.2).
        [_] => [8, 8],
        _ => frame.mcu,
    };
    is_single_scan(frame, &scan).then_some(mcu)
}

impl WindowCoefficients {
    /// The coefficients of the block at a column and row of a component, in zigzag order, as they are stored: not
    /// multiplied by their quantization steps.
    ///
    /// # Panics
    /// If there is no such component, column or row.
    pub fn block(&self, component: usize, column: u32, row: u32) -> &[i16; 64] {
        self.coefficients.block(Place {
            component,
            column,
            row,
        })
    }

    /// `[width, height]` of a component in blocks.
    ///
    /// # Panics
    /// If there is no such component.
    pub fn blocks(&self, component: usize) -> [u32; 2] {
        self.frame.components[component].blocks
    }

    /// The quantization steps of a component, in zigzag order.
    ///
    /// # Panics
    /// If there is no such component.
    pub fn quantization(&self, component: usize) -> &[u16; 64] {
        &self.quantization[component]
    }
}

/// Reads all MCUs of a scan; returns the places where decoding can begin, and the offset of the marker after the scan.
fn starts(bytes: &[u8], frame: &Frame, scan: &Scan) -> Result<(Vec<Start>, usize), JpegError> {
    let (units, [wide, high]) = layout(frame, scan);
    let total = u64::from(wide) * u64::from(high);
    let cut = |number: u64| damaged(format!("a scan ends after {number} of {total} MCUs"));
    let mut starts = Vec::new();
    let mut bits = Bits::new(bytes, scan.start);
    let mut predict = Predict::new(Predictions::default());
    let mut spread = [[0; 2]; 4];
    for number in 0..total {
        // Both are less than 2^16.
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
            let place = unit.place(x, y);
            let read = predict.block(&mut bits, place, unit.dc, unit.ac);
            read.map_err(|InvalidBits| cut(number))?;
            let dc = predict.predictions.0[place.component];
            let [least, most] = &mut spread[place.component];
            (*least, *most) = ((*least).min(dc), (*most).max(dc));
        }
        if bits.overran() {
            return Err(cut(number));
        }
    }
    let end = bits.close().map_err(|_| cut(total))?;
    // Any two blocks may become neighbours, and no pixels are so far apart.
    if spread
        .iter()
        .any(|[least, most]| most.abs_diff(*least) > MOST_DC_DIFFERENCE)
    {
        return Err(damaged("DC coefficients beyond the range of 8-bit samples"));
    }
    Ok((starts, end))
}

/// Which restart marker comes before an MCU, if one does.
fn restart_before(scan: &Scan, number: u64) -> Option<u32> {
    let interval = u64::from(scan.interval);
    let is_due = interval > 0 && number > 0 && number.is_multiple_of(interval);
    // Restart markers are numbered modulo 8.
    is_due.then(|| ((number / interval - 1) % 8) as u32)
}

fn start(bits: &Bits, predict: &Predict) -> Result<Start, JpegError> {
    let (byte, skip) = bits
        .position()
        .ok_or_else(|| unsupported("fill bytes within a scan"))?;
    let mut predictions = [0; 4];
    for (to, from) in predictions.iter_mut().zip(predict.predictions.0) {
        *to = i16::try_from(from).map_err(|_| unsupported("coefficients of more than 16 bits"))?;
    }
    Ok(Start {
        byte,
        // Less than 8.
        skip: skip as u8,
        predictions,
    })
}

/// Reads blocks and keeps only their DC coefficients.
struct Predict {
    predictions: Predictions,
}

impl Predict {
    fn new(predictions: Predictions) -> Self {
        Predict { predictions }
    }
}

impl Blocks for Predict {
    fn restart(&mut self) {
        self.predictions = Predictions::default();
    }

    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut Bits,
        place: Place,
        dc: &Lookup,
        ac: &Lookup,
    ) -> Result<(), InvalidBits> {
        self.predictions.next(bits, place.component, dc)?;
        pass_ac(bits, ac)
    }
}
