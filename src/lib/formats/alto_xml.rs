//! A page as ALTO 4: regions as `TextBlock`, `ComposedBlock`, `Illustration` or `GraphicalElement`, classes as tags.
//!
//! The order of the file is the reading order. ALTO has text only in words. A line without words has a single `String`, which has the place of the line and all of its text,
//! as transcription tools write it. Blanks between words are `SP` where the text of the line has them, and a hyphen after its words
//! is `HYP`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::dataset::DatasetImage;
use super::text_tree::{Level, Node, trees};
use super::xml::attribute;
use crate::contracts::BBox;

/// What a page cannot hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct LostInAlto {
    /// Characters of more or less than one code point.
    pub glyphs: u64,
    /// Languages that are no language tag.
    pub languages: u64,
    /// Borders of pages.
    pub borders: u64,
    /// Lines whose text is more than the texts of their words, or another.
    pub lines: u64,
    /// Regions with a text that is not that of their lines.
    pub regions: u64,
}

/// The document of an image whose file stands beside it. Adds what it cannot hold to `lost`.
pub fn document(
    image: &DatasetImage,
    classes: &[String],
    file: &str,
    lost: &mut LostInAlto,
) -> String {
    let nodes = trees(&image.boxes);
    let mut page = Page {
        classes,
        xml: String::new(),
        tags: BTreeMap::new(),
        lost,
    };
    for node in &nodes {
        match node.level {
            Level::Border => page.lost.borders += 1,
            _ => page.region(node),
        }
    }
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alto xmlns=\"http://www.loc.gov/standards/alto/ns-v4#\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"http://www.loc.gov/standards/alto/ns-v4# http://www.loc.gov/standards/alto/v4/alto-4-2.xsd\" \
         SCHEMAVERSION=\"4.2\">\n",
    );
    let _ = write!(
        xml,
        "<Description>\n<MeasurementUnit>pixel</MeasurementUnit>\n<sourceImageInformation>\n<fileName>{}</fileName>\n\
         </sourceImageInformation>\n</Description>\n",
        super::xml::escape(file)
    );
    if !page.tags.is_empty() {
        xml.push_str("<Tags>\n");
        for (label, id) in &page.tags {
            let _ = writeln!(
                xml,
                "<OtherTag ID=\"{id}\" LABEL=\"{}\"/>",
                attribute(label)
            );
        }
        xml.push_str("</Tags>\n");
    }
    let [width, height] = [image.width, image.height];
    let size = format!("WIDTH=\"{width}\" HEIGHT=\"{height}\"");
    let _ = write!(
        xml,
        "<Layout>\n<Page ID=\"_page\" PHYSICAL_IMG_NR=\"1\" {size}>\n<PrintSpace HPOS=\"0\" VPOS=\"0\" {size}>\n{}\
         </PrintSpace>\n</Page>\n</Layout>\n</alto>\n",
        page.xml
    );
    xml
}

struct Page<'a> {
    classes: &'a [String],
    xml: String,
    /// Classes that are not those of their elements, with the ids of their tags.
    tags: BTreeMap<String, String>,
    lost: &'a mut LostInAlto,
}

impl Page<'_> {
    fn region(&mut self, node: &Node) {
        let has_lines = node.children_of(Level::Line).next().is_some();
        let has_regions = node.children_of(Level::Region).next().is_some();
        self.lost.regions +=
            u64::from(node.text().is_some_and(|text| letters(text) != below(node)));
        let (element, class) = match kind(node) {
            _ if has_regions => ("ComposedBlock", "composed block"),
            _ if has_lines => ("TextBlock", "block"),
            kind => kind,
        };
        let mut start = format!("<{element} ID=\"{}\"", node.id);
        // A holder has no place of its own: readers pass over it.
        if node.labelled.is_some() {
            start += &place(&node.bbox);
            start += &self.tag(node, class);
        }
        if element == "TextBlock" {
            start += &self.language(node);
        }
        let _ = writeln!(self.xml, "{start}>");
        self.shape(node);
        node.children_of(Level::Region)
            .for_each(|region| self.region(region));
        if has_lines && has_regions {
            let _ = writeln!(self.xml, "<TextBlock ID=\"_lines.{}\">", node.id);
        }
        node.children_of(Level::Line)
            .for_each(|line| self.line(line));
        if has_lines && has_regions {
            self.xml.push_str("</TextBlock>\n");
        }
        let _ = writeln!(self.xml, "</{element}>");
    }

    fn line(&mut self, node: &Node) {
        let mut start = format!("<TextLine ID=\"{}\"", node.id);
        if node.labelled.is_some() {
            start += &place(&node.bbox);
            start += &self.tag(node, "line");
            start += &self.language(node);
        }
        if let Some(line) = node.baseline() {
            let _ = write!(start, " BASELINE=\"{}\"", points(&line));
        }
        let _ = writeln!(self.xml, "{start}>");
        self.shape(node);
        let words: Vec<&Node> = node.children_of(Level::Word).collect();
        if words.is_empty() {
            let text = attribute(node.text().unwrap_or_default());
            let sure = node.confidence().map(|sure| format!(" WC=\"{sure}\""));
            let _ = writeln!(
                self.xml,
                "<String{} CONTENT=\"{text}\"{}/>",
                place(&node.bbox),
                sure.unwrap_or_default()
            );
        }
        let gaps = gaps(node.text(), &words);
        self.lost.lines += u64::from(!words.is_empty() && !gaps.is_whole);
        for (word, has_gap) in words.iter().zip(gaps.follow) {
            self.word(word);
            if has_gap {
                self.xml.push_str("<SP/>\n");
            }
        }
        if let (Some(hyphen), false) = (gaps.hyphen, words.is_empty()) {
            let _ = writeln!(self.xml, "<HYP CONTENT=\"{}\"/>", attribute(hyphen));
        }
        self.xml.push_str("</TextLine>\n");
    }

    fn word(&mut self, node: &Node) {
        let mut start = format!("<String ID=\"{}\"", node.id);
        start += &place(&node.bbox);
        let own: String = node.children.iter().filter_map(Node::text).collect();
        let text = node.text().unwrap_or(&own);
        let _ = write!(start, " CONTENT=\"{}\"", attribute(text));
        if let Some(kind @ ("HypPart1" | "HypPart2" | "Abbreviation")) = node.attribute("subs_type")
        {
            let _ = write!(start, " SUBS_TYPE=\"{kind}\"");
        }
        if let Some(whole) = node.attribute("subs_content") {
            let _ = write!(start, " SUBS_CONTENT=\"{}\"", attribute(whole));
        }
        if let Some(confidence) = node.confidence() {
            let _ = write!(start, " WC=\"{confidence}\"");
        }
        start += &self.tag(node, "word");
        start += &self.language(node);
        let _ = writeln!(self.xml, "{start}>");
        self.shape(node);
        node.children.iter().for_each(|glyph| self.glyph(glyph));
        self.xml.push_str("</String>\n");
    }

    fn glyph(&mut self, node: &Node) {
        let text = node.text().unwrap_or_default();
        if text.chars().count() != 1 {
            self.lost.glyphs += 1;
            return;
        }
        let mut start = format!("<Glyph ID=\"{}\"{}", node.id, place(&node.bbox));
        let _ = write!(start, " CONTENT=\"{}\"", attribute(text));
        if let Some(confidence) = node.confidence() {
            let _ = write!(start, " GC=\"{confidence}\"");
        }
        let _ = writeln!(self.xml, "{start}>");
        self.shape(node);
        self.xml.push_str("</Glyph>\n");
    }

    /// A reference to the tag of a class, if that is not the one of the element.
    fn tag(&mut self, node: &Node, usual: &str) -> String {
        let class = node.labelled.map(|b| self.classes[b.class].as_str());
        let Some(class) = class.filter(|class| *class != usual) else {
            return String::new();
        };
        let id = format!("_tag.{}", self.tags.len() + 1);
        let id = self.tags.entry(class.to_owned()).or_insert(id);
        format!(" TAGREFS=\"{id}\"")
    }

    fn language(&mut self, node: &Node) -> String {
        match node.attribute("language") {
            None => String::new(),
            Some(language) if is_language_tag(language) => format!(" LANG=\"{language}\""),
            Some(_) => {
                self.lost.languages += 1;
                String::new()
            }
        }
    }

    fn shape(&mut self, node: &Node) {
        let outline = node.labelled.and_then(|b| b.outline.as_ref());
        if let Some(outline) = outline {
            let points = points(outline.joined().points());
            let _ = writeln!(self.xml, "<Shape><Polygon POINTS=\"{points}\"/></Shape>");
        }
    }
}

/// A text without its blanks.
fn letters(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The texts of the lines of a region, and of regions in it, without blanks.
fn below(node: &Node) -> String {
    let text = |child: &Node| match child.text() {
        Some(text) if child.level != Level::Region => letters(text),
        _ => below(child),
    };
    node.children.iter().map(text).collect()
}

/// The element of a region that holds nothing, and the class that readers give it.
fn kind(node: &Node) -> (&'static str, &'static str) {
    let illustration = ("Illustration", "illustration");
    let graphic = ("GraphicalElement", "graphic");
    match node.attribute("element") {
        Some("Illustration" | "ImageRegion" | "ocr_photo" | "ocr_image") => illustration,
        Some(
            "GraphicalElement" | "GraphicRegion" | "LineDrawingRegion" | "SeparatorRegion"
            | "ChartRegion" | "MapRegion" | "ocr_linedrawing" | "ocr_separator",
        ) => graphic,
        Some("ComposedBlock") => ("ComposedBlock", "composed block"),
        _ => ("TextBlock", "block"),
    }
}

/// What the text of a line has besides its words.
struct Gaps<'a> {
    /// Whether a blank follows each word.
    follow: Vec<bool>,
    /// The hyphen at the end that no word has.
    hyphen: Option<&'a str>,
    /// Whether words, blanks and hyphen are the text.
    is_whole: bool,
}

/// Without a text, or if the words are not those of the text, there are blanks between all words.
fn gaps<'a>(text: Option<&'a str>, words: &[&Node]) -> Gaps<'a> {
    let between = |is_whole| Gaps {
        follow: (1..=words.len()).map(|n| n < words.len()).collect(),
        hyphen: None,
        is_whole,
    };
    let Some(mut rest) = text else {
        return between(true);
    };
    let mut follow = Vec::new();
    for word in words {
        let own = word.text().unwrap_or_default();
        let Some(after) = rest.trim_start().strip_prefix(own) else {
            return between(false);
        };
        follow.push(after.starts_with(char::is_whitespace) && follow.len() + 1 < words.len());
        rest = after;
    }
    let rest = rest.trim();
    Gaps {
        follow,
        hyphen: is_hyphen(rest).then_some(rest),
        is_whole: rest.is_empty() || is_hyphen(rest),
    }
}

/// Hyphens of print and of transcriptions: also the soft one, the not sign, and the double ones of old prints.
fn is_hyphen(text: &str) -> bool {
    [
        "-", "\u{ad}", "\u{2010}", "\u{2011}", "\u{ac}", "=", "\u{2e17}", "\u{2e40}", "\u{58a}",
        "\u{5be}",
    ]
    .contains(&text)
}

fn place(b: &BBox) -> String {
    let [x, y, w, h] = [b.x, b.y, b.width, b.height].map(number);
    format!(" HPOS=\"{x}\" VPOS=\"{y}\" WIDTH=\"{w}\" HEIGHT=\"{h}\"")
}

fn points(points: &[[f64; 2]]) -> String {
    let point = |[x, y]: &[f64; 2]| format!("{},{}", number(*x), number(*y));
    points.iter().map(point).collect::<Vec<_>>().join(" ")
}

/// To thousandths of a pixel.
fn number(v: f64) -> f64 {
    (v * 1000.0).round() / 1000.0
}

/// `xsd:language`: what `LANG` may be.
fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_part = |part: &str| (1..=8).contains(&part.len());
    let first = parts.next().unwrap_or_default();
    is_part(first)
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| is_part(part) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_language_tags_are_languages() {
        let cases = [
            ("he", true),
            ("zh-Hant", true),
            ("de-1901", true),
            ("Old English", false),
            ("", false),
            ("en_US", false),
        ];
        for (text, wanted) in cases {
            assert_eq!(is_language_tag(text), wanted, "{text}");
        }
    }
}
