//! From a tile to rows of symbols coded by the tables of the whole picture. Coefficients of baseline tiles are never
//! put together: a run and size is looked up in another table, the bits behind it stay as they are.
//!
//! The first DC difference of each component in a row of MCUs depends on the tile to the left: it is left out, its
//! value noted.

use std::sync::LazyLock;

use crate::bits::{Bits, Packed, Stuffed};
use crate::coefficients::Coefficients;
use crate::fault::{Fault, Refusal};
use crate::huffman::{Class, Codes, Counts, Lookup, Table, sized};
use crate::markers::{Frame, Reader, Scan};
use crate::scan::{Bad, Blocks, Place, Predictions, ends_well, walk};
use crate::style::Style;

/// A row of MCUs of a tile.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// DC of each component's first block.
    first: [i32; 4],
    /// DC of each component's last block.
    last: [i32; 4],
    /// Where its bits go on behind the DC of the first block, by component.
    start: [u64; 4],
}

/// A tile as symbols coded by the tables of the whole picture. It takes about as many bytes as its file.
#[derive(Clone, Debug)]
pub struct Symbols {
    rows: Vec<Row>,
    bits: Packed,
    end: u64,
    components: usize,
}

/// How often the symbols of some tiles come: what Huffman tables are chosen by.
#[derive(Clone, Debug)]
pub struct Tally {
    dc: [Counts; 2],
    ac: [Counts; 2],
}

/// The Huffman tables of a picture that is written: one pair, or one for luma and one for chroma.
#[derive(Clone, Debug)]
pub struct Tables {
    tables: Vec<[Table; 2]>,
    codes: Vec<[Codes; 2]>,
    groups: [usize; 4],
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            dc: [[0; 256]; 2],
            ac: [[0; 256]; 2],
        }
    }
}

impl Tally {
    /// Counts the symbols of a tile.
    pub fn of(bytes: &[u8]) -> Result<Tally, Refusal> {
        let (mut reader, scan) = open(bytes)?;
        let counter = Counter {
            tally: Tally::default(),
            groups: Style::of(&reader)?.groups(),
            last: [0; 4],
        };
        transfer(&mut reader, scan, counter).map(|counter| counter.tally)
    }

    /// Counts the symbols of coefficients.
    pub fn of_coefficients(frame: &Frame, all: &Coefficients, style: &Style) -> Tally {
        let counter = Counter {
            tally: Tally::default(),
            groups: style.groups(),
            last: [0; 4],
        };
        sequence(frame, all, counter).tally
    }

    /// Adds what was counted in another tile.
    pub fn add(&mut self, other: &Tally) {
        let sum = |ours: &mut [Counts; 2], theirs: &[Counts; 2]| {
            let pairs = ours.iter_mut().flatten().zip(theirs.iter().flatten());
            pairs.for_each(|(ours, theirs)| *ours += theirs);
        };
        sum(&mut self.dc, &other.dc);
        sum(&mut self.ac, &other.ac);
    }
}

impl Tables {
    /// The best tables for what was counted. Every symbol that any baseline tile can have gets a code.
    pub fn new(tally: &Tally, style: &Style) -> Tables {
        let groups = style.groups();
        let count = 1 + groups[..style.components.len()].iter().max().unwrap_or(&0);
        let of = |group: usize| {
            [
                Table::optimal(&tally.dc[group], Class::Dc),
                Table::optimal(&tally.ac[group], Class::Ac),
            ]
        };
        let tables: Vec<[Table; 2]> = (0..count).map(of).collect();
        Tables {
            codes: tables
                .iter()
                .map(|pair| pair.each_ref().map(Codes::new))
                .collect(),
            tables,
            groups,
        }
    }

    /// The tables of annex K.3: made at once, if not the best.
    pub fn standard(style: &Style) -> Tables {
        static ALL: LazyLock<Vec<([Table; 2], [Codes; 2])>> = LazyLock::new(|| {
            let pair = |chroma| {
                let tables = [Class::Dc, Class::Ac].map(|class| Table::standard(class, chroma));
                let codes = tables.each_ref().map(Codes::new);
                (tables, codes)
            };
            vec![pair(false), pair(true)]
        });
        let groups = style.groups();
        let count = 1 + groups[..style.components.len()].iter().max().unwrap_or(&0);
        Tables {
            tables: ALL
                .iter()
                .take(count)
                .map(|(tables, _)| tables.clone())
                .collect(),
            codes: ALL
                .iter()
                .take(count)
                .map(|(_, codes)| codes.clone())
                .collect(),
            groups,
        }
    }

    /// The number of the pair of tables of each component.
    pub fn groups(&self) -> [usize; 4] {
        self.groups
    }

    /// All tables with class and number as DHT wants them.
    pub fn each(&self, mut to: impl FnMut(u8, &Table)) {
        for (number, [dc, ac]) in (0..).zip(&self.tables) {
            to(number, dc);
            to(number | 0x10, ac);
        }
    }

    #[inline(always)]
    fn codes(&self, component: usize) -> &[Codes; 2] {
        &self.codes[self.groups[component]]
    }
}

impl Symbols {
    /// Reads a tile to its end.
    pub fn read(reader: &mut Reader, scan: Scan, tables: &Tables) -> Result<Symbols, Refusal> {
        let writer = Writer {
            tables,
            bits: Packed::with_capacity(reader.bytes().len()),
            rows: Vec::new(),
            fresh: 0,
            last: [0; 4],
            outside: false,
        };
        let writer = transfer(reader, scan, writer)?;
        Symbols::written(writer, reader.frame()?.components.len())
    }

    /// Those of coefficients.
    pub fn of(frame: &Frame, all: &Coefficients, tables: &Tables) -> Result<Symbols, Refusal> {
        let writer = Writer {
            tables,
            bits: Packed::default(),
            rows: Vec::new(),
            fresh: 0,
            last: [0; 4],
            outside: false,
        };
        Symbols::written(sequence(frame, all, writer), frame.components.len())
    }

    fn written(mut writer: Writer, components: usize) -> Result<Symbols, Refusal> {
        if writer.outside {
            let words = "coefficients beyond the range of baseline JPEGs";
            return Err(Fault::Unsupported(words.into()).into());
        }
        writer.end_row();
        let end = writer.bits.len();
        writer.bits.finish();
        Ok(Symbols {
            rows: writer.rows,
            bits: writer.bits,
            end,
            components,
        })
    }

    /// Rows of MCUs.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }
}

/// Reads a JPEG to its first scan.
pub fn open(bytes: &[u8]) -> Result<(Reader<'_>, Scan), Fault> {
    let mut reader = Reader::new(bytes)?;
    match reader.next_scan()? {
        Some(scan) => Ok((reader, scan)),
        None => Err(Fault::Damaged("it has no scan".into())),
    }
}

/// Whether a scan holds everything in the order in which it is written.
pub fn is_plain(frame: &Frame, scan: &Scan) -> bool {
    let order = scan.components.iter().map(|(index, ..)| *index);
    !frame.progressive && order.eq(0..frame.components.len())
}

/// What symbols are given to, in the order of one interleaved sequential scan.
trait Emit {
    /// A row of MCUs begins.
    fn row(&mut self);
    /// A block begins with its DC coefficient.
    fn dc(&mut self, component: usize, value: i32);
    /// A run and size, and as many bits.
    fn ac(&mut self, component: usize, symbol: u8, bits: u64);
}

fn transfer<E: Emit>(reader: &mut Reader, scan: Scan, emit: E) -> Result<E, Refusal> {
    if !is_plain(reader.frame()?, &scan) {
        let all = Coefficients::read(reader, scan)?;
        return Ok(sequence(reader.frame()?, &all, emit));
    }
    let mut transfer = Transfer {
        emit,
        predictions: Predictions::default(),
    };
    let end = walk(reader.bytes(), reader.frame()?, &scan, &mut transfer)?;
    reader.resume(end);
    match reader.next_scan()? {
        Some(_) => Err(Refusal::Misfit("a scan behind the one that has all".into())),
        None => Ok(transfer.emit),
    }
}

/// Gives the symbols of a scan on as they come.
struct Transfer<E> {
    emit: E,
    predictions: Predictions,
}

impl<E: Emit> Blocks for Transfer<E> {
    fn row(&mut self) {
        self.emit.row();
    }

    fn restart(&mut self) {
        self.predictions = Predictions::default();
    }

    #[inline(always)]
    fn block(
        &mut self,
        bits: &mut Bits,
        place: Place,
        dc: &Lookup,
        ac: &Lookup,
    ) -> Result<(), Bad> {
        let value = self.predictions.next(bits, place.component, dc)?;
        self.emit.dc(place.component, value);
        let mut index = 1;
        while index < 64 {
            bits.fill();
            let entry = ac.entry(bits)?;
            bits.consume(entry.length());
            let value = bits.take(entry.size());
            self.emit
                .ac(place.component, entry.symbol(), u64::from(value));
            index += entry.advance();
        }
        ends_well(index)
    }
}

/// Gives the symbols of coefficients.
fn sequence<E: Emit>(frame: &Frame, all: &Coefficients, mut emit: E) -> E {
    for y in 0..frame.mcus[1] {
        emit.row();
        for x in 0..frame.mcus[0] {
            for (component, facts) in frame.components.iter().enumerate() {
                let [across, down] = facts.sampling;
                for (row, column) in (0..down).flat_map(|v| (0..across).map(move |h| (v, h))) {
                    let place = Place {
                        component,
                        column: x * across + column,
                        row: y * down + row,
                    };
                    block(component, all.block(place), &mut emit);
                }
            }
        }
    }
    emit
}

fn block<E: Emit>(component: usize, block: &[i16; 64], emit: &mut E) {
    emit.dc(component, i32::from(block[0]));
    let mut nonzero = nonzero(block) & !1;
    let mut next = 1;
    while nonzero != 0 {
        let index = nonzero.trailing_zeros();
        nonzero &= nonzero - 1;
        let mut zeros = index - next;
        while zeros > 15 {
            emit.ac(component, 0xF0, 0);
            zeros -= 16;
        }
        let (size, bits) = sized(i32::from(block[index as usize]));
        // Sizes of 11 and more are outside baseline and have no code; 16 would not fit into the symbol.
        emit.ac(component, (zeros << 4 | size.min(15)) as u8, bits);
        next = index + 1;
    }
    if next < 64 {
        emit.ac(component, 0, 0);
    }
}

/// Which coefficients are not zero, a bit each.
fn nonzero(block: &[i16; 64]) -> u64 {
    let eight = |some: &[i16]| (0..8).fold(0u8, |bits, i| bits | u8::from(some[i] != 0) << i);
    let all = block.chunks_exact(8).map(eight);
    all.rev().fold(0, |bits, some| bits << 8 | u64::from(some))
}

struct Counter {
    tally: Tally,
    groups: [usize; 4],
    last: [i32; 4],
}

impl Emit for Counter {
    fn row(&mut self) {}

    fn dc(&mut self, component: usize, value: i32) {
        let (size, _) = sized(value.wrapping_sub(self.last[component]));
        self.last[component] = value;
        // What is larger is refused when it is written.
        let size = size.min(11) as usize;
        self.tally.dc[self.groups[component]][size] += 1;
    }

    fn ac(&mut self, component: usize, symbol: u8, _: u64) {
        if (symbol & 15) <= 10 {
            self.tally.ac[self.groups[component]][usize::from(symbol)] += 1;
        }
    }
}

struct Writer<'a> {
    tables: &'a Tables,
    bits: Packed,
    rows: Vec<Row>,
    /// Components of which the row has no block yet, a bit each.
    fresh: u32,
    last: [i32; 4],
    outside: bool,
}

impl Emit for Writer<'_> {
    fn row(&mut self) {
        self.end_row();
        self.rows.push(Row::default());
        self.fresh = u32::MAX;
    }

    #[inline(always)]
    fn dc(&mut self, component: usize, value: i32) {
        let before = std::mem::replace(&mut self.last[component], value);
        if self.fresh & 1 << component != 0 {
            self.begin(component, value);
            return;
        }
        let (size, bits) = sized(value.wrapping_sub(before));
        match self.tables.codes(component)[0].get(size.min(12) as u8) {
            Some((code, length)) => self.bits.put(code << size | bits, length + size),
            None => self.outside = true,
        }
    }

    #[inline(always)]
    fn ac(&mut self, component: usize, symbol: u8, bits: u64) {
        let size = u32::from(symbol & 15);
        match self.tables.codes(component)[1].get(symbol) {
            Some((code, length)) => self.bits.put(code << size | bits, length + size),
            None => self.outside = true,
        }
    }
}

impl Writer<'_> {
    #[cold]
    fn begin(&mut self, component: usize, value: i32) {
        self.fresh &= !(1 << component);
        let start = self.bits.len();
        if let Some(row) = self.rows.last_mut() {
            row.first[component] = value;
            row.start[component] = start;
        }
        // A difference to any other such value is one.
        self.outside |= value.unsigned_abs() > 1 << 20;
    }

    fn end_row(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.last = self.last;
        }
    }
}

/// Writes the rows of tiles behind each other into one scan.
#[derive(Clone, Debug)]
pub struct Scribe {
    predictions: [i32; 4],
    /// What was written.
    pub out: Stuffed,
}

impl Scribe {
    /// At the beginning of a scan.
    pub fn new() -> Self {
        Scribe {
            predictions: [0; 4],
            out: Stuffed::default(),
        }
    }

    /// Writes a row of MCUs of a tile.
    pub fn row(&mut self, tile: &Symbols, row: usize, tables: &Tables) -> Result<(), Refusal> {
        let end = tile
            .rows
            .get(row + 1)
            .map_or(tile.end, |next| next.start[0]);
        let row = &tile.rows[row];
        for component in 0..tile.components {
            self.dc(component, row.first[component], tables)?;
            let to = match component + 1 < tile.components {
                true => row.start[component + 1],
                false => end,
            };
            self.out.append(&tile.bits, row.start[component], to);
            self.predictions[component] = row.last[component];
        }
        Ok(())
    }

    /// Writes MCUs that are as the last one was in the mean: `blocks` of each component.
    pub fn pad(&mut self, mcus: u32, blocks: &[u32], tables: &Tables) -> Result<(), Refusal> {
        for _ in 0..mcus {
            for (component, &blocks) in blocks.iter().enumerate() {
                for _ in 0..blocks {
                    self.dc(component, self.predictions[component], tables)?;
                    let end = tables.codes(component)[1].get(0);
                    end.into_iter()
                        .for_each(|(code, length)| self.out.put(code, length));
                }
            }
        }
        Ok(())
    }

    fn dc(&mut self, component: usize, value: i32, tables: &Tables) -> Result<(), Refusal> {
        let (size, bits) = sized(value.wrapping_sub(self.predictions[component]));
        let code = tables.codes(component)[0].get(size.min(12) as u8);
        let (code, length) = code.ok_or_else(|| {
            Refusal::Misfit("brightness beyond the range of baseline JPEGs at an edge".into())
        })?;
        self.out.put(code << size | bits, length + size);
        Ok(())
    }
}
