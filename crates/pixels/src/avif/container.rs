//! The boxes of an AVIF (ISO/IEC 14496-12, 23008-12, AV1 Image File Format): which parts of the file are the coded image, how
//! large it is, and how it is to be turned and coloured. Pure, and no size in the file is believed.

use std::collections::BTreeMap;

use crate::header::rotated_size;

/// The most parts that the bytes of an item lie in. Their table may take no bytes.
const MOST_PARTS: u16 = 256;

/// What a file says about its image.
#[derive(Debug)]
pub struct Container<'a> {
    /// `[width, height]` in pixels as coded, before it is turned.
    pub size: [u32; 2],
    /// How it is turned, as a value of EXIF orientation, 1 to 8.
    pub orientation: u8,
    /// The colours: coded images in rows, and how many stand in a row.
    pub colours: Coded<'a>,
    /// The same for opacity, if it has any.
    pub opacity: Option<Coded<'a>>,
    /// Whether the colours are stored multiplied by it.
    pub is_multiplied: bool,
    /// What its numbers mean, if the container says so.
    pub signal: Option<Signal>,
    /// The profile of its colours.
    pub icc: Option<&'a [u8]>,
}

/// An image that is coded in one piece, or as tiles of equal size.
#[derive(Debug, PartialEq, Eq)]
pub struct Coded<'a> {
    /// Tiles in a row.
    pub columns: u32,
    /// The parts of the file that hold each tile, row by row.
    pub tiles: Vec<Vec<&'a [u8]>>,
}

/// What the numbers of an image mean: the codes of ITU-T H.273.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// How colours became luma and chroma.
    pub matrix: u16,
    /// Whether black is 0 and white is the largest number.
    pub is_full_range: bool,
}

/// A property of an item.
#[derive(Clone, Copy, Debug)]
enum Property<'a> {
    Size([u32; 2]),
    /// By so many quarters against the clock.
    Turn(u8),
    /// 0: top and bottom change places; 1: left and right.
    Mirror(u8),
    Signal(Signal),
    Icc(&'a [u8]),
    /// What an auxiliary image is.
    Auxiliary(&'a [u8]),
    /// A part of it is shown.
    Cropped,
    Other,
}

#[derive(Debug, Default)]
struct Item<'a> {
    kind: [u8; 4],
    /// Whether its parts lie in the box `idat` and not in the file.
    in_data_box: bool,
    /// Offset and length; length 0: to the end.
    parts: Vec<(u64, u64)>,
    properties: Vec<Property<'a>>,
}

/// The box `meta`.
#[derive(Debug, Default)]
struct Meta<'a> {
    primary: u32,
    items: BTreeMap<u32, Item<'a>>,
    /// Kind, from, to.
    references: Vec<([u8; 4], u32, Vec<u32>)>,
    data: &'a [u8],
}

/// Whether a file is AVIF, by its first bytes: the first box names the brand.
pub fn is_avif(start: &[u8]) -> bool {
    let brands = match start {
        [a, b, c, d, b'f', b't', b'y', b'p', brands @ ..] => {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            &brands[..brands.len().min(length.saturating_sub(8))]
        }
        _ => return false,
    };
    brands
        .chunks_exact(4)
        .any(|b| matches!(b, b"avif" | b"avis"))
}

/// `[width, height]` in pixels as shown, and how many channels it has, from the start of a file.
///
/// # Errors
/// The start declares no image, or one that is shown in part.
pub fn measure(start: &[u8]) -> Result<([u32; 2], u8), String> {
    let meta = Meta::of_file(start)?;
    let item = meta.item(meta.primary)?;
    let size = shown_size(item)?;
    if ![b"av01", b"grid"].contains(&&item.kind) {
        return Err(unknown(&item.kind));
    }
    let channels = if meta.opacity().is_some() { 4 } else { 3 };
    Ok((rotated_size(size, orientation(item)?), channels))
}

/// Whether what is coded, by the start of a file, lies within its `length` bytes. What the start does not tell is not judged.
pub fn lies_within(start: &[u8], length: u64) -> bool {
    let Ok(meta) = Meta::of_file(start) else {
        return true;
    };
    let shown: Vec<u32> = [Some(meta.primary), meta.opacity()]
        .into_iter()
        .flatten()
        .collect();
    let has_tiles =
        |(kind, from, _): &&([u8; 4], u32, Vec<u32>)| kind == b"dimg" && shown.contains(from);
    let tiles = meta.references.iter().filter(has_tiles);
    let items = shown.iter().chain(tiles.flat_map(|(.., tiles)| tiles));
    items.filter_map(|id| meta.items.get(id)).all(|item| {
        let whole = match item.in_data_box {
            true if start.len() as u64 == length => meta.data.len() as u64,
            // The start may not have all of that box.
            true => u64::MAX,
            false => length,
        };
        // A part of length 0 reaches to the end.
        let end = |(offset, length): &(u64, u64)| offset.checked_add((*length).max(1));
        let mut ends = item.parts.iter().map(end);
        ends.all(|end| end.is_some_and(|end| end <= whole))
    })
}

impl<'a> Container<'a> {
    /// Reads a whole file.
    ///
    /// # Errors
    /// The file is damaged, or of a kind that is not read.
    pub fn read(file: &'a [u8]) -> Result<Self, String> {
        let meta = Meta::of_file(file)?;
        let item = meta.item(meta.primary)?;
        let opacity = meta.opacity();
        let is_multiplied = opacity.is_some_and(|id| meta.is_multiplied_by(id));
        let opacity = opacity.map(|id| meta.coded(id, file));
        let of_item = |found: fn(&Property<'a>) -> bool| item.properties.iter().find(|p| found(p));
        Ok(Container {
            size: shown_size(item)?,
            orientation: orientation(item)?,
            colours: meta.coded(meta.primary, file)?,
            opacity: opacity.transpose()?,
            is_multiplied,
            signal: match of_item(|p| matches!(p, Property::Signal(_))) {
                Some(Property::Signal(signal)) => Some(*signal),
                _ => None,
            },
            icc: match of_item(|p| matches!(p, Property::Icc(_))) {
                Some(Property::Icc(icc)) => Some(icc),
                _ => None,
            },
        })
    }
}

fn unknown(kind: &[u8; 4]) -> String {
    let kind = kind.escape_ascii();
    format!("AVIFs whose image is of the kind `{kind}` are not decoded")
}

fn shown_size(item: &Item) -> Result<[u32; 2], String> {
    if item
        .properties
        .iter()
        .any(|p| matches!(p, Property::Cropped))
    {
        return Err("AVIFs that show a part of what they hold are not decoded".into());
    }
    let sizes = item
        .properties
        .iter()
        .filter_map(|property| match property {
            Property::Size(size) if size.iter().all(|side| *side > 0) => Some(*size),
            _ => None,
        });
    sizes
        .take(1)
        .next()
        .ok_or_else(|| "its header declares no pixels".into())
}

/// Turned first, mirrored then (MIAF §7.3.6.7), as the one value that does both.
fn orientation(item: &Item) -> Result<u8, String> {
    let (mut turn, mut mirror) = (0, None);
    for property in &item.properties {
        match property {
            Property::Turn(quarters) => turn = *quarters,
            Property::Mirror(axis) => mirror = Some(*axis),
            _ => {}
        }
    }
    // Left and right exchanged are top and bottom exchanged, turned by two quarters.
    Ok(match (turn, mirror) {
        (0, None) => 1,
        (1, None) => 8,
        (2, None) => 3,
        (3, None) => 6,
        (0, Some(0)) | (2, Some(1)) => 4,
        (2, Some(0)) | (0, Some(1)) => 2,
        (1, Some(0)) | (3, Some(1)) => 5,
        (3, Some(0)) | (1, Some(1)) => 7,
        _ => return Err("it is turned in a way that does not exist".into()),
    })
}

impl<'a> Meta<'a> {
    fn of_file(file: &'a [u8]) -> Result<Self, String> {
        let mut boxes = boxes(file).into_iter();
        let found = boxes.find(|(kind, _)| kind == b"meta");
        let (_, body) = found.ok_or("its header does not declare an image")?;
        Meta::read(body).ok_or_else(|| "its header is damaged".into())
    }

    fn read(body: &'a [u8]) -> Option<Self> {
        let mut meta = Meta::default();
        let (mut properties, mut associations) = (Vec::new(), Vec::new());
        for (kind, body) in boxes(body.get(4..)?) {
            match &kind {
                b"pitm" => {
                    let (version, mut rest) = Reader::of_full_box(body)?;
                    meta.primary = rest.id(version > 0)?;
                }
                b"iinf" => meta.read_kinds(body)?,
                b"iloc" => meta.read_places(body)?,
                b"iref" => meta.read_references(body)?,
                b"idat" => meta.data = body,
                b"iprp" => {
                    for (kind, body) in boxes(body) {
                        match &kind {
                            b"ipco" => {
                                let read = |(kind, body): ([u8; 4], _)| property(&kind, body);
                                properties.extend(boxes(body).into_iter().map(read));
                            }
                            b"ipma" => associations.push(body),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        for body in associations {
            meta.associate(body, &properties)?;
        }
        Some(meta)
    }

    fn read_kinds(&mut self, body: &'a [u8]) -> Option<()> {
        let (version, mut rest) = Reader::of_full_box(body)?;
        rest.number(if version == 0 { 2 } else { 4 })?;
        for (kind, body) in boxes(rest.0) {
            let (version, mut rest) = Reader::of_full_box(body)?;
            if kind == *b"infe" && version >= 2 {
                let id = rest.id(version > 2)?;
                rest.number(2)?;
                self.items.entry(id).or_default().kind = rest.take(4)?.try_into().ok()?;
            }
        }
        Some(())
    }

    fn read_places(&mut self, body: &'a [u8]) -> Option<()> {
        let (version, mut rest) = Reader::of_full_box(body)?;
        let sizes = rest.number(2)?;
        let [offset, length, base, index] =
            [12, 8, 4, 0].map(|shift| (sizes >> shift & 15) as usize);
        let index = if version == 0 { 0 } else { index };
        for _ in 0..rest.number(if version < 2 { 2 } else { 4 })? {
            let id = rest.id(version >= 2)?;
            let method = if version == 0 {
                0
            } else {
                rest.number(2)? & 15
            };
            rest.number(2)?;
            let start = rest.number(base)?;
            let count = rest.number(2)? as u16;
            let mut parts = Vec::new();
            for _ in 0..count {
                rest.number(index)?;
                parts.push((
                    start.checked_add(rest.number(offset)?)?,
                    rest.number(length)?,
                ));
                if parts.len() > MOST_PARTS.into() {
                    return None;
                }
            }
            let item = self.items.entry(id).or_default();
            // Other methods point into other items or files.
            item.parts = if method < 2 { parts } else { Vec::new() };
            item.in_data_box = method == 1;
        }
        Some(())
    }

    fn read_references(&mut self, body: &'a [u8]) -> Option<()> {
        let (version, rest) = Reader::of_full_box(body)?;
        for (kind, body) in boxes(rest.0) {
            let mut rest = Reader(body);
            let from = rest.id(version > 0)?;
            let count = rest.number(2)?;
            let to: Option<Vec<u32>> = (0..count).map(|_| rest.id(version > 0)).collect();
            self.references.push((kind, from, to?));
        }
        Some(())
    }

    fn associate(&mut self, body: &'a [u8], properties: &[Property<'a>]) -> Option<()> {
        let (version, mut rest) = Reader::of_full_box(body)?;
        let is_long = body[3] & 1 == 1;
        for _ in 0..rest.number(4)? {
            let id = rest.id(version > 0)?;
            for _ in 0..rest.number(1)? {
                let number = match is_long {
                    true => rest.number(2)? & 0x7fff,
                    false => rest.number(1)? & 0x7f,
                };
                // Counted from 1; 0 is none.
                let found = (number as usize)
                    .checked_sub(1)
                    .and_then(|at| properties.get(at));
                self.items.entry(id).or_default().properties.extend(found);
            }
        }
        Some(())
    }

    fn item(&self, id: u32) -> Result<&Item<'a>, String> {
        self.items
            .get(&id)
            .ok_or_else(|| "its header names no image".into())
    }

    /// The item that holds the opacity of the image.
    fn opacity(&self) -> Option<u32> {
        let is_opacity = |id: &u32| {
            let properties = self.items.get(id).map(|item| item.properties.iter());
            properties
                .into_iter()
                .flatten()
                .any(|property| match property {
                    Property::Auxiliary(what) => {
                        what.starts_with(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
                    }
                    _ => false,
                })
        };
        let about = |(kind, _, to): &&([u8; 4], u32, Vec<u32>)| {
            kind == b"auxl" && to.contains(&self.primary)
        };
        let auxiliary = self
            .references
            .iter()
            .filter(about)
            .map(|(_, from, _)| *from);
        auxiliary.filter(|id| is_opacity(id)).take(1).next()
    }

    /// Whether the colours of the image are multiplied by this opacity.
    fn is_multiplied_by(&self, opacity: u32) -> bool {
        let says_so = |(kind, from, to): &([u8; 4], u32, Vec<u32>)| {
            kind == b"prem" && *from == self.primary && to.contains(&opacity)
        };
        self.references.iter().any(says_so)
    }

    fn coded(&self, id: u32, file: &'a [u8]) -> Result<Coded<'a>, String> {
        let item = self.item(id)?;
        match &item.kind {
            b"av01" => Ok(Coded {
                columns: 1,
                tiles: vec![self.bytes(item, file)?],
            }),
            b"grid" => self
                .grid(id, item, file)
                .ok_or_else(|| "its tiles are damaged".into()),
            kind => Err(unknown(kind)),
        }
    }

    /// Tiles of equal size (23008-12 §6.6.2.3); the last of a row and of a column may reach over the edge.
    fn grid(&self, id: u32, item: &Item<'a>, file: &'a [u8]) -> Option<Coded<'a>> {
        let plan = self.bytes(item, file).ok()?.concat();
        let [0, _, rows, columns, ..] = plan[..] else {
            return None;
        };
        let [rows, columns] = [rows, columns].map(|less| u32::from(less) + 1);
        let of_grid = |(kind, from, _): &&([u8; 4], u32, _)| kind == b"dimg" && *from == id;
        let (_, _, tiles) = self.references.iter().find(of_grid)?;
        let tile = |id: &u32| {
            let item = self.items.get(id).filter(|item| item.kind == *b"av01")?;
            self.bytes(item, file).ok()
        };
        let tiles: Vec<_> = tiles.iter().map(tile).collect::<Option<_>>()?;
        (tiles.len() as u32 == rows * columns).then_some(Coded { columns, tiles })
    }

    /// The parts that an item lies in: together no more than the file.
    fn bytes(&self, item: &Item<'a>, file: &'a [u8]) -> Result<Vec<&'a [u8]>, String> {
        let whole = if item.in_data_box { self.data } else { file };
        let part = |(offset, length): &(u64, u64)| {
            let start = usize::try_from(*offset).ok()?;
            let end = match length {
                0 => whole.len(),
                _ => start.checked_add(usize::try_from(*length).ok()?)?,
            };
            whole.get(start..end)
        };
        let parts: Option<Vec<&[u8]>> = item.parts.iter().map(part).collect();
        let parts = parts.ok_or("it is cut short")?;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        match length > 0 && length <= file.len() {
            true => Ok(parts),
            false => Err("its image is empty or told twice".into()),
        }
    }
}

fn property<'a>(kind: &[u8; 4], body: &'a [u8]) -> Property<'a> {
    let mut rest = Reader(body);
    let read = match kind {
        b"ispe" => rest.number(4).and_then(|_| {
            let (width, height) = (rest.number(4)?, rest.number(4)?);
            Some(Property::Size([width as u32, height as u32]))
        }),
        b"irot" => rest.number(1).map(|angle| Property::Turn(angle as u8 & 3)),
        b"imir" => rest.number(1).map(|axis| Property::Mirror(axis as u8 & 1)),
        b"clap" => Some(Property::Cropped),
        b"auxC" => rest.number(4).map(|_| Property::Auxiliary(rest.0)),
        b"colr" => match rest.take(4) {
            Some(b"nclx") => signal(&mut rest),
            Some(b"prof" | b"rICC") => Some(Property::Icc(rest.0)),
            _ => None,
        },
        _ => None,
    };
    read.unwrap_or(Property::Other)
}

fn signal<'a>(rest: &mut Reader) -> Option<Property<'a>> {
    // Primaries and transfer come first.
    rest.number(4)?;
    let matrix = rest.number(2)? as u16;
    let is_full_range = rest.number(1)? & 0x80 != 0;
    Some(Property::Signal(Signal {
        matrix,
        is_full_range,
    }))
}

/// The kinds and bodies of the boxes that follow each other. One that is longer than what there is ends there.
fn boxes(bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut found = Vec::new();
    let mut rest = Reader(bytes);
    while let Some((kind, body)) = next_box(&mut rest) {
        found.push((kind, body));
    }
    found
}

fn next_box<'a>(rest: &mut Reader<'a>) -> Option<([u8; 4], &'a [u8])> {
    let short = rest.number(4)?;
    let kind = rest.take(4)?.try_into().ok()?;
    let body = match short {
        0 => u64::MAX,
        1 => rest.number(8)?.checked_sub(16)?,
        _ => short.checked_sub(8)?,
    };
    let length = usize::try_from(body)
        .unwrap_or(usize::MAX)
        .min(rest.0.len());
    Some((kind, rest.take(length)?))
}

/// Takes bytes from the start of what is left.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Version and the rest of a box that has one.
    fn of_full_box(body: &'a [u8]) -> Option<(u8, Self)> {
        Some((*body.first()?, Reader(body.get(4..)?)))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(length)?;
        self.0 = left;
        Some(taken)
    }

    /// A number of up to eight bytes; of none it is 0.
    fn number(&mut self, length: usize) -> Option<u64> {
        let bytes = self.take(length.min(9)).filter(|bytes| bytes.len() < 9)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }

    fn id(&mut self, is_long: bool) -> Option<u32> {
        self.number(if is_long { 4 } else { 2 }).map(|id| id as u32)
    }
}
