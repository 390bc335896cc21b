//! Whether an image file ends where it should: what was cut off in a download or a copy is found without decoding the rest.

use std::io::{BufReader, Read as _};

use super::decode::decode;
use super::header::measure_in;
use super::source::checked;
use super::window::Window;

/// How far from the end of a file its end marker may be, in bytes: some programs append a few.
const TAIL: u64 = 4096;
/// Up to this many bytes and pixels, a file without its end is decoded to see whether it can be shown all the same.
const TRIED_BYTES: u64 = 64 << 20;
const TRIED_PIXELS: u64 = 50_000_000;

/// Looks at the first and last bytes of a JPEG, PNG or WebP. One that lacks its end is decoded, since
/// some are shown all the same.
///
/// # Errors
/// It is cut short, or cannot be read.
pub fn check_end(file: &Window, start: &[u8]) -> Result<(), String> {
    let has_end = match start {
        [0xff, 0xd8, 0xff, ..] => ends_with(file, &[0xff, 0xd9])?,
        [0x89, b'P', b'N', b'G', ..] => ends_with(file, b"IEND")?,
        [
            b'R',
            b'I',
            b'F',
            b'F',
            a,
            b,
            c,
            d,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])) + 8 <= file.length(),
        _ => true,
    };
    if has_end || is_shown_without(file) {
        return Ok(());
    }
    Err("not an image that can be read: it is cut short: its end is missing".into())
}

fn ends_with(file: &Window, marker: &[u8]) -> Result<bool, String> {
    let mut tail = Vec::new();
    let at = file.length().saturating_sub(TAIL);
    let mut buffer = [0; TAIL as usize];
    loop {
        let read = file.read_at(&mut buffer, at + tail.len() as u64);
        match read.map_err(|e| e.to_string())? {
            0 => break,
            n => tail.extend_from_slice(&buffer[..n]),
        }
    }
    Ok(tail.windows(marker.len()).any(|bytes| bytes == marker))
}

fn is_shown_without(file: &Window) -> bool {
    let pixels = measure_in(BufReader::new(file.again())).map_or(u64::MAX, |header| {
        u64::from(header.width) * u64::from(header.height)
    });
    if file.length() > TRIED_BYTES || pixels > TRIED_PIXELS {
        return false;
    }
    let mut bytes = Vec::new();
    file.again().read_to_end(&mut bytes).is_ok()
        && checked(&bytes).is_ok()
        && decode(&bytes, TRIED_PIXELS).is_ok()
}
