//! Lines of text, shaped: letters joined and put in the order in which they are seen. What no font has is a box with its code point.

use std::collections::BTreeMap;
use std::ops::Range;

use harfrust::unicode::{combining_class, script};
use harfrust::{Buffer, BufferFlags, Direction, GlyphId, Script, ShapeOptions, ShaperFont, shape};
use unicode_bidi::ParagraphBidiInfo;

use super::fonts::Fonts;

/// A line of text, in ems.
#[derive(Default)]
pub struct Line {
    /// What is drawn, from left to right.
    pub marks: Vec<Mark>,
    /// How wide it is.
    pub width: f32,
    /// Where it may be cut, in the order of the text.
    pub clusters: Vec<Cluster>,
}

/// Something to draw.
pub enum Mark {
    /// A glyph of a font of this number, at a point of the baseline.
    Glyph {
        /// The number of the font.
        font: usize,
        /// The glyph.
        glyph: GlyphId,
        /// To the right and upwards from the begin of the line.
        at: [f32; 2],
        /// Its size as a part of the line's.
        scale: f32,
    },
    /// A frame around a code point, from the left to the right.
    Frame(f32, f32),
}

/// Characters that are drawn together.
pub struct Cluster {
    /// Where it begins in the text, in bytes.
    pub start: usize,
    /// How wide it is.
    pub advance: f32,
    /// What is seen of it.
    pub looks: Vec<u64>,
}

/// Digits in frames are so much smaller.
const SMALLER: f32 = 0.72;
const FRAME_SPACE: f32 = 0.09;

/// Lays a text out. `spelled`: every character that is not ASCII is a code point in a frame.
pub fn line(fonts: &Fonts, text: &str, spelled: bool) -> Line {
    let text: String = text.chars().map(without_control).collect();
    let mut setting = Setting {
        fonts,
        line: Line::default(),
        clusters: BTreeMap::new(),
    };
    if text.is_empty() {
        return Line::default();
    }
    let bidi = ParagraphBidiInfo::new(&text, None);
    let (levels, runs) = bidi.visual_runs(0..text.len());
    for run in runs {
        let is_rtl = levels[run.start].is_rtl();
        let mut pieces = pieces(fonts, &text, run, spelled);
        if is_rtl {
            pieces.reverse();
        }
        for piece in pieces {
            setting.set(&text, piece, is_rtl);
        }
    }
    setting.line.clusters = setting.clusters.into_values().collect();
    setting.line
}

fn without_control(c: char) -> char {
    match c {
        c if c.is_control() => ' ',
        '\u{2028}' | '\u{2029}' => ' ',
        c => c,
    }
}

/// Characters of one font and script; without a font one that is shown by its code point.
struct Piece {
    range: Range<usize>,
    font: Option<usize>,
    script: Script,
}

fn pieces(fonts: &Fonts, text: &str, run: Range<usize>, spelled: bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (at, c) in text[run.clone()].char_indices() {
        let start = run.start + at;
        let range = start..start + c.len_utf8();
        let own = script(c.into());
        let last = pieces.last_mut().filter(|last| last.font.is_some());
        if spelled && !c.is_ascii() {
            pieces.push(Piece {
                range,
                font: None,
                script: own,
            });
            continue;
        }
        // Marks stay with the letter below them, and spaces and the like with what they follow.
        let follows = last.as_ref().and_then(|last| last.font);
        let follows = follows
            .filter(|&font| is_neutral(own) && (fonts.has(font, c) || is_mark(c)) || is_unseen(c));
        let font = follows.or_else(|| fonts.with(c));
        match last {
            Some(last)
                if font == last.font
                    && (own == last.script || is_neutral(own) || is_neutral(last.script)) =>
            {
                last.range.end = range.end;
                if is_neutral(last.script) {
                    last.script = own;
                }
            }
            _ if font.is_none() && is_unseen(c) => {}
            _ => pieces.push(Piece {
                range,
                font,
                script: own,
            }),
        }
    }
    pieces
}

fn is_neutral(script: Script) -> bool {
    [Script::COMMON, Script::INHERITED, Script::UNKNOWN].contains(&script)
}

fn is_mark(c: char) -> bool {
    combining_class(c.into()) != 0
}

/// Joiners, marks of direction, and variation selectors.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

struct Setting<'a> {
    fonts: &'a Fonts,
    line: Line,
    clusters: BTreeMap<usize, Cluster>,
}

impl Setting<'_> {
    fn set(&mut self, text: &str, piece: Piece, is_rtl: bool) {
        let Some(number) = piece.font else {
            return self.frame(text, piece.range.start);
        };
        let font = self.fonts.get(number);
        let mut buffer = Buffer::new();
        for (at, c) in text[piece.range.clone()].char_indices() {
            buffer.push(c.into(), (piece.range.start + at) as u32);
        }
        buffer.set_direction(match is_rtl {
            true => Direction::RightToLeft,
            false => Direction::LeftToRight,
        });
        buffer.set_script(Some(piece.script).filter(|script| !is_neutral(*script)));
        buffer.set_flags(BufferFlags::REMOVE_DEFAULT_IGNORABLES);
        if shape(&ShaperFont::new(font), &mut buffer, ShapeOptions::new()).is_err() {
            return text[piece.range.clone()]
                .char_indices()
                .for_each(|(at, _)| self.frame(text, piece.range.start + at));
        }
        let em = f32::from(font.units_per_em().max(1));
        for (info, position) in buffer.glyph_infos().iter().zip(buffer.glyph_positions()) {
            let start = info.cluster as usize;
            let glyph = GlyphId::new(info.glyph_id);
            if info.glyph_id == 0 {
                self.frame(text, start);
                continue;
            }
            let x = self.line.width + position.x_offset as f32 / em;
            self.line.marks.push(Mark::Glyph {
                font: number,
                glyph,
                at: [x, position.y_offset as f32 / em],
                scale: 1.0,
            });
            let advance = position.x_advance as f32 / em;
            let look = self.fonts.look(number, glyph);
            let look = look.or((advance > 0.0).then_some(SPACE));
            self.advance(start, advance, look);
        }
    }

    /// A character by its code point.
    fn frame(&mut self, text: &str, start: usize) {
        let Some(c) = text[start..].chars().next() else {
            return;
        };
        let digits = line(self.fonts, &format!("{:04X}", u32::from(c)), false);
        let left = self.line.width + FRAME_SPACE;
        let width = digits.width * SMALLER + 2.0 * FRAME_SPACE;
        self.line.marks.push(Mark::Frame(left, left + width));
        for mark in digits.marks {
            if let Mark::Glyph {
                font, glyph, at, ..
            } = mark
            {
                self.line.marks.push(Mark::Glyph {
                    font,
                    glyph,
                    at: [left + FRAME_SPACE + at[0] * SMALLER, 0.1],
                    scale: SMALLER,
                });
            }
        }
        let look = FRAMED | u64::from(u32::from(c));
        self.advance(start, width + 2.0 * FRAME_SPACE, Some(look));
    }

    fn advance(&mut self, start: usize, advance: f32, look: Option<u64>) {
        self.line.width += advance;
        let cluster = self.clusters.entry(start).or_insert_with(|| Cluster {
            start,
            advance: 0.0,
            looks: Vec::new(),
        });
        cluster.advance += advance;
        cluster.looks.extend(look);
    }
}

/// What is seen of a space.
pub const SPACE: u64 = 0;
/// What is seen of a code point in a frame, with that.
const FRAMED: u64 = 1 << 40;
