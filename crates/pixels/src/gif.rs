//! Where a GIF ends, and how many frames it has: servers append bytes to files, which are no part of it.

use std::io::{self, Read};

/// What the blocks of a GIF lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// How many frames there are, up to the end.
    pub frames: u32,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// What marks it.
    Trailer,
    /// The file ends where a block or the trailer should follow.
    BetweenBlocks,
    WithinBlock,
}

impl Walk {
    /// Whether nothing is missing but the mark of the end.
    pub fn has_all_frames(self) -> bool {
        match self.end {
            End::Trailer => true,
            End::BetweenBlocks => self.frames > 0,
            End::WithinBlock => false,
        }
    }
}

/// Whether the blocks of a GIF lead to its trailer (GIF89a, sections 15 to 27). What follows is not looked at.
pub fn is_complete(bytes: &[u8]) -> bool {
    walk(bytes).end == End::Trailer
}

/// Follows the blocks of a GIF, which is read in small pieces.
pub fn walk(mut input: impl Read) -> Walk {
    let mut frames = 0;
    let end = blocks(&mut input, &mut frames);
    Walk {
        frames,
        end: end.unwrap_or(End::WithinBlock),
    }
}

fn blocks(input: &mut impl Read, frames: &mut u32) -> io::Result<End> {
    const TRAILER: u8 = 0x3B;
    const IMAGE: u8 = 0x2C;
    const EXTENSION: u8 = 0x21;
    let [.., flags, _, _] = taken::<13>(input)?;
    skip(input, palette(flags))?;
    loop {
        let [kind] = match taken(input) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(End::BetweenBlocks),
            kind => kind?,
        };
        match kind {
            TRAILER => return Ok(End::Trailer),
            // Its descriptor, its palette, and the size of its codes.
            IMAGE => {
                let [.., flags] = taken::<9>(input)?;
                skip(input, palette(flags) + 1)?;
                skip_sub_blocks(input)?;
                *frames = frames.saturating_add(1);
            }
            EXTENSION => {
                skip(input, 1)?;
                skip_sub_blocks(input)?;
            }
            // Between blocks there should be nothing.
            0 => {}
            _ => return Ok(End::WithinBlock),
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

fn taken<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Passes over some bytes: at most a palette and one more.
fn skip(input: &mut impl Read, length: usize) -> io::Result<()> {
    input.read_exact(&mut [0; 769][..length])
}

/// Passes over the blocks of a list, each with its length in front, the last one empty.
fn skip_sub_blocks(input: &mut impl Read) -> io::Result<()> {
    loop {
        match taken(input)? {
            [0] => return Ok(()),
            [length] => skip(input, length.into())?,
        }
    }
}
