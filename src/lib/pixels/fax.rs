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
    let text = |e: ::tiff::TiffError| e.to_string();
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(text)?;
    if decoder.get_chunk_type() == ChunkType::Tile {
        return Err("fax coding in tiles is not supported".into());
    }
    let mut number = |tag: Tag| decoder.find_tag_unsigned::<u32>(tag).ok().flatten();
    let compression = number(Tag::Compression).unwrap_or_default();
    let options = number(Tag::Unknown(292)).unwrap_or_default();
    let is_mirrored = number(Tag::FillOrder) == Some(2);
    let rows = number(Tag::RowsPerStrip).unwrap_or(size[1]);
    let rows = rows.clamp(1, size[1]);
    if options & UNCOMPRESSED != 0 {
        return Err("fax coding with uncompressed parts is not supported".into());
    }
    let offsets = decoder.get_tag_u64_vec(Tag::StripOffsets).map_err(text)?;
    let lengths = decoder.get_tag_u64_vec(Tag::StripByteCounts);
    let lengths = lengths.map_err(text)?;
    let is_one = compression == u32::from(ONE_DIMENSION);
    let [white, black] = if is_white_zero { [255, 0] } else { [0, 255] };
    let mut page = Page {
        width: size[0] as usize,
        most: size[0] as usize * size[1] as usize,
        pixels: Vec::new(),
        colours: [white, black],
    };
    for (strip, (at, length)) in offsets.iter().zip(lengths).enumerate() {
        let before = (strip as u32).saturating_mul(rows);
        let Some(left) = size[1].checked_sub(before).filter(|left| *left > 0) else {
            break;
        };
        let range = usize::try_from(*at).ok().zip(usize::try_from(length).ok());
        let range = range.and_then(|(at, length)| Some(at..at.checked_add(length)?));
        let data = range
            .and_then(|range| bytes.get(range))
            .ok_or("a strip is missing")?;
        let mirrored: Vec<u8> = match is_mirrored {
            true => data.iter().map(|byte| byte.reverse_bits()).collect(),
            false => data.to_vec(),
        };
        let mut context = DecoderContext::new(DecodeSettings {
            columns: size[0],
            rows: rows.min(left),
            end_of_block: !is_one,
            end_of_line: !is_one,
            rows_are_byte_aligned: is_one,
            encoding: match !is_one && options & TWO_DIMENSIONS != 0 {
                true => EncodingMode::Group3_2D,
                false => EncodingMode::Group3_1D,
            },
            strict: true,
        });
        let decoded = hayro_ccitt::decode(&mirrored, &mut page, &mut context);
        decoded.map_err(|e| format!("a strip is damaged: {e}"))?;
        let wanted = (before + rows.min(left)) as usize * page.width;
        if page.pixels.len() != wanted {
            return Err("a strip has fewer rows than it declares".into());
        }
    }
    let image = GrayImage::from_raw(size[0], size[1], page.pixels);
    image.ok_or_else(|| "it has fewer rows than it declares".into())
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
