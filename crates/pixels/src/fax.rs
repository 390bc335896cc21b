//! TIFFs in black and white as fax machines code them (TIFF 6.0, sections 10 and 11): in one dimension, and group 3 of ITU-T T.4.
//! Group 4 is left to the decoder.

use std::io::Cursor;

use ::tiff::decoder::{ChunkType, Decoder};
use ::tiff::tags::Tag;
use hayro_ccitt::{DecodeSettings, DecoderContext, EncodingMode};
use image::GrayImage;

/// Values of `Compression`.
const ONE_DIMENSION: u16 = 2;
const GROUP_3: u16 = 3;
/// Bits of `T4Options`.
const TWO_DIMENSIONS: u32 = 1;
const UNCOMPRESSED: u32 = 2;

/// Whether a value of `Compression` is such a coding.
pub fn is_coding(compression: u16) -> bool {
    matches!(compression, ONE_DIMENSION | GROUP_3)
}

/// Decodes an image whose header was read. `is_white_zero`: as most of them, it has white where its bits are 0.
///
/// # Errors
/// It is damaged, or of a rare kind.
pub fn decode(bytes: &[u8], size: [u32; 2], is_white_zero: bool) -> Result<GrayImage, String> {
    let strips = Strips::read(bytes, size)?;
    let mut page = Page {
        width: size[0] as usize,
        most: size[0] as usize * size[1] as usize,
        pixels: Vec::new(),
        colours: if is_white_zero { [255, 0] } else { [0, 255] },
    };
    for (at, length) in &strips.places {
        let before = (page.pixels.len() / page.width) as u32;
        let rows = strips.rows.min(size[1] - before);
        if rows == 0 {
            break;
        }
        let mut data = strip(bytes, *at, *length)
            .ok_or("a strip is missing")?
            .to_vec();
        if strips.is_mirrored {
            data.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        }
        let settings = DecodeSettings {
            columns: size[0],
            rows,
            end_of_block: !strips.is_one,
            end_of_line: !strips.is_one,
            rows_are_byte_aligned: strips.is_one,
            encoding: strips.encoding,
            strict: true,
        };
        let mut context = DecoderContext::new(settings);
        let decoded = hayro_ccitt::decode(&data, &mut page, &mut context);
        decoded.map_err(|e| format!("a strip is damaged: {e}"))?;
        if page.pixels.len() != (before + rows) as usize * page.width {
            return Err("a strip has fewer rows than it declares".into());
        }
    }
    let image = GrayImage::from_raw(size[0], size[1], page.pixels);
    image.ok_or_else(|| "it has fewer rows than it declares".into())
}

fn strip(bytes: &[u8], at: u64, length: u64) -> Option<&[u8]> {
    let at = usize::try_from(at).ok()?;
    bytes.get(at..at.checked_add(usize::try_from(length).ok()?)?)
}

/// Where the coded rows are, and how they are coded.
struct Strips {
    /// Offset and length of each strip in bytes.
    places: Vec<(u64, u64)>,
    /// Rows of a strip.
    rows: u32,
    /// Whether the first pixel of a byte is its lowest bit.
    is_mirrored: bool,
    /// Whether rows are coded without marks between them.
    is_one: bool,
    encoding: EncodingMode,
}

impl Strips {
    fn read(bytes: &[u8], size: [u32; 2]) -> Result<Self, String> {
        let text = |e: ::tiff::TiffError| e.to_string();
        let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(text)?;
        if decoder.get_chunk_type() == ChunkType::Tile {
            return Err("fax coding in tiles is not supported".into());
        }
        let mut number = |tag: Tag| decoder.find_tag_unsigned::<u32>(tag).ok().flatten();
        let is_one = number(Tag::Compression) == Some(ONE_DIMENSION.into());
        let options = number(Tag::Unknown(292)).unwrap_or_default();
        let is_mirrored = number(Tag::FillOrder) == Some(2);
        let rows = number(Tag::RowsPerStrip).unwrap_or(size[1]);
        if options & UNCOMPRESSED != 0 {
            return Err("fax coding with uncompressed parts is not supported".into());
        }
        let offsets = decoder.get_tag_u64_vec(Tag::StripOffsets).map_err(text)?;
        let lengths = decoder.get_tag_u64_vec(Tag::StripByteCounts);
        Ok(Strips {
            places: offsets.into_iter().zip(lengths.map_err(text)?).collect(),
            rows: rows.max(1),
            is_mirrored,
            is_one,
            encoding: match !is_one && options & TWO_DIMENSIONS != 0 {
                true => EncodingMode::Group3_2D,
                false => EncodingMode::Group3_1D,
            },
        })
    }
}

struct Page {
    width: usize,
    most: usize,
    pixels: Vec<u8>,
    /// Of white and of black runs.
    colours: [u8; 2],
}

impl hayro_ccitt::Decoder for Page {
    fn push_row(&mut self, changes: &[u32]) {
        if self.pixels.len() >= self.most {
            return;
        }
        let (start, mut colour) = (self.pixels.len(), 0);
        for at in changes {
            let end = start + (*at as usize).min(self.width);
            self.pixels
                .resize(end.max(self.pixels.len()), self.colours[colour]);
            colour = 1 - colour;
        }
        self.pixels.resize(start + self.width, self.colours[colour]);
    }
}
