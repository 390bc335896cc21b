//! Decodes any image of baseline TIFF and its usual extensions as a whole, to 8 bits per channel: what [`super::tiff`] reads
//! faster or by tiles is not decoded here. TIFF 6.0 sections 3 to 10, 14, 15, 20 and 21.
//!
//! Memory is taken for what a strip or tile really holds, never for what it claims.

use std::io::Read as _;

use flate2::read::ZlibDecoder;
use hayro_ccitt::{DecodeSettings, Decoder, DecoderContext, EncodingMode};
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use weezl::BitOrder;

use super::alpha;
use super::tiff_directory::{
    Directory, Layout, Store, check_claim, check_pieces, tag, whole_colour_map,
};

/// The most bytes of a strip or tile, packed or unpacked.
const MOST_PIECE: u64 = 1 << 29;
/// Photometric interpretations (section 8 and on).
const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u64 = 1;
const RGB: u64 = 2;
const PALETTE: u64 = 3;
const INKS: u64 = 5;
const YCBCR: u64 = 6;

/// How much red, green and blue make luma, and the values of black and white, where a file does not say (section 21).
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];
const REFERENCE: [f64; 6] = [0.0, 255.0, 128.0, 255.0, 128.0, 255.0];

/// How the samples of an image are stored.
struct TiffLayout {
    size: [u32; 2],
    /// `[width, height]` of tiles or strips.
    piece: [u32; 2],
    is_tiled: bool,
    /// Pieces are in planes: all of the first sample, then all of the second.
    is_planar: bool,
    samples: usize,
    bits: u32,
    format: Format,
    compression: u64,
    fill_reversed: bool,
    two_dimensional: bool,
    predictor: u64,
    photometric: u64,
    /// The sample beside the colours that is their opacity, if one is, and whether they are stored multiplied by it.
    opacity: Option<(usize, bool)>,
    /// `[across, down]`: how many pixels share their chroma.
    subsampling: [u32; 2],
    luma: [f64; 3],
    reference: [f64; 6],
    palette: Vec<u64>,
    /// The fraction that stands for nothing, if one does.
    no_data: Option<f64>,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    layout: Layout,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Unsigned,
    Signed,
    Float,
}

/// `[width, height]` and the number of channels that an image has when it is decoded here.
///
/// # Errors
/// Its kind is not supported, or it claims more than its file holds.
pub fn check(store: &Store, directory: &Directory) -> Result<([u32; 2], u8), String> {
    /// A packed strip or tile of at most so many bytes is decoded, to see whether it can be.
    const TRIED: u64 = 1 << 20;
    let plan = TiffLayout::read(store, directory)?;
    if plan.lengths.first().is_some_and(|length| *length <= TRIED) {
        plan.piece(store, 0, plan.piece[1] as usize)?;
    }
    let channels = match plan.photometric {
        _ if plan.opacity.is_some() => 4,
        WHITE_IS_ZERO | BLACK_IS_ZERO => 1,
        _ => 3,
    };
    Ok((plan.size, channels))
}

/// Decodes an image. `from_inks` converts CMYK to RGB.
///
/// # Errors
/// Its kind is not supported, or it is damaged.
pub fn decode(
    store: &Store,
    directory: &Directory,
    from_inks: &dyn Fn(&[u8]) -> Vec<u8>,
) -> Result<DynamicImage, String> {
    let plan = TiffLayout::read(store, directory)?;
    let values = plan.samples(store)?;
    plan.image(values, from_inks)
        .ok_or_else(|| "its pixels do not fill it".into())
}

/// Where the tiles or strips of an image are.
struct Pieces {
    size: [u32; 2],
    are_tiles: bool,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

impl Pieces {
    fn read(store: &Store, directory: &Directory, image: [u32; 2]) -> Result<Self, String> {
        let tiles = directory.numbers(store, tag::TILE_OFFSETS);
        let are_tiles = tiles.is_some();
        let side = |tag, default: u32| {
            let side = directory.number(store, tag, default.into());
            (side.min(u64::from(u32::MAX)) as u32).max(1)
        };
        let size = match are_tiles {
            true => [side(tag::TILE_WIDTH, 0), side(tag::TILE_LENGTH, 0)],
            false => [image[0], side(tag::ROWS_PER_STRIP, u32::MAX).min(image[1])],
        };
        let lengths = match are_tiles {
            true => tag::TILE_BYTE_COUNTS,
            false => tag::STRIP_BYTE_COUNTS,
        };
        let strips = || directory.numbers(store, tag::STRIP_OFFSETS);
        Ok(Pieces {
            size,
            are_tiles,
            offsets: tiles.or_else(strips).ok_or("its pixels are missing")?,
            lengths: directory.numbers(store, lengths).unwrap_or_default(),
        })
    }
}

impl TiffLayout {
    fn read(store: &Store, directory: &Directory) -> Result<Self, String> {
        let one = |tag, default| directory.number(store, tag, default);
        let list = |tag| directory.numbers(store, tag);
        let size = directory.size(store);
        if size.contains(&0) {
            return Err("it declares no pixels".into());
        }
        let pieces = Pieces::read(store, directory, size)?;
        let samples = one(tag::SAMPLES_PER_PIXEL, 1) as usize;
        let bits = list(tag::BITS_PER_SAMPLE).unwrap_or_else(|| vec![1]);
        let bits_of_first = bits.first().copied().unwrap_or(1) as u32;
        if bits.iter().any(|b| *b != u64::from(bits_of_first)) {
            return Err("its samples have different numbers of bits".into());
        }
        let fractions = |tag| directory.fractions(store, tag).unwrap_or_default();
        let plan = TiffLayout {
            size,
            piece: pieces.size,
            is_tiled: pieces.are_tiles,
            is_planar: one(tag::PLANAR_CONFIGURATION, 1) == 2 && samples > 1,
            samples,
            bits: bits_of_first,
            format: match one(tag::SAMPLE_FORMAT, 1) {
                2 => Format::Signed,
                3 => Format::Float,
                _ => Format::Unsigned,
            },
            compression: one(tag::COMPRESSION, 1),
            fill_reversed: one(tag::FILL_ORDER, 1) == 2,
            two_dimensional: one(tag::T4_OPTIONS, 0) & 1 == 1,
            predictor: one(tag::PREDICTOR, 1),
            photometric: one(tag::PHOTOMETRIC, BLACK_IS_ZERO),
            opacity: opacity(&list(tag::EXTRA_SAMPLES).unwrap_or_default(), samples),
            subsampling: match list(tag::YCBCR_SUBSAMPLING).as_deref() {
                Some([x, y]) => [*x as u32, *y as u32],
                _ => [2, 2],
            },
            luma: (fractions(tag::YCBCR_COEFFICIENTS).try_into()).unwrap_or(LUMA),
            reference: (fractions(tag::REFERENCE_BLACK_WHITE).try_into()).unwrap_or(REFERENCE),
            palette: whole_colour_map(list(tag::COLOR_MAP).unwrap_or_default()),
            no_data: directory.written_number(store, tag::NO_DATA),
            offsets: pieces.offsets,
            lengths: pieces.lengths,
            layout: directory.layout,
        };
        // First, since what is cut short is not read elsewhere either, whatever its kind.
        check_pieces(store, directory)?;
        plan.check()?;
        check_claim(store, directory)?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), String> {
        if !matches!(self.compression, 1..=5 | 8 | 32_773 | 32_946 | 50_000) {
            return Err(format!(
                "its compression is not supported: compression tag {}",
                self.compression
            ));
        }
        let is_fax = matches!(self.compression, 2..=4);
        let is_depth = match self.format {
            Format::Unsigned => matches!(self.bits, 1 | 2 | 4 | 8 | 12 | 16 | 32),
            Format::Signed => matches!(self.bits, 8 | 16 | 32),
            Format::Float => matches!(self.bits, 16 | 32 | 64),
        };
        if !is_depth || is_fax && (self.bits != 1 || self.samples != 1) {
            return Err(format!(
                "samples of {} bits are not supported here",
                self.bits
            ));
        }
        let colours = self.colours().ok_or_else(|| {
            format!(
                "its colours are not supported: photometric interpretation {}",
                self.photometric
            )
        })?;
        if self.samples < colours || self.samples > 64 {
            return Err(format!("it has {} samples per pixel", self.samples));
        }
        if self.photometric == PALETTE && self.palette.len() < 3 << self.bits.min(16) {
            return Err("its palette is missing or too short".into());
        }
        let is_shared = self.is_subsampled();
        if is_shared && (self.bits != 8 || self.is_planar || self.samples != 3) {
            return Err("its chroma is stored in a way that is not supported".into());
        }
        if self.subsampling.iter().any(|n| !matches!(n, 1 | 2 | 4)) {
            return Err("its chroma is subsampled in a way that does not exist".into());
        }
        if self.predictor == 3 && self.format != Format::Float || !(1..=3).contains(&self.predictor)
        {
            return Err(format!(
                "predictor {} is not supported here",
                self.predictor
            ));
        }
        let piece_bytes = self.row_bytes().saturating_mul(u64::from(self.piece[1]));
        if piece_bytes > MOST_PIECE {
            return Err("its tiles or strips are too large".into());
        }
        Ok(())
    }

    /// The number of samples of a pixel that are colours.
    fn colours(&self) -> Option<usize> {
        match self.photometric {
            WHITE_IS_ZERO | BLACK_IS_ZERO | PALETTE => Some(1),
            RGB | YCBCR => Some(3),
            INKS => Some(4),
            _ => None,
        }
    }

    fn is_subsampled(&self) -> bool {
        self.photometric == YCBCR && self.subsampling != [1, 1]
    }

    /// Samples that stand together in a piece.
    fn together(&self) -> usize {
        if self.is_planar { 1 } else { self.samples }
    }

    /// Bytes of a row of a piece.
    fn row_bytes(&self) -> u64 {
        (u64::from(self.piece[0]) * self.together() as u64 * u64::from(self.bits)).div_ceil(8)
    }

    /// All samples of the image with 8 bits each, pixel by pixel; indices of palettes keep their values.
    fn samples(&self, store: &Store) -> Result<Vec<u8>, String> {
        let [w, h] = self.size.map(|n| n as usize);
        let [pw, ph] = self.piece.map(|n| n as usize);
        let (across, down) = (w.div_ceil(pw), h.div_ceil(ph));
        let planes = if self.is_planar { self.samples } else { 1 };
        let mut out = vec![0; w * h * self.samples];
        let (low, high) = self.range(store)?;
        for plane in 0..planes {
            for row in 0..down {
                for column in 0..across {
                    let index = (plane * down + row) * across + column;
                    let rows = if self.is_tiled {
                        ph
                    } else {
                        ph.min(h - row * ph)
                    };
                    let piece = self.piece(store, index, rows)?;
                    let values = self.in_eight_bits(&piece, pw, rows, low, high);
                    self.place(&values, &mut out, plane, [column * pw, row * ph], rows);
                }
            }
        }
        Ok(out)
    }

    /// Copies a piece to its place in the image.
    fn place(
        &self,
        values: &[u8],
        out: &mut [u8],
        plane: usize,
        [left, top]: [usize; 2],
        rows: usize,
    ) {
        let [w, h] = self.size.map(|n| n as usize);
        let (pw, together) = (self.piece[0] as usize, self.together());
        for y in 0..rows.min(h - top) {
            for x in 0..pw.min(w - left) {
                let from = (y * pw + x) * together;
                let to = ((top + y) * w + left + x) * self.samples + plane;
                // What a damaged piece lacks stays black.
                if let Some(part) = values.get(from..from + together) {
                    out[to..to + together].copy_from_slice(part);
                }
            }
        }
    }

    /// The least and the largest value of samples that are fractions: they are stretched to all greys. Others have their
    /// own range.
    fn range(&self, store: &Store) -> Result<(f64, f64), String> {
        if self.format != Format::Float {
            return Ok((0.0, 0.0));
        }
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for index in 0..self.offsets.len() {
            let piece = self.piece(store, index, self.piece[1] as usize)?;
            let width = self.bits as usize / 8;
            for value in piece.chunks_exact(width).map(|bytes| self.float(bytes)) {
                if self.is_shown(value) {
                    (low, high) = (low.min(value), high.max(value));
                }
            }
        }
        match low <= high {
            true => Ok((low, high)),
            false => Ok((0.0, 1.0)),
        }
    }

    /// A strip or tile, unpacked, with its predictor undone: rows of samples as they are stored.
    fn piece(&self, store: &Store, index: usize, rows: usize) -> Result<Vec<u8>, String> {
        let offset = *self
            .offsets
            .get(index)
            .ok_or("a strip or tile is missing")?;
        let rest = store
            .length()
            .map_err(|e| e.to_string())?
            .saturating_sub(offset);
        // The lengths may be missing if there is one strip.
        let length = self
            .lengths
            .get(index)
            .copied()
            .unwrap_or(rest)
            .min(rest)
            .min(MOST_PIECE);
        let packed = store.bytes_at(offset, length).map_err(|e| e.to_string())?;
        let packed = match self.fill_reversed {
            true => packed.into_iter().map(u8::reverse_bits).collect(),
            false => packed,
        };
        let most = self.piece_bytes(rows);
        let mut piece = self.unpacked(packed, rows, most)?;
        piece.truncate(most);
        if piece.is_empty() {
            return Err("a strip or tile is empty".into());
        }
        self.undo_predictor(&mut piece);
        Ok(piece)
    }

    fn piece_bytes(&self, rows: usize) -> usize {
        if self.is_subsampled() {
            let [sx, sy] = self.subsampling.map(|n| n as usize);
            let units = (self.piece[0] as usize).div_ceil(sx) * rows.div_ceil(sy);
            return units * (sx * sy + 2);
        }
        self.row_bytes() as usize * rows
    }

    fn unpacked(&self, packed: Vec<u8>, rows: usize, most: usize) -> Result<Vec<u8>, String> {
        let limited = |input: &mut dyn std::io::Read| {
            let mut out = Vec::new();
            let read = input.take(most as u64).read_to_end(&mut out);
            // What came before the damage is shown.
            match read {
                Err(e) if out.is_empty() => Err(e.to_string()),
                _ => Ok(out),
            }
        };
        match self.compression {
            1 => Ok(packed),
            2..=4 => Ok(self.unpacked_fax(&packed, rows)),
            5 => lzw(&packed, most),
            32_773 => Ok(pack_bits(&packed, most)),
            50_000 => {
                let mut input = ruzstd::decoding::StreamingDecoder::new(&packed[..])
                    .map_err(|e| e.to_string())?;
                limited(&mut input)
            }
            _ => limited(&mut ZlibDecoder::new(&packed[..])),
        }
    }

    /// CCITT codings (sections 10 and 11): 1 is black here, as photometric interpretation 0 has it.
    fn unpacked_fax(&self, packed: &[u8], rows: usize) -> Vec<u8> {
        let encoding = match (self.compression, self.two_dimensional) {
            (4, _) => EncodingMode::Group4,
            (3, true) => EncodingMode::Group3_2D,
            _ => EncodingMode::Group3_1D,
        };
        let settings = DecodeSettings {
            columns: self.piece[0],
            rows: rows as u32,
            end_of_block: self.compression != 2,
            end_of_line: self.compression == 3,
            rows_are_byte_aligned: self.compression == 2,
            encoding,
            strict: false,
        };
        let mut sheet = Sheet {
            columns: self.piece[0],
            rows,
            bytes: Vec::new(),
        };
        // Rows before the damage are shown.
        let _ = hayro_ccitt::decode(packed, &mut sheet, &mut DecoderContext::new(settings));
        sheet.bytes.resize(sheet.row_bytes() * rows, 0);
        sheet.bytes
    }

    fn undo_predictor(&self, piece: &mut [u8]) {
        let (row, together) = (self.row_bytes() as usize, self.together());
        let width = self.bits as usize / 8;
        match (self.predictor, self.bits) {
            (2, 8) => piece.chunks_mut(row).for_each(|row| {
                for at in together..row.len() {
                    row[at] = row[at].wrapping_add(row[at - together]);
                }
            }),
            (2, 16 | 32 | 64) => piece.chunks_mut(row).for_each(|row| {
                for at in (together..row.len() / width).map(|n| n * width) {
                    let before = self.layout.number(&row[at - together * width..][..width]);
                    let sum = self
                        .layout
                        .number(&row[at..at + width])
                        .wrapping_add(before);
                    self.write(&mut row[at..at + width], sum);
                }
            }),
            // Bytes of equal weight stand together, the most significant first (Technical Note 3).
            (3, _) => piece.chunks_mut(row).for_each(|row| {
                for at in together..row.len() {
                    row[at] = row[at].wrapping_add(row[at - together]);
                }
                let (planes, count) = (row.to_vec(), row.len() / width);
                for n in 0..count {
                    for byte in 0..width {
                        let place = if self.layout.is_little {
                            width - 1 - byte
                        } else {
                            byte
                        };
                        row[n * width + place] = planes[byte * count + n];
                    }
                }
            }),
            _ => {}
        }
    }

    fn write(&self, place: &mut [u8], value: u64) {
        let width = place.len();
        match self.layout.is_little {
            true => place.copy_from_slice(&value.to_le_bytes()[..width]),
            false => place.copy_from_slice(&value.to_be_bytes()[8 - width..]),
        }
    }

    fn float(&self, bytes: &[u8]) -> f64 {
        let bits = self.layout.number(bytes);
        match bytes.len() {
            2 => half(bits as u16),
            4 => f32::from_bits(bits as u32).into(),
            _ => f64::from_bits(bits),
        }
    }

    /// Whether a fraction is a value: what stands for nothing is black, and is not what others are stretched from.
    fn is_shown(&self, value: f64) -> bool {
        // The text may have more digits than the samples.
        let is_nothing = |none: f64| value == none || value as f32 == none as f32;
        value.is_finite() && !self.no_data.is_some_and(is_nothing)
    }

    /// The samples of a piece with 8 bits each.
    fn in_eight_bits(
        &self,
        piece: &[u8],
        width: usize,
        rows: usize,
        low: f64,
        high: f64,
    ) -> Vec<u8> {
        if self.is_subsampled() {
            return self.spread_chroma(piece, width, rows);
        }
        let (bits, each) = (self.bits as usize, self.bits as usize / 8);
        let is_index = self.photometric == PALETTE;
        match (self.format, self.bits) {
            (Format::Unsigned, 8) => piece.to_vec(),
            (Format::Signed, 8) => piece.iter().map(|b| b ^ 0x80).collect(),
            (Format::Unsigned, 16 | 32) if !is_index => {
                let top = u64::MAX >> (64 - bits);
                let scaled = |value| {
                    ((u128::from(value) * 255 + u128::from(top) / 2) / u128::from(top)) as u8
                };
                piece
                    .chunks_exact(each)
                    .map(|b| scaled(self.layout.number(b)))
                    .collect()
            }
            (Format::Signed, _) => {
                // Shifted, so that the least value is black.
                let shift = 1_u64 << (bits - 1);
                let top = |b: &[u8]| ((self.layout.number(b) ^ shift) >> (bits - 8)) as u8;
                piece.chunks_exact(each).map(top).collect()
            }
            (Format::Float, _) => {
                let span = if high > low { high - low } else { 1.0 };
                let scaled = |b: &[u8]| {
                    let value = self.float(b);
                    let share = (value - low) / span;
                    match self.is_shown(value) && share.is_finite() {
                        true => (share * 255.0).round() as u8,
                        false => 0,
                    }
                };
                piece.chunks_exact(each).map(scaled).collect()
            }
            _ => self.unpacked_bits(piece, width, rows),
        }
    }

    /// Samples that do not fill bytes: rows begin at bytes.
    fn unpacked_bits(&self, piece: &[u8], width: usize, rows: usize) -> Vec<u8> {
        let (bits, row) = (self.bits as usize, self.row_bytes() as usize);
        let top = (1_u32 << bits) - 1;
        let is_index = self.photometric == PALETTE;
        let count = width * self.together();
        let sample = |row: &[u8], n: usize| {
            let value = (n * bits..(n + 1) * bits).fold(0_u32, |value, bit| {
                let byte = row.get(bit / 8).copied().unwrap_or_default();
                value << 1 | u32::from(byte >> (7 - bit % 8) & 1)
            });
            match is_index {
                true => value.min(255) as u8,
                false => ((value * 255 + top / 2) / top) as u8,
            }
        };
        let rows = piece.chunks(row).take(rows);
        rows.flat_map(|row| (0..count).map(move |n| sample(row, n)))
            .collect()
    }

    /// YCbCr whose chroma is shared by several pixels (section 21): units of luma samples, then Cb and Cr.
    fn spread_chroma(&self, piece: &[u8], width: usize, rows: usize) -> Vec<u8> {
        let [sx, sy] = self.subsampling.map(|n| n as usize);
        let across = width.div_ceil(sx);
        let mut out = vec![0; width * rows * 3];
        for (n, unit) in piece.chunks_exact(sx * sy + 2).enumerate() {
            let (left, top) = (n % across * sx, n / across * sy);
            for (at, luma) in unit[..sx * sy].iter().enumerate() {
                let (x, y) = (left + at % sx, top + at / sx);
                if x < width && y < rows {
                    let to = (y * width + x) * 3;
                    out[to..to + 3].copy_from_slice(&[*luma, unit[sx * sy], unit[sx * sy + 1]]);
                }
            }
        }
        out
    }

    fn image(&self, values: Vec<u8>, from_inks: &dyn Fn(&[u8]) -> Vec<u8>) -> Option<DynamicImage> {
        let [w, h] = self.size;
        let colours = self.colours()?;
        let colour = |pixel: &[u8]| -> Vec<u8> {
            match self.photometric {
                WHITE_IS_ZERO => vec![255 - pixel[0]],
                PALETTE => self.looked_up(pixel[0]).to_vec(),
                YCBCR => self.rgb([pixel[0], pixel[1], pixel[2]]).to_vec(),
                _ => pixel[..colours].to_vec(),
            }
        };
        if self.photometric == INKS {
            let inks: Vec<u8> = values
                .chunks_exact(self.samples)
                .flat_map(|p| p[..4].to_vec())
                .collect();
            return RgbImage::from_raw(w, h, from_inks(&inks)).map(Into::into);
        }
        let is_grey = matches!(self.photometric, WHITE_IS_ZERO | BLACK_IS_ZERO);
        let pixels = values.chunks_exact(self.samples);
        if let Some((opacity, is_multiplied)) = self.opacity.filter(|(at, _)| *at >= colours) {
            let with_alpha = pixels.flat_map(|pixel| {
                let colour = colour(pixel);
                let [r, g, b] = match colour[..] {
                    [r, g, b] => [r, g, b],
                    _ => [colour[0]; 3],
                };
                [r, g, b, pixel[opacity]]
            });
            let image: DynamicImage = RgbaImage::from_raw(w, h, with_alpha.collect())?.into();
            // Numbers of colours in a palette are not multiplied by anything.
            return Some(match is_multiplied && self.photometric != PALETTE {
                true => alpha::divided(image),
                false => image,
            });
        }
        let bytes: Vec<u8> = match (self.photometric, self.samples) {
            (BLACK_IS_ZERO, 1) | (RGB, 3) => values,
            _ => pixels.flat_map(colour).collect(),
        };
        match is_grey {
            true => GrayImage::from_raw(w, h, bytes).map(Into::into),
            false => RgbImage::from_raw(w, h, bytes).map(Into::into),
        }
    }

    /// The colour of an index: all reds of the palette, then all greens, then all blues, of 16 bits.
    fn looked_up(&self, index: u8) -> [u8; 3] {
        let count = self.palette.len() / 3;
        [0, 1, 2].map(|channel| {
            let value = self.palette.get(channel * count + usize::from(index));
            (value.copied().unwrap_or_default() >> 8) as u8
        })
    }

    fn rgb(&self, pixel: [u8; 3]) -> [u8; 3] {
        let [black, white, cb_0, cb_1, cr_0, cr_1] = self.reference;
        let [y, cb, cr] = pixel.map(f64::from);
        let full = |value: f64, zero: f64, one: f64, range: f64| match one == zero {
            true => value,
            false => (value - zero) * range / (one - zero),
        };
        let (y, cb, cr) = (
            full(y, black, white, 255.0),
            full(cb, cb_0, cb_1, 127.0),
            full(cr, cr_0, cr_1, 127.0),
        );
        let [red, green, blue] = self.luma;
        let r = cr * (2.0 - 2.0 * red) + y;
        let b = cb * (2.0 - 2.0 * blue) + y;
        let g = (y - blue * b - red * r) / green;
        [r, g, b].map(|value| value.round().clamp(0.0, 255.0) as u8)
    }
}

/// The first of the samples beside the colours that is opacity, and whether colours are stored multiplied by it (section 18).
fn opacity(extra: &[u64], samples: usize) -> Option<(usize, bool)> {
    let at = extra.iter().position(|kind| matches!(kind, 1 | 2))?;
    let first = samples.checked_sub(extra.len())?;
    Some((first + at, extra[at] == u64::from(alpha::ASSOCIATED)))
}

/// Rows of bits, 1 for black.
struct Sheet {
    columns: u32,
    rows: usize,
    bytes: Vec<u8>,
}

impl Sheet {
    fn row_bytes(&self) -> usize {
        (self.columns as usize).div_ceil(8)
    }
}

impl Decoder for Sheet {
    fn push_row(&mut self, changes: &[u32]) {
        let row = self.row_bytes();
        if self.bytes.len() >= row * self.rows {
            return;
        }
        let start = self.bytes.len();
        self.bytes.resize(start + row, 0);
        for black in changes.chunks(2) {
            let end = black.get(1).copied().unwrap_or(self.columns);
            for x in black[0]..end.min(self.columns) {
                self.bytes[start + x as usize / 8] |= 0x80 >> (x % 8);
            }
        }
    }
}

/// LZW (section 13), and the variant of files before TIFF 5.0, whose bits are in the other order.
fn lzw(packed: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let is_old = matches!(packed, [0, second, ..] if second & 1 == 1);
    let mut decoder = match is_old {
        true => weezl::decode::Decoder::new(BitOrder::Lsb, 8),
        false => weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8),
    };
    let mut out = Vec::new();
    let (mut rest, mut buffer) = (packed, vec![0; 64 << 10]);
    while out.len() < most {
        let result = decoder.decode_bytes(rest, &mut buffer);
        out.extend_from_slice(&buffer[..result.consumed_out]);
        rest = &rest[result.consumed_in..];
        match result.status {
            Ok(weezl::LzwStatus::Ok) => {}
            Ok(_) => break,
            Err(e) if out.is_empty() => return Err(e.to_string()),
            Err(_) => break,
        }
    }
    Ok(out)
}

/// PackBits (section 9).
fn pack_bits(packed: &[u8], most: usize) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), packed);
    while let [count, after @ ..] = rest {
        if out.len() >= most {
            break;
        }
        let count = count.cast_signed();
        match (count, after) {
            (0.., _) => {
                let length = (count as usize + 1).min(after.len());
                out.extend_from_slice(&after[..length]);
                rest = &after[length..];
            }
            (-128, _) | (_, []) => rest = after,
            (_, [byte, after @ ..]) => {
                out.resize(out.len() + usize::from(count.unsigned_abs()) + 1, *byte);
                rest = after;
            }
        }
    }
    out
}

/// A fraction of 16 bits (IEEE 754).
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiff_directory::pages;
    use recto_testkit::mutation;

    /// A little-endian TIFF of one strip per plane; `tags` are its directory besides the strips, ascending below and above
    /// 273.
    fn tiff(tags: &[(u16, &[u32])], strips: &[Vec<u8>]) -> Vec<u8> {
        let mut out = b"II*\0".to_vec();
        out.extend([0; 4]);
        let mut place = |bytes: &[u8]| {
            let at = out.len() as u32;
            out.extend(bytes);
            at
        };
        let offsets: Vec<u32> = strips.iter().map(|strip| place(strip)).collect();
        let lengths: Vec<u32> = strips.iter().map(|strip| strip.len() as u32).collect();
        let mut all: Vec<(u16, Vec<u32>)> =
            tags.iter().map(|(tag, v)| (*tag, v.to_vec())).collect();
        all.push((tag::STRIP_OFFSETS, offsets));
        all.push((tag::STRIP_BYTE_COUNTS, lengths));
        all.sort();
        let entries = all.iter().map(|(tag, values)| {
            let value = match values[..] {
                [one] => one,
                _ => {
                    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    place(&bytes)
                }
            };
            (*tag, values.len() as u32, value)
        });
        let entries: Vec<(u16, u32, u32)> = entries.collect();
        let directory = out.len() as u32;
        out.extend((entries.len() as u16).to_le_bytes());
        for (tag, count, value) in entries {
            out.extend(tag.to_le_bytes());
            out.extend(4_u16.to_le_bytes());
            out.extend(count.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        out.extend([0; 4]);
        out[4..8].copy_from_slice(&directory.to_le_bytes());
        out
    }

    fn decoded(bytes: Vec<u8>) -> Result<DynamicImage, String> {
        let store = Store::Bytes(bytes);
        let page = pages(&store)?.swap_remove(0);
        decode(&store, &page.main, &|inks| inks.to_vec())
    }

    /// The tags of an image of 4 x 2 pixels.
    fn base(bits: u32, photometric: u32, samples: u32) -> Vec<(u16, Vec<u32>)> {
        vec![
            (tag::IMAGE_WIDTH, vec![4]),
            (tag::IMAGE_LENGTH, vec![2]),
            (tag::BITS_PER_SAMPLE, vec![bits; samples as usize]),
            (tag::PHOTOMETRIC, vec![photometric]),
            (tag::SAMPLES_PER_PIXEL, vec![samples]),
            (tag::ROWS_PER_STRIP, vec![2]),
        ]
    }

    fn image(base: &[(u16, Vec<u32>)], more: &[(u16, &[u32])], strips: &[Vec<u8>]) -> Vec<u8> {
        let base = base.iter().map(|(tag, values)| (*tag, &values[..]));
        let tags: Vec<(u16, &[u32])> = base.chain(more.iter().copied()).collect();
        tiff(&tags, strips)
    }

    /// Grey values of each kind, and what becomes of them.
    #[test]
    fn samples_of_every_kind_become_eight_bits() {
        let wide = |values: [u16; 8]| {
            values
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let fractions: Vec<u8> = [0.0_f32, 0.5, 1.0, 2.0, 2.0, 1.0, 0.5, f32::NAN]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let halves = wide([0, 0x3800, 0x3c00, 0x4000, 0x4000, 0x3c00, 0x3800, 0x7e00]);
        let ramp = [0, 64, 128, 255, 255, 128, 64, 0];
        let grey = |bits| base(bits, 1, 1);
        let cases: [(&str, Vec<u8>, [u8; 8]); 12] = [
            (
                "1 bit",
                image(&grey(1), &[], &[vec![0b1010_0000, 0b0101_0000]]),
                [255, 0, 255, 0, 0, 255, 0, 255],
            ),
            (
                "4 bits, white is zero",
                image(&base(4, 0, 1), &[], &[vec![0x0f, 0xf0, 0x00, 0xff]]),
                [255, 0, 0, 255, 255, 255, 0, 0],
            ),
            (
                "signed 8",
                image(
                    &grey(8),
                    &[(tag::SAMPLE_FORMAT, &[2])],
                    &[vec![128, 192, 0, 127, 127, 0, 192, 128]],
                ),
                [0, 64, 128, 255, 255, 128, 64, 0],
            ),
            (
                "signed 16",
                image(
                    &grey(16),
                    &[(tag::SAMPLE_FORMAT, &[2])],
                    &[wide([0x8000, 0xc000, 0, 0x7fff, 0x7fff, 0, 0xc000, 0x8000])],
                ),
                ramp,
            ),
            (
                "16",
                image(
                    &grey(16),
                    &[],
                    &[wide([0, 0x4040, 0x8080, 0xffff, 0xffff, 0x8080, 0x4040, 0])],
                ),
                ramp,
            ),
            (
                "32 bits of fractions",
                image(&grey(32), &[(tag::SAMPLE_FORMAT, &[3])], &[fractions]),
                [0, 64, 128, 255, 255, 128, 64, 0],
            ),
            (
                "16 bits of fractions",
                image(&grey(16), &[(tag::SAMPLE_FORMAT, &[3])], &[halves]),
                [0, 64, 128, 255, 255, 128, 64, 0],
            ),
            (
                "PackBits",
                image(
                    &grey(8),
                    &[(tag::COMPRESSION, &[32_773])],
                    &[vec![253, 7, 3, 1, 2, 3, 4]],
                ),
                [7, 7, 7, 7, 1, 2, 3, 4],
            ),
            (
                "a predictor",
                image(
                    &grey(8),
                    &[(tag::PREDICTOR, &[2])],
                    &[vec![1, 1, 1, 1, 9, 255, 255, 255]],
                ),
                [1, 2, 3, 4, 9, 8, 7, 6],
            ),
            // Each row is one run of white: the code V0, a single bit.
            (
                "G4",
                image(
                    &base(1, 0, 1),
                    &[(tag::COMPRESSION, &[4])],
                    &[vec![0b1100_0000, 0, 0]],
                ),
                [255; 8],
            ),
            // Two rows of black: horizontal mode, no white, four black, then V0, from the least significant bit on.
            (
                "G4, fill order 2",
                image(
                    &base(1, 0, 1),
                    &[(tag::COMPRESSION, &[4]), (tag::FILL_ORDER, &[2])],
                    &[[0b0010_0110_u8, 0b1010_1111, 0, 0, 0]
                        .iter()
                        .map(|b| b.reverse_bits())
                        .collect()],
                ),
                [0; 8],
            ),
            (
                "a palette",
                image(
                    &base(2, 3, 1),
                    &[(
                        tag::COLOR_MAP,
                        &[
                            0, 0x100, 0x200, 0x300, 0, 0x100, 0x200, 0x300, 0, 0x100, 0x200, 0x300,
                        ],
                    )],
                    &[vec![0b0001_1011, 0b1110_0100]],
                ),
                [0, 1, 2, 3, 3, 2, 1, 0],
            ),
        ];
        for (kind, bytes, wanted) in cases {
            let found = decoded(bytes).unwrap_or_else(|why| panic!("{kind}: {why}"));
            assert_eq!(found.to_luma8().into_raw(), wanted, "{kind}");
        }
    }

    #[test]
    fn colours_stand_together_or_in_planes() {
        let pixels: Vec<u8> = (0..24).collect();
        let planes: Vec<Vec<u8>> = (0..3)
            .map(|c| (0..8).map(|n| n * 3 + c).collect())
            .collect();
        let together = decoded(image(&base(8, 2, 3), &[], std::slice::from_ref(&pixels)));
        let apart = decoded(image(
            &base(8, 2, 3),
            &[(tag::PLANAR_CONFIGURATION, &[2])],
            &planes,
        ));
        assert_eq!(together.unwrap().to_rgb8().into_raw(), pixels);
        assert_eq!(apart.unwrap().to_rgb8().into_raw(), pixels);
        // Two pixels by two share their chroma; without chroma they are grey.
        let units = vec![10, 20, 50, 60, 128, 128, 30, 40, 70, 80, 128, 128];
        let shared = decoded(image(
            &base(8, 6, 3),
            &[(tag::YCBCR_SUBSAMPLING, &[2, 2])],
            &[units],
        ));
        let wanted = [10, 20, 30, 40, 50, 60, 70, 80];
        assert_eq!(shared.unwrap().to_luma8().into_raw(), wanted);
    }

    #[test]
    fn what_claims_more_than_its_file_holds_is_refused() {
        let mut tags = base(8, 2, 3);
        tags[0].1 = vec![20_000];
        tags[1].1 = vec![20_000];
        tags[5].1 = vec![100];
        let strips = vec![vec![0; 9]; 200];
        let why = decoded(image(&tags, &[(tag::COMPRESSION, &[8])], &strips)).unwrap_err();
        assert!(why.contains("claims more pixels"), "{why}");
    }

    #[test]
    fn damaged_files_are_decoded_or_refused() {
        let sound = [
            image(
                &base(16, 1, 1),
                &[(tag::SAMPLE_FORMAT, &[3])],
                &[vec![60; 16]],
            ),
            image(
                &base(8, 6, 3),
                &[(tag::YCBCR_SUBSAMPLING, &[2, 2])],
                &[vec![9; 12]],
            ),
            image(
                &base(1, 0, 1),
                &[(tag::COMPRESSION, &[3])],
                &[vec![0b1100_0000, 7, 9]],
            ),
            image(
                &base(8, 2, 3),
                &[(tag::COMPRESSION, &[5])],
                &[vec![128, 0, 64, 32]],
            ),
        ];
        let make = move |random: &mut mutation::Random| {
            let sound = random.choose(&sound).clone();
            mutation::bytes(&sound, random)
        };
        let takes = |bytes: &[u8]| decoded(bytes.to_vec()).is_ok();
        mutation::check(4000, make, takes).is_mixed();
    }
}
