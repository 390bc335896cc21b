//! What tiles must have in common to be one picture, and the header segments that say so.

use crate::coefficients::Coefficients;
use crate::fault::{Fault, Refusal};
use crate::huffman::Table;
use crate::markers::{Quantization, Reader};
use crate::transcode::{Tables, is_plain, open};

/// What decoders need to know of a picture besides its size and its Huffman tables.
#[derive(Clone, Debug)]
pub struct Style {
    /// Ids and sampling factors (across, down).
    pub components: Vec<(u8, [u32; 2])>,
    /// The quantization table of each component.
    pub quantization: Vec<Quantization>,
    /// Pixel density, of files that call themselves JFIF.
    pub jfif: Option<[u8; 5]>,
    /// Adobe's colour transform.
    pub adobe: Option<u8>,
    /// Colour profile.
    pub icc: Option<Vec<u8>>,
}

/// What the components mean, by the rules that libjpeg made general.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One component.
    Grey,
    /// Three, luma and chroma.
    YCbCr,
    /// Three, as they are.
    Rgb,
    /// Four, as they are.
    Cmyk,
    /// Four, of which three as luma and chroma.
    Ycck,
    /// Two: nobody knows.
    Unknown,
}

impl Style {
    /// That of a JPEG, of whose scans no more are read than must be.
    pub fn read(bytes: &[u8]) -> Result<Style, Fault> {
        let (mut reader, scan) = open(bytes)?;
        if !is_plain(reader.frame()?, &scan) {
            // Later scans may be of other components and bring their tables.
            Coefficients::read(&mut reader, scan)?;
        }
        Style::of(&reader)
    }

    /// That of a JPEG whose scans were read.
    pub fn of(reader: &Reader) -> Result<Style, Fault> {
        let (frame, marks) = (reader.frame()?, reader.marks());
        let tables = (0..frame.components.len()).filter_map(|i| reader.quantization(i).copied());
        Ok(Style {
            components: frame
                .components
                .iter()
                .map(|c| (c.id, c.sampling))
                .collect(),
            quantization: tables.collect(),
            jfif: marks.jfif,
            adobe: marks.adobe,
            icc: marks.icc(),
        })
    }

    /// Size of an MCU in pixels.
    pub fn mcu(&self) -> [u32; 2] {
        let most = |side: usize| {
            self.components
                .iter()
                .map(|(_, factors)| factors[side])
                .max()
        };
        [0, 1].map(|side| 8 * most(side).unwrap_or(1))
    }

    /// What its components mean.
    pub fn colour(&self) -> Colour {
        let ids: Vec<u8> = self.components.iter().map(|(id, _)| *id).collect();
        match (&ids[..], self.jfif, self.adobe) {
            ([_], ..) => Colour::Grey,
            ([_, _, _], None, Some(0)) => Colour::Rgb,
            (b"RGB", None, None) => Colour::Rgb,
            ([_, _, _], ..) => Colour::YCbCr,
            ([_, _, _, _], _, None | Some(0)) => Colour::Cmyk,
            ([_, _, _, _], ..) => Colour::Ycck,
            _ => Colour::Unknown,
        }
    }

    /// Which of two sets of Huffman tables each component uses: chroma has its own.
    pub fn groups(&self) -> [usize; 4] {
        match self.colour() {
            Colour::YCbCr => [0, 1, 1, 0],
            Colour::Ycck => [0, 1, 1, 0],
            _ => [0; 4],
        }
    }

    /// Whether a tile of another style can be part of this one's picture.
    pub fn accepts(&self, tile: &Style) -> Result<(), Refusal> {
        let sampling = |style: &Style| style.components.clone();
        let misfit = |what: String| Err(Refusal::Misfit(what));
        if self.components.len() != tile.components.len() {
            let (ours, others) = (self.components.len(), tile.components.len());
            return misfit(format!("components differ: {others} instead of {ours}"));
        }
        if sampling(self) != sampling(tile) {
            return misfit(format!(
                "sampling differs: {} instead of {}",
                factors(tile),
                factors(self)
            ));
        }
        if (self.jfif.is_some(), self.adobe) != (tile.jfif.is_some(), tile.adobe) {
            return misfit("colour marks differ: JFIF or Adobe".into());
        }
        if self.icc != tile.icc {
            return misfit("colour profiles differ".into());
        }
        match (0..self.quantization.len()).find(|&i| self.quantization[i] != tile.quantization[i]) {
            Some(i) => Err(Refusal::Quantization(format!("component {}", i + 1))),
            None => Ok(()),
        }
    }

    /// All segments from SOI to SOS of a sequential JPEG; with those of applications, or without.
    pub fn head(&self, size: [u32; 2], tables: &Tables, applications: bool) -> Vec<u8> {
        let mut out = vec![0xFF, 0xD8];
        if applications {
            self.applications(&mut out);
        }
        let mut distinct: Vec<&Quantization> = Vec::new();
        for table in &self.quantization {
            if !distinct.contains(&table) {
                segment(&mut out, 0xDB, &quantization(distinct.len() as u8, table));
                distinct.push(table);
            }
        }
        let wide = distinct.iter().any(|table| is_wide(table));
        self.frame(&mut out, size, &distinct, wide);
        tables.each(|id, table| segment(&mut out, 0xC4, &huffman(id, table)));
        let mut scan = vec![self.components.len() as u8];
        for ((id, _), group) in self.components.iter().zip(tables.groups()) {
            scan.extend([*id, group as u8 * 0x11]);
        }
        scan.extend([0, 63, 0]);
        segment(&mut out, 0xDA, &scan);
        out
    }

    fn frame(
        &self,
        out: &mut Vec<u8>,
        [width, height]: [u32; 2],
        all: &[&Quantization],
        wide: bool,
    ) {
        let [_, _, high, low] = height.to_be_bytes();
        let [_, _, left, right] = width.to_be_bytes();
        let mut body = vec![8, high, low, left, right, self.components.len() as u8];
        for ((id, [across, down]), table) in self.components.iter().zip(&self.quantization) {
            let number = all.iter().position(|other| *other == table);
            let sampling = across << 4 | down;
            body.extend([*id, sampling as u8, number.unwrap_or(0) as u8]);
        }
        // Baseline has 8-bit quantization tables (B.2.4.1).
        segment(out, if wide { 0xC1 } else { 0xC0 }, &body);
    }

    fn applications(&self, out: &mut Vec<u8>) {
        if let Some(density) = self.jfif {
            let mut body = b"JFIF\0\x01\x01".to_vec();
            body.extend(density);
            body.extend([0, 0]);
            segment(out, 0xE0, &body);
        }
        const MOST: usize = 65_533 - 14;
        let parts = self.icc.iter().flat_map(|icc| icc.chunks(MOST));
        let count = parts.clone().count();
        for (number, part) in (1u8..).zip(parts) {
            let mut body = b"ICC_PROFILE\0".to_vec();
            body.extend([number, count as u8]);
            body.extend(part);
            segment(out, 0xE2, &body);
        }
        if let Some(transform) = self.adobe {
            let mut body = b"Adobe\0\x64\0\0\0\0".to_vec();
            body.push(transform);
            segment(out, 0xEE, &body);
        }
    }
}

fn factors(style: &Style) -> String {
    let factors = style
        .components
        .iter()
        .map(|(_, [h, v])| format!("{h}x{v}"));
    factors.collect::<Vec<_>>().join(",")
}

fn is_wide(table: &Quantization) -> bool {
    table.iter().any(|&step| step > 255)
}

fn quantization(number: u8, table: &Quantization) -> Vec<u8> {
    match is_wide(table) {
        true => [
            vec![0x10 | number],
            table.iter().flat_map(|step| step.to_be_bytes()).collect(),
        ]
        .concat(),
        false => [vec![number], table.iter().map(|&step| step as u8).collect()].concat(),
    }
}

fn huffman(id: u8, table: &Table) -> Vec<u8> {
    [&[id], &table.counts[..], &table.symbols].concat()
}

/// Writes a marker segment, whose length is below 64 K by its making.
pub fn segment(out: &mut Vec<u8>, code: u8, body: &[u8]) {
    out.extend([0xFF, code]);
    out.extend((body.len() as u16 + 2).to_be_bytes());
    out.extend_from_slice(body);
}
