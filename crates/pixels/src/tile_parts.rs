//! Whether the code stream of a JPEG 2000 is all there: it is walked through from tile part to tile part, of which only the
//! headers are read.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};

/// The header of a tile part (ITU-T T.800, A.4.2), with its marker.
const SOT: usize = 12;
/// The most tile parts and segments of a header that are walked through. Real files have far fewer.
const MOST_STEPS: u32 = 1 << 20;
/// How far from the end of a file the end of its stream is looked for, in bytes, where the lengths of tile parts do not lead there.
const TAIL: u64 = 4096;

/// Whether a code stream of so many tiles, which begins at `stream`, leads to its end marker (EOC). Without that marker it is whole
/// if all tile parts are there, as far as they say how many there are. A tile part of length 0 reaches to that marker.
///
/// # Errors
/// The file cannot be read.
pub fn is_complete(file: &mut (impl Read + Seek), stream: u64, tiles: u64) -> io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut parts = Parts::default();
    // The start of what comes next, and that of what the last tile part holds.
    let (mut at, mut held) = (stream + 2, None);
    for _ in 0..MOST_STEPS {
        match bytes_at(file, at, SOT as u64)?[..] {
            [0xff, 0xd9, ..] => return Ok(true),
            [0xff, 0x90, 0, 10, tile, tile_low, a, b, c, d, _, count] => {
                held = Some(at + SOT as u64);
                let next = at + u64::from(u32::from_be_bytes([a, b, c, d]));
                if next < at + SOT as u64 || next > length {
                    break;
                }
                parts.add(u16::from_be_bytes([tile, tile_low]), count);
                at = next;
            }
            [0xff, 0x90, ..] => break,
            // A segment of the main header.
            [0xff, _, high, low, ..] if held.is_none() => {
                at += 2 + u64::from(u16::from_be_bytes([high, low]));
            }
            _ => break,
        }
    }
    if parts.are_all_of(tiles) {
        return Ok(true);
    }
    // What a tile part holds never looks like a marker (A.1), so this is one, whatever the lengths say.
    let Some(held) = held else { return Ok(false) };
    let tail = bytes_at(file, held.max(length.saturating_sub(TAIL)), TAIL)?;
    Ok(tail.windows(2).any(|pair| pair == [0xff, 0xd9]))
}

fn bytes_at(file: &mut (impl Read + Seek), at: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Of each tile how many parts were seen, and how many it says that it has; 0 if it does not say.
#[derive(Debug, Default)]
struct Parts(HashMap<u16, (u32, u8)>);

impl Parts {
    fn add(&mut self, tile: u16, count: u8) {
        let (seen, of) = self.0.entry(tile).or_default();
        *seen += 1;
        *of = (*of).max(count);
    }

    fn are_all_of(&self, tiles: u64) -> bool {
        let is_whole = |(seen, of): &(u32, u8)| *of > 0 && *seen >= u32::from(*of);
        self.0.len() as u64 >= tiles && self.0.values().all(is_whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EOC: [u8; 2] = [0xff, 0xd9];

    /// A part with 30 bytes of pixels: its tile, its length as it is told, and of how many it is.
    fn part((tile, length, count): (u16, u32, u8)) -> Vec<u8> {
        let mut part = vec![0xff, 0x90, 0, 10];
        part.extend(tile.to_be_bytes());
        part.extend(length.to_be_bytes());
        part.extend([0, count, 0xff, 0x93]);
        part.extend([0x55; 30]);
        part
    }

    fn stream(parts: &[(u16, u32, u8)]) -> Vec<u8> {
        let mut stream = b"boxes\xff\x4f\xff\x52\0\x06\xff\xd9\0\0".to_vec();
        parts
            .iter()
            .for_each(|of_part| stream.extend(part(*of_part)));
        stream
    }

    fn is_whole(bytes: &[u8], tiles: u64) -> bool {
        is_complete(&mut io::Cursor::new(bytes), 5, tiles).unwrap()
    }

    #[test]
    fn a_stream_is_whole_if_it_leads_to_its_end_or_all_its_parts_are_there() {
        // Its parts, its tiles, and whether it is whole without the marker of its end.
        /// A tile, its length, the number of its parts.
        type Part = (u16, u32, u8);
        let cases: [(&[Part], u64, bool); 9] = [
            (&[(0, 44, 1)], 1, true),
            (&[(0, 44, 1), (1, 44, 1)], 2, true),
            (&[(0, 44, 2), (1, 44, 1), (0, 44, 2)], 2, true),
            (&[(0, 44, 0), (0, 44, 2)], 1, true),
            // A tile or a part is missing; nothing says how many there are, or how long.
            (&[(0, 44, 1)], 2, false),
            (&[(0, 44, 2)], 1, false),
            (&[(0, 44, 0)], 1, false),
            (&[(0, 0, 1)], 1, false),
            (&[(0, 44, 1), (1, 0, 1)], 2, false),
        ];
        for (parts, tiles, is_enough) in cases {
            let open = stream(parts);
            assert_eq!(is_whole(&open, tiles), is_enough, "{parts:?}");
            let closed = [&open[..], &EOC].concat();
            assert!(is_whole(&closed, tiles), "{parts:?}");
            let longer = [&closed[..], b"\0\0\0\x0cxml <a/>"].concat();
            assert!(is_whole(&longer, tiles), "{parts:?}");
            for cut in 7..open.len() {
                assert!(!is_whole(&open[..cut], tiles), "{parts:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn lengths_that_are_wrong_do_not_make_a_whole_stream_cut() {
        for length in [1, 13, 43, 46, 90, u32::MAX] {
            let open = stream(&[(0, length, 1)]);
            assert!(is_whole(&[&open[..], &EOC].concat(), 1), "{length}");
        }
    }
}
