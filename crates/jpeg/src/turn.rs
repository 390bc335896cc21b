//! Turns a JPEG by quarters and mirrors it without decoding its samples: blocks change their places, and coefficients their
//! order and signs. No value is rounded.

use crate::coefficients::{Block, Coefficients};
use crate::error::{JoinError, unsupported};
use crate::format::Format;
use crate::header::header;
use crate::markers::{Component, Frame, Quantization, open};
use crate::scan::Place;
use crate::transcode::{EncodingTables, ScanWriter, SymbolCounts, Symbols};

/// Row and column of the coefficients in zigzag order (T.81, figure A.6).
const ORDER: [[u8; 2]; 64] = zigzag();

/// A turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Quarters of a full turn, clockwise.
    pub quarters: u32,
    /// Whether the picture is mirrored at its vertical axis before it is turned.
    pub mirror: bool,
}

impl Turn {
    /// The turn after which a picture with this EXIF orientation is upright (Exif 2.32, 4.6.4 A, tag 274); none for other numbers than
    /// 1 to 8.
    pub fn of_exif(orientation: u8) -> Option<Self> {
        let (mirror, quarters) = match orientation {
            1 => (false, 0),
            2 => (true, 0),
            3 => (false, 2),
            4 => (true, 2),
            5 => (true, 3),
            6 => (false, 1),
            7 => (true, 1),
            8 => (false, 3),
            _ => return None,
        };
        Some(Turn { quarters, mirror })
    }

    /// This turn and then another one, as one.
    #[must_use]
    pub fn then(self, next: Turn) -> Self {
        // Mirrored after a turn is turned the other way after mirroring.
        let first = self.quarters % 4;
        let first = if next.mirror { (4 - first) % 4 } else { first };
        Turn {
            quarters: (first + next.quarters) % 4,
            mirror: self.mirror != next.mirror,
        }
    }

    /// Whether the picture stays as it is.
    pub fn is_none(self) -> bool {
        self.quarters.is_multiple_of(4) && !self.mirror
    }
}

/// Where each sample of the turned picture comes from.
#[derive(Clone, Copy)]
struct Map {
    /// Rows become columns.
    transposes: bool,
    /// Columns of the original are counted from its right.
    flips_x: bool,
    /// Rows of the original are counted from its bottom.
    flips_y: bool,
}

/// The turned picture: a sequential JPEG without metadata other than its colours.
///
/// # Errors
/// [`JoinError`] if the file is damaged or of a kind that is not supported, or if the picture does not consist of whole
/// MCUs: the incomplete ones would come to stand at its left or top.
pub fn turned(bytes: &[u8], turn: Turn) -> Result<Vec<u8>, JoinError> {
    let format = Format::read(bytes)?;
    let (mut reader, scan) = open(bytes)?;
    let all = Coefficients::read(&mut reader, scan)?;
    let frame = reader.frame()?;
    let is_whole =
        frame.width.is_multiple_of(frame.mcu[0]) && frame.height.is_multiple_of(frame.mcu[1]);
    if !is_whole {
        return Err(unsupported("a picture that does not consist of whole MCUs").into());
    }
    let map = Map::of(turn);
    let to = map.frame(frame);
    let mut moved = Coefficients::new(&to, bytes.len())?;
    for (component, facts) in to.components.iter().enumerate() {
        let [wide, high] = facts.padded(to.mcus);
        for (column, row) in (0..high).flat_map(|row| (0..wide).map(move |column| (column, row))) {
            let from = map.place(component, [column, row], [wide, high]);
            let place = Place {
                component,
                column,
                row,
            };
            *moved.block_mut(place) = map.block(all.block(from));
        }
    }
    let format = map.format(format);
    let tables = EncodingTables::new(
        &SymbolCounts::of_coefficients(&to, &moved, &format),
        &format,
    );
    let symbols = Symbols::of(&to, &moved, &tables)?;
    let mut writer = ScanWriter::new();
    for row in 0..symbols.rows() {
        writer.row(&symbols, row, &tables)?;
    }
    writer.out.align();
    let header = header(&format, [to.width, to.height], &tables, true);
    Ok([&header, writer.out.bytes(), &[0xFF, 0xD9]].concat())
}

impl Map {
    fn of(turn: Turn) -> Self {
        let quarters = turn.quarters % 4;
        Map {
            transposes: quarters % 2 == 1,
            // Mirroring comes first, so it is the last on the way back.
            flips_x: matches!(quarters, 2 | 3) != turn.mirror,
            flips_y: matches!(quarters, 1 | 2),
        }
    }

    fn sides<T: Copy>(self, [a, b]: [T; 2]) -> [T; 2] {
        if self.transposes { [b, a] } else { [a, b] }
    }

    fn frame(self, frame: &Frame) -> Frame {
        let [width, height] = self.sides([frame.width, frame.height]);
        let component = |component: &Component| {
            let mut turned = component.clone();
            turned.sampling = self.sides(component.sampling);
            turned.blocks = self.sides(component.blocks);
            turned
        };
        Frame {
            width,
            height,
            progressive: false,
            components: frame.components.iter().map(component).collect(),
            mcu: self.sides(frame.mcu),
            mcus: self.sides(frame.mcus),
        }
    }

    fn format(self, format: Format) -> Format {
        let table = |table: &Quantization| {
            let mut moved = *table;
            for (at, step) in table.iter().enumerate() {
                moved[self.index(at)] = *step;
            }
            moved
        };
        let components = format.components.iter();
        Format {
            components: components
                .map(|(id, sampling)| (*id, self.sides(*sampling)))
                .collect(),
            quantization: format.quantization.iter().map(table).collect(),
            jfif: format.jfif.map(|[unit, x1, x0, y1, y0]| {
                let [[x1, x0], [y1, y0]] = self.sides([[x1, x0], [y1, y0]]);
                [unit, x1, x0, y1, y0]
            }),
            ..format
        }
    }

    /// The place of the original that a block at `[column, row]` comes from; `[wide, high]` is the turned size in blocks.
    fn place(self, component: usize, at: [u32; 2], size: [u32; 2]) -> Place {
        let ([x, y], [wide, high]) = (self.sides(at), self.sides(size));
        Place {
            component,
            column: if self.flips_x { wide - 1 - x } else { x },
            row: if self.flips_y { high - 1 - y } else { y },
        }
    }

    /// A block with its samples moved: counting from the other side changes the sign of odd frequencies.
    fn block(self, block: &Block) -> Block {
        let mut moved = [0; 64];
        for (at, value) in block.iter().enumerate() {
            let [row, column] = ORDER[at].map(|n| n % 2 == 1);
            let is_negated = (self.flips_x && column) != (self.flips_y && row);
            moved[self.index(at)] = if is_negated {
                value.wrapping_neg()
            } else {
                *value
            };
        }
        moved
    }

    /// Where the coefficient at a position in zigzag order goes.
    fn index(self, at: usize) -> usize {
        let [row, column] = ORDER[at];
        let is_it = |place: &[u8; 2]| *place == [column, row];
        match self.transposes {
            // Every place has its mirror.
            true => ORDER.iter().position(is_it).unwrap_or(at),
            false => at,
        }
    }
}

const fn zigzag() -> [[u8; 2]; 64] {
    let mut order = [[0; 2]; 64];
    let (mut at, mut sum) = (0, 0);
    while sum < 15 {
        let mut step = 0;
        while step <= sum {
            // Diagonals with an even sum go up, the others down.
            let row = if sum % 2 == 0 { sum - step } else { step };
            let column = sum - row;
            if row < 8 && column < 8 {
                order[at] = [row as u8, column as u8];
                at += 1;
            }
            step += 1;
        }
        sum += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(sampling: jpeg_encoder::SamplingFactor, progressive: bool) -> Vec<u8> {
        let [w, h] = [64, 48];
        let samples = (0..w * h).flat_map(|n: usize| {
            let (x, y) = (n % w, n / w);
            [(x * 4) as u8, (y * 5) as u8, (x * y) as u8]
        });
        let samples: Vec<u8> = samples.collect();
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 92);
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(progressive);
        let kind = jpeg_encoder::ColorType::Rgb;
        encoder.encode(&samples, w as u16, h as u16, kind).unwrap();
        bytes
    }

    #[test]
    fn zigzag_goes_along_the_diagonals() {
        assert_eq!(ORDER[..6], [[0, 0], [0, 1], [1, 0], [2, 0], [1, 1], [0, 2]]);
        assert_eq!(ORDER[63], [7, 7]);
    }

    #[test]
    fn two_turns_are_as_one() {
        let first = drawn(jpeg_encoder::SamplingFactor::F_2_1, false);
        let all = (0..4).flat_map(|quarters| [false, true].map(|mirror| Turn { quarters, mirror }));
        let all: Vec<Turn> = all.collect();
        for &a in &all {
            let once = turned(&first, a).unwrap();
            for &b in &all {
                let twice = turned(&once, b).unwrap();
                assert!(turned(&first, a.then(b)).unwrap() == twice, "{a:?} {b:?}");
            }
        }
        assert!(Turn::of_exif(1).unwrap().is_none() && Turn::of_exif(9).is_none());
    }

    #[test]
    fn four_quarters_and_two_mirrors_are_the_same_again() {
        use jpeg_encoder::SamplingFactor::{F_1_1, F_2_1, F_2_2};
        for (sampling, progressive) in [
            (F_1_1, false),
            (F_2_1, false),
            (F_2_2, false),
            (F_2_2, true),
        ] {
            let file = drawn(sampling, progressive);
            let all = |bytes: &[u8]| {
                turned(
                    bytes,
                    Turn {
                        quarters: 0,
                        mirror: false,
                    },
                )
                .unwrap()
            };
            let first = all(&file);
            for (quarters, mirror, times) in [
                (1, false, 4),
                (2, false, 2),
                (3, false, 4),
                (0, true, 2),
                (1, true, 2),
            ] {
                let mut now = first.clone();
                for step in 1..=times {
                    now = turned(&now, Turn { quarters, mirror }).unwrap();
                    assert_eq!(now == first, step == times, "{quarters} {mirror} {step}");
                }
            }
        }
    }
}
