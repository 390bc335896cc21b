//! Where a GIF ends: servers append bytes to files, which are no part of it.

use std::io::{BufRead, Read as _, copy, sink};

const TRAILER: u8 = 0x3B;
const IMAGE: u8 = 0x2C;
const EXTENSION: u8 = 0x21;

/// Whether the blocks of a GIF lead to its trailer (GIF89a, sections 15 to 27). What follows is not looked at.
pub fn is_complete(gif: impl BufRead) -> bool {
    walk(gif, |block| block == TRAILER).is_some()
}

/// Whether its first image, which is the one that is shown, is all there. What follows is not looked at.
pub fn has_its_image(gif: impl BufRead) -> bool {
    walk(gif, |block| block == IMAGE).is_some()
}

/// How many images there are, up to where the blocks end.
pub fn frames(gif: impl BufRead) -> u32 {
    let mut frames: u32 = 0;
    // Those before a damaged block count.
    let _ = walk(gif, |block| {
        frames = frames.saturating_add(u32::from(block == IMAGE));
        false
    });
    frames
}

/// Walks through blocks to the end of the first of the kind that is looked for, or to the trailer.
fn walk(mut gif: impl BufRead, mut is_last: impl FnMut(u8) -> bool) -> Option<()> {
    let header = take::<13>(&mut gif)?;
    skip(&mut gif, palette(header[10]))?;
    loop {
        let [block] = take(&mut gif)?;
        match block {
            TRAILER => return Some(()),
            // Its descriptor, its palette, and the size of its codes.
            IMAGE => {
                let descriptor = take::<9>(&mut gif)?;
                skip(&mut gif, palette(descriptor[8]) + 1)?;
                sub_blocks(&mut gif)?;
            }
            EXTENSION => {
                skip(&mut gif, 1)?;
                sub_blocks(&mut gif)?;
            }
            // Between blocks there should be nothing.
            0 => {}
            _ => return None,
        }
        if is_last(block) {
            return Some(());
        }
    }
}

/// The bytes of a palette, by the flags before it.
fn palette(flags: u8) -> u64 {
    match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    }
}

/// Passes over the blocks of a list, each with its length in front, the last one empty.
fn sub_blocks(gif: &mut impl BufRead) -> Option<()> {
    loop {
        match take(gif)? {
            [0] => return Some(()),
            [length] => skip(gif, length.into())?,
        }
    }
}

fn take<const N: usize>(gif: &mut impl BufRead) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    gif.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn skip(gif: &mut impl BufRead, length: u64) -> Option<()> {
    let passed = copy(&mut gif.take(length), &mut sink()).ok()?;
    (passed == length).then_some(())
}
