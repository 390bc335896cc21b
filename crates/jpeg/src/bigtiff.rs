//! The container of JPEG tiles: BigTIFF, little-endian, compression 7 (TIFF 6.0 with Technical Note 2). Tiles and long
//! values come before the directories (IFDs) that refer to them.

use std::io::{self, Seek, SeekFrom, Write};

/// A file that is being written.
#[derive(Debug)]
pub struct BigTiff<W> {
    out: W,
    at: u64,
    /// Where the offset of the next directory is to be written.
    link: u64,
}

/// The value of a directory entry: type, count, and bytes.
pub type Value = (Kind, u64, Vec<u8>);

/// Types of values, named as in TIFF.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Short = 3,
    Long = 4,
    Rational = 5,
    Undefined = 7,
    Long8 = 16,
}

/// What the components of JPEG tiles mean in a TIFF (PhotometricInterpretation, tag 262).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Photometric {
    /// One component: BlackIsZero (1).
    Grey,
    /// Three components: RGB (2).
    Rgb,
    /// Three components: YCbCr (6). How many pixels there are per sample of chroma, horizontally and vertically: 1, 2 or
    /// 4 each (YCbCrSubSampling, tag 530).
    YCbCr([u16; 2]),
}

/// A picture whose tiles were written.
#[derive(Debug)]
pub struct Tiles<'a> {
    /// `[width, height]` in pixels.
    pub size: [u32; 2],
    /// `[width, height]` of a tile.
    pub tile: [u32; 2],
    /// What the components of the tiles mean.
    pub photometric: Photometric,
    /// Offset of each tile in the file, from left to right and from top to bottom.
    pub offsets: &'a [u64],
    /// Number of bytes of each tile.
    pub lengths: &'a [u64],
}

impl<W: Write + Seek> BigTiff<W> {
    /// Begins a file at the start of `out`, whose position must be 0.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(b"II\x2B\0\x08\0\0\0")?;
        // The offset of the first directory is written here when it is known.
        out.write_all(&[0; 8])?;
        Ok(BigTiff {
            out,
            at: 16,
            link: 8,
        })
    }

    /// Writes bytes; returns their offset.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.at;
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)?;
        Ok(at)
    }

    /// Writes a directory. Its entries must be in the order of their tags.
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
        self.out.seek(SeekFrom::Start(self.at))?;
        self.link = self.at - 8;
        Ok(())
    }

    /// Returns the output.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn align(&mut self) -> io::Result<u64> {
        let pad = self.at.next_multiple_of(8) - self.at;
        self.write(&vec![0; pad as usize])
    }
}

impl Tiles<'_> {
    /// The directory entries of the picture.
    pub fn entries(&self) -> Vec<(u16, Value)> {
        let (photometric, components) = match self.photometric {
            Photometric::Grey => (1, 1),
            Photometric::Rgb => (2, 3),
            Photometric::YCbCr(_) => (6, 3),
        };
        let mut entries = vec![
            (256, long(self.size[0])),
            (257, long(self.size[1])),
            (258, short(&vec![8; components.into()])),
            (259, short(&[7])),
            (262, short(&[photometric])),
            (277, short(&[components])),
            (284, short(&[1])),
            (322, long(self.tile[0])),
            (323, long(self.tile[1])),
            (324, long8(self.offsets)),
            (325, long8(self.lengths)),
        ];
        if let Photometric::YCbCr(subsampling) = self.photometric {
            // ReferenceBlackWhite of full-range luma and chroma, as fractions.
            let reference = [0u32, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1];
            let reference = bytes(&reference, u32::to_le_bytes);
            entries.push((530, short(&subsampling)));
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

/// The bytes of all values.
fn bytes<T: Copy, const N: usize>(values: &[T], to: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| to(value)).collect()
}
