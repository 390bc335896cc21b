//! What a transcription holds, whichever format it is written in: pages with items in the coordinates of the page.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contracts::{BBox, Frame, Polygon};

/// The formats of transcriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextKind {
    /// ALTO, versions 1 to 4 (Library of Congress).
    Alto,
    /// PAGE, 2009 to 2019 (PRImA).
    Page,
    /// hOCR, in HTML or XHTML.
    Hocr,
}

impl TextKind {
    /// All of them; where an image has several, the first is preferred: PAGE says more than ALTO, ALTO more than hOCR.
    pub const ALL: [TextKind; 3] = [TextKind::Page, TextKind::Alto, TextKind::Hocr];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            TextKind::Alto => "ALTO",
            TextKind::Page => "PAGE",
            TextKind::Hocr => "hOCR",
        }
    }

    /// What users type: `alto`, `page`, `hocr`.
    pub fn word(self) -> &'static str {
        match self {
            TextKind::Alto => "alto",
            TextKind::Page => "page",
            TextKind::Hocr => "hocr",
        }
    }
}

/// A transcription.
#[derive(Clone, Debug, PartialEq)]
pub struct TextFile {
    /// Its format.
    pub kind: TextKind,
    /// Its pages, in order.
    pub pages: Vec<TextPage>,
    /// What was assumed in reading it; each begins with a text that is the same for similar files, particulars follow `: `.
    pub notes: Vec<String>,
}

/// A page: the transcription of one image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextPage {
    /// Its id.
    pub id: Option<String>,
    /// The file of its image, as the transcription names it.
    pub image_file: Option<String>,
    /// Its size in the unit of its coordinates.
    pub size: Option<Frame>,
    /// Whether the unit is the pixel of the image; otherwise it is one of length.
    pub is_in_pixels: bool,
    /// What stands on it; containers before what they contain.
    pub items: Vec<Item>,
    /// What stands on it and cannot be used.
    pub problems: Vec<ItemProblem>,
}

impl TextPage {
    /// Keeps the items of some granularities; all if none is given.
    pub fn keep(&mut self, wanted: &[Granularity]) {
        let is_wanted = |granularity| wanted.is_empty() || wanted.contains(&granularity);
        self.items.retain(|item| is_wanted(item.granularity));
        self.problems
            .retain(|problem| is_wanted(problem.granularity));
    }
}

/// A region, line, word or glyph, in the coordinates of its page.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its id, or one made from the element and its number on the page.
    pub id: String,
    /// What the format calls it: `TextLine`, `ocrx_word`.
    pub element: String,
    /// How much of the page it is.
    pub granularity: Granularity,
    /// Its class: the type that the file states, else what it is.
    pub class: String,
    /// Its bounding box; none if only its baseline is known.
    pub bbox: Option<BBox>,
    /// Its outline, where the file has one.
    pub polygon: Option<Polygon>,
    /// The line that its letters stand on, from its start to its end; empty where the file has none.
    pub baseline: Vec<[f64; 2]>,
    /// Its text.
    pub text: Option<String>,
    /// How sure the recognition is, from 0 to 1.
    pub confidence: Option<f64>,
    /// Language of the text, as the file writes it.
    pub language: Option<String>,
    /// Its place in reading order among all items of its granularity on the page, from 1.
    pub order: usize,
    /// Id of the item that contains it.
    pub parent: Option<String>,
    /// What else the file says of it.
    pub attributes: BTreeMap<&'static str, Value>,
}

/// The parts of a text, as in the Text Granularity extension of IIIF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Granularity {
    /// Borders of pages
    Page,
    /// Regions: of text, illustrations, tables, separators
    Block,
    /// Paragraphs within regions
    Paragraph,
    /// Lines
    Line,
    /// Words
    Word,
    /// Characters
    Glyph,
}

impl Granularity {
    /// The word of the attribute `granularity`.
    pub fn name(self) -> &'static str {
        match self {
            Granularity::Page => "page",
            Granularity::Block => "block",
            Granularity::Paragraph => "paragraph",
            Granularity::Line => "line",
            Granularity::Word => "word",
            Granularity::Glyph => "glyph",
        }
    }
}

/// Why an item cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemProblem {
    /// Its id.
    pub item: String,
    /// How much of the page it is.
    pub granularity: Granularity,
    /// The member at fault.
    pub field: &'static str,
    /// What is wrong, in the manner of [`Reject::problem`](crate::summary::Reject::problem).
    pub problem: String,
}
