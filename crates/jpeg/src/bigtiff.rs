//! The container of tiled JPEGs: BigTIFF, little-endian, JPEG tiles inside (TIFF 6.0 with Technical Note 2). What is
//! written in between, tiles and values, comes before the directories that speak of it.

use std::io::{self, Seek, SeekFrom, Write};

/// A file on its way.
#[derive(Debug)]
pub struct BigTiff<W> {
    out: W,
    at: u64,
    /// Where the place of the next directory is to be written.
    link: u64,
}

/// A value of a directory: its type, how many there are of it, and their bytes.
pub type Value = (Kind, u64, Vec<u8>);

/// Types of values.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // TIFF's own words.
pub enum Kind {
    Short = 3,
    Long = 4,
    Rational = 5,
    Undefined = 7,
    Long8 = 16,
}

/// A picture whose tiles were written.
#[derive(Debug)]
pub struct Tiles<'a> {
    /// `[width, height]` in pixels.
    pub size: [u32; 2],
    /// `[width, height]` of a tile.
    pub tile: [u32; 2],
    /// 1: grey, 2: RGB, 6: luma and chroma.
    pub photometric: u16,
    /// How many pixels there are to a sample of chroma, across and down.
    pub subsampling: [u16; 2],
    /// Where each tile begins, from left to right and from top to bottom.
    pub offsets: &'a [u64],
    /// How many bytes each has.
    pub lengths: &'a [u64],
}

impl<W: Write + Seek> BigTiff<W> {
    /// Begins a file at the start of `out`.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(b"II\x2B\0\x08\0\0\0")?;
        // Where the first directory lies, when that is known.
        out.write_all(&[0; 8])?;
        Ok(BigTiff {
            out,
            at: 16,
            link: 8,
        })
    }

    /// Writes bytes; gives where they begin.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.at;
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)?;
        Ok(at)
    }

    /// Writes a directory, its entries in the order of their tags.
    pub fn directory(&mut self, entries: Vec<(u16, Value)>) -> io::Result<()> {
        let mut directory = (entries.len() as u64).to_le_bytes().to_vec();
        for (tag, (kind, count, mut value)) in entries {
            directory.extend(tag.to_le_bytes());
            directory.extend((kind as u16).to_le_bytes());
            directory.extend(count.to_le_bytes());
            if value.len() > 8 {
                self.align()?;
                value = self.write(&value)?.to_le_bytes().to_vec();
            }
            value.resize(8, 0);
            directory.extend(value);
        }
        directory.extend([0; 8]);
        self.align()?;
        let at = self.write(&directory)?;
        self.out.seek(SeekFrom::Start(self.link))?;
        self.out.write_all(&at.to_le_bytes())?;
        self.out.seek(SeekFrom::End(0))?;
        self.link = self.at - 8;
        Ok(())
    }

    /// Gives the output back.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn align(&mut self) -> io::Result<u64> {
        let pad = self.at.next_multiple_of(8) - self.at;
        self.write(&vec![0; pad as usize])
    }
}

impl Tiles<'_> {
    /// What a directory says of them.
    pub fn entries(&self) -> Vec<(u16, Value)> {
        let components = if self.photometric == 1 { 1 } else { 3 };
        let mut entries = vec![
            (256, long(self.size[0])),
            (257, long(self.size[1])),
            (258, short(&vec![8; components])),
            (259, short(&[7])),
            (262, short(&[self.photometric])),
            (277, short(&[components as u16])),
            (284, short(&[1])),
            (322, long(self.tile[0])),
            (323, long(self.tile[1])),
            (324, long8(self.offsets)),
            (325, long8(self.lengths)),
        ];
        if self.photometric == 6 {
            // Black and white of full-range luma and chroma, as fractions.
            let reference = [0u32, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1];
            let reference = bytes(&reference, u32::to_le_bytes);
            entries.push((530, short(&self.subsampling)));
            entries.push((531, short(&[1])));
            entries.push((532, (Kind::Rational, 6, reference)));
        }
        entries
    }
}

/// Values of 16 bits.
pub fn short(values: &[u16]) -> Value {
    let count = values.len() as u64;
    (Kind::Short, count, bytes(values, u16::to_le_bytes))
}

/// A value of 32 bits.
pub fn long(value: u32) -> Value {
    (Kind::Long, 1, value.to_le_bytes().to_vec())
}

/// Values of 64 bits.
pub fn long8(values: &[u64]) -> Value {
    let count = values.len() as u64;
    (Kind::Long8, count, bytes(values, u64::to_le_bytes))
}

/// Numbers one behind the other.
fn bytes<T: Copy, const N: usize>(values: &[T], to: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| to(value)).collect()
}
