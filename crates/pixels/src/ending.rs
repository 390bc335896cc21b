//! Whether an image file ends where it should: what was cut off in a download or a copy is found without reading the rest.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::decode::decode;
use super::source::checked;
use super::window::Window;
use super::{avif, bmp, gif, jp2};

/// How far from the end of a file its end marker may be, in bytes: some programs append a few.
const TAIL: u64 = 4096;
/// Up to this many bytes, a JPEG without its end is read to see whether anything else is missing.
const MOST_READ: u64 = 64 << 20;

/// Up to this many pixels, a GIF whose image does not end is decoded to see whether anything else is missing.
const MOST_DECODED: u64 = 16_000_000;
/// Boxes hold at most a profile and metadata before what tells where the image lies, within so many bytes.
const BOXES: u64 = 1 << 20;

/// Looks at the end of a file of any type but TIFF, of which `start` are the first bytes. What lacks nothing but the mark of its
/// end can be shown all the same.
///
/// # Errors
/// It is cut short, or cannot be read.
pub fn check_end(file: &Window, start: &[u8]) -> Result<(), String> {
    let is_whole = if start.starts_with(&[0xff, 0xd8, 0xff]) {
        ends_with(file, &[0xff, 0xd9])? || has_all_of_a_jpeg(file)
    } else if start.starts_with(b"\x89PNG") {
        ends_with(file, b"IEND")? || has_all_rows_of_a_png(file)
    } else if let Some(length) = length_of_webp(start) {
        length <= file.length()
    } else {
        !is_cut(&mut file.again()).map_err(|e| e.to_string())?
    };
    match is_whole {
        true => Ok(()),
        false => Err("not an image that can be read: it is cut short: its end is missing".into()),
    }
}

/// Whether a JPEG 2000, AVIF, BMP or GIF ends before its image is all there: for others, and where a file does not tell, no. Of
/// a GIF and an AVIF the first image counts.
///
/// # Errors
/// The file cannot be read.
pub fn is_cut(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = start_of(file, 64)?;
    if jp2::is_jp2(&start) {
        return Ok(jp2::is_cut(&start_of(file, BOXES)?, file));
    }
    if avif::is_avif(&start) {
        return Ok(!avif::lies_within(&start_of(file, BOXES)?, length));
    }
    if bmp::is_bmp(&start) {
        return Ok(bmp::is_cut(&start, file));
    }
    if !start.starts_with(b"GIF8") {
        return Ok(false);
    }
    file.rewind()?;
    let has_its_image = gif::has_its_image(BufReader::new(&mut *file));
    Ok(!has_its_image && decode(&start_of(file, MOST_READ)?, MOST_DECODED).is_err())
}

fn start_of(file: &mut (impl Read + Seek), most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn ends_with(file: &Window, marker: &[u8]) -> Result<bool, String> {
    let (mut tail, mut bytes) = (file.again(), Vec::new());
    let at = SeekFrom::Start(file.length().saturating_sub(TAIL));
    let read = tail.seek(at).and_then(|_| tail.read_to_end(&mut bytes));
    read.map_err(|e| e.to_string())?;
    Ok(bytes.windows(marker.len()).any(|bytes| bytes == marker))
}

fn has_all_of_a_jpeg(file: &Window) -> bool {
    let mut bytes = Vec::new();
    file.length() <= MOST_READ
        && file.again().read_to_end(&mut bytes).is_ok()
        && checked(&bytes).is_ok()
}

fn has_all_rows_of_a_png(file: &Window) -> bool {
    let rows = || -> Result<(), png::DecodingError> {
        let mut reader = png::Decoder::new(BufReader::new(file.again())).read_info()?;
        while reader.next_row()?.is_some() {}
        Ok(())
    };
    rows().is_ok()
}

/// The length in bytes that a WebP declares; none for other files. RIFF: that of what follows the first eight bytes.
fn length_of_webp(start: &[u8]) -> Option<u64> {
    let length = start.get(4..8)?.try_into().ok()?;
    let is_webp = start.starts_with(b"RIFF") && start.get(8..12)? == b"WEBP";
    is_webp.then(|| 8 + u64::from(u32::from_le_bytes(length)))
}
