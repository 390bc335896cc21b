//! Where a GIF ends: servers append bytes to files, which are no part of it.

/// Whether the blocks of a GIF lead to its trailer (GIF89a, sections 15 to 27). What follows is not looked at.
pub fn is_complete(bytes: &[u8]) -> bool {
    end(bytes).is_some()
}

fn end(bytes: &[u8]) -> Option<()> {
    const TRAILER: u8 = 0x3B;
    const IMAGE: u8 = 0x2C;
    const EXTENSION: u8 = 0x21;
    let mut at = 13 + palette(*bytes.get(10)?);
    loop {
        match *bytes.get(at)? {
            TRAILER => return Some(()),
            // Its descriptor, its palette, and the size of its codes.
            IMAGE => at = sub_blocks(bytes, at + 11 + palette(*bytes.get(at + 9)?))?,
            EXTENSION => at = sub_blocks(bytes, at + 2)?,
            // Between blocks there should be nothing.
            0 => at += 1,
            _ => return None,
        }
    }
}

/// The bytes of a palette, by the flags before it.
fn palette(flags: u8) -> usize {
    match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    }
}

/// Where the blocks of a list end, each with its length in front, the last one empty.
fn sub_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}
