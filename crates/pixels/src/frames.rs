//! How many frames an animated GIF, WebP or PNG has: only the first is an image here.

use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

use super::gif;
use super::window::Window;

/// The number of frames of a file, of which `start` are the first bytes; 1 for other types.
pub fn frames(file: &Window, start: &[u8]) -> u32 {
    let found = match start {
        [b'G', b'I', b'F', b'8', ..] => Some(gif::frames(BufReader::new(file.again()))),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => of_webp(file),
        [0x89, b'P', b'N', b'G', ..] => of_png(file),
        _ => None,
    };
    found.unwrap_or(1).max(1)
}

/// The chunks of frames (`ANMF`) of a WebP that says to be animated (`VP8X`).
fn of_webp(file: &Window) -> Option<u32> {
    let mut file = file.again();
    let [_, _, _, _, flags] = chunk(&mut file, 12, *b"VP8X")?;
    const ANIMATED: u8 = 2;
    if flags & ANIMATED == 0 {
        return None;
    }
    let (mut at, mut frames) = (12, 0);
    while let Some([n, a, m, e, s0, s1, s2, s3]) = bytes_at(&mut file, at) {
        let size = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
        frames += u32::from([n, a, m, e] == *b"ANMF");
        at = at.checked_add(8 + size + size % 2)?;
    }
    Some(frames)
}

/// The number that an animated PNG tells before its pixels (`acTL`).
fn of_png(file: &Window) -> Option<u32> {
    let mut file = file.again();
    let mut at = 8;
    while let Some([s0, s1, s2, s3, name @ ..]) = bytes_at::<8>(&mut file, at) {
        match &name {
            b"acTL" => return bytes_at(&mut file, at + 8).map(u32::from_be_bytes),
            b"IDAT" => return None,
            _ => at += 12 + u64::from(u32::from_be_bytes([s0, s1, s2, s3])),
        }
    }
    None
}

/// What follows the name of a chunk at a position, its length first; none if it has another name.
fn chunk<const N: usize>(file: &mut Window, at: u64, name: [u8; 4]) -> Option<[u8; N]> {
    let is_it = bytes_at(file, at)? == name;
    is_it.then(|| bytes_at(file, at + 4))?
}

fn bytes_at<const N: usize>(file: &mut Window, at: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
