//! Whether an image file ends where it should: what was cut off in a download or a copy is found without reading the rest.

use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

use super::extent;
use super::source::checked;
use super::window::Window;

/// How far from the end of a file its end marker may be, in bytes: some programs append a few.
const TAIL: u64 = 4096;
/// Up to this many bytes, a JPEG without its end is read to see whether anything else is missing.
const MOST_READ: u64 = 64 << 20;

/// Looks at the last bytes of a JPEG, PNG or WebP, of which `start` are the first, and goes through the parts of a JPEG 2000, AVIF,
/// GIF or BMP. A file that lacks nothing but the mark of its end can be shown all the same.
///
/// # Errors
/// It is cut short, or cannot be read.
pub fn check_end(file: &Window, start: &[u8]) -> Result<(), String> {
    let is_whole = if start.starts_with(&[0xff, 0xd8, 0xff]) {
        ends_with(file, &[0xff, 0xd9])? || has_all_of_a_jpeg(file)
    } else if start.starts_with(b"\x89PNG") {
        ends_with(file, b"IEND")? || has_all_rows_of_a_png(file)
    } else {
        length_of_webp(start).is_none_or(|length| length <= file.length())
            && extent::is_whole(file.again(), file.length()) != Some(false)
    };
    match is_whole {
        true => Ok(()),
        false => Err("not an image that can be read: it is cut short: its end is missing".into()),
    }
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
