//! A tiled BigTIFF of a picture and its smaller copies, JPEG tiles inside (TIFF 6.0 with Technical Note 2). Tiles come
//! in any order and are written as they are; the directories follow at the end.

use std::io::{self, Seek, SeekFrom, Write};

use super::tiled::{Kind, bytes};

/// How the tiles of a level are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Grey.
    Grey,
    /// RGB as it is.
    Rgb,
    /// Luma and chroma; how many pixels to a sample of chroma, across and down.
    YCbCr([u16; 2]),
}

/// One size of the picture.
struct Level {
    size: [u32; 2],
    coding: Coding,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

/// Writes the file.
pub struct Pyramid<W> {
    out: W,
    at: u64,
    side: u32,
    levels: Vec<Level>,
}

impl<W: Write + Seek> Pyramid<W> {
    /// Begins a file at the start of `out`, whose tiles have `side` pixels a side, a multiple of 16.
    pub fn new(mut out: W, side: u32) -> io::Result<Self> {
        out.write_all(b"II\x2B\0\x08\0\0\0")?;
        // Where the first directory lies, when that is known.
        out.write_all(&[0; 8])?;
        Ok(Pyramid {
            out,
            at: 16,
            side,
            levels: Vec::new(),
        })
    }

    /// Adds a level of `[width, height]` pixels, the largest first; gives its number.
    pub fn level(&mut self, size: [u32; 2], coding: Coding) -> usize {
        let [across, down] = size.map(|side| side.div_ceil(self.side) as usize);
        self.levels.push(Level {
            size,
            coding,
            offsets: vec![0; across * down],
            lengths: vec![0; across * down],
        });
        self.levels.len() - 1
    }

    /// Writes the tile of a column and row, a JPEG of the full size.
    pub fn tile(&mut self, level: usize, [column, row]: [u32; 2], jpeg: &[u8]) -> io::Result<()> {
        let at = self.at;
        let level = self.levels.get_mut(level).ok_or(io::ErrorKind::NotFound)?;
        let across = level.size[0].div_ceil(self.side) as usize;
        let place = row as usize * across + column as usize;
        let offset = level.offsets.get_mut(place);
        *offset.ok_or(io::ErrorKind::NotFound)? = at;
        level.lengths[place] = jpeg.len() as u64;
        self.write(jpeg)
    }

    /// Writes the directories; gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        if self.levels.iter().any(|level| level.offsets.contains(&0)) {
            return Err(io::Error::other("a tile of the pyramid is missing"));
        }
        let mut link = 8;
        for number in 0..self.levels.len() {
            let mut directory = Vec::new();
            let entries = self.entries(number);
            directory.extend((entries.len() as u64).to_le_bytes());
            for (tag, kind, count, value) in entries {
                directory.extend(u16::to_le_bytes(tag));
                directory.extend((kind as u16).to_le_bytes());
                directory.extend(u64::to_le_bytes(count));
                match value.len() {
                    0..=8 => directory.extend([value, vec![0; 8]].concat()[..8].iter()),
                    _ => {
                        self.align()?;
                        directory.extend(self.at.to_le_bytes());
                        self.write(&value)?;
                    }
                }
            }
            directory.extend([0; 8]);
            self.align()?;
            let at = self.at;
            self.write(&directory)?;
            self.out.seek(SeekFrom::Start(link))?;
            self.out.write_all(&at.to_le_bytes())?;
            self.out.seek(SeekFrom::End(0))?;
            link = self.at - 8;
        }
        Ok(self.out)
    }

    fn entries(&self, number: usize) -> Vec<(u16, Kind, u64, Vec<u8>)> {
        let level = &self.levels[number];
        let short = |values: &[u16]| {
            (
                Kind::Short,
                values.len() as u64,
                bytes(values, u16::to_le_bytes),
            )
        };
        let long = |value: u32| (Kind::Long, 1, value.to_le_bytes().to_vec());
        let many = |values: &[u64]| {
            (
                Kind::Long8,
                values.len() as u64,
                bytes(values, u64::to_le_bytes),
            )
        };
        let (photometric, components) = match level.coding {
            Coding::Grey => (1, 1),
            Coding::Rgb => (2, 3),
            Coding::YCbCr(_) => (6, 3),
        };
        let mut tags = vec![
            // 1: a smaller copy of another picture in this file.
            (254, long(u32::from(number > 0))),
            (256, long(level.size[0])),
            (257, long(level.size[1])),
            (258, short(&vec![8; components])),
            (259, short(&[7])),
            (262, short(&[photometric])),
            (277, short(&[components as u16])),
            (284, short(&[1])),
            (322, long(self.side)),
            (323, long(self.side)),
            (324, many(&level.offsets)),
            (325, many(&level.lengths)),
        ];
        if let Coding::YCbCr(subsampling) = level.coding {
            // Black and white of full-range luma and chroma, as fractions.
            let reference = [0u32, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1];
            let reference = bytes(&reference, u32::to_le_bytes);
            tags.push((530, short(&subsampling)));
            tags.push((531, short(&[1])));
            tags.push((532, (Kind::Rational, 6, reference)));
        }
        let flat = tags.into_iter();
        flat.map(|(tag, (kind, count, value))| (tag, kind, count, value))
            .collect()
    }

    fn align(&mut self) -> io::Result<()> {
        let pad = self.at.next_multiple_of(8) - self.at;
        self.write(&vec![0; pad as usize])
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}
