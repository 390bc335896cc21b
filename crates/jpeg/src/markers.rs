//! Reads the marker segments of a JPEG, scan by scan (ITU-T T.81, annex B), and what application segments state about
//! colours.

use std::sync::Arc;

use crate::bits::fill_bytes;
use crate::error::{JpegError, damaged, unsupported};
use crate::huffman::{self, Class, Lookup, Table};

/// Quantization steps, in zigzag order.
pub type Quantization = [u16; 64];

/// The frame header (SOF, B.2.2), and what follows from it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Whether the coefficients come in several scans (SOF2).
    pub progressive: bool,
    /// One to four components.
    pub components: Vec<Component>,
    /// `[width, height]` of an interleaved MCU in pixels.
    pub mcu: [u32; 2],
    /// `[width, height]` of the picture in such MCUs; zero before the first scan.
    pub mcus: [u32; 2],
}

/// A component as SOF describes it.
#[derive(Clone, Debug)]
pub struct Component {
    /// The id by which scans refer to it.
    pub id: u8,
    /// Blocks in an interleaved MCU: horizontal, vertical.
    pub sampling: [u32; 2],
    /// Number of its quantization table.
    table: usize,
    /// `[width, height]` in blocks that hold samples of the picture.
    pub blocks: [u32; 2],
}

impl Component {
    /// `[width, height]` in blocks when all MCUs are complete.
    pub fn padded(&self, mcus: [u32; 2]) -> [u32; 2] {
        [self.sampling[0] * mcus[0], self.sampling[1] * mcus[1]]
    }
}

/// A scan header (SOS, B.2.3), with the tables that hold for the scan.
#[derive(Clone)]
pub struct Scan {
    /// Index of each component in the frame, with its DC and its AC table.
    pub components: Vec<(usize, Arc<Lookup>, Arc<Lookup>)>,
    /// First and last coefficient (Ss, Se), in zigzag order.
    pub band: [u32; 2],
    /// Bit position of the coefficients before and after the scan (Ah, Al); before the first scan zero.
    pub bits: [u32; 2],
    /// MCUs between restart markers; 0: there are none.
    pub interval: u32,
    /// Offset of its entropy-coded data in the file, in bytes.
    pub start: usize,
}

/// What application segments state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppSegments {
    /// JFIF: the unit, and the horizontal and vertical density, as they are in the file.
    pub jfif: Option<[u8; 5]>,
    /// Adobe: the colour transform. 0: none, 1: YCbCr, 2: YCCK.
    pub adobe: Option<u8>,
    /// Whether there is an EXIF segment.
    pub exif: bool,
    /// Number, count of parts, and bytes of each part of the ICC profile.
    icc: Vec<(u8, u8, Vec<u8>)>,
}

impl AppSegments {
    /// The ICC profile, if all its parts are there.
    pub fn icc(&self) -> Option<Vec<u8>> {
        let mut parts: Vec<_> = self.icc.iter().collect();
        parts.sort_by_key(|(number, ..)| *number);
        let whole = !parts.is_empty()
            && (1usize..).zip(&parts).all(|(i, (number, count, _))| {
                usize::from(*number) == i && usize::from(*count) == parts.len()
            });
        whole.then(|| parts.iter().flat_map(|(.., part)| part).copied().collect())
    }
}

/// Reads the segments of a JPEG from scan to scan. The caller reads the data of each scan and then calls
/// [`Reader::resume`].
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    frame: Option<Frame>,
    app_segments: AppSegments,
    quantization: [Option<Quantization>; 4],
    /// The table of each component as it was at its first scan: later ones of the same number are for others.
    latched: [Option<Quantization>; 4],
    huffman: [[Option<Arc<Lookup>>; 4]; 2],
    /// Whether a scan needed Huffman tables that the file does not define.
    assumed: bool,
    interval: u32,
    /// Bytes between segments that belong to none of them.
    stray: usize,
}

impl<'a> Reader<'a> {
    /// A reader before the first segment.
    pub fn new(bytes: &'a [u8]) -> Result<Self, JpegError> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(JpegError::NotJpeg);
        }
        Ok(Reader {
            bytes,
            at: 2,
            frame: None,
            app_segments: AppSegments::default(),
            quantization: [None; 4],
            latched: [None; 4],
            huffman: Default::default(),
            assumed: false,
            interval: 0,
            stray: 0,
        })
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What the application segments read so far state.
    pub fn app_segments(&self) -> &AppSegments {
        &self.app_segments
    }

    /// The frame header; there is one before every scan.
    pub fn frame(&self) -> Result<&Frame, JpegError> {
        self.frame
            .as_ref()
            .ok_or_else(|| damaged("no frame header (SOF)"))
    }

    /// The quantization table of a component, once a scan of it was read.
    pub fn quantization(&self, component: usize) -> Option<&Quantization> {
        self.latched[component].as_ref()
    }

    /// Bytes before the end marker that belong to no segment, and bytes after it.
    pub fn stray(&self) -> [usize; 2] {
        [self.stray, self.bytes.len() - self.at]
    }

    /// Whether the file defined all Huffman tables that its scans needed; those it lacks are the ones of annex K.3.
    pub fn has_tables(&self) -> bool {
        !self.assumed
    }

    /// Marker and body of every segment that begins before the offset `until`.
    pub fn segments(&self, until: usize) -> Result<Vec<(u8, &'a [u8])>, JpegError> {
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

    /// Continues after a scan whose entropy-coded data ends at the offset `at`.
    pub fn resume(&mut self, at: usize) {
        self.at = at;
    }

    /// Reads segments up to the next scan; `None` at the end of the image (EOI).
    pub fn next_scan(&mut self) -> Result<Option<Scan>, JpegError> {
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
                    return Err(unsupported(process(code)));
                }
                0xDA => return self.scan_header(body).map(Some),
                0xE0 | 0xE1 | 0xE2 | 0xEE => self.application(code, body),
                _ => {}
            }
        }
    }

    fn marker(&mut self) -> Result<u8, JpegError> {
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

    fn segment(&mut self, code: u8) -> Result<&'a [u8], JpegError> {
        let short = || damaged(format!("it ends within a header segment (FF {code:02X})"));
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

    fn huffman_tables(&mut self, mut body: &[u8]) -> Result<(), JpegError> {
        let wrong = |what: &str| damaged(format!("Huffman tables (DHT): {what}"));
        while let Some((&[kind, ref counts @ ..], rest)) = body.split_first_chunk::<17>() {
            let counts: [u8; 16] = *counts;
            let total = counts.iter().map(|&n| usize::from(n)).sum::<usize>();
            if kind >> 4 > 1 || kind & 15 > 3 {
                return Err(wrong("a class or number out of range"));
            }
            if total > 256 || total > rest.len() {
                return Err(wrong("more symbols than the segment holds"));
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

    fn quantization_tables(&mut self, mut body: &[u8]) -> Result<(), JpegError> {
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

    fn frame_header(&mut self, code: u8, body: &[u8]) -> Result<(), JpegError> {
        if self.frame.is_some() {
            return Err(damaged("a second frame header (SOF)"));
        }
        let (height, width) = (word(body, 1, "SOF")?, word(body, 3, "SOF")?);
        let &[precision, _, _, _, _, count, ref rest @ ..] = body else {
            return Err(damaged("a frame header (SOF) that is cut short"));
        };
        if precision != 8 {
            return Err(unsupported(format!("{precision} bits per sample")));
        }
        if count > 4 {
            return Err(unsupported(format!("{count} components")));
        }
        if width == 0 || count == 0 || rest.len() != 3 * usize::from(count) {
            return Err(damaged("an invalid frame header (SOF)"));
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

    fn scan_header(&mut self, body: &[u8]) -> Result<Scan, JpegError> {
        let start = self.at;
        self.settle(start)?;
        let (count, rest) = body.split_first().unwrap_or((&0, &[]));
        let Some((named, fields)) = rest.split_at_checked(2 * usize::from(*count)) else {
            return Err(damaged("an invalid scan header (SOS)"));
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

    fn table(&mut self, class: Class, number: u8) -> Result<Arc<Lookup>, JpegError> {
        let table = self.huffman[usize::from(class == Class::Ac)].get(usize::from(number));
        match table {
            Some(Some(table)) => Ok(table.clone()),
            // Frames of Motion JPEG have no tables; decoders supply those of annex K.3.
            Some(None) if number < 2 => {
                self.assumed = true;
                Ok(huffman::standard(class, number == 1).clone())
            }
            _ => Err(damaged("a scan with a Huffman table that is not defined")),
        }
    }

    fn latch(&mut self, component: usize) -> Result<(), JpegError> {
        let number = self.frame()?.components[component].table;
        if self.latched[component].is_none() {
            let table = self.quantization[number]
                .ok_or_else(|| damaged("a component without a quantization table"))?;
            self.latched[component] = Some(table);
        }
        Ok(())
    }

    /// Computes the sizes in blocks, at the first scan: a height of 0 is given after that scan (DNL, B.2.5).
    fn settle(&mut self, start: usize) -> Result<(), JpegError> {
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
            // A scan of one component has one block per MCU, whatever the factors (A.2.2).
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
                self.app_segments.jfif = self.app_segments.jfif.or(density);
            }
            0xE1 if body.starts_with(b"Exif\0") => self.app_segments.exif = true,
            0xE2 if body.starts_with(ICC) && body.len() >= ICC.len() + 2 => {
                let (number, count) = (body[ICC.len()], body[ICC.len() + 1]);
                let part = body[ICC.len() + 2..].to_vec();
                self.app_segments.icc.push((number, count, part));
            }
            0xEE if body.starts_with(b"Adobe") && body.len() >= 12 => {
                self.app_segments.adobe = self.app_segments.adobe.or(Some(body[11]));
            }
            _ => {}
        }
    }
}

/// Reads a JPEG up to its first scan.
pub fn open(bytes: &[u8]) -> Result<(Reader<'_>, Scan), JpegError> {
    let mut reader = Reader::new(bytes)?;
    match reader.next_scan()? {
        Some(scan) => Ok((reader, scan)),
        None => Err(damaged("it has no scan")),
    }
}

/// Whether this scan is sequential and has all components in the order of the frame: then it is the only one, and its
/// symbols are in the order in which joined pictures are written.
pub fn is_single_scan(frame: &Frame, scan: &Scan) -> bool {
    let order = scan.components.iter().map(|(index, ..)| *index);
    !frame.progressive && order.eq(0..frame.components.len())
}

/// The coefficients and the bit positions of a scan (G.1.1.1).
fn progression(
    fields: &[u8],
    progressive: bool,
    components: u8,
) -> Result<([u32; 2], [u32; 2]), JpegError> {
    let &[first, last, bits] = fields else {
        return Err(damaged("an invalid scan header (SOS)"));
    };
    if !progressive {
        // Some encoders leave these fields of sequential scans unset.
        return Ok(([0, 63], [0, 0]));
    }
    let (before, now) = (bits >> 4, bits & 15);
    let band_is_right = match first {
        0 => last == 0,
        _ => first <= last && last < 64 && components == 1,
    };
    match band_is_right && now <= 13 && (before == 0 || before == now + 1) {
        true => Ok(([first, last].map(u32::from), [before, now].map(u32::from))),
        false => Err(damaged("a scan header (SOS) with an illegal progression")),
    }
}

fn component(bytes: &[u8]) -> Result<Component, JpegError> {
    let sampling = [u32::from(bytes[1] >> 4), u32::from(bytes[1] & 15)];
    if sampling.iter().any(|n| !(1..=4).contains(n)) || bytes[2] > 3 {
        return Err(damaged(
            "a component with invalid sampling factors or table number",
        ));
    }
    Ok(Component {
        id: bytes[0],
        sampling,
        table: usize::from(bytes[2]),
        blocks: [0, 0],
    })
}

/// The height that the DNL segment after the first scan gives.
fn number_of_lines(bytes: &[u8]) -> Result<u32, JpegError> {
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7 | 0xFF);
    let at = bytes.windows(2).position(is_marker);
    let found = at.map(|at| &bytes[at + 1..]);
    match found {
        Some([0xDC, 0, 4, high, low, ..]) if (*high, *low) != (0, 0) => {
            Ok(u32::from(*high) << 8 | u32::from(*low))
        }
        _ => Err(damaged("a height of 0, and no DNL segment that gives it")),
    }
}

/// The coding process of a frame that is not read (table B.1).
fn process(code: u8) -> &'static str {
    match code {
        0xC3 => "lossless coding",
        0xC9..=0xCB => "arithmetic coding",
        0xCD..=0xCF => "hierarchical and arithmetic coding",
        _ => "hierarchical coding",
    }
}

fn word(bytes: &[u8], at: usize, name: &str) -> Result<u16, JpegError> {
    let pair = bytes.get(at..).and_then(|rest| rest.first_chunk());
    pair.map(|pair| u16::from_be_bytes(*pair))
        .ok_or_else(|| damaged(format!("a header segment ({name}) that is cut short")))
}
