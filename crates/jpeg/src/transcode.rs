//! From a tile to rows of symbols that are coded with the Huffman tables of the whole picture. The coefficients of
//! single-scan tiles are never restored: a run and size gets the code of another table, the value bits after it are
//! copied.
//!
//! The first DC difference of each component in a row of MCUs depends on the tile to the left. It is left out, and its
//! value is kept beside the bits.

use std::sync::LazyLock;

use crate::bits::{Bits, Packed, Stuffed};
use crate::coefficients::Coefficients;
use crate::error::{JoinError, unsupported};
use crate::format::Format;
use crate::huffman::{Class, Codes, Counts, Lookup, Table, sized};
use crate::markers::{Frame, Reader, Scan, is_single_scan, open};
use crate::scan::{Blocks, InvalidBits, Place, Predictions, ends_well, walk};

/// A row of MCUs of a tile.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// DC of each component's first block.
    first: [i32; 4],
    /// DC of each component's last block.
    last: [i32; 4],
    /// Offset in bits of what follows the DC of the first block, by component.
    start: [u64; 4],
}

/// A tile as symbols coded with the tables of the whole picture. It needs about as many bytes as the tile's file; at
/// most 16 times as many, when every code of one bit becomes one of 16.
#[derive(Clone, Debug)]
pub struct Symbols {
    rows: Vec<Row>,
    bits: Packed,
    end: u64,
    components: usize,
}

/// How often each Huffman symbol occurs in some tiles. [`Plan::new`](crate::Plan::new) chooses the Huffman tables of the
/// joined picture by it. `SymbolCounts::default()` counts nothing: it leads to tables that work for all tiles and
/// compress less.
#[derive(Clone, Debug)]
pub struct SymbolCounts {
    dc: [Counts; 2],
    ac: [Counts; 2],
}

/// The Huffman tables of a picture that is written: one pair of DC and AC, or one for luma and one for chroma.
#[derive(Clone, Debug)]
pub struct EncodingTables {
    tables: Vec<[Table; 2]>,
    codes: Vec<[Codes; 2]>,
    numbers: [usize; 4],
}

impl Default for SymbolCounts {
    fn default() -> Self {
        SymbolCounts {
            dc: [[0; 256]; 2],
            ac: [[0; 256]; 2],
        }
    }
}

impl SymbolCounts {
    /// Counts the symbols of a tile, given as the bytes of a whole JPEG.
    ///
    /// # Errors
    /// [`JoinError::Jpeg`] if the tile is not a complete JPEG of a supported kind.
    pub fn of(bytes: &[u8]) -> Result<SymbolCounts, JoinError> {
        let (mut reader, scan) = open(bytes)?;
        let counter = Counter {
            counts: SymbolCounts::default(),
            numbers: Format::of(&reader)?.table_numbers(),
            last: [0; 4],
        };
        transfer(&mut reader, scan, counter).map(|counter| counter.counts)
    }

    /// Counts the symbols that would code these coefficients.
    pub(crate) fn of_coefficients(
        frame: &Frame,
        all: &Coefficients,
        format: &Format,
    ) -> SymbolCounts {
        let counter = Counter {
            counts: SymbolCounts::default(),
            numbers: format.table_numbers(),
            last: [0; 4],
        };
        sequence(frame, all, counter).counts
    }

    /// Adds the counts of another tile.
    pub fn add(&mut self, other: &SymbolCounts) {
        let sum = |ours: &mut [Counts; 2], theirs: &[Counts; 2]| {
            let pairs = ours.iter_mut().flatten().zip(theirs.iter().flatten());
            pairs.for_each(|(ours, theirs)| *ours += theirs);
        };
        sum(&mut self.dc, &other.dc);
        sum(&mut self.ac, &other.ac);
    }
}

impl EncodingTables {
    /// The optimal tables for these counts. Every symbol that a baseline tile can have gets a code.
    pub fn new(counts: &SymbolCounts, format: &Format) -> EncodingTables {
        let numbers = format.table_numbers();
        let count = 1 + numbers[..format.components.len()]
            .iter()
            .max()
            .unwrap_or(&0);
        let of = |group: usize| {
            [
                Table::optimal(&counts.dc[group], Class::Dc),
                Table::optimal(&counts.ac[group], Class::Ac),
            ]
        };
        let tables: Vec<[Table; 2]> = (0..count).map(of).collect();
        EncodingTables {
            codes: tables
                .iter()
                .map(|pair| pair.each_ref().map(Codes::new))
                .collect(),
            tables,
            numbers,
        }
    }

    /// The tables of annex K.3: known without counting, and larger files.
    pub fn standard(format: &Format) -> EncodingTables {
        static ALL: LazyLock<Vec<([Table; 2], [Codes; 2])>> = LazyLock::new(|| {
            let pair = |chroma| {
                let tables = [Class::Dc, Class::Ac].map(|class| Table::standard(class, chroma));
                let codes = tables.each_ref().map(Codes::new);
                (tables, codes)
            };
            vec![pair(false), pair(true)]
        });
        let numbers = format.table_numbers();
        let count = 1 + numbers[..format.components.len()]
            .iter()
            .max()
            .unwrap_or(&0);
        EncodingTables {
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
            numbers,
        }
    }

    /// The number of the pair of tables that each component uses.
    pub fn numbers(&self) -> [usize; 4] {
        self.numbers
    }

    /// Calls `to` for each table, with class and number as in DHT (B.2.4.2).
    pub fn each(&self, mut to: impl FnMut(u8, &Table)) {
        for (number, [dc, ac]) in (0..).zip(&self.tables) {
            to(number, dc);
            to(number | 0x10, ac);
        }
    }

    #[inline(always)]
    fn codes(&self, component: usize) -> &[Codes; 2] {
        &self.codes[self.numbers[component]]
    }
}

impl Symbols {
    /// Reads a tile to its end; `scan` is its first.
    pub fn read(
        reader: &mut Reader,
        scan: Scan,
        tables: &EncodingTables,
    ) -> Result<Symbols, JoinError> {
        let recoder = Recoder {
            tables,
            bits: Packed::with_capacity(reader.bytes().len()),
            rows: Vec::new(),
            fresh: 0,
            last: [0; 4],
            outside: false,
        };
        let recoder = transfer(reader, scan, recoder)?;
        Symbols::written(recoder, reader.frame()?.components.len())
    }

    /// The symbols that code these coefficients.
    pub fn of(
        frame: &Frame,
        all: &Coefficients,
        tables: &EncodingTables,
    ) -> Result<Symbols, JoinError> {
        let recoder = Recoder {
            tables,
            bits: Packed::default(),
            rows: Vec::new(),
            fresh: 0,
            last: [0; 4],
            outside: false,
        };
        Symbols::written(sequence(frame, all, recoder), frame.components.len())
    }

    fn written(mut recoder: Recoder, components: usize) -> Result<Symbols, JoinError> {
        if recoder.outside {
            return Err(unsupported("coefficients beyond the range of baseline JPEGs").into());
        }
        recoder.end_row();
        let end = recoder.bits.len();
        recoder.bits.finish();
        Ok(Symbols {
            rows: recoder.rows,
            bits: recoder.bits,
            end,
            components,
        })
    }

    /// Number of rows of MCUs.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }
}

/// Takes symbols in the order of one interleaved sequential scan.
trait SymbolSink {
    /// A row of MCUs begins.
    fn row(&mut self);
    /// A block begins with its DC coefficient.
    fn dc(&mut self, component: usize, value: i32);
    /// A symbol (run and size), and as many value bits as its size says.
    fn ac(&mut self, component: usize, symbol: u8, bits: u64);
}

fn transfer<E: SymbolSink>(reader: &mut Reader, scan: Scan, sink: E) -> Result<E, JoinError> {
    if !is_single_scan(reader.frame()?, &scan) {
        let all = Coefficients::read(reader, scan)?;
        return Ok(sequence(reader.frame()?, &all, sink));
    }
    let mut transfer = Transfer {
        sink,
        predictions: Predictions::default(),
    };
    let end = walk(reader.bytes(), reader.frame()?, &scan, &mut transfer)?;
    reader.resume(end);
    match reader.next_scan()? {
        Some(_) => Err(JoinError::Incompatible(
            "another scan after the one that has all components".into(),
        )),
        None => Ok(transfer.sink),
    }
}

/// Passes the symbols of a scan on as they are read.
struct Transfer<E> {
    sink: E,
    predictions: Predictions,
}

impl<E: SymbolSink> Blocks for Transfer<E> {
    fn row(&mut self) {
        self.sink.row();
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
    ) -> Result<(), InvalidBits> {
        let value = self.predictions.next(bits, place.component, dc)?;
        self.sink.dc(place.component, value);
        let mut index = 1;
        while index < 64 {
            bits.fill();
            let entry = ac.entry(bits)?;
            bits.consume(entry.length());
            let value = bits.take(entry.size());
            self.sink
                .ac(place.component, entry.symbol(), u64::from(value));
            index += entry.advance();
        }
        ends_well(index)
    }
}

/// Passes on the symbols that code these coefficients.
fn sequence<E: SymbolSink>(frame: &Frame, all: &Coefficients, mut sink: E) -> E {
    for y in 0..frame.mcus[1] {
        sink.row();
        for x in 0..frame.mcus[0] {
            for (component, facts) in frame.components.iter().enumerate() {
                let [across, down] = facts.sampling;
                for (row, column) in (0..down).flat_map(|v| (0..across).map(move |h| (v, h))) {
                    let place = Place {
                        component,
                        column: x * across + column,
                        row: y * down + row,
                    };
                    block(component, all.block(place), &mut sink);
                }
            }
        }
    }
    sink
}

fn block<E: SymbolSink>(component: usize, block: &[i16; 64], sink: &mut E) {
    sink.dc(component, i32::from(block[0]));
    let mut nonzero = nonzero(block) & !1;
    let mut next = 1;
    while nonzero != 0 {
        let index = nonzero.trailing_zeros();
        nonzero &= nonzero - 1;
        let mut zeros = index - next;
        while zeros > 15 {
            sink.ac(component, 0xF0, 0);
            zeros -= 16;
        }
        let (size, bits) = sized(i32::from(block[index as usize]));
        // Sizes of 11 and more are outside baseline and get no code; 16 would not fit into the symbol.
        sink.ac(component, (zeros << 4 | size.min(15)) as u8, bits);
        next = index + 1;
    }
    if next < 64 {
        sink.ac(component, 0, 0);
    }
}

/// Which coefficients are not zero, one bit each.
fn nonzero(block: &[i16; 64]) -> u64 {
    let eight = |some: &[i16]| (0..8).fold(0u8, |bits, i| bits | u8::from(some[i] != 0) << i);
    let all = block.chunks_exact(8).map(eight);
    all.rev().fold(0, |bits, some| bits << 8 | u64::from(some))
}

struct Counter {
    counts: SymbolCounts,
    numbers: [usize; 4],
    last: [i32; 4],
}

impl SymbolSink for Counter {
    fn row(&mut self) {}

    fn dc(&mut self, component: usize, value: i32) {
        let (size, _) = sized(value.wrapping_sub(self.last[component]));
        self.last[component] = value;
        // A larger one is an error when the tile is recoded.
        let size = size.min(11) as usize;
        self.counts.dc[self.numbers[component]][size] += 1;
    }

    fn ac(&mut self, component: usize, symbol: u8, _: u64) {
        if (symbol & 15) <= 10 {
            self.counts.ac[self.numbers[component]][usize::from(symbol)] += 1;
        }
    }
}

struct Recoder<'a> {
    tables: &'a EncodingTables,
    bits: Packed,
    rows: Vec<Row>,
    /// Components of which the row has no block yet, one bit each.
    fresh: u32,
    last: [i32; 4],
    /// Whether a symbol had no code.
    outside: bool,
}

impl SymbolSink for Recoder<'_> {
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

impl Recoder<'_> {
    #[cold]
    fn begin(&mut self, component: usize, value: i32) {
        self.fresh &= !(1 << component);
        let start = self.bits.len();
        if let Some(row) = self.rows.last_mut() {
            row.first[component] = value;
            row.start[component] = start;
        }
        // The difference of two values within this range cannot overflow.
        self.outside |= value.unsigned_abs() > 1 << 20;
    }

    fn end_row(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.last = self.last;
        }
    }
}

/// Writes rows of MCUs of several tiles, one after the other, into one scan.
#[derive(Clone, Debug)]
pub struct ScanWriter {
    predictions: [i32; 4],
    /// The entropy-coded data so far.
    pub out: Stuffed,
}

impl ScanWriter {
    /// A writer at the beginning of a scan.
    pub fn new() -> Self {
        ScanWriter {
            predictions: [0; 4],
            out: Stuffed::default(),
        }
    }

    /// Writes the MCUs of a tile in row number `row`.
    pub fn row(
        &mut self,
        tile: &Symbols,
        row: usize,
        tables: &EncodingTables,
    ) -> Result<(), JoinError> {
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

    /// Writes MCUs of one colour, the mean of the last block of each component, which has `blocks` of them per MCU.
    pub fn pad(
        &mut self,
        mcus: u32,
        blocks: &[u32],
        tables: &EncodingTables,
    ) -> Result<(), JoinError> {
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

    fn dc(
        &mut self,
        component: usize,
        value: i32,
        tables: &EncodingTables,
    ) -> Result<(), JoinError> {
        let (size, bits) = sized(value.wrapping_sub(self.predictions[component]));
        let code = tables.codes(component)[0].get(size.min(12) as u8);
        let (code, length) = code.ok_or_else(|| {
            JoinError::Incompatible(
                "DC differences beyond the range of baseline JPEGs where tiles meet".into(),
            )
        })?;
        self.out.put(code << size | bits, length + size);
        Ok(())
    }
}
