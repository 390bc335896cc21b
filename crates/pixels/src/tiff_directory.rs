//! The directories of a TIFF (TIFF 6.0 section 2, and BigTIFF): their tags, and which of them are pages and which are
//! smaller copies of pages.

use std::collections::HashSet;
use std::io::{self, Read as _};

use crate::window::Window;

/// Whether a file is a TIFF, classic or BigTIFF, by its first bytes.
pub fn is_tiff(start: &[u8]) -> bool {
    matches!(
        start,
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..]
    )
}

/// The most directories that are looked at.
const MOST_DIRECTORIES: usize = 10_000;
/// The most directories below another that are looked at.
const MOST_BELOW: usize = 64;
/// The most entries of a directory.
const MOST_ENTRIES: u64 = 4096;
/// The most bytes of the values of one tag.
const MOST_VALUES: u64 = 64 << 20;

/// Tags of TIFF 6.0 that are read here.
pub mod tag {
    #![allow(missing_docs)] // Named as in the specification.
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const SUBFILE_TYPE: u16 = 255;
    pub const IMAGE_WIDTH: u16 = 256;
    pub const IMAGE_LENGTH: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const PLANAR_CONFIGURATION: u16 = 284;
    pub const PAGE_NAME: u16 = 285;
    pub const T4_OPTIONS: u16 = 292;
    pub const PAGE_NUMBER: u16 = 297;
    pub const PREDICTOR: u16 = 317;
    pub const COLOR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const SUB_IFDS: u16 = 330;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const YCBCR_COEFFICIENTS: u16 = 529;
    pub const YCBCR_SUBSAMPLING: u16 = 530;
    pub const REFERENCE_BLACK_WHITE: u16 = 532;
    pub const ICC_PROFILE: u16 = 34_675;
    /// Of GDAL: the value that stands for nothing, as text.
    pub const NO_DATA: u16 = 42_113;
}

/// Where the bytes are: in a file or in memory.
#[derive(Debug)]
pub enum Store {
    /// In an open file.
    File(Window),
    /// In memory.
    Bytes(Vec<u8>),
}

impl Store {
    /// The number of bytes.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub fn length(&self) -> io::Result<u64> {
        match self {
            Store::File(file) => Ok(file.length()),
            Store::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Reads some bytes from a position on; 0 at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Store::File(file) => file.read_at(buffer, at),
            Store::Bytes(bytes) => {
                let start = bytes.len().min(usize::try_from(at).unwrap_or(usize::MAX));
                (&bytes[start..]).read(buffer)
            }
        }
    }

    /// Fills a buffer from a position on.
    ///
    /// # Errors
    /// The file cannot be read, or ends before.
    pub fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            match self.read_at(&mut buffer[done..], at + done as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Bytes at a position. No memory is taken for more than there are.
    ///
    /// # Errors
    /// The file cannot be read, or ends before.
    pub fn bytes_at(&self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let is_there = at
            .checked_add(length)
            .is_some_and(|end| self.length().is_ok_and(|all| end <= all));
        if !is_there {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }
}

/// How numbers are written in a file.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Whether the least significant byte comes first.
    pub is_little: bool,
    is_big_tiff: bool,
}

impl Layout {
    /// A number of up to eight bytes.
    pub fn number(self, bytes: &[u8]) -> u64 {
        let mut all = [0; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        match self.is_little {
            true => u64::from_le_bytes(all),
            false => u64::from_be_bytes(all) >> (8 * (8 - bytes.len())),
        }
    }
}

/// A directory: what is said about one image.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Its position in the file.
    pub offset: u64,
    /// How its numbers are written.
    pub layout: Layout,
    entries: Vec<TagEntry>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct TagEntry {
    tag: u16,
    kind: u16,
    count: u64,
    /// Where its values are.
    at: u64,
}

impl TagEntry {
    fn size(&self) -> u64 {
        match self.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            _ => 8,
        }
    }
}

impl Directory {
    /// The numbers of a tag; none if it is missing or holds no whole numbers.
    pub fn numbers(&self, store: &Store, tag: u16) -> Option<Vec<u64>> {
        let entry = self.entries.iter().find(|entry| entry.tag == tag)?;
        let is_whole = matches!(entry.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18);
        let bytes = self.values(store, entry).filter(|_| is_whole)?;
        let values = bytes.chunks_exact(entry.size() as usize);
        Some(values.map(|value| self.layout.number(value)).collect())
    }

    /// The fractions of a tag; none if it is missing or holds none.
    pub fn fractions(&self, store: &Store, tag: u16) -> Option<Vec<f64>> {
        let entry = self.entries.iter().find(|entry| entry.tag == tag)?;
        let bytes = self.values(store, entry).filter(|_| entry.kind == 5)?;
        let fraction = |value: &[u8]| {
            let [above, below] = [&value[..4], &value[4..]].map(|n| self.layout.number(n) as f64);
            above / below
        };
        Some(bytes.chunks_exact(8).map(fraction).collect())
    }

    /// The number that a tag has as text; none if it is missing or holds no number.
    pub fn written_number(&self, store: &Store, tag: u16) -> Option<f64> {
        const TEXT: u16 = 2;
        let entry = self.entries.iter().find(|entry| entry.tag == tag)?;
        let bytes = self.values(store, entry).filter(|_| entry.kind == TEXT)?;
        let text = String::from_utf8(bytes).ok()?;
        text.trim_matches(['\0', ' ']).parse().ok()
    }

    /// Whether it has a tag.
    fn has(&self, tag: u16) -> bool {
        self.entries.iter().any(|entry| entry.tag == tag)
    }

    /// The ICC profile of the image.
    fn icc(&self, store: &Store) -> Option<Vec<u8>> {
        let bytes = self.numbers(store, tag::ICC_PROFILE)?;
        Some(bytes.into_iter().map(|byte| byte as u8).collect())
    }

    /// The first number of a tag, or its default.
    pub fn number(&self, store: &Store, tag: u16, default: u64) -> u64 {
        let numbers = self.numbers(store, tag);
        numbers
            .and_then(|numbers| numbers.first().copied())
            .unwrap_or(default)
    }

    /// `[width, height]` in pixels; 0 where the file does not say.
    pub fn size(&self, store: &Store) -> [u32; 2] {
        let side = |tag| u32::try_from(self.number(store, tag, 0)).unwrap_or_default();
        [side(tag::IMAGE_WIDTH), side(tag::IMAGE_LENGTH)]
    }

    fn values(&self, store: &Store, entry: &TagEntry) -> Option<Vec<u8>> {
        let length = entry
            .count
            .checked_mul(entry.size())
            .filter(|n| *n <= MOST_VALUES)?;
        store.bytes_at(entry.at, length).ok()
    }
}

/// A colour map of 16 bits. Some programs wrote 8 bits for each value: where none is larger and it is not all black, that is what
/// other readers take it for.
pub fn whole_colour_map(map: Vec<u64>) -> Vec<u64> {
    let is_narrow = map.iter().all(|value| *value < 256);
    match is_narrow && map.iter().filter(|value| **value > 0).count() > 1 {
        true => map.into_iter().map(|value| value * 257).collect(),
        false => map,
    }
}

/// A page: the directory of its image, and those of its smaller copies.
#[derive(Clone, Debug)]
pub struct PageDirectories {
    /// The image.
    pub main: Directory,
    /// Positions of smaller copies, in the order of the file.
    pub copies: Vec<u64>,
    /// The directory of a preview that the image hangs below: what is said there of both is not repeated.
    above: Option<Directory>,
}

impl PageDirectories {
    /// EXIF orientation, 1 to 8.
    pub fn orientation(&self, store: &Store) -> u8 {
        let turn = self.told(|directory| directory.numbers(store, tag::ORIENTATION));
        let turn = turn.and_then(|turn| u8::try_from(*turn.first()?).ok());
        turn.filter(|turn| (1..=8).contains(turn)).unwrap_or(1)
    }

    /// The ICC profile of the image.
    pub fn icc(&self, store: &Store) -> Option<Vec<u8>> {
        self.told(|directory| directory.icc(store))
    }

    fn told<T>(&self, read: impl Fn(&Directory) -> Option<T>) -> Option<T> {
        read(&self.main).or_else(|| read(self.above.as_ref()?))
    }
}

/// Bits of `NewSubfileType` (TIFF 6.0, page 36).
const COPY: u64 = 1;
const PAGE: u64 = 2;
const MASK: u64 = 4;

/// What a directory says that it is: bits of `NewSubfileType`, or what the older tag says in its place.
fn kind(store: &Store, directory: &Directory) -> u64 {
    let older = || match directory.number(store, tag::SUBFILE_TYPE, 0) {
        2 => COPY,
        3 => PAGE,
        _ => 0,
    };
    match directory.has(tag::NEW_SUBFILE_TYPE) {
        true => directory.number(store, tag::NEW_SUBFILE_TYPE, 0),
        false => older(),
    }
}

/// Directories that are not read yet, each once, so that a ring of them ends.
struct Walk<'a> {
    store: &'a Store,
    layout: Layout,
    seen: HashSet<u64>,
}

impl Walk<'_> {
    fn read(&mut self, at: u64) -> Option<Directory> {
        let is_new = at != 0 && self.seen.len() < MOST_DIRECTORIES && self.seen.insert(at);
        is_new.then(|| directory(self.store, self.layout, at).ok())?
    }

    /// The images that hang below the directory of a preview, as TIFF/EP and cameras have it; none if it is no preview.
    fn images_below(&mut self, preview: &Directory, below: &[u64]) -> Vec<Directory> {
        if kind(self.store, preview) & COPY == 0 {
            return Vec::new();
        }
        let pixels = |directory: &Directory| {
            let sides = directory.size(self.store).map(u64::from);
            sides.iter().product::<u64>()
        };
        let least = pixels(preview);
        let read: Vec<Directory> = below.iter().filter_map(|at| self.read(*at)).collect();
        let is_image = |directory: &Directory| {
            matches!(kind(self.store, directory), 0 | PAGE) && pixels(directory) > least
        };
        read.into_iter().filter(is_image).collect()
    }
}

/// The pages of a file, in its order; there is at least one.
///
/// # Errors
/// The file is no TIFF, or its first directory cannot be read.
pub fn pages(store: &Store) -> Result<Vec<PageDirectories>, String> {
    let (layout, first) = header(store)?;
    let mut walk = Walk {
        store,
        layout,
        seen: HashSet::new(),
    };
    let mut all = Vec::new();
    let mut at = first;
    while let Some(directory) = walk.read(at) {
        at = directory.next;
        all.push(directory);
    }
    let is_only_copies = all
        .iter()
        .all(|directory| kind(store, directory) & COPY != 0);
    let mut pages: Vec<PageDirectories> = Vec::new();
    // Copies that stand before the first image.
    let mut early = Vec::new();
    for directory in all {
        let kind = kind(store, &directory);
        let is_copy = kind & COPY != 0;
        let below = directory.numbers(store, tag::SUB_IFDS).unwrap_or_default();
        let below = &below[..below.len().min(MOST_BELOW)];
        let images = walk.images_below(&directory, below);
        match pages.last_mut() {
            _ if kind & MASK != 0 => {}
            _ if !images.is_empty() => {
                early.push(directory.offset);
                let is_copy = |at: &&u64| images.iter().all(|image| image.offset != **at);
                early.extend(below.iter().filter(is_copy));
                pages.extend(images.into_iter().map(|main| PageDirectories {
                    copies: std::mem::take(&mut early),
                    main,
                    above: Some(directory.clone()),
                }));
            }
            None if is_copy && !is_only_copies => early.push(directory.offset),
            Some(page) if is_copy || is_level(store, &page.main, &directory) => {
                page.copies.push(directory.offset);
            }
            _ => {
                let mut copies = std::mem::take(&mut early);
                copies.extend_from_slice(below);
                pages.push(PageDirectories {
                    main: directory,
                    copies,
                    above: None,
                });
            }
        }
    }
    match pages.is_empty() {
        true => Err("it has no image".into()),
        false => Ok(pages),
    }
}

/// The most bytes that a byte of any usual compression stands for; fax codings can do more.
const MOST_RATIO: u64 = 1400;

/// Refuses an image that claims more pixels than its file can hold: a few bytes must not take gigabytes.
///
/// # Errors
/// It does.
pub fn check_claim(store: &Store, directory: &Directory) -> Result<(), String> {
    let one = |tag, default| directory.number(store, tag, default);
    let is_fax = matches!(one(tag::COMPRESSION, 1), 2..=4);
    let [w, h] = directory.size(store).map(u64::from);
    let bits = one(tag::SAMPLES_PER_PIXEL, 1).saturating_mul(one(tag::BITS_PER_SAMPLE, 1));
    let claimed = (w * h).saturating_mul(bits) / 8;
    let held = store.length().map_err(|e| e.to_string())?;
    match !is_fax && claimed / MOST_RATIO > held {
        true => Err("it claims more pixels than its file can hold".into()),
        false => Ok(()),
    }
}

/// How an image is divided into tiles or strips.
struct Grid {
    are_tiles: bool,
    /// `[width, height]` in pixels of a tile or strip.
    piece: [u64; 2],
    /// How many there are across, down, and for how many samples apart.
    count: [u64; 3],
    /// Rows of the image.
    rows: u64,
    /// Bytes of a row of a tile or strip that is not compressed.
    row_bytes: u64,
}

impl Grid {
    fn read(store: &Store, directory: &Directory) -> Self {
        let one = |tag, default| directory.number(store, tag, default);
        let [w, h] = directory.size(store).map(u64::from);
        let are_tiles = directory.numbers(store, tag::TILE_OFFSETS).is_some();
        let piece = match are_tiles {
            true => [one(tag::TILE_WIDTH, w), one(tag::TILE_LENGTH, h)],
            false => [w, one(tag::ROWS_PER_STRIP, h).min(h)],
        };
        let piece = piece.map(|side| side.max(1));
        let samples = one(tag::SAMPLES_PER_PIXEL, 1).max(1);
        let planes = match one(tag::PLANAR_CONFIGURATION, 1) {
            2 => samples,
            _ => 1,
        };
        let bits = one(tag::BITS_PER_SAMPLE, 1).saturating_mul(samples / planes);
        Grid {
            are_tiles,
            piece,
            count: [w.div_ceil(piece[0]), h.div_ceil(piece[1]), planes],
            rows: h,
            row_bytes: piece[0].saturating_mul(bits).div_ceil(8),
        }
    }

    /// The number of tiles or strips.
    fn pieces(&self) -> u64 {
        let [across, down, planes] = self.count;
        across.saturating_mul(down).saturating_mul(planes)
    }

    /// Bytes of a tile or strip that is not compressed. The last strip may have fewer rows than the others.
    fn plain_bytes(&self, n: u64) -> u64 {
        let (height, down) = (self.piece[1], self.count[1].max(1));
        let rows = match self.are_tiles {
            true => height,
            false => height.min(self.rows - n % down * height),
        };
        self.row_bytes.saturating_mul(rows)
    }
}

/// Refuses an image whose tiles or strips are not all in its file: it was cut short. Their positions and lengths tell, so that
/// none of them is read.
///
/// # Errors
/// Some are missing.
pub fn check_pieces(store: &Store, directory: &Directory) -> Result<(), String> {
    let grid = Grid::read(store, directory);
    let (offsets, lengths) = match grid.are_tiles {
        true => (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS),
        false => (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS),
    };
    let offsets = directory.numbers(store, offsets).unwrap_or_default();
    // The lengths may be missing if there is one strip.
    let lengths = directory.numbers(store, lengths);
    let lengths = lengths.unwrap_or_else(|| vec![0; offsets.len()]);
    let (listed, needed) = (offsets.len() as u64, grid.pieces());
    if listed < needed {
        return Err(format!(
            "only {listed} of its {needed} tiles or strips are listed"
        ));
    }
    let is_plain = directory.number(store, tag::COMPRESSION, 1) == 1;
    let held = store.length().map_err(|e| e.to_string())?;
    let is_beyond = |(n, (at, length)): &(u64, (&u64, &u64))| {
        // Some programs state the length of a whole strip for the last one too.
        let length = match is_plain {
            true => (**length).min(grid.plain_bytes(*n)),
            false => **length,
        };
        at.checked_add(length).is_none_or(|end| end > held)
    };
    let pieces = (0..needed).zip(offsets.iter().zip(&lengths));
    match pieces.filter(is_beyond).count() {
        0 => Ok(()),
        n => Err(format!(
            "it is cut short: {n} of its {needed} tiles or strips lie beyond its end"
        )),
    }
}

/// Whether a directory that says nothing of what it is holds a smaller copy of a page all the same: as in slides, whose levels are
/// tiled as the image is, each halved once or more, with a thumbnail in strips among them. Other images of the same shape are pages.
fn is_level(store: &Store, page: &Directory, other: &Directory) -> bool {
    // Some write the number of the first page, and its kind, into every level.
    let numbers = [page, other].map(|directory| directory.numbers(store, tag::PAGE_NUMBER));
    let is_numbered_alike = numbers[1].is_some() && numbers[0] == numbers[1];
    let is_page = numbers[1].is_some() && !is_numbered_alike || other.has(tag::PAGE_NAME);
    let is_marked = match kind(store, other) {
        PAGE => !is_numbered_alike,
        kind => kind != 0,
    };
    let is_tiled = page.has(tag::TILE_OFFSETS);
    let ([full_w, full_h], [w, h]) = (page.size(store), other.size(store));
    if is_marked || is_page || !(is_tiled || is_numbered_alike) || w == 0 || h == 0 {
        return false;
    }
    let factors = [(full_w, w), (full_h, h)].map(|(full, part)| f64::from(full) / f64::from(part));
    // Sides are rounded at each level.
    let slack = 2.0 / f64::from(w.min(h)) + 0.01;
    let halved = factors[0].log2().round().exp2();
    let is_halved = (factors[0] / halved - 1.0).abs() <= slack;
    let has_shape = factors[0] > 1.5 && (factors[0] / factors[1] - 1.0).abs() <= slack;
    has_shape && (is_halved || is_tiled && !other.has(tag::TILE_OFFSETS))
}

fn header(store: &Store) -> Result<(Layout, u64), String> {
    let cannot = |e: io::Error| e.to_string();
    let mut start = [0; 8];
    store.read_exact_at(&mut start, 0).map_err(cannot)?;
    let is_little = match &start[..2] {
        b"II" => true,
        b"MM" => false,
        _ => return Err("it is not a TIFF".into()),
    };
    let mut layout = Layout {
        is_little,
        is_big_tiff: false,
    };
    match layout.number(&start[2..4]) {
        42 => Ok((layout, layout.number(&start[4..8]))),
        43 => {
            layout.is_big_tiff = true;
            let mut first = [0; 8];
            store.read_exact_at(&mut first, 8).map_err(cannot)?;
            Ok((layout, layout.number(&first)))
        }
        _ => Err("it is not a TIFF".into()),
    }
}

/// The directory at a position.
///
/// # Errors
/// It cannot be read.
pub fn directory(store: &Store, layout: Layout, offset: u64) -> Result<Directory, String> {
    let (count_size, entry_size, value_size) = match layout.is_big_tiff {
        true => (8, 20, 8),
        false => (2, 12, 4),
    };
    let cannot = |e: io::Error| format!("a directory cannot be read: {e}");
    let read = |at: u64, length: u64| store.bytes_at(at, length).map_err(cannot);
    let count = layout.number(&read(offset, count_size)?);
    if count == 0 || count > MOST_ENTRIES {
        return Err(format!("a directory has {count} entries"));
    }
    let start = offset + count_size;
    let bytes = read(start, count * entry_size)?;
    let entries = (0..).zip(bytes.chunks_exact(entry_size as usize));
    let entry = |(n, bytes): (u64, &[u8])| {
        let values = entry_size as usize - value_size as usize;
        let mut entry = TagEntry {
            tag: layout.number(&bytes[..2]) as u16,
            kind: layout.number(&bytes[2..4]) as u16,
            count: layout.number(&bytes[4..values]),
            at: start + n * entry_size + values as u64,
        };
        // Values that have no room in the entry stand elsewhere.
        if entry.count.saturating_mul(entry.size()) > value_size {
            entry.at = layout.number(&bytes[values..]);
        }
        entry
    };
    let entries = entries.map(entry).collect();
    // A file may be cut short after its last directory.
    let next = read(start + count * entry_size, value_size).unwrap_or_default();
    Ok(Directory {
        offset,
        layout,
        entries,
        next: layout.number(&next),
    })
}
