//! hOCR (1.2): HTML or XHTML whose elements say by `class` what they are and by `title` where.
//!
//! Read as leniently as browsers read HTML: unclosed elements end with what contains them, end tags without a start are
//! ignored. `textangle` turns a baseline in a way that is not followed: then there is none.

use html5gum::{StartTag, Token, Tokenizer};

use super::draft::{Draft, Drafts};
use super::numbers::{number, points};
use super::page::{Granularity, TextFile, TextKind, TextPage};
use crate::contracts::Frame;
use crate::values::excerpt;

/// How deep elements may be nested.
const MAX_DEPTH: usize = 256;

/// Elements that never have an end tag (HTML, section 13.1.2).
const VOID: [&str; 13] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
];

/// Whether a document is hOCR: it says so, or has an element of it near its start.
pub fn is_hocr(text: &str) -> bool {
    const NEAR: usize = 64 << 10;
    let end = (0..=NEAR.min(text.len()))
        .rev()
        .find(|n| text.is_char_boundary(*n));
    let start = &text[..end.unwrap_or(0)];
    let is_markup = start.trim_start().starts_with('<');
    let marks = [
        "ocr_page",
        "ocr-system",
        "ocr-capabilities",
        "ocr_carea",
        "ocr_line",
        "ocrx_word",
    ];
    is_markup && marks.iter().any(|mark| start.contains(mark))
}

/// Reads a document.
///
/// # Errors
/// It is nested too deeply, or too large.
pub fn read(text: &str) -> Result<TextFile, String> {
    let mut hocr = Hocr::default();
    for token in Tokenizer::new(text) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => hocr.start(&tag)?,
            Token::EndTag(tag) => hocr.end(&String::from_utf8_lossy(&tag.name)),
            Token::String(text) => hocr.text(&String::from_utf8_lossy(&text)),
            _ => {}
        }
    }
    hocr.end_page();
    Ok(TextFile {
        kind: TextKind::Hocr,
        pages: hocr.pages,
        notes: Vec::new(),
    })
}

#[derive(Default)]
struct Hocr {
    pages: Vec<TextPage>,
    page: Option<TextPage>,
    drafts: Drafts,
    open: Vec<Open>,
    /// The innermost open item's text and those around it.
    texts: Vec<ItemText>,
}

/// Stands for a `br`, since line ends of the source mean nothing: the line separator of Unicode.
const LINE_END: char = '\u{2028}';

/// An open element.
struct Open {
    tag: String,
    role: Role,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Item,
    Page,
    /// Not of hOCR, or without a place.
    Other,
    /// Its text is not text of the page: `script`, `style`, `title`.
    Hidden,
}

struct ItemText {
    granularity: Granularity,
    /// All of its text.
    all: String,
    /// Whether some of it stands beside the items in it.
    has_own: bool,
    has_items: bool,
}

impl Hocr {
    fn start(&mut self, tag: &StartTag<()>) -> Result<(), String> {
        if self.is_hidden() {
            return Ok(());
        }
        let name = String::from_utf8_lossy(&tag.name).to_ascii_lowercase();
        if name == "p" {
            // A paragraph ends where the next begins.
            let within_block = self.open.iter().rposition(|open| open.tag == "div");
            let open = self.open.iter().rposition(|open| open.tag == "p");
            if open > within_block {
                self.end("p");
            }
        }
        if name == "br"
            && let Some(innermost) = self.texts.last_mut()
        {
            innermost.all.push(LINE_END);
        }
        let role = self.role(tag, &name)?;
        if VOID.contains(&name.as_str()) || tag.self_closing {
            self.leave(role);
            return Ok(());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(format!(
                "HTML is nested too deeply: the limit is {MAX_DEPTH}"
            ));
        }
        self.open.push(Open { tag: name, role });
        Ok(())
    }

    fn end(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        if self.is_hidden() && self.open.last().is_some_and(|open| open.tag != name) {
            return;
        }
        let Some(at) = self.open.iter().rposition(|open| open.tag == name) else {
            return;
        };
        while self.open.len() > at {
            if let Some(open) = self.open.pop() {
                self.leave(open.role);
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.is_hidden() {
            return;
        }
        if let Some(innermost) = self.texts.last_mut() {
            innermost.has_own |= !text.trim().is_empty();
            innermost.all.push_str(text);
        }
    }

    /// Whether what follows is no part of the page: then tags are text.
    fn is_hidden(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| open.role == Role::Hidden)
    }

    /// What an element is; opens it if it is an item or a page.
    fn role(&mut self, tag: &StartTag<()>, name: &str) -> Result<Role, String> {
        if ["script", "style", "title"].contains(&name) {
            return Ok(Role::Hidden);
        }
        let classes = attribute(tag, "class").unwrap_or_default();
        let mut classes = classes.split_whitespace();
        let class = classes.find(|c| c.starts_with("ocr_") || c.starts_with("ocrx_"));
        let title = Title::read(&attribute(tag, "title").unwrap_or_default());
        let Some(class) = class else {
            if self.page.is_some() && title.is_placed() {
                self.drafts.list(name, attribute(tag, "id").as_deref())?;
                self.drafts.close();
            }
            return Ok(Role::Other);
        };
        if class == "ocr_page" {
            self.begin_page(tag, &title);
            return Ok(Role::Page);
        }
        if self.page.is_none() {
            // Parts of pages, as some tools cut them out.
            self.page = Some(TextPage {
                is_in_pixels: true,
                ..TextPage::default()
            });
        }
        let (granularity, class_name) = meaning(class);
        if granularity.is_none() && !title.is_placed() {
            return Ok(Role::Other);
        }
        let granularity = granularity.unwrap_or(Granularity::Block);
        let mut draft = Draft::new(class, granularity, &class_name);
        draft.id = attribute(tag, "id");
        draft.language = attribute(tag, "lang").or_else(|| attribute(tag, "xml:lang"));
        if let Some(direction) = attribute(tag, "dir") {
            draft.attributes.insert("text_direction", direction.into());
        }
        title.describe(&mut draft);
        self.drafts.open(draft)?;
        self.texts.push(ItemText {
            granularity,
            all: String::new(),
            has_own: false,
            has_items: false,
        });
        Ok(Role::Item)
    }

    fn leave(&mut self, role: Role) {
        match role {
            Role::Item => {
                if let Some(text) = self.texts.pop() {
                    self.end_item(text);
                }
            }
            Role::Page => self.end_page(),
            Role::Other | Role::Hidden => {}
        }
    }

    fn end_item(&mut self, text: ItemText) {
        if let Some(draft) = self.drafts.current() {
            let is_whole = !text.has_items || text.has_own;
            let lines = text.all.split(LINE_END);
            let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
            let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
            draft.text = Some(lines.join("\n")).filter(|text| is_whole && !text.is_empty());
        }
        self.drafts.close();
        if let Some(around) = self.texts.last_mut() {
            around.has_items = true;
            // Only into coarser items: a text is not repeated for every level of nesting.
            if around.granularity < text.granularity {
                around.all.push_str(&text.all);
            }
        }
    }

    fn begin_page(&mut self, tag: &StartTag<()>, title: &Title) {
        self.end_page();
        let size = match title.numbers("bbox").as_deref() {
            Some([x, y, right, bottom]) if *x == 0.0 && *y == 0.0 => {
                Frame::try_from([*right, *bottom]).ok()
            }
            _ => None,
        };
        let image_file = title
            .get("image")
            .map(|text| text.trim_matches(['"', '\'']));
        self.page = Some(TextPage {
            id: attribute(tag, "id"),
            image_file: image_file
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            size,
            is_in_pixels: true,
            ..TextPage::default()
        });
    }

    fn end_page(&mut self) {
        if let Some(mut page) = self.page.take() {
            std::mem::take(&mut self.drafts).finish(&mut page);
            self.pages.push(page);
        }
        self.texts.clear();
        for open in &mut self.open {
            open.role = match open.role {
                Role::Hidden => Role::Hidden,
                _ => Role::Other,
            };
        }
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    let value = String::from_utf8_lossy(value).trim().to_owned();
    (!value.is_empty()).then_some(value)
}

/// Granularity and class of a class of hOCR; no granularity for what is only an item where it has a place: chapters,
/// floats, and whatever programs invent.
fn meaning(class: &str) -> (Option<Granularity>, String) {
    let (granularity, name) = match class {
        "ocr_carea" | "ocr_column" | "ocrx_block" => (Granularity::Block, "block"),
        "ocr_par" => (Granularity::Paragraph, "paragraph"),
        "ocr_line" | "ocrx_line" => (Granularity::Line, "line"),
        "ocr_header" => (Granularity::Line, "header"),
        "ocr_footer" => (Granularity::Line, "footer"),
        "ocr_caption" => (Granularity::Line, "caption"),
        "ocr_textfloat" => (Granularity::Line, "float"),
        "ocrx_word" | "ocr_word" => (Granularity::Word, "word"),
        "ocr_cinfo" | "ocrx_cinfo" | "ocr_glyph" | "ocr_glyphs" => (Granularity::Glyph, "glyph"),
        "ocr_photo" | "ocr_image" | "ocrx_image" | "ocr_textimage" => {
            (Granularity::Block, "illustration")
        }
        "ocr_linedrawing" => (Granularity::Block, "line drawing"),
        "ocr_separator" => (Granularity::Block, "separator"),
        "ocr_table" => (Granularity::Block, "table"),
        _ => {
            let name = class.split_once('_').map_or(class, |(_, name)| name);
            return (None, name.to_owned());
        }
    };
    (Some(granularity), name.to_owned())
}

/// The properties in a `title`: `bbox 10 20 300 40; baseline 0.01 -5; image "a;b.png"`.
struct Title(Vec<(String, String)>);

/// The properties of hOCR of which several stand in a title.
const PROPERTIES: [&str; 12] = [
    "baseline",
    "bbox",
    "image",
    "order",
    "poly",
    "ppageno",
    "textangle",
    "x_bboxes",
    "x_conf",
    "x_confs",
    "x_size",
    "x_wconf",
];

/// Whether a text begins with the name of a property.
fn is_before_name(text: &str) -> bool {
    let name = text.split_whitespace().next().unwrap_or_default();
    PROPERTIES.contains(&name)
}

impl Title {
    fn read(text: &str) -> Self {
        let mut parts = vec![String::new()];
        let mut quote = None;
        for (at, c) in text.char_indices() {
            let is_end = match c {
                ';' => quote.is_none(),
                // Versions of kraken before 2020 write commas.
                ',' => quote.is_none() && is_before_name(&text[at + 1..]),
                _ => false,
            };
            match quote {
                None if c == '"' || c == '\'' => quote = Some(c),
                Some(open) if open == c => quote = None,
                _ => {}
            }
            match (is_end, parts.last_mut()) {
                (false, Some(part)) => part.push(c),
                _ => parts.push(String::new()),
            }
        }
        let pair = |part: String| {
            let part = part.trim();
            let (name, value) = part.split_once(char::is_whitespace)?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Title(parts.into_iter().filter_map(pair).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    fn numbers(&self, name: &str) -> Option<Vec<f64>> {
        let texts = self.get(name)?.split_whitespace();
        texts.map(|text| number(text).ok()).collect()
    }

    /// The property with the box: `bbox`; of a character `x_bboxes`, as Tesseract writes it.
    fn bbox(&self) -> Option<(&'static str, &str)> {
        let named = |name| Some((name, self.get(name)?));
        named("bbox").or_else(|| named("x_bboxes"))
    }

    /// Whether it says where on the page something is.
    fn is_placed(&self) -> bool {
        self.bbox().is_some() || self.get("poly").is_some()
    }

    /// The confidence from 0 to 1: of a word, of a character, the mean of those of each character. They are hundredths; kraken
    /// writes those of characters from 0 to 1.
    fn confidence(&self) -> Option<f64> {
        let of_one = ["x_wconf", "x_conf"].into_iter();
        let of_one = of_one
            .filter_map(|name| self.numbers(name)?.first().copied())
            .next();
        let of_each = || {
            let all = self.numbers("x_confs").filter(|all| !all.is_empty())?;
            let scale = if all.iter().all(|confidence| *confidence <= 1.0) {
                100.0
            } else {
                1.0
            };
            Some(scale * all.iter().sum::<f64>() / all.len() as f64)
        };
        of_one
            .or_else(of_each)
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(|percent| (percent * 1e4).round() / 1e6)
    }

    /// Puts position, baseline, confidence and angle into an item.
    fn describe(&self, draft: &mut Draft) {
        if let Some((name, text)) = self.bbox() {
            draft.bbox = Some(match self.numbers(name).as_deref() {
                Some(&[x, y, right, bottom]) => Ok([x, y, right - x, bottom - y]),
                _ => Err(format!(
                    "{name} does not have four numbers: {}",
                    excerpt(text)
                )),
            });
        }
        match self.get("poly").map(points) {
            Some(Ok(outline)) => draft.outline = outline,
            Some(Err(problem)) if draft.bbox.is_none() => draft.fail("outline", problem),
            Some(Err(problem)) => draft.lose("outline", &problem),
            None => {}
        }
        draft.confidence = self.confidence();
        draft.index = self.get("order").and_then(|text| text.trim().parse().ok());
        let angle = self.numbers("textangle").and_then(|n| n.first().copied());
        if let Some(angle) = angle.filter(|angle| *angle != 0.0) {
            draft.attributes.insert("rotation", angle.into());
            return;
        }
        let Some(text) = self.get("baseline") else {
            return;
        };
        match (&draft.bbox, self.numbers("baseline")) {
            (Some(Ok(bbox)), Some(polynomial)) => draft.baseline = baseline(*bbox, &polynomial),
            (_, Some(_)) => draft.lose("baseline", "it is relative to a bbox, which is missing"),
            _ => draft.lose("baseline", &format!("not numbers: {}", excerpt(text))),
        }
    }
}

/// A baseline: a polynomial, highest power first, from the bottom left corner of the box (hOCR 1.2, section 4.3).
fn baseline([x, y, width, height]: [f64; 4], polynomial: &[f64]) -> Vec<[f64; 2]> {
    let at = |dx: f64| polynomial.iter().fold(0.0, |sum, factor| sum * dx + factor);
    let steps = match polynomial.len() {
        0 => return Vec::new(),
        1 | 2 => 1,
        _ => 8,
    };
    let point = |n: i32| {
        let dx = width * f64::from(n) / f64::from(steps);
        [x + dx, y + height + at(dx)]
    };
    (0..=steps).map(point).collect()
}
