//! Reads TIFF as image servers use it: tiled or in strips, with smaller copies of the image, classic or BigTIFF. Only the
//! tiles or strips ("pieces") that a region needs are read and decoded.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use image::DynamicImage;
use tiff::ColorType;
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::alpha;
use super::tiff_directory::{self, PageDirectories, Store, tag};
use crate::window::Window;

/// Maximum number of levels: more than the largest image can be halved.
const MOST_LEVELS: usize = 40;
/// Maximum bytes of a decoded piece.
const MOST_PIECE: u64 = 1 << 27;
/// The compression number of JPEG (TIFF Technical Note 2).
const JPEG: u16 = 7;
const MINIMAL_HEADER: usize = 16;

/// A TIFF and its smaller copies.
#[derive(Debug)]
pub struct Tiff {
    /// The image and its smaller copies, the largest first.
    pub levels: Vec<TiffLevel>,
    /// EXIF orientation, 1 to 8.
    pub orientation: u8,
    /// Its ICC profile.
    pub icc: Option<Vec<u8>>,
}

/// One size of a TIFF.
pub struct TiffLevel {
    /// `[width, height]` in pixels.
    pub size: [u32; 2],
    /// `[width, height]` of its tiles, or of its strips.
    pub piece: [u32; 2],
    /// Whether its pieces are tiles.
    pub is_tiled: bool,
    /// Channels as decoded here: 1 or 3, 4 with alpha or as inks.
    pub channels: u8,
    colour: ColorType,
    is_rgb_jpeg: bool,
    /// Whether its colours are stored multiplied by their opacity.
    is_multiplied: bool,
    jpeg: Option<Jpeg>,
    file: Arc<Store>,
    directory: u64,
    /// Decoders that are not in use, for the next request.
    idle: Mutex<Vec<Decoder<BufReader<At>>>>,
}

/// Positions of JPEG pieces, and the tables that they share.
#[derive(Debug)]
struct Jpeg {
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    tables: Vec<u8>,
}

impl std::fmt::Debug for TiffLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} in tiles or strips of {:?}", self.size, self.piece)
    }
}

impl Tiff {
    /// Reads a page of an open file and its smaller copies; pages are numbered from 1. The decoder is asked for a pixel:
    /// directories do not tell all that it cannot read.
    ///
    /// # Errors
    /// The file cannot be read, or its tiles or strips are of a kind that is decoded only as a whole.
    pub fn open_readable(file: Window, page: u32) -> Result<Self, String> {
        let store = Store::File(file);
        let pages = tiff_directory::pages(&store)?;
        let page = pages.get(page as usize - 1).ok_or("it has fewer pages")?;
        Self::open_page(store, page)
    }

    /// The same for a page whose directories are known already.
    ///
    /// # Errors
    /// The same.
    pub fn open_page(store: Store, page: &PageDirectories) -> Result<Self, String> {
        let tiff = Self::of(store, page)?;
        let full = tiff.full();
        if full.jpeg.is_none() {
            full.region([0, 0, 1, 1], &|inks| inks.to_vec())?;
        }
        Ok(tiff)
    }

    /// Reads the first page of a file in memory.
    ///
    /// # Errors
    /// The bytes are not a TIFF of a supported kind.
    pub fn of_bytes(bytes: Vec<u8>) -> Result<Self, String> {
        let store = Store::Bytes(bytes);
        let pages = tiff_directory::pages(&store)?;
        Self::of(store, &pages[0])
    }

    fn of(store: Store, page: &PageDirectories) -> Result<Self, String> {
        let main = &page.main;
        let is_bits = main.number(&store, tag::BITS_PER_SAMPLE, 1) < 8;
        let is_tiled = main.numbers(&store, tag::TILE_OFFSETS).is_some();
        let is_other = main.number(&store, tag::SAMPLE_FORMAT, 1) != 1
            || main.number(&store, tag::FILL_ORDER, 1) == 2
            || main.number(&store, tag::PHOTOMETRIC, 1) == 3
            || matches!(main.number(&store, tag::COMPRESSION, 1), 2..=4)
            || is_bits && is_tiled;
        if is_other {
            return Err("it is decoded as a whole".into());
        }
        tiff_directory::check_claim(&store, main)?;
        tiff_directory::check_pieces(&store, main)?;
        let file = Arc::new(store);
        let mut levels = vec![TiffLevel::open(&file, main.offset)?];
        // The largest first; what is no smaller copy may be a mask.
        let is_whole = |at: &&u64| {
            let copy = tiff_directory::directory(&file, main.layout, **at);
            copy.is_ok_and(|copy| tiff_directory::check_pieces(&file, &copy).is_ok())
        };
        let copies = page.copies.iter().take(MOST_LEVELS).filter(is_whole);
        let copies = copies.filter_map(|directory| TiffLevel::open(&file, *directory).ok());
        let mut copies: Vec<TiffLevel> = copies.collect();
        copies.sort_by_key(|level| std::cmp::Reverse(level.size));
        for level in copies {
            if level.is_smaller(&levels) {
                levels.push(level);
            }
        }
        Ok(Tiff {
            levels,
            orientation: page.orientation(&file),
            icc: page.icc(&file),
        })
    }

    /// The image at full size.
    pub fn full(&self) -> &TiffLevel {
        &self.levels[0]
    }
}

fn decoder(at: At) -> Result<Decoder<BufReader<At>>, String> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MOST_PIECE as usize;
    Decoder::new(BufReader::with_capacity(4 << 10, at))
        .map(|decoder| decoder.with_limits(limits))
        .map_err(|e| e.to_string())
}

impl TiffLevel {
    fn open(file: &Arc<Store>, directory: u64) -> Result<Self, String> {
        let mut decoder = decoder(At::new(file.clone(), Some(directory)))?;
        let text = |e: tiff::TiffError| e.to_string();
        let (width, height) = decoder.dimensions().map_err(text)?;
        let colour = decoder.colortype().map_err(text)?;
        let is_tiled = decoder.get_chunk_type() == ChunkType::Tile;
        let (w, h) = decoder.chunk_dimensions();
        let piece = [w, if is_tiled { h } else { h.min(height) }];
        if width == 0 || height == 0 || w == 0 || h == 0 {
            return Err("it declares no pixels".into());
        }
        if u64::from(w) * u64::from(piece[1]) * 4 > MOST_PIECE {
            return Err(format!(
                "its tiles or strips are too large: {w} x {}",
                piece[1]
            ));
        }
        let planar = decoder
            .find_tag_unsigned::<u16>(Tag::PlanarConfiguration)
            .map_err(text)?;
        if planar == Some(2) {
            return Err("its channels are in separate planes, which is not supported".into());
        }
        let compression = decoder
            .find_tag_unsigned::<u16>(Tag::Compression)
            .map_err(text)?;
        let jpeg = match compression {
            Some(JPEG) => Some(Jpeg::read(&mut decoder, is_tiled)?),
            _ => None,
        };
        let channels = channels(colour, jpeg.is_some())?;
        Ok(TiffLevel {
            size: [width, height],
            piece,
            is_tiled,
            channels,
            colour,
            is_rgb_jpeg: matches!(colour, ColorType::RGB(_)),
            is_multiplied: matches!(colour, ColorType::RGBA(_))
                && alpha::is_multiplied_in(&mut decoder),
            jpeg,
            file: file.clone(),
            directory,
            idle: Mutex::new(vec![decoder]),
        })
    }

    /// Whether this is a smaller copy of the first of `levels`, smaller than all of them.
    fn is_smaller(&self, levels: &[TiffLevel]) -> bool {
        let ([full_w, full_h], [w, h]) = (levels[0].size, self.size);
        let last = levels[levels.len() - 1].size;
        let factor = f64::from(full_w) / f64::from(w);
        // Sides are rounded up or down at each level.
        let expected = f64::from(full_h) / factor;
        let slack = 2.0 + f64::from(full_h) / f64::from(full_w);
        w < last[0]
            && h <= last[1]
            && (expected - f64::from(h)).abs() <= slack
            && self.channels == levels[0].channels
    }

    fn pieces_across(&self) -> u32 {
        self.size[0].div_ceil(self.piece[0])
    }

    /// Decodes a region, `[x, y, width, height]` in pixels of this level, to 8 bits per channel. `from_inks` converts CMYK
    /// to RGB.
    ///
    /// # Errors
    /// A piece is damaged or missing.
    pub fn region(
        &self,
        [x, y, w, h]: [u32; 4],
        from_inks: &dyn Fn(&[u8]) -> Vec<u8>,
    ) -> Result<DynamicImage, String> {
        let channels = usize::from(self.channels);
        let mut pixels = vec![0; w as usize * h as usize * channels];
        let [pw, ph] = self.piece;
        for row in y / ph..=(y + h - 1) / ph {
            for column in x / pw..=(x + w - 1) / pw {
                let (piece, width) = self.piece_at(row * self.pieces_across() + column)?;
                let (left, top) = (column * pw, row * ph);
                let from_x = x.max(left);
                let to_x = (x + w).min(left + pw);
                for line in y.max(top)..(y + h).min(top + ph) {
                    let from =
                        ((line - top) as usize * width + (from_x - left) as usize) * channels;
                    let to = ((line - y) as usize * w as usize + (from_x - x) as usize) * channels;
                    let length = (to_x - from_x) as usize * channels;
                    let part = piece
                        .get(from..from + length)
                        .ok_or("a tile is too short")?;
                    pixels[to..to + length].copy_from_slice(part);
                }
            }
        }
        self.image([w, h], pixels, from_inks)
            .ok_or_else(|| "its pixels do not fill it".into())
    }

    fn image(
        &self,
        [w, h]: [u32; 2],
        pixels: Vec<u8>,
        from_inks: &dyn Fn(&[u8]) -> Vec<u8>,
    ) -> Option<DynamicImage> {
        match (self.channels, self.colour) {
            (1, _) => image::GrayImage::from_raw(w, h, pixels).map(Into::into),
            (3, _) => image::RgbImage::from_raw(w, h, pixels).map(Into::into),
            (_, ColorType::CMYK(_)) => {
                image::RgbImage::from_raw(w, h, from_inks(&pixels)).map(Into::into)
            }
            _ => image::RgbaImage::from_raw(w, h, pixels).map(Into::into),
        }
    }

    /// Whether its pixels have alpha.
    pub fn has_alpha(&self) -> bool {
        self.channels == 4 && !matches!(self.colour, ColorType::CMYK(_))
    }

    /// A decoded piece, and the number of pixels in each of its rows.
    fn piece_at(&self, index: u32) -> Result<(Vec<u8>, usize), String> {
        if self.jpeg.is_some() {
            return self.decode_jpeg(&self.jpeg_at(index)?);
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let held = idle.pop();
        drop(idle);
        let mut decoder = match held {
            Some(decoder) => decoder,
            None => decoder(At::new(self.file.clone(), Some(self.directory)))?,
        };
        let (width, _) = decoder.chunk_data_dimensions(index);
        let mut read = decoder.read_chunk(index).map_err(|e| e.to_string());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(decoder);
        drop(idle);
        if let (true, Ok(samples)) = (self.is_multiplied, &mut read) {
            alpha::divide_samples(samples);
        }
        let pixels = in_eight_bits(read?, self.colour, width as usize)?;
        Ok((pixels, width as usize))
    }

    /// A JPEG piece as a file of its own, with the shared tables and a marker of its colour space.
    ///
    /// # Errors
    /// The piece is missing or not a JPEG.
    pub fn jpeg_at(&self, index: u32) -> Result<Vec<u8>, String> {
        let jpeg = self.jpeg.as_ref().ok_or("its tiles are not JPEGs")?;
        let at = index as usize;
        let (offset, length) = jpeg
            .offsets
            .get(at)
            .zip(jpeg.lengths.get(at))
            .ok_or("a tile is missing")?;
        if *length > MOST_PIECE || *length < 4 {
            return Err(format!("a tile has {length} bytes"));
        }
        let mut bytes = vec![0; *length as usize];
        self.file
            .read_exact_at(&mut bytes, *offset)
            .map_err(|e| e.to_string())?;
        if !bytes.starts_with(&[0xff, 0xd8]) {
            return Err("a tile is not a JPEG".into());
        }
        // An Adobe segment with transform 0 means RGB, a JFIF segment YCbCr or grey.
        let mark: &[u8] = match self.is_rgb_jpeg {
            true => b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00",
            false => b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00",
        };
        let mut file = Vec::with_capacity(bytes.len() + jpeg.tables.len() + mark.len());
        file.extend_from_slice(&[0xff, 0xd8]);
        file.extend_from_slice(mark);
        file.extend_from_slice(&jpeg.tables);
        file.extend_from_slice(&bytes[2..]);
        Ok(file)
    }

    fn decode_jpeg(&self, bytes: &[u8]) -> Result<(Vec<u8>, usize), String> {
        let wanted = match self.channels {
            1 => ColorSpace::Luma,
            _ => ColorSpace::RGB,
        };
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(wanted)
            .set_max_width(self.piece[0] as usize)
            .set_max_height(self.piece[1] as usize);
        let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        let pixels = decoder.decode().map_err(|e| e.to_string())?;
        let (width, _) = decoder
            .dimensions()
            .ok_or("the size of a tile is missing")?;
        Ok((pixels, width))
    }
}

impl Jpeg {
    fn read(decoder: &mut Decoder<BufReader<At>>, is_tiled: bool) -> Result<Self, String> {
        let (offsets, lengths) = match is_tiled {
            true => (Tag::TileOffsets, Tag::TileByteCounts),
            false => (Tag::StripOffsets, Tag::StripByteCounts),
        };
        let mut list = |tag| decoder.get_tag_u64_vec(tag).map_err(|e| e.to_string());
        let (offsets, lengths) = (list(offsets)?, list(lengths)?);
        let tables = decoder.find_tag(Tag::JPEGTables).ok().flatten();
        let tables = tables
            .and_then(|value| value.into_u8_vec().ok())
            .unwrap_or_default();
        // Between SOI and EOI.
        let tables = tables.strip_prefix(&[0xff, 0xd8]).unwrap_or(&tables);
        let tables = tables
            .strip_suffix(&[0xff, 0xd9])
            .unwrap_or(tables)
            .to_vec();
        Ok(Jpeg {
            offsets,
            lengths,
            tables,
        })
    }
}

fn channels(colour: ColorType, is_jpeg: bool) -> Result<u8, String> {
    match colour {
        ColorType::Gray(1 | 8 | 16) => Ok(1),
        ColorType::RGB(8 | 16) => Ok(3),
        ColorType::YCbCr(8) if is_jpeg => Ok(3),
        ColorType::RGBA(8 | 16) | ColorType::CMYK(8 | 16) if !is_jpeg => Ok(4),
        other => Err(format!("its colours are not supported: {other:?}")),
    }
}

fn in_eight_bits(read: DecodingResult, colour: ColorType, width: usize) -> Result<Vec<u8>, String> {
    match (read, colour) {
        (DecodingResult::U8(bytes), ColorType::Gray(1)) => Ok(unpacked(&bytes, width)),
        (DecodingResult::U8(bytes), _) => Ok(bytes),
        // The nearest of 256 values: 65535 / 257 = 255.
        (DecodingResult::U16(values), _) => Ok(values
            .iter()
            .map(|v| ((u32::from(*v) + 128) / 257) as u8)
            .collect()),
        _ => Err("its samples have neither 8 nor 16 bits".into()),
    }
}

/// Rows of bits, each beginning at a byte, as black and white.
fn unpacked(bytes: &[u8], width: usize) -> Vec<u8> {
    let rows = bytes.chunks(width.div_ceil(8).max(1));
    let row = |row: &[u8]| {
        let bit = |n: usize| row.get(n / 8).map_or(0, |byte| (byte >> (7 - n % 8)) & 1) * 255;
        (0..width).map(bit).collect::<Vec<u8>>()
    };
    rows.flat_map(row).collect()
}

/// A reader with a position of its own, so that many threads can read one file. If a directory is given, the header
/// declares it as the first one: smaller copies below another directory are read as if they were files.
struct At {
    file: Arc<Store>,
    position: u64,
    directory: Option<u64>,
}

impl At {
    fn new(file: Arc<Store>, directory: Option<u64>) -> Self {
        At {
            file,
            position: 0,
            directory,
        }
    }

    /// The header as stored, except for the directory.
    fn header(&self, directory: u64) -> io::Result<[u8; MINIMAL_HEADER]> {
        let mut header = [0; MINIMAL_HEADER];
        let read = self.file.read_at(&mut header, 0)?;
        if read < 8 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let is_big = header[2..4].contains(&43);
        let bytes = match (header[0] == b'I', is_big) {
            (true, true) => directory.to_le_bytes().to_vec(),
            (false, true) => directory.to_be_bytes().to_vec(),
            // Directories of a classic TIFF are within 4 GiB.
            (true, false) => (directory as u32).to_le_bytes().to_vec(),
            (false, false) => (directory as u32).to_be_bytes().to_vec(),
        };
        let start = if is_big { 8 } else { 4 };
        header[start..start + bytes.len()].copy_from_slice(&bytes);
        Ok(header)
    }
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        if let Some(directory) = self
            .directory
            .filter(|_| self.position < MINIMAL_HEADER as u64)
        {
            let is_big = self.header(directory)?[2..4].contains(&43);
            let patched = if is_big { 8..16 } else { 4..8 };
            let header = self.header(directory)?;
            for at in patched {
                let place = (at as u64).checked_sub(self.position);
                let byte = place.and_then(|place| buffer[..read].get_mut(place as usize));
                if let Some(byte) = byte {
                    *byte = header[at];
                }
            }
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for At {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.file.length()?.checked_add_signed(by),
        };
        self.position = moved.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
