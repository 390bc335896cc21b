//! ALTO (Library of Congress), versions 1 to 4, into pages of items.
//!
//! Positions are `HPOS`, `VPOS`, `WIDTH`, `HEIGHT` in the `MeasurementUnit` of the file, outlines `Shape`. A line's text is
//! that of its strings, with a blank for every `SP`; in files without `SP`, with a blank between strings.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::draft::{Draft, Drafts};
use super::numbers::{ellipse, number, points};
use super::page::{Granularity, TextFile, TextKind, TextPage};
use super::xml::{self, Element, Visitor};
use crate::contracts::Frame;

/// Reads a document.
///
/// # Errors
/// It is not well-formed XML, or too large.
pub fn read(text: &str) -> Result<TextFile, String> {
    let mut alto = Alto::default();
    xml::walk(text, &mut alto)?;
    alto.end_page();
    Ok(TextFile {
        kind: TextKind::Alto,
        pages: alto.pages,
        notes: Vec::new(),
    })
}

/// The elements whose text is read.
#[derive(Clone, Copy, PartialEq)]
enum Capture {
    Unit,
    FileName,
    Alternative,
}

#[derive(Default)]
struct Alto {
    pages: Vec<TextPage>,
    page: Option<TextPage>,
    drafts: Drafts,
    /// Of the whole file: the unit stands before the pages.
    is_length: bool,
    image_file: Option<String>,
    capture: Option<(Capture, String)>,
    /// That of the page.
    language: Option<String>,
    /// Id of a tag → its label.
    tags: HashMap<String, String>,
    /// Ids of blocks in the order of the file, each with that of the block that follows it (ALTO 1 and 2).
    blocks: Vec<(String, Option<String>)>,
    /// Elements of a reading order that are open (ALTO 4.3).
    in_order: usize,
    /// Extents of the print space and the margins: right and bottom edge, and how many there are.
    margins: ([f64; 2], usize),
    line: LineText,
}

/// The text of the line that is read.
#[derive(Default)]
struct LineText {
    text: String,
    /// Whether a blank belongs before the next string.
    is_spaced: bool,
    has_spaces: bool,
    /// The texts of the strings, for lines without blanks of their own.
    strings: Vec<String>,
}

const MARGINS: [&str; 5] = [
    "TopMargin",
    "LeftMargin",
    "RightMargin",
    "BottomMargin",
    "PrintSpace",
];

/// The attributes that name a language.
const LANGUAGE: [&str; 3] = ["LANG", "language", "lang"];

impl Visitor for Alto {
    fn open(&mut self, element: &Element) -> Result<(), String> {
        let captured = match element.name {
            "MeasurementUnit" => Some(Capture::Unit),
            "fileName" if self.image_file.is_none() => Some(Capture::FileName),
            "ALTERNATIVE" => Some(Capture::Alternative),
            _ => None,
        };
        if let Some(captured) = captured {
            self.capture = Some((captured, String::new()));
            return Ok(());
        }
        match element.name {
            "Page" => self.begin_page(element),
            name if MARGINS.contains(&name) => self.margin(element),
            name if name.ends_with("Tag") => {
                if let (Some(id), Some(label)) = (element.get(&["ID"]), element.get(&["LABEL"])) {
                    self.tags.insert(id.to_owned(), label.to_owned());
                }
            }
            // Groups may name what they are about, and references several elements one after the other.
            "OrderedGroup" | "UnorderedGroup" | "ElementRef" => {
                self.in_order += usize::from(element.name != "ElementRef");
                let ids = element.get(&["REF"]).unwrap_or_default();
                for id in ids.split_whitespace() {
                    let place = self.drafts.ranks.len() as i64;
                    self.drafts.ranks.entry(id.to_owned()).or_insert(place);
                }
            }
            "SP" => {
                self.line.is_spaced = true;
                self.line.has_spaces = true;
            }
            "HYP" => self.line.hyphen(element.get(&["CONTENT"]).unwrap_or("-")),
            "Polygon" | "Ellipse" | "Circle" => self.shape(element),
            "Variant" => {}
            name if role(name).is_none() => return self.unknown(element),
            _ => return self.item(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let Some((_, captured)) = &mut self.capture {
            captured.push_str(text);
        }
    }

    fn unreadable(&mut self, problem: String) {
        if let Some(draft) = self.drafts.current() {
            draft.fail("attribute", problem);
        }
    }

    fn close(&mut self, name: &str) {
        if matches!(name, "MeasurementUnit" | "fileName" | "ALTERNATIVE")
            && let Some((captured, text)) = self.capture.take()
        {
            return self.captured(captured, text.trim());
        }
        match name {
            "Page" => self.end_page(),
            "OrderedGroup" | "UnorderedGroup" => self.in_order = self.in_order.saturating_sub(1),
            "TextLine" => {
                let text = std::mem::take(&mut self.line).whole();
                if let Some(draft) = self.drafts.current() {
                    draft.text = Some(text).filter(|text| !text.is_empty());
                }
                self.drafts.close();
            }
            name if role(name).is_some() && self.page.is_some() => self.drafts.close(),
            // What stands in an unknown element is no part of the item around it.
            name if self.drafts.current().is_some_and(|d| d.element == name) => self.drafts.close(),
            _ => {}
        }
    }
}

/// Granularity and class of an element that is an item.
fn role(name: &str) -> Option<(Granularity, &'static str)> {
    Some(match name {
        "ComposedBlock" => (Granularity::Block, "composed block"),
        "TextBlock" => (Granularity::Block, "block"),
        "Illustration" => (Granularity::Block, "illustration"),
        "GraphicalElement" => (Granularity::Block, "graphic"),
        "TextLine" => (Granularity::Line, "line"),
        "String" => (Granularity::Word, "word"),
        "Glyph" => (Granularity::Glyph, "glyph"),
        _ => return None,
    })
}

impl Alto {
    fn captured(&mut self, captured: Capture, text: &str) {
        let text = Some(text).filter(|text| !text.is_empty());
        match captured {
            Capture::Unit => {
                // `mm10` and `inch1200`; anything else is the pixel, in whatever words.
                let unit = text.unwrap_or_default().to_ascii_lowercase();
                self.is_length = unit.starts_with("mm") || unit.starts_with("inch");
            }
            Capture::FileName => self.image_file = text.map(str::to_owned),
            Capture::Alternative => {
                let draft = self.drafts.current();
                if let Some((draft, text)) = draft.zip(text) {
                    let others = draft.attributes.entry("alternatives");
                    let others = others.or_insert_with(|| Value::Array(Vec::new()));
                    others
                        .as_array_mut()
                        .into_iter()
                        .for_each(|all| all.push(text.into()));
                }
            }
        }
    }

    fn begin_page(&mut self, element: &Element) {
        self.end_page();
        self.language = element.get(&LANGUAGE).map(str::to_owned);
        let side = |name| element.get(&[name]).and_then(|text| number(text).ok());
        let size = side("WIDTH").zip(side("HEIGHT"));
        self.page = Some(TextPage {
            id: element.get(&["ID"]).map(str::to_owned),
            image_file: self.image_file.clone(),
            size: size.and_then(|(width, height)| Frame::try_from([width, height]).ok()),
            is_in_pixels: !self.is_length,
            ..TextPage::default()
        });
    }

    fn end_page(&mut self) {
        let Some(mut page) = self.page.take() else {
            return;
        };
        // Margins and print space together are the page, where there are margins at its right and its bottom.
        let ([right, bottom], margins) = std::mem::take(&mut self.margins);
        if margins > 1 {
            page.size = page.size.or(Frame::try_from([right, bottom]).ok());
        }
        let mut drafts = std::mem::take(&mut self.drafts);
        drafts.language = self.language.take();
        if drafts.ranks.is_empty() {
            drafts.ranks = chained(&std::mem::take(&mut self.blocks));
        }
        drafts.finish(&mut page);
        self.pages.push(page);
    }

    fn margin(&mut self, element: &Element) {
        let Some(Ok([x, y, width, height])) = position(element) else {
            return;
        };
        let ([right, bottom], margins) = &mut self.margins;
        (*right, *bottom) = (right.max(x + width), bottom.max(y + height));
        *margins += usize::from(matches!(element.name, "RightMargin" | "BottomMargin"));
    }

    fn item(&mut self, element: &Element) -> Result<(), String> {
        let Some((granularity, class)) = role(element.name).filter(|_| self.page.is_some()) else {
            return Ok(());
        };
        let mut draft = Draft::new(element.name, granularity, class);
        draft.id = element.get(&["ID"]).map(str::to_owned);
        draft.bbox = position(element);
        draft.language = element.get(&LANGUAGE).map(str::to_owned);
        self.classify(element, &mut draft);
        match granularity {
            Granularity::Line => {
                self.line = LineText::default();
                match baseline(element, draft.bbox.as_ref()) {
                    Ok(points) => draft.baseline = points,
                    Err(problem) => draft.lose("baseline", &problem),
                }
            }
            Granularity::Word => {
                draft.confidence = confidence(element.get(&["WC"]));
                let text = element.get(&["CONTENT"]).unwrap_or_default();
                draft.text = Some(text.to_owned());
                self.line.string(text);
            }
            Granularity::Glyph => {
                draft.confidence = confidence(element.get(&["GC"]));
                draft.text = element.get(&["CONTENT"]).map(str::to_owned);
            }
            _ => {
                let own = |name| element.get(&[name]).map(str::to_owned);
                self.blocks.extend(own("ID").map(|id| (id, own("IDNEXT"))));
            }
        }
        self.drafts.open(draft)
    }

    /// Lists an element that ALTO does not have, if it says that something is on the page. What it contains is read.
    fn unknown(&mut self, element: &Element) -> Result<(), String> {
        let is_record = ["HPOS", "VPOS", "WIDTH", "HEIGHT", "BASELINE", "CONTENT"];
        if self.page.is_none() || element.get(&is_record).is_none() {
            return Ok(());
        }
        self.drafts.list(element.name, element.get(&["ID"]))
    }

    /// The class, by the type or the tag that the file states, and further statements.
    fn classify(&self, element: &Element, draft: &mut Draft) {
        let references = element.get(&["TAGREFS"]).unwrap_or_default();
        let labels = references.split_whitespace();
        let labels: Vec<&str> = labels
            .filter_map(|id| self.tags.get(id).map(String::as_str))
            .collect();
        let stated = element.get(&["TYPE"]).or(labels.first().copied());
        if let Some(stated) = stated {
            draft.attributes.insert("type", stated.into());
            // `default` is what programs write where nobody said anything.
            if !stated.eq_ignore_ascii_case("default") && draft.granularity <= Granularity::Line {
                draft.class = stated.to_owned();
            }
        }
        if labels.len() > 1 {
            draft.attributes.insert("types", labels.into());
        }
        for (attribute, name) in [
            ("SUBS_CONTENT", "subs_content"),
            ("SUBS_TYPE", "subs_type"),
            ("ROTATION", "rotation"),
            ("BASEDIRECTION", "text_direction"),
            ("FILEID", "file"),
        ] {
            if let Some(text) = element.get(&[attribute]) {
                draft.attributes.insert(name, text.into());
            }
        }
    }

    /// An outline within `Shape`.
    fn shape(&mut self, element: &Element) {
        let Some(draft) = self.drafts.current() else {
            return;
        };
        let value = |name| number(element.get(&[name]).unwrap_or_default());
        let around = |rx: Result<f64, String>, ry: Result<f64, String>| {
            Ok(ellipse(value("HPOS")?, value("VPOS")?, rx?, ry?))
        };
        let outline = match element.name {
            "Polygon" => points(element.get(&["POINTS"]).unwrap_or_default()),
            "Circle" => around(value("RADIUS"), value("RADIUS")),
            // The lengths are those of the axes.
            _ => around(
                value("HLENGTH").map(|v| v / 2.0),
                value("VLENGTH").map(|v| v / 2.0),
            ),
        };
        match outline {
            Ok(outline) => draft.outline = outline,
            Err(problem) if draft.is_placed() => draft.lose("outline", &problem),
            Err(problem) => draft.fail("outline", problem),
        }
    }
}

impl LineText {
    fn string(&mut self, text: &str) {
        if self.is_spaced && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.is_spaced = false;
        self.text.push_str(text);
        self.strings.push(text.to_owned());
    }

    fn hyphen(&mut self, text: &str) {
        self.text.push_str(text);
        match self.strings.last_mut() {
            Some(last) => last.push_str(text),
            None => self.strings.push(text.to_owned()),
        }
    }

    fn whole(self) -> String {
        match self.has_spaces {
            true => self.text,
            false => self.strings.join(" "),
        }
    }
}

/// The box of an element: none if it has no position, or only a part of one that is all zero.
fn position(element: &Element) -> Option<Result<[f64; 4], String>> {
    let names = ["HPOS", "VPOS", "WIDTH", "HEIGHT"];
    let given = names.map(|name| element.get(&[name]));
    if given.iter().all(Option::is_none) {
        return None;
    }
    let mut bbox = [0.0; 4];
    for ((side, text), name) in bbox.iter_mut().zip(given).zip(names) {
        let Some(text) = text else {
            return Some(Err(format!("position is incomplete: {name} is missing")));
        };
        match number(text) {
            Ok(number) => *side = number,
            Err(problem) => return Some(Err(format!("{name} is {problem}"))),
        }
    }
    Some(Ok(bbox))
}

/// The baseline: points since ALTO 4.1, before that the height at which it runs from one side of the line to the other.
fn baseline(
    element: &Element,
    bbox: Option<&Result<[f64; 4], String>>,
) -> Result<Vec<[f64; 2]>, String> {
    let text = element.get(&["BASELINE"]).unwrap_or_default();
    match (number(text), bbox) {
        _ if text.contains(',') => points(text),
        (Ok(y), Some(Ok([x, _, width, _]))) => Ok(vec![[*x, y], [x + width, y]]),
        (Ok(y), _) => Err(format!("the line has no sides: {y}")),
        _ => points(text),
    }
}

/// A confidence from 0 to 1; none for other numbers.
fn confidence(text: Option<&str>) -> Option<f64> {
    let number = number(text?).ok()?;
    (0.0..=1.0).contains(&number).then_some(number)
}

/// Places in reading order by the names of those that follow: a chain stands where its first block does; none where no block
/// names another.
fn chained(blocks: &[(String, Option<String>)]) -> HashMap<String, i64> {
    let named = blocks
        .iter()
        .filter_map(|(id, next)| Some((id.as_str(), next.as_deref()?)));
    let follows: HashMap<&str, &str> = named.collect();
    let followers: HashSet<&str> = follows.values().copied().collect();
    let mut ranks = HashMap::new();
    if follows.is_empty() {
        return ranks;
    }
    for (start, _) in blocks {
        let mut at = Some(start.as_str()).filter(|id| !followers.contains(id));
        while let Some(id) = at.filter(|id| !ranks.contains_key(*id)) {
            ranks.insert(id.to_owned(), ranks.len() as i64);
            at = follows.get(id).copied();
        }
    }
    ranks
}
