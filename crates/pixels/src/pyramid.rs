//! Makes a pyramid of an image: a tiled TIFF with levels of half the size each. Memory holds a band of tiles per level.

use std::io::{self, Seek, Write};

use image::DynamicImage;

use super::encode::on_white;
use super::source::ImageSource;
use recto_jpeg::pyramid::{Photometric, PyramidWriter};

/// Side of the tiles in pixels.
pub const TILE: u32 = 512;
/// JPEG quality of tiles that are re-encoded.
const QUALITY: u8 = 90;

/// Why a pyramid was not made.
#[derive(Debug)]
pub enum PyramidError {
    /// The image cannot be read.
    Source(String),
    /// The file cannot be written.
    Output(io::Error),
}

impl From<io::Error> for PyramidError {
    fn from(e: io::Error) -> Self {
        PyramidError::Output(e)
    }
}

/// Writes a pyramid. From a JPEG, full-size tiles are cut out without loss if possible.
///
/// # Errors
/// The image cannot be read, or the output cannot be written.
pub fn write<W: Write + Seek>(source: &ImageSource, out: W) -> Result<W, PyramidError> {
    let [width, height] = source.size();
    let mut file = PyramidWriter::new(out, TILE)?;
    let is_grey = strip(source, 0, height.min(8))?.color().channel_count() == 1;
    let smaller = if is_grey {
        Photometric::Grey
    } else {
        Photometric::YCbCr([1, 1])
    };
    let stored = source.coding().filter(|_| {
        source
            .cut([0, 0, TILE.min(width), TILE.min(height)], Some(TILE))
            .is_some()
    });
    let mut levels = Vec::new();
    for size in sizes([width, height]) {
        let coding = match levels.is_empty() {
            true => stored.unwrap_or(smaller),
            false => smaller,
        };
        file.level(size, coding);
        levels.push(PyramidLevel::new(size, is_grey));
    }
    for top in (0..height).step_by(TILE as usize) {
        let rows = TILE.min(height - top);
        let band = strip(source, top, rows)?;
        let band = in_channels(band, is_grey);
        if stored.is_some() {
            cut_tiles(source, &mut file, top)?;
            // A band whose tiles are written is still needed for the smaller levels.
            shrink(&mut levels, 0, &band, &mut file)?;
        } else {
            add(&mut levels, 0, &band, &mut file)?;
        }
    }
    Ok(file.finish()?)
}

/// The sizes of all levels, down to one that fits into a tile.
fn sizes(full: [u32; 2]) -> Vec<[u32; 2]> {
    let half = |size: &[u32; 2]| {
        let is_larger = size.iter().any(|side| *side > TILE);
        is_larger.then(|| size.map(|side| side.div_ceil(2)))
    };
    std::iter::successors(Some(full), half).collect()
}

fn strip(source: &ImageSource, top: u32, rows: u32) -> Result<DynamicImage, PyramidError> {
    let region = [0, top, source.size()[0], rows];
    source.region(region).map_err(PyramidError::Source)
}

fn in_channels(image: DynamicImage, is_grey: bool) -> DynamicImage {
    match is_grey {
        true => image.into_luma8().into(),
        false => on_white(image).into_rgb8().into(),
    }
}

fn cut_tiles<W: Write + Seek>(
    source: &ImageSource,
    file: &mut PyramidWriter<W>,
    top: u32,
) -> Result<(), PyramidError> {
    let [width, height] = source.size();
    for left in (0..width).step_by(TILE as usize) {
        let region = [left, top, TILE.min(width - left), TILE.min(height - top)];
        let tile = source.cut(region, Some(TILE));
        let tile = tile.ok_or_else(|| PyramidError::Source("a tile cannot be cut out".into()))?;
        file.tile(0, [left / TILE, top / TILE], &tile)?;
    }
    Ok(())
}

/// The rows of a level that are not written yet: less than a band of tiles.
struct PyramidLevel {
    size: [u32; 2],
    channels: usize,
    rows: Vec<u8>,
    /// Number of bands that were written.
    done: u32,
    /// A row of the level above that waits for the next one.
    odd: Vec<u8>,
    /// Number of rows of this level so far.
    seen: u32,
}

impl PyramidLevel {
    fn new(size: [u32; 2], is_grey: bool) -> Self {
        PyramidLevel {
            size,
            channels: if is_grey { 1 } else { 3 },
            rows: Vec::new(),
            done: 0,
            odd: Vec::new(),
            seen: 0,
        }
    }

    fn line(&self) -> usize {
        self.size[0] as usize * self.channels
    }
}

/// Adds rows to a level, and their means to all smaller levels; writes bands that are complete.
fn add<W: Write + Seek>(
    levels: &mut [PyramidLevel],
    number: usize,
    band: &DynamicImage,
    file: &mut PyramidWriter<W>,
) -> Result<(), PyramidError> {
    add_rows(levels, number, band.as_bytes(), file)
}

fn add_rows<W: Write + Seek>(
    levels: &mut [PyramidLevel],
    number: usize,
    rows: &[u8],
    file: &mut PyramidWriter<W>,
) -> Result<(), PyramidError> {
    let level = &mut levels[number];
    let line = level.line();
    level.rows.extend_from_slice(rows);
    level.seen += (rows.len() / line) as u32;
    let is_last = level.seen == level.size[1];
    let band = line * TILE as usize;
    while level.rows.len() >= band || (is_last && !level.rows.is_empty()) {
        let rest = level.rows.split_off(level.rows.len().min(band));
        let whole = std::mem::replace(&mut level.rows, rest);
        encode_band(level, number, &whole, file)?;
        level.done += 1;
    }
    shrink_rows(levels, number, rows, file)
}

fn shrink<W: Write + Seek>(
    levels: &mut [PyramidLevel],
    number: usize,
    band: &DynamicImage,
    file: &mut PyramidWriter<W>,
) -> Result<(), PyramidError> {
    levels[number].seen += band.height();
    shrink_rows(levels, number, band.as_bytes(), file)
}

/// Adds the means of every two rows and columns to the next smaller level.
fn shrink_rows<W: Write + Seek>(
    levels: &mut [PyramidLevel],
    number: usize,
    rows: &[u8],
    file: &mut PyramidWriter<W>,
) -> Result<(), PyramidError> {
    if number + 1 >= levels.len() {
        return Ok(());
    }
    let level = &mut levels[number];
    let (line, channels) = (level.line(), level.channels);
    let mut held = std::mem::take(&mut level.odd);
    held.extend_from_slice(rows);
    let mut made = Vec::new();
    let mut pairs = held.chunks_exact(2 * line);
    for pair in &mut pairs {
        halve(&pair[..line], &pair[line..], channels, &mut made);
    }
    let odd = pairs.remainder();
    match level.seen == level.size[1] {
        true if !odd.is_empty() => halve(odd, odd, channels, &mut made),
        _ => level.odd = odd.to_vec(),
    }
    match made.is_empty() {
        true => Ok(()),
        false => add_rows(levels, number + 1, &made, file),
    }
}

/// The means of four pixels each; with an odd width, the last column is used twice.
fn halve(above: &[u8], below: &[u8], channels: usize, to: &mut Vec<u8>) {
    let pairs = above.chunks(2 * channels).zip(below.chunks(2 * channels));
    for (above, below) in pairs {
        let right = above.len() - channels;
        for channel in 0..channels {
            let four = [
                above[channel],
                above[right + channel],
                below[channel],
                below[right + channel],
            ];
            let sum: u16 = four.into_iter().map(u16::from).sum();
            // The mean of four bytes fits in a byte.
            to.push(((sum + 2) / 4) as u8);
        }
    }
}

fn encode_band<W: Write + Seek>(
    level: &PyramidLevel,
    number: usize,
    rows: &[u8],
    file: &mut PyramidWriter<W>,
) -> Result<(), PyramidError> {
    for column in 0..level.size[0].div_ceil(TILE) {
        let tile = encoded(&filled(level, rows, column), level.channels)?;
        file.tile(number, [column, level.done], &tile)?;
    }
    Ok(())
}

/// A tile of a band. Pixels beyond the edge repeat the last one, which avoids ringing.
fn filled(level: &PyramidLevel, rows: &[u8], column: u32) -> Vec<u8> {
    let (line, channels, side) = (level.line(), level.channels, TILE as usize);
    let left = column as usize * side * channels;
    let mut tile = Vec::with_capacity(side * side * channels);
    for row in rows.chunks_exact(line) {
        let part = &row[left..line.min(left + side * channels)];
        tile.extend_from_slice(part);
        let last = &part[part.len() - channels..];
        (part.len() / channels..side).for_each(|_| tile.extend_from_slice(last));
    }
    while tile.len() < side * side * channels {
        let last = tile[tile.len() - side * channels..].to_vec();
        tile.extend(last);
    }
    tile
}

fn encoded(pixels: &[u8], channels: usize) -> Result<Vec<u8>, PyramidError> {
    let colour = match channels {
        1 => jpeg_encoder::ColorType::Luma,
        _ => jpeg_encoder::ColorType::Rgb,
    };
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
    encoder
        .encode(pixels, TILE as u16, TILE as u16, colour)
        .map_err(|e| PyramidError::Source(e.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_halve_until_they_fit_into_a_tile() {
        assert_eq!(sizes([512, 100]), [[512, 100]]);
        assert_eq!(sizes([1025, 3]), [[1025, 3], [513, 2], [257, 1]]);
    }

    #[test]
    fn halves_are_means_and_edges_stand_for_themselves() {
        let mut made = Vec::new();
        halve(&[0, 10, 8], &[20, 30, 9], 1, &mut made);
        assert_eq!(made, [15, 9]);
    }
}
