//! The marker segments of a JPEG up to each of its scans (ITU-T T.81, annex B), and what applications say in theirs.

use std::sync::Arc;

use crate::bits::fill_bytes;
use crate::fault::{Fault, damaged};
use crate::huffman::{self, Class, Lookup, Table};

/// Quantization steps, in zigzag order.
pub type Quantization = [u16; 64];

/// What SOF says of the picture.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Whether coefficients come in several scans.
    pub progressive: bool,
    /// One to four.
    pub components: Vec<Component>,
    /// Size of an interleaved MCU in pixels.
    pub mcu: [u32; 2],
    /// Size of the picture in such MCUs.
    pub mcus: [u32; 2],
}

/// What SOF says of a component.
#[derive(Clone, Debug)]
pub struct Component {
    /// The name that scans use.
    pub id: u8,
    /// Blocks in an MCU, across and down.
    pub sampling: [u32; 2],
    /// Which quantization table.
    table: usize,
    /// Its size in blocks that hold something.
    pub blocks: [u32; 2],
}

impl Component {
    /// Its size in blocks when all MCUs are complete.
    pub fn padded(&self, mcus: [u32; 2]) -> [u32; 2] {
        [self.sampling[0] * mcus[0], self.sampling[1] * mcus[1]]
    }
}

/// What SOS says.
#[derive(Clone)]
pub struct Scan {
    /// Index of the component in the frame, its tables.
    pub components: Vec<(usize, Arc<Lookup>, Arc<Lookup>)>,
    /// First and last coefficient.
    pub band: [u32; 2],
    /// Bit position of the coefficients: before and now. Zero for none before.
    pub bits: [u32; 2],
    /// MCUs between restart markers; 0 for none.
    pub interval: u32,
    /// Where its bits begin.
    pub start: usize,
}

/// What application segments say of the colours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// JFIF: unit and pixel density as they stand there.
    pub jfif: Option<[u8; 5]>,
    /// Adobe's colour transform: 0 none, 1 YCbCr, 2 YCCK.
    pub adobe: Option<u8>,
    /// Whether there is an EXIF segment.
    pub exif: bool,
    icc: Vec<(u8, u8, Vec<u8>)>,
}

impl Marks {
    /// The ICC profile, when all its parts are here.
    pub fn icc(&self) -> Option<Vec<u8>> {
        let mut parts: Vec<_> = self.icc.iter().collect();
        parts.sort_by_key(|(number, ..)| *number);
        let whole = !parts.is_empty()
            && (1..)
                .zip(&parts)
                .all(|(i, (number, count, _))| *number == i && usize::from(*count) == parts.len());
        whole.then(|| parts.iter().flat_map(|(.., part)| part).copied().collect())
    }
}

/// Reads a JPEG from scan to scan.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    frame: Option<Frame>,
    marks: Marks,
    quantization: [Option<Quantization>; 4],
    /// The tables of the components as they were at their first scan.
    latched: [Option<Quantization>; 4],
    huffman: [[Option<Arc<Lookup>>; 4]; 2],
    /// Whether a scan needed tables that the file does not define.
    assumed: bool,
    interval: u32,
    /// Bytes between segments that belong to none.
    stray: usize,
}

impl<'a> Reader<'a> {
    /// Begins at the first byte.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(Fault::NotJpeg);
        }
        Ok(Reader {
            bytes,
            at: 2,
            frame: None,
            marks: Marks::default(),
            quantization: [None; 4],
            latched: [None; 4],
            huffman: Default::default(),
            assumed: false,
            interval: 0,
            stray: 0,
        })
    }

    /// All the bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What application segments said so far.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The frame, which every scan follows.
    pub fn frame(&self) -> Result<&Frame, Fault> {
        self.frame
            .as_ref()
            .ok_or_else(|| damaged("no frame header (SOF)"))
    }

    /// The quantization table of a component that a scan was read of.
    pub fn quantization(&self, component: usize) -> Option<&Quantization> {
        self.latched[component].as_ref()
    }

    /// Bytes before the end that belong to no segment, and bytes behind it.
    pub fn stray(&self) -> [usize; 2] {
        [self.stray, self.bytes.len() - self.at]
    }

    /// Whether all Huffman tables were defined; files without mean those of the standard.
    pub fn has_tables(&self) -> bool {
        !self.assumed
    }

    /// All header segments before `until`, as they stand there.
    pub fn segments(&self, until: usize) -> Result<Vec<(u8, &'a [u8])>, Fault> {
        let mut again = Reader::new(self.bytes)?;
        let mut found = Vec::new();
        while again.at < until {
            match again.marker()? {
                0x01 | 0xD0..=0xD9 => {}
                code => found.push((code, again.segment(code)?)),
            }
        }
        Ok(found)
    }

    /// Goes on behind a scan, whose bits end at `at`.
    pub fn resume(&mut self, at: usize) {
        self.at = at;
    }

    /// The next scan; none at the end of the image (EOI).
    pub fn next_scan(&mut self) -> Result<Option<Scan>, Fault> {
        loop {
            let code = self.marker()?;
            match code {
                0xD9 => return Ok(None),
                0x01 | 0xD0..=0xD7 => continue,
                0xD8 => return Err(damaged("a second start of image (SOI)")),
                _ => {}
            }
            let body = self.segment(code)?;
            match code {
                0xC4 => self.huffman_tables(body)?,
                0xDB => self.quantization_tables(body)?,
                0xDD => self.interval = u32::from(word(body, 0, "DRI")?),
                0xC0..=0xC2 => self.frame_header(code, body)?,
                0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xDE => {
                    return Err(unsupported(code));
                }
                0xDA => return self.scan_header(body).map(Some),
                0xE0 | 0xE1 | 0xE2 | 0xEE => self.application(code, body),
                _ => {}
            }
        }
    }

    fn marker(&mut self) -> Result<u8, Fault> {
        loop {
            let rest = &self.bytes[self.at.min(self.bytes.len())..];
            let before = rest.iter().take_while(|&&byte| byte != 0xFF).count();
            let code = before + fill_bytes(&rest[before..]);
            let Some(&found) = rest.get(code) else {
                return Err(damaged("it ends without its end marker (EOI)"));
            };
            self.at += code + 1;
            self.stray += before;
            if found != 0 {
                return Ok(found);
            }
            self.stray += code + 1 - before;
        }
    }

    fn segment(&mut self, code: u8) -> Result<&'a [u8], Fault> {
        let short = || damaged(format!("it ends in a header segment (FF {code:02X})"));
        let rest = &self.bytes[self.at..];
        let length = usize::from(word(rest, 0, "").map_err(|_| short())?);
        if length < 2 {
            return Err(damaged(format!(
                "a header segment (FF {code:02X}) of length {length}"
            )));
        }
        let body = rest.get(2..length).ok_or_else(short)?;
        self.at += length;
        Ok(body)
    }

    fn huffman_tables(&mut self, mut body: &[u8]) -> Result<(), Fault> {
        let wrong = |what: &str| damaged(format!("Huffman tables (DHT): {what}"));
        while let Some((&[kind, ref counts @ ..], rest)) = body.split_first_chunk::<17>() {
            let counts: [u8; 16] = *counts;
            let total = counts.iter().map(|&n| usize::from(n)).sum::<usize>();
            if kind >> 4 > 1 || kind & 15 > 3 {
                return Err(wrong("a class or number out of range"));
            }
            if total > 256 || total > rest.len() {
                return Err(wrong("more symbols than there is room for"));
            }
            let (symbols, next) = rest.split_at(total);
            let table = Table {
                counts,
                symbols: symbols.to_vec(),
            };
            let class = [Class::Dc, Class::Ac][usize::from(kind >> 4)];
            let lookup = huffman::lookup(table, class).map_err(wrong)?;
            self.huffman[usize::from(kind >> 4)][usize::from(kind & 15)] = Some(lookup);
            body = next;
        }
        match body.is_empty() {
            true => Ok(()),
            false => Err(wrong("a table that is cut short")),
        }
    }

    fn quantization_tables(&mut self, mut body: &[u8]) -> Result<(), Fault> {
        let wrong = |what: &str| damaged(format!("quantization tables (DQT): {what}"));
        while let Some((&kind, rest)) = body.split_first() {
            let (wide, number) = (kind >> 4, usize::from(kind & 15));
            if wide > 1 || number > 3 {
                return Err(wrong("a precision or number out of range"));
            }
            let size = 64 << wide;
            let Some((steps, next)) = rest.split_at_checked(size) else {
                return Err(wrong("a table that is cut short"));
            };
            let mut table = [0; 64];
            for (step, bytes) in table.iter_mut().zip(steps.chunks_exact(1 << wide)) {
                *step = bytes
                    .iter()
                    .fold(0, |high, &low| high << 8 | u16::from(low));
            }
            self.quantization[number] = Some(table);
            body = next;
        }
        Ok(())
    }

    fn frame_header(&mut self, code: u8, body: &[u8]) -> Result<(), Fault> {
        if self.frame.is_some() {
            return Err(damaged("a second frame header (SOF)"));
        }
        let (height, width) = (word(body, 1, "SOF")?, word(body, 3, "SOF")?);
        let &[precision, _, _, _, _, count, ref rest @ ..] = body else {
            return Err(damaged("a frame header (SOF) that is cut short"));
        };
        if precision != 8 {
            return Err(Fault::Unsupported(format!(
                "{precision} bits to the sample"
            )));
        }
        if count > 4 {
            return Err(Fault::Unsupported(format!("{count} components")));
        }
        if width == 0 || count == 0 || rest.len() != 3 * usize::from(count) {
            return Err(damaged("a frame header (SOF) that makes no sense"));
        }
        let components = rest.chunks_exact(3).map(component);
        self.frame = Some(Frame {
            width: u32::from(width),
            height: u32::from(height),
            progressive: code == 0xC2,
            components: components.collect::<Result<_, _>>()?,
            mcu: [8, 8],
            mcus: [0, 0],
        });
        Ok(())
    }

    fn scan_header(&mut self, body: &[u8]) -> Result<Scan, Fault> {
        let start = self.at;
        self.settle(start)?;
        let (count, rest) = body.split_first().unwrap_or((&0, &[]));
        let Some((named, fields)) = rest.split_at_checked(2 * usize::from(*count)) else {
            return Err(damaged("a scan header (SOS) that makes no sense"));
        };
        if *count == 0 || usize::from(*count) > self.frame()?.components.len() {
            return Err(damaged(format!("a scan of {count} components")));
        }
        let (band, bits) = progression(fields, self.frame()?.progressive, *count)?;
        let mut components: Vec<(usize, Arc<Lookup>, Arc<Lookup>)> = Vec::new();
        for pair in named.chunks_exact(2) {
            let is_new = |i: usize| components.iter().all(|(other, ..)| *other != i);
            let frame = self.frame()?;
            let index = (0..frame.components.len())
                .find(|&i| frame.components[i].id == pair[0] && is_new(i))
                .ok_or_else(|| damaged("a scan of a component that the frame does not have"))?;
            let dc = match band[0] == 0 && bits[0] == 0 {
                true => self.table(Class::Dc, pair[1] >> 4)?,
                false => Lookup::none(),
            };
            let ac = match band[1] > 0 {
                true => self.table(Class::Ac, pair[1] & 15)?,
                false => Lookup::none(),
            };
            self.latch(index)?;
            components.push((index, dc, ac));
        }
        Ok(Scan {
            components,
            band,
            bits,
            interval: self.interval,
            start,
        })
    }

    fn table(&mut self, class: Class, number: u8) -> Result<Arc<Lookup>, Fault> {
        let table = self.huffman[usize::from(class == Class::Ac)].get(usize::from(number));
        match table {
            Some(Some(table)) => Ok(table.clone()),
            // Frames of motion JPEG come without; decoders supply those of the standard.
            Some(None) if number < 2 => {
                self.assumed = true;
                Ok(huffman::standard(class, number == 1).clone())
            }
            _ => Err(damaged("a scan by a Huffman table that is not there")),
        }
    }

    fn latch(&mut self, component: usize) -> Result<(), Fault> {
        let number = self.frame()?.components[component].table;
        if self.latched[component].is_none() {
            let table = self.quantization[number]
                .ok_or_else(|| damaged("a component without quantization table"))?;
            self.latched[component] = Some(table);
        }
        Ok(())
    }

    /// Works out the sizes in blocks at the first scan: a height of 0 is told behind it (DNL).
    fn settle(&mut self, start: usize) -> Result<(), Fault> {
        let bytes = self.bytes;
        let frame = self
            .frame
            .as_mut()
            .ok_or_else(|| damaged("a scan without a frame header (SOF)"))?;
        if frame.mcus != [0, 0] {
            return Ok(());
        }
        if frame.height == 0 {
            frame.height = number_of_lines(&bytes[start..])?;
        }
        if let [only] = &mut frame.components[..] {
            // A scan of one component has one block to the MCU, whatever the factors (A.2.2).
            only.sampling = [1, 1];
        }
        for side in 0..2 {
            let size = [frame.width, frame.height][side];
            let most = frame.components.iter().map(|c| c.sampling[side]).max();
            let most = most.unwrap_or(1);
            frame.mcu[side] = 8 * most;
            frame.mcus[side] = size.div_ceil(8 * most);
            for component in &mut frame.components {
                component.blocks[side] =
                    (size * component.sampling[side]).div_ceil(most).div_ceil(8);
            }
        }
        Ok(())
    }

    fn application(&mut self, code: u8, body: &[u8]) {
        const ICC: &[u8] = b"ICC_PROFILE\0";
        match code {
            0xE0 if body.starts_with(b"JFIF\0") && body.len() >= 12 => {
                let density = body[7..12].first_chunk().copied();
                self.marks.jfif = self.marks.jfif.or(density);
            }
            0xE1 if body.starts_with(b"Exif\0") => self.marks.exif = true,
            0xE2 if body.starts_with(ICC) && body.len() >= ICC.len() + 2 => {
                let (number, count) = (body[ICC.len()], body[ICC.len() + 1]);
                let part = body[ICC.len() + 2..].to_vec();
                self.marks.icc.push((number, count, part));
            }
            0xEE if body.starts_with(b"Adobe") && body.len() >= 12 => {
                self.marks.adobe = self.marks.adobe.or(Some(body[11]));
            }
            _ => {}
        }
    }
}

/// The band and the bit positions of a scan (G.1.1.1).
fn progression(
    fields: &[u8],
    progressive: bool,
    components: u8,
) -> Result<([u32; 2], [u32; 2]), Fault> {
    let &[first, last, bits] = fields else {
        return Err(damaged("a scan header (SOS) that makes no sense"));
    };
    if !progressive {
        // Some encoders leave these fields of sequential scans as they please.
        return Ok(([0, 63], [0, 0]));
    }
    let (before, now) = (bits >> 4, bits & 15);
    let band_is_right = match first {
        0 => last == 0,
        _ => first <= last && last < 64 && components == 1,
    };
    match band_is_right && now <= 13 && (before == 0 || before == now + 1) {
        true => Ok(([first, last].map(u32::from), [before, now].map(u32::from))),
        false => Err(damaged("a scan header (SOS) of an illegal progression")),
    }
}

fn component(bytes: &[u8]) -> Result<Component, Fault> {
    let sampling = [u32::from(bytes[1] >> 4), u32::from(bytes[1] & 15)];
    if sampling.iter().any(|n| !(1..=4).contains(n)) || bytes[2] > 3 {
        return Err(damaged("a component whose sampling makes no sense"));
    }
    Ok(Component {
        id: bytes[0],
        sampling,
        table: usize::from(bytes[2]),
        blocks: [0, 0],
    })
}

/// What the DNL marker behind the first scan says.
fn number_of_lines(bytes: &[u8]) -> Result<u32, Fault> {
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7 | 0xFF);
    let at = bytes.windows(2).position(is_marker);
    let found = at.map(|at| &bytes[at + 1..]);
    match found {
        Some([0xDC, 0, 4, high, low, ..]) if (*high, *low) != (0, 0) => {
            Ok(u32::from(*high) << 8 | u32::from(*low))
        }
        _ => Err(damaged("a height of 0, and no marker (DNL) that tells it")),
    }
}

fn unsupported(code: u8) -> Fault {
    Fault::Unsupported(
        match code {
            0xC3 => "lossless coding",
            0xC9..=0xCB => "arithmetic coding",
            0xCD..=0xCF => "hierarchical and arithmetic coding",
            _ => "hierarchical coding",
        }
        .into(),
    )
}

fn word(bytes: &[u8], at: usize, name: &str) -> Result<u16, Fault> {
    let pair = bytes.get(at..).and_then(|rest| rest.first_chunk());
    pair.map(|pair| u16::from_be_bytes(*pair))
        .ok_or_else(|| damaged(format!("a header segment ({name}) that is cut short")))
}
