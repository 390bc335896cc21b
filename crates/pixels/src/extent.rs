//! How far JPEG 2000, AVIF, GIF and BMP reach by what stands in them, and whether that much is there. A few bytes of each part are
//! read; of a GIF all, in pieces.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::{avif, bmp, gif, jp2};

/// Up to this many bytes of a file may stand before what tells how far it reaches.
const START: u64 = 1 << 20;
/// The most tile parts of a JPEG 2000 that are gone through.
const MOST_PARTS: u32 = 1 << 20;
/// Up to this many bytes after a code stream's last tile part there may be something else, which is not read.
const TAIL: u64 = 4096;
/// The mark of a code stream's end, and that of a tile part (A.4).
const END: [u8; 2] = [0xff, 0xd9];
const TILE_PART: [u8; 2] = [0xff, 0x90];

/// Whether all is there that a file of `length` bytes should have. None for files of other types, and for those that do not tell.
pub fn is_whole(mut file: impl Read + Seek, length: u64) -> Option<bool> {
    let start = &*head(&mut file, 64)?;
    if jp2::is_jp2(start) {
        let stream = code_stream(&mut file, length)?;
        return is_whole_stream(&mut file, stream);
    }
    if avif::is_avif(start) {
        let needed = avif::reach(&head(&mut file, START)?)?;
        return Some(needed <= length);
    }
    if bmp::is_bmp(start) {
        let needed = bmp::reach(start)?;
        return Some(needed <= length);
    }
    start.starts_with(b"GIF8").then_some(())?;
    file.rewind().ok()?;
    Some(gif::walk(BufReader::new(file)).has_all_frames())
}

fn head(file: &mut (impl Read + Seek), most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind().ok()?;
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Some bytes from a position on; none where the file ends before.
fn bytes_at<const N: usize>(file: &mut (impl Read + Seek), at: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn number<const N: usize>(bytes: [u8; N]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// Where the code stream of a JPEG 2000 begins, and where it ends or the file does (ITU-T T.800, I.4): a file may be nothing else.
fn code_stream(file: &mut (impl Read + Seek), length: u64) -> Option<[u64; 2]> {
    if bytes_at(file, 0)? == [0xff, 0x4f] {
        return Some([0, length]);
    }
    let mut at = 0;
    while at < START {
        let [short, kind] = [
            number::<4>(bytes_at(file, at)?),
            number::<4>(bytes_at(file, at + 4)?),
        ];
        let (head, size) = match short {
            0 => (8, length - at),
            1 => (16, number::<8>(bytes_at(file, at + 8)?)),
            _ => (8, short),
        };
        let end = at.checked_add(size.max(8))?;
        if kind == number(*b"jp2c") {
            return Some([at + head, end.min(length)]);
        }
        at = end;
    }
    None
}

/// Whether a code stream has all its tile parts. That of the end need not be there, if each tile says of how many parts it is.
fn is_whole_stream(file: &mut (impl Read + Seek), [start, end]: [u64; 2]) -> Option<bool> {
    let mut tiles = Tiles::read(file, start)?;
    let mut at = first_tile_part(file, start, end)?;
    for _ in 0..MOST_PARTS {
        let Some(marker) = bytes_at(file, at).filter(|_| at + 2 <= end) else {
            // Nothing follows but the mark of the end, or half of it.
            return Some(tiles.all_said_and_seen());
        };
        let (tile, length, parts) = match marker {
            END => return Some(tiles.all_seen()),
            TILE_PART => match bytes_at::<12>(file, at).filter(|_| at + 12 <= end) {
                // Its length is that of itself and all that follows it up to the next.
                Some([_, _, _, _, t1, t0, p3, p2, p1, p0, _, parts]) => {
                    (number([t1, t0]), number([p3, p2, p1, p0]), parts)
                }
                None => return Some(false),
            },
            // Lengths that lead elsewhere do not tell.
            _ => return Some(tiles.all_said_and_seen() || has_end(file, [at, end])),
        };
        tiles.see(tile, parts);
        match length {
            // The last one, up to the mark of the end (A.4.2).
            0 => return Some(has_end(file, [at, end]) && tiles.all_seen()),
            1..12 => return Some(has_end(file, [at, end])),
            _ => at += length,
        }
        if at > end {
            return Some(false);
        }
    }
    Some(has_end(file, [at, end]))
}

/// Where the first tile part begins: after the segments of the main header, each with its length in front. Where it is not reached,
/// it is the end.
fn first_tile_part(file: &mut (impl Read + Seek), start: u64, end: u64) -> Option<u64> {
    let mut at = start + 2;
    while at + 4 <= end {
        let [mark, kind, high, low] = bytes_at(file, at)?;
        match [mark, kind] {
            TILE_PART => return Some(at),
            [0xff, _] => at += 2 + number([high, low]),
            _ => return None,
        }
    }
    Some(end)
}

/// Whether the mark of the end is among the last bytes: no coded data hold it (B.10.1).
fn has_end(file: &mut (impl Read + Seek), [start, end]: [u64; 2]) -> bool {
    let from = start.max(end.saturating_sub(TAIL));
    let mut tail = Vec::new();
    let is_read = file.seek(SeekFrom::Start(from)).is_ok()
        && (file.take(end.saturating_sub(from)))
            .read_to_end(&mut tail)
            .is_ok();
    is_read && tail.windows(2).any(|pair| pair == END)
}

/// What was seen of each tile.
struct Tiles(Vec<Tile>);

#[derive(Clone, Default)]
struct Tile {
    seen: u32,
    /// Of how many parts it says to be; 0: it does not say.
    parts: u32,
}

impl Tiles {
    /// The tiles that a code stream declares (SIZ, A.5.1); none if they are more than there can be.
    fn read(file: &mut (impl Read + Seek), start: u64) -> Option<Self> {
        // After SOC, SIZ, its length and the capabilities: the grid, the image on it, size and place of the first tile.
        let words: [u8; 32] = bytes_at(file, start + 8)?;
        let word = |n: usize| words[4 * n..].first_chunk().map(|four| number::<4>(*four));
        let count = |side: usize| {
            let (whole, tile, first) = (word(side)?, word(4 + side)?, word(6 + side)?);
            (tile > 0).then(|| whole.saturating_sub(first).div_ceil(tile))
        };
        let tiles = count(0)?.checked_mul(count(1)?)?;
        (1..=1 << 16)
            .contains(&tiles)
            .then(|| Tiles(vec![Tile::default(); tiles as usize]))
    }

    fn see(&mut self, tile: u64, parts: u8) {
        if let Some(tile) = self.0.get_mut(tile as usize) {
            tile.seen += 1;
            tile.parts = tile.parts.max(parts.into());
        }
    }

    fn all_seen(&self) -> bool {
        self.0
            .iter()
            .all(|tile| tile.seen > 0 && tile.seen >= tile.parts)
    }

    fn all_said_and_seen(&self) -> bool {
        self.all_seen() && self.0.iter().all(|tile| tile.parts > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A code stream of one tile for each list: the bytes of its parts, with as many as it says to have.
    fn stream(tiles: &[(&[u8], u8)], ends: bool) -> Vec<u8> {
        let mut bytes = b"\xff\x4f\xff\x51\0\x29\0\0".to_vec();
        let width = 8 * tiles.len() as u32;
        for word in [width, 8, 0, 0, 8, 8, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend([0, 1, 7, 1, 1]);
        for (tile, (parts, said)) in tiles.iter().enumerate() {
            for (part, length) in parts.iter().enumerate() {
                bytes.extend([0xff, 0x90, 0, 10, 0, tile as u8, 0, 0, 0]);
                bytes.extend([14 + length, part as u8, *said, 0xff, 0x93]);
                bytes.extend(vec![7; usize::from(*length)]);
            }
        }
        bytes.extend(if ends { &END[..] } else { &[] });
        bytes
    }

    fn whole(bytes: &[u8]) -> Option<bool> {
        is_whole(Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn a_code_stream_is_whole_with_all_of_its_tile_parts() {
        let said: [(&[u8], u8); 2] = [(&[9, 5], 2), (&[3], 1)];
        let unsaid: [(&[u8], u8); 2] = [(&[9, 5], 0), (&[3], 0)];
        for (tiles, needs_end) in [(&said, false), (&unsaid, true)] {
            let bytes = stream(tiles, true);
            assert_eq!(whole(&bytes), Some(true));
            for cut in 49..bytes.len() {
                let is_all = !needs_end && cut >= bytes.len() - 2;
                assert_eq!(whole(&bytes[..cut]), Some(is_all), "{cut} {needs_end}");
            }
            let more = [&bytes[..], b"\r\n more"].concat();
            assert_eq!(whole(&more), Some(true));
        }
        let missing: [(&[u8], u8); 2] = [(&[9], 1), (&[], 1)];
        assert_eq!(whole(&stream(&missing, true)), Some(false));
        // A last part of length 0 goes up to the mark of the end.
        let mut open = stream(&[(&[9], 1)], true);
        let at = open.len() - 2 - 23 + 9;
        open[at] = 0;
        assert_eq!(whole(&open), Some(true));
        assert_eq!(whole(&open[..open.len() - 2]), Some(false));
    }

    #[test]
    fn boxes_around_a_code_stream_may_reach_to_the_end_or_be_long() {
        let signature = b"\0\0\0\x0cjP  \r\n\x87\n";
        let stream = stream(&[(&[9], 1)], true);
        let length = stream.len() as u32;
        let boxes = [
            [&(8 + length).to_be_bytes()[..], b"jp2c"].concat(),
            b"\0\0\0\0jp2c".to_vec(),
            [
                &b"\0\0\0\x01jp2c\0\0\0\0"[..],
                &(16 + length).to_be_bytes()[..],
            ]
            .concat(),
        ];
        for head in boxes {
            let bytes = [&signature[..], &head, &stream].concat();
            assert_eq!(whole(&bytes), Some(true), "{head:?}");
            assert_eq!(whole(&bytes[..bytes.len() - 5]), Some(false), "{head:?}");
        }
        assert_eq!(whole(signature), None);
    }
}
