//! Finds where an object or list of JSON ends without parsing what is in it, 64 bytes at a time.

use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x64};

/// How deep a place in JSON is in objects and lists, and whether it is in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nesting {
    /// How many objects and lists are open.
    pub depth: u32,
    /// Whether a text is.
    pub in_text: bool,
    /// Whether the byte before was a backslash in a text, and not an escaped one.
    pub is_escaped: bool,
}

/// Bytes that are looked at together: a bit of a number for each.
const BLOCK: usize = 64;

/// Which bytes of a block are which.
struct Block {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

impl Nesting {
    /// Goes through bytes until no more objects and lists are open than `depth`. Gives the number of bytes up to and with the one
    /// that closes the last; none if it is not among them: then all are passed, and what follows them is to be given next.
    pub fn leave(&mut self, bytes: &[u8], depth: u32) -> Option<usize> {
        dispatch!(Level::new(), simd => leave(simd, self, bytes, depth))
    }

    /// Goes through a block of which `length` bytes are given; the place of the byte that closes the last object or list.
    #[inline(always)]
    fn pass(&mut self, block: &Block, length: usize, depth: u32) -> Option<usize> {
        let escaped = self.escaped(block.backslashes, length);
        let in_text = within(block.quotes & !escaped, self.in_text);
        let [opening, closing] = [block.opening, block.closing].map(|bits| bits & !in_text);
        self.in_text = in_text >> (length - 1) & 1 == 1;
        // Seldom more are closed in a block than are open.
        if self.depth > depth + closing.count_ones() {
            self.depth = self.depth + opening.count_ones() - closing.count_ones();
            return None;
        }
        let mut both = opening | closing;
        while both != 0 {
            let at = both.trailing_zeros();
            both &= both - 1;
            match opening >> at & 1 {
                1 => self.depth += 1,
                _ => self.depth = self.depth.saturating_sub(1),
            }
            if self.depth <= depth {
                (self.in_text, self.is_escaped) = (false, false);
                return Some(at as usize);
            }
        }
        None
    }

    /// The bytes that a backslash before them escapes.
    #[inline(always)]
    fn escaped(&mut self, backslashes: u64, length: usize) -> u64 {
        let mut escaped = u64::from(self.is_escaped);
        self.is_escaped = false;
        let mut rest = backslashes & !escaped;
        while rest != 0 {
            let at = rest.trailing_zeros();
            rest &= rest - 1;
            match 1u64.checked_shl(at + 1) {
                Some(next) if (at as usize) + 1 < length => {
                    escaped |= next;
                    rest &= !next;
                }
                _ => self.is_escaped = true,
            }
        }
        escaped
    }
}

/// The bytes from each opening quote to before the closing one, of those that stand in a block.
fn within(mut quotes: u64, is_open: bool) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        quotes ^= quotes << shift;
    }
    match is_open {
        true => !quotes,
        false => quotes,
    }
}

#[inline(always)]
fn leave<S: Simd>(simd: S, nesting: &mut Nesting, bytes: &[u8], depth: u32) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (n, block) in blocks.iter().enumerate() {
        if let Some(at) = nesting.pass(&look(simd, block), BLOCK, depth) {
            return Some(n * BLOCK + at + 1);
        }
    }
    if rest.is_empty() {
        return None;
    }
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let at = nesting.pass(&look(simd, &last), rest.len(), depth)?;
    Some(bytes.len() - rest.len() + at + 1)
}

#[inline(always)]
fn look<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Block {
    let bytes = u8x64::from_slice(simd, block);
    // `[` and `{`, and `]` and `}`, differ in this bit only.
    let braces = bytes | u8x64::splat(simd, 0x20);
    let are = |bytes: u8x64<S>, byte: u8| bytes.simd_eq(u8x64::splat(simd, byte)).to_bitmask();
    Block {
        quotes: are(bytes, b'"'),
        backslashes: are(bytes, b'\\'),
        opening: are(braces, b'{'),
        closing: are(braces, b'}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, byte by byte.
    fn plainly(nesting: &mut Nesting, bytes: &[u8], depth: u32) -> Option<usize> {
        for (n, byte) in bytes.iter().enumerate() {
            let was_escaped = std::mem::take(&mut nesting.is_escaped);
            match byte {
                b'\\' => nesting.is_escaped = !was_escaped,
                b'"' if !was_escaped => nesting.in_text = !nesting.in_text,
                _ if nesting.in_text => {}
                b'{' | b'[' => nesting.depth += 1,
                b'}' | b']' => nesting.depth = nesting.depth.saturating_sub(1),
                _ => {}
            }
            if nesting.depth <= depth {
                return Some(n + 1);
            }
        }
        None
    }

    proptest! {
        #[test]
        fn ends_are_found_as_byte_by_byte(text in "([\\PC]|[ \"\\\\{}\\[\\]]){0,300}", cut in 1usize..200, depth in 1u32..4) {
            let [mut fast, mut plain] = [Nesting { depth: depth + 1, ..Nesting::default() }; 2];
            for piece in text.as_bytes().chunks(cut) {
                let found = fast.leave(piece, depth);
                prop_assert_eq!(found, plainly(&mut plain, piece, depth));
                prop_assert_eq!(fast, plain);
                if found.is_some() {
                    break;
                }
            }
        }
    }
}
