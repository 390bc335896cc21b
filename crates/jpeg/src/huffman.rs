//! Huffman tables: as files define them, for decoding, for encoding, and the optimal ones for given counts (ITU-T T.81,
//! annexes C, F and K).

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, OnceLock};

use crate::bits::Bits;

/// A table as a DHT segment defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Number of codes of each length, 1 to 16 bits.
    pub counts: [u8; 16],
    /// Their symbols, in the order of the codes.
    pub symbols: Vec<u8>,
}

/// Whether symbols are sizes of DC differences, or runs and sizes of AC coefficients (Tc in DHT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// DC.
    Dc,
    /// AC.
    Ac,
}

/// Codes up to this length, in bits, are found by one lookup.
const FAST: u32 = 10;

/// A table for decoding.
pub struct Lookup {
    table: Table,
    fast: Box<[Entry; 1 << FAST]>,
    /// The first value after the codes of each length, left-aligned in 16 bits.
    limit: [u32; 17],
    /// What to add to a code of each length to get the index of its symbol.
    offset: [i32; 17],
    class: Class,
    strides: OnceLock<Box<[Stride; STRIDES]>>,
    /// The DC table with which blocks begin, and the strides from the beginning of such a block.
    first: OnceLock<(Table, Box<[Stride; STRIDES]>)>,
}

/// As many codes of a block as the next [`WIDE`] bits determine, to be skipped at once. Bits 0 to 7: the length in bits of
/// the codes with their values. Bits 8 to 14: by how much the coefficient index advances. Bit 15: the block ends there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stride(u16);

/// Number of bits that select a stride.
const WIDE: u32 = 12;
/// Number of strides in a table.
pub const STRIDES: usize = 1 << WIDE;

/// The index after the last coefficient of a block.
pub const BEYOND: u32 = 64;

impl Stride {
    /// These bits determine no complete code.
    pub const UNKNOWN: Stride = Stride((BEYOND as u16) << 8);

    fn new(total: u32, advance: u32, ends: bool) -> Stride {
        Stride(total as u16 | (advance as u16) << 8 | u16::from(ends) << 15)
    }

    /// Number of bits to consume, at most 31.
    #[inline(always)]
    pub fn total(self) -> u32 {
        u32::from(self.0 & 0xFF)
    }

    /// By how much the coefficient index advances, not counting an end-of-block code; [`BEYOND`] if unknown.
    #[inline(always)]
    pub fn advance(self) -> u32 {
        u32::from(self.0 >> 8 & 0x7F)
    }

    /// Whether the last code ends the block.
    pub fn ends(self) -> bool {
        self.0 >> 15 != 0
    }

    /// All bits set if the last code ends the block, none if not.
    #[inline(always)]
    pub fn end_mask(self) -> u32 {
        (i32::from(self.0 as i16) >> 15) as u32
    }
}

/// What a code means. From the lowest byte up: length in bits of the code with its value, advance of the coefficient
/// index, symbol, length in bits of the code alone. Zero: no such code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry(u32);

/// Advance of the coefficient index at an end-of-block code: more than any run of coefficients.
pub const END_OF_BLOCK: u32 = 128;
/// Advance at symbols that sequential scans cannot contain.
const ILLEGAL: u32 = 64;

impl Entry {
    const NONE: Entry = Entry(0);

    fn new(class: Class, symbol: u8, length: u32) -> Self {
        let size = u32::from(symbol & 15);
        let advance = match (class, symbol) {
            (Class::Dc, _) => 1,
            (Class::Ac, 0xF0) => 16,
            (Class::Ac, 0) => END_OF_BLOCK,
            (Class::Ac, _) if size == 0 => ILLEGAL,
            (Class::Ac, _) => u32::from(symbol >> 4) + 1,
        };
        Entry((length + size) | advance << 8 | u32::from(symbol) << 16 | length << 24)
    }

    /// Length in bits of the code with the value after it, at most 31.
    #[inline(always)]
    pub fn total(self) -> u32 {
        self.0 & 0xFF
    }

    /// By how much the coefficient index advances in sequential scans.
    #[inline(always)]
    pub fn advance(self) -> u32 {
        self.0 >> 8 & 0xFF
    }

    /// The symbol.
    #[inline(always)]
    pub fn symbol(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// Length of the code in bits.
    #[inline(always)]
    pub fn length(self) -> u32 {
        self.0 >> 24
    }

    /// Length in bits of the value after the code.
    #[inline(always)]
    pub fn size(self) -> u32 {
        self.0 >> 16 & 15
    }
}

/// Bits that are not a code of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCode;

impl Lookup {
    /// For decoding with this table; the error says what is wrong with the table.
    pub fn new(table: Table, class: Class) -> Result<Lookup, &'static str> {
        if class == Class::Dc && table.symbols.iter().any(|&symbol| symbol > 15) {
            return Err("a DC table with symbols above 15");
        }
        let mut lookup = Lookup {
            fast: Box::new([Entry::NONE; 1 << FAST]),
            limit: [0; 17],
            offset: [0; 17],
            class,
            strides: OnceLock::new(),
            first: OnceLock::new(),
            table,
        };
        let (mut code, mut first) = (0u32, 0);
        for length in 1..=16 {
            let count = usize::from(lookup.table.counts[length as usize - 1]);
            lookup.offset[length as usize] = first as i32 - code as i32;
            for &symbol in &lookup.table.symbols[first..first + count] {
                if length <= FAST {
                    let from = (code << (FAST - length)) as usize;
                    let spread = 1 << (FAST - length);
                    lookup
                        .fast
                        .get_mut(from..from + spread)
                        .ok_or("more codes than their lengths allow")?
                        .fill(Entry::new(class, symbol, length));
                }
                code += 1;
            }
            if code > 1 << length {
                return Err("more codes than their lengths allow");
            }
            lookup.limit[length as usize] = code << (16 - length);
            (code, first) = (code << 1, first + count);
        }
        Ok(lookup)
    }

    /// A table without codes, for scans that do not need one.
    pub fn none() -> Arc<Lookup> {
        static NONE: LazyLock<Arc<Lookup>> = LazyLock::new(|| {
            let table = Table {
                counts: [0; 16],
                symbols: Vec::new(),
            };
            Arc::new(Lookup::new(table, Class::Dc).expect("an empty table is valid"))
        });
        NONE.clone()
    }

    /// The next code, which is not consumed yet. [`Bits::fill`] comes first.
    #[inline(always)]
    pub fn entry(&self, bits: &Bits) -> Result<Entry, UnknownCode> {
        self.entry_of(bits.peek())
    }

    /// The code at the top of some bits.
    #[inline(always)]
    pub fn entry_of(&self, bits: u64) -> Result<Entry, UnknownCode> {
        match self.fast[(bits >> (64 - FAST)) as usize] {
            Entry::NONE => self.long_entry(bits),
            entry => Ok(entry),
        }
    }

    /// The strides within a block, of an AC table; made at the first call.
    pub fn strides(&self) -> &[Stride; STRIDES] {
        let make = || boxed(|bits| self.stride(bits, WIDE));
        self.strides.get_or_init(make)
    }

    /// The strides from the beginning of a block, its DC coefficient included, of an AC table; cached for the first DC
    /// table only.
    pub fn strides_from(&self, dc: &Lookup) -> Cow<'_, [Stride]> {
        let make = || boxed(|bits| self.first_stride(dc, bits));
        let (of, kept) = self.first.get_or_init(|| (dc.table.clone(), make()));
        match *of == dc.table {
            true => Cow::Borrowed(&kept[..]),
            false => Cow::Owned(make().to_vec()),
        }
    }

    /// Whether both kinds of strides exist already.
    pub fn has_strides_from(&self, dc: &Lookup) -> bool {
        let is_kept = |(of, _): &(Table, _)| *of == dc.table;
        self.strides.get().is_some() && self.first.get().is_some_and(is_kept)
    }

    /// The index of the stride for the bits at the top.
    #[inline(always)]
    pub fn stride_index(bits: u64) -> usize {
        (bits >> (64 - WIDE)) as usize
    }

    fn first_stride(&self, dc: &Lookup, bits: u32) -> Stride {
        let entry = dc.fast[(bits >> (WIDE - FAST)) as usize];
        if entry == Entry::NONE {
            return Stride::UNKNOWN;
        }
        let alone = Stride::new(entry.total(), 1, false);
        let Some(known) = WIDE.checked_sub(entry.total()) else {
            return alone;
        };
        match self.stride(bits << entry.total() & ((1 << WIDE) - 1), known) {
            Stride::UNKNOWN => alone,
            rest => Stride::new(
                entry.total() + rest.total(),
                1 + rest.advance(),
                rest.ends(),
            ),
        }
    }

    /// The stride if only the topmost `known` of [`WIDE`] bits are known.
    fn stride(&self, bits: u32, known: u32) -> Stride {
        let (mut total, mut advance) = (0, 0);
        while total < known {
            let next = (bits << total & ((1 << WIDE) - 1)) >> (WIDE - FAST);
            let entry = self.fast[next as usize];
            let is_known = entry != Entry::NONE && entry.length() <= known - total;
            match entry.advance() {
                _ if !is_known => break,
                END_OF_BLOCK => return Stride::new(total + entry.total(), advance, true),
                ILLEGAL => break,
                // The last coefficient is left to the caller, which must see whether the block ends.
                further if advance + further >= BEYOND - 1 => break,
                further => (total, advance) = (total + entry.total(), advance + further),
            }
        }
        match total {
            0 => Stride::UNKNOWN,
            _ => Stride::new(total, advance, false),
        }
    }

    #[cold]
    #[inline(never)]
    fn long_entry(&self, bits: u64) -> Result<Entry, UnknownCode> {
        let next = (bits >> 48) as u32;
        let length = (FAST + 1..=16)
            .find(|&length| next < self.limit[length as usize])
            .ok_or(UnknownCode)?;
        let index = (next >> (16 - length)) as i32 + self.offset[length as usize];
        let symbol = self.table.symbols.get(index as usize).ok_or(UnknownCode)?;
        Ok(Entry::new(self.class, *symbol, length))
    }
}

/// The stride for each value of [`WIDE`] bits.
fn boxed(stride: impl Fn(u32) -> Stride) -> Box<[Stride; STRIDES]> {
    let mut strides = Box::new([Stride::UNKNOWN; STRIDES]);
    for (bits, of_bits) in strides.iter_mut().enumerate() {
        *of_bits = stride(bits as u32);
    }
    strides
}

/// A difference or coefficient from its size and its bits (F.2.2.1, EXTEND).
#[inline(always)]
pub fn extend(bits: u32, size: u32) -> i32 {
    let positive = bits as i32;
    match size > 0 && bits >> (size - 1) == 0 {
        true => positive - (1 << size) + 1,
        false => positive,
    }
}

/// The size of a difference or coefficient, and its bits.
#[inline(always)]
pub fn sized(value: i32) -> (u32, u64) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = value.wrapping_sub(i32::from(value < 0));
    (size, bits as u64 & ((1 << size) - 1))
}

/// A table for encoding: code and length by symbol.
#[derive(Clone, Debug)]
pub struct Codes([u32; 256]);

impl Codes {
    /// For encoding with a valid table.
    pub fn new(table: &Table) -> Codes {
        let mut codes = [0; 256];
        let (mut code, mut symbols) = (0u32, table.symbols.iter());
        for (length, &count) in (1u32..).zip(&table.counts) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                codes[usize::from(symbol)] = code << 8 | length;
                code += 1;
            }
            code <<= 1;
        }
        Codes(codes)
    }

    /// The code of a symbol and its length in bits; `None` if it has no code.
    #[inline(always)]
    pub fn get(&self, symbol: u8) -> Option<(u64, u32)> {
        let code = self.0[usize::from(symbol)];
        (code != 0).then_some((u64::from(code >> 8), code & 0xFF))
    }
}

/// How often each symbol occurs.
pub type Counts = [u64; 256];

/// The symbols of baseline scans of 8-bit samples (F.1.2): a tile can contain any of them.
fn legal(class: Class) -> impl Iterator<Item = u8> {
    let of = move |symbol: &u8| match class {
        Class::Dc => *symbol <= 11,
        Class::Ac => *symbol == 0 || *symbol == 0xF0 || (1..=10).contains(&(symbol & 15)),
    };
    (0..=255).filter(of)
}

impl Table {
    /// The optimal table for these counts in which every symbol of baseline scans has a code (K.2).
    pub fn optimal(counts: &Counts, class: Class) -> Table {
        let mut counts = *counts;
        legal(class).for_each(|symbol| counts[usize::from(symbol)] += 1);
        let mut lengths = lengths(&counts);
        limit(&mut lengths);
        let mut order: Vec<u8> = (0..=255).filter(|&s| counts[usize::from(s)] > 0).collect();
        order.sort_by_key(|&s| (std::cmp::Reverse(counts[usize::from(s)]), s));
        let mut table = Table {
            counts: [0; 16],
            symbols: order,
        };
        table.counts.copy_from_slice(&lengths[1..=16]);
        table
    }

    /// The table of annex K.3 for luminance or chrominance, which files without tables rely on.
    pub fn standard(class: Class, chroma: bool) -> Table {
        let (counts, symbols): (_, &[u8]) = match (class, chroma) {
            (Class::Dc, false) => (LUMA_DC, &DC_SYMBOLS),
            (Class::Dc, true) => (CHROMA_DC, &DC_SYMBOLS),
            (Class::Ac, false) => (LUMA_AC, &LUMA_AC_SYMBOLS),
            (Class::Ac, true) => (CHROMA_AC, &CHROMA_AC_SYMBOLS),
        };
        Table {
            counts,
            symbols: symbols.to_vec(),
        }
    }
}

/// The standard tables for decoding, made once: most tiles have them.
pub fn standard(class: Class, chroma: bool) -> &'static Arc<Lookup> {
    static ALL: LazyLock<[Arc<Lookup>; 4]> = LazyLock::new(|| {
        let make = |class, chroma| {
            let lookup = Lookup::new(Table::standard(class, chroma), class);
            Arc::new(lookup.expect("the tables of the standard are valid"))
        };
        let all = [
            make(Class::Dc, false),
            make(Class::Dc, true),
            make(Class::Ac, false),
            make(Class::Ac, true),
        ];
        // Fill the cache now, so that no unusual file fills it with its DC table.
        for chroma in 0..2 {
            all[2 + chroma].strides();
            all[2 + chroma].strides_from(&all[chroma]);
        }
        all
    });
    &ALL[usize::from(class == Class::Ac) * 2 + usize::from(chroma)]
}

/// A table for decoding; the standard ones are shared.
pub fn lookup(table: Table, class: Class) -> Result<Arc<Lookup>, &'static str> {
    for chroma in [false, true] {
        let standard = standard(class, chroma);
        if standard.table == table {
            return Ok(standard.clone());
        }
    }
    Lookup::new(table, class).map(Arc::new)
}

/// How many symbols get codes of each length (K.2, figures K.1 and K.2). One symbol more than there are is counted, so
/// that no code consists of ones only; `limit` removes it.
fn lengths(counts: &Counts) -> Vec<u8> {
    const RESERVED: usize = 256;
    let mut weights: Vec<u64> = counts.iter().copied().chain([1]).collect();
    let mut length = [0usize; RESERVED + 1];
    // Trees as linked lists: the next symbol of the same subtree.
    let mut next = [usize::MAX; RESERVED + 1];
    let least = |weights: &[u64], but: usize| {
        let present = (0..weights.len()).filter(|&i| weights[i] > 0 && i != but);
        // Of equal weights the symbol with the higher number, as K.2 requires.
        present.min_by_key(|&i| (weights[i], std::cmp::Reverse(i)))
    };
    while let Some(a) = least(&weights, usize::MAX) {
        let Some(b) = least(&weights, a) else { break };
        weights[a] += weights[b];
        weights[b] = 0;
        let end = deepen(a, &mut length, &next);
        next[end] = b;
        deepen(b, &mut length, &next);
    }
    let mut lengths = vec![0; RESERVED + 2];
    let coded = length.iter().filter(|&&length| length > 0);
    coded.for_each(|&length| lengths[length] += 1);
    lengths
}

/// Moves a subtree one level down; returns the last symbol of its list.
fn deepen(mut symbol: usize, length: &mut [usize], next: &[usize]) -> usize {
    length[symbol] += 1;
    while next[symbol] != usize::MAX {
        symbol = next[symbol];
        length[symbol] += 1;
    }
    symbol
}

/// Shortens codes to at most 16 bits, and removes the reserved one (K.2, figure K.3).
fn limit(lengths: &mut [u8]) {
    for long in (17..lengths.len()).rev() {
        while lengths[long] > 0 {
            let shorter = (1..long - 1).rev().find(|&length| lengths[length] > 0);
            // A complete tree has a leaf above any pair of its deepest.
            let Some(shorter) = shorter else { break };
            lengths[long] -= 2;
            lengths[long - 1] += 1;
            lengths[shorter + 1] += 2;
            lengths[shorter] -= 1;
        }
    }
    if let Some(longest) = (1..=16).rev().find(|&length| lengths[length] > 0) {
        lengths[longest] -= 1;
    }
}

const LUMA_DC: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const CHROMA_DC: [u8; 16] = [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0];
const DC_SYMBOLS: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const LUMA_AC: [u8; 16] = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D];
const CHROMA_AC: [u8; 16] = [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77];

#[rustfmt::skip]
const LUMA_AC_SYMBOLS: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
    0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5,
    0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
    0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];

#[rustfmt::skip]
const CHROMA_AC_SYMBOLS: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0,
    0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26,
    0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5,
    0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
    0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
    0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::Stuffed;
    use proptest::prelude::*;

    fn kraft(table: &Table) -> u64 {
        let spent = (0..16).map(|i| u64::from(table.counts[i]) << (15 - i));
        spent.sum()
    }

    proptest! {
        #[test]
        fn a_stride_is_as_many_single_steps(weights in prop::collection::vec(0u32..12, 256), bytes in prop::collection::vec(0u8..255, 16)) {
            let mut counts = [0; 256];
            for symbol in legal(Class::Ac) {
                counts[usize::from(symbol)] = 1u64 << weights[usize::from(symbol)];
            }
            let ac = Lookup::new(Table::optimal(&counts, Class::Ac), Class::Ac).unwrap();
            let dc = standard(Class::Dc, false);
            for from_dc in [false, true] {
                let mut bits = Bits::new(&bytes, 0);
                bits.fill();
                let index = Lookup::stride_index(bits.peek());
                let stride = match from_dc {
                    true => ac.strides_from(dc)[index],
                    false => ac.strides()[index],
                };
                if stride == Stride::UNKNOWN {
                    continue;
                }
                let (mut total, mut advance) = (0, 0);
                while total < stride.total() {
                    bits.fill();
                    let table: &Lookup = if from_dc && total == 0 { dc } else { &ac };
                    let entry = table.entry(&bits).unwrap_or(Entry::NONE);
                    bits.consume(entry.total());
                    total += entry.total();
                    advance += entry.advance();
                }
                let end = if stride.ends() { END_OF_BLOCK } else { 0 };
                prop_assert_eq!((total, advance), (stride.total(), stride.advance() + end));
            }
        }

        #[test]
        fn every_legal_symbol_is_coded_and_decoded(weights in prop::collection::vec(0u32..40, 256), ac: bool) {
            let class = if ac { Class::Ac } else { Class::Dc };
            let mut counts = [0; 256];
            for symbol in legal(class) {
                // Powers of two make the longest codes.
                counts[usize::from(symbol)] = 1u64 << weights[usize::from(symbol)];
            }
            let table = Table::optimal(&counts, class);
            prop_assert_eq!(table.symbols.len(), table.counts.iter().map(|&n| usize::from(n)).sum::<usize>());
            prop_assert!(kraft(&table) < 1 << 16, "a code of ones only");
            let (lookup, codes) = (Lookup::new(table.clone(), class).unwrap(), Codes::new(&table));
            for symbol in legal(class) {
                let (code, length) = codes.get(symbol).unwrap();
                let mut out = Stuffed::default();
                out.put(code, length);
                out.align();
                let mut bits = Bits::new(out.bytes(), 0);
                bits.fill();
                let entry = lookup.entry(&bits).unwrap();
                prop_assert_eq!((entry.symbol(), entry.length()), (symbol, length));
            }
        }
    }

    #[test]
    fn frequent_symbols_get_short_codes() {
        let mut counts = [0; 256];
        (counts[1], counts[0], counts[0x21]) = (1_000_000, 500_000, 90_000);
        let table = Table::optimal(&counts, Class::Ac);
        assert_eq!(table.symbols[..3], [1, 0, 0x21]);
        let codes = Codes::new(&table);
        assert_eq!([1, 0, 0x21].map(|s| codes.get(s).unwrap().1), [1, 2, 3]);
        assert_eq!(table.symbols.len(), 162);
    }

    #[test]
    fn the_standard_tables_have_every_legal_symbol_once() {
        for (class, chroma) in [
            (Class::Dc, false),
            (Class::Dc, true),
            (Class::Ac, false),
            (Class::Ac, true),
        ] {
            let mut symbols = Table::standard(class, chroma).symbols;
            symbols.sort();
            assert!(
                symbols.iter().copied().eq(legal(class)),
                "{class:?} {chroma}"
            );
            let again = lookup(Table::standard(class, chroma), class).unwrap();
            assert!(Arc::ptr_eq(&again, standard(class, chroma)));
        }
    }

    #[test]
    fn values_are_sized_and_extended() {
        for value in -2047..=2047 {
            let (size, bits) = sized(value);
            assert_eq!(extend(bits as u32, size), value);
        }
        assert_eq!([sized(0), sized(-1), sized(5)], [(0, 0), (1, 0), (3, 5)]);
    }

    #[test]
    fn tables_that_make_no_sense_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        let table = Table {
            counts,
            symbols: vec![1, 2, 3],
        };
        assert!(Lookup::new(table, Class::Ac).is_err());
        counts = [0; 16];
        counts[4] = 1;
        let table = Table {
            counts,
            symbols: vec![16],
        };
        assert!(Lookup::new(table.clone(), Class::Dc).is_err());
        assert!(Lookup::new(table, Class::Ac).is_ok());
    }
}
