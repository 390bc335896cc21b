//! A page as PAGE 2019: regions, lines, words and glyphs with outlines, texts, confidences and reading order.
//!
//! Coordinates are whole pixels, as the schema wants them. What is not in a region or line is put into one around it. A class
//! that is not that of its element is its `type` where the schema knows it, else `structure` in `custom`, as Transkribus writes
//! it; a language stands there too, since the schema has only names of its own.

use std::fmt::Write as _;

use super::dataset::DatasetImage;
use super::text_tree::{Level, Node, trees};
use super::xml::{attribute, escape};
use crate::contracts::Named;
use crate::sources::text::PAGE_REGIONS as REGIONS;

/// The types of text regions that the schema knows.
const TYPES: [&str; 18] = [
    "paragraph",
    "heading",
    "caption",
    "header",
    "footer",
    "page-number",
    "drop-capital",
    "credit",
    "floating",
    "signature-mark",
    "catch-word",
    "marginalia",
    "footnote",
    "footnote-continued",
    "endnote",
    "TOC-entry",
    "list-label",
    "other",
];

/// The document of an image whose file stands beside it.
pub fn document(image: &DatasetImage, classes: &[String], file: &str) -> String {
    let nodes = trees(&image.boxes);
    let mut page = Page {
        classes,
        xml: String::new(),
        size: [image.width, image.height],
    };
    // The schema has one border.
    if let Some(border) = nodes.iter().find(|node| node.level == Level::Border) {
        page.xml.push_str("<Border>\n");
        page.coords(border);
        page.xml.push_str("</Border>\n");
    }
    let regions: Vec<&Node> = nodes
        .iter()
        .filter(|node| node.level == Level::Region)
        .collect();
    if !regions.is_empty() {
        page.xml
            .push_str("<ReadingOrder>\n<OrderedGroup id=\"_order\">\n");
        for (n, region) in regions.iter().enumerate() {
            let _ = writeln!(
                page.xml,
                "<RegionRefIndexed index=\"{n}\" regionRef=\"{}\"/>",
                region.id
            );
        }
        page.xml.push_str("</OrderedGroup>\n</ReadingOrder>\n");
    }
    regions.iter().for_each(|region| page.region(region));
    let [width, height] = page.size;
    // No time: the same input gives the same bytes.
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PcGts \
         xmlns=\"http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15 \
         http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15/pagecontent.xsd\">\n<Metadata>\n\
         <Creator>recto</Creator>\n<Created>1970-01-01T00:00:00</Created>\n<LastChange>1970-01-01T00:00:00</LastChange>\n\
         </Metadata>\n<Page imageFilename=\"{}\" imageWidth=\"{width}\" imageHeight=\"{height}\">\n{}</Page>\n</PcGts>\n",
        attribute(file),
        page.xml
    )
}

struct Page<'a> {
    classes: &'a [String],
    xml: String,
    size: [u32; 2],
}

impl Page<'_> {
    fn region(&mut self, node: &Node) {
        let (element, class) = element(node, self.classes);
        let has_lines = node.children_of(Level::Line).next().is_some();
        let mut start = format!("<{element} id=\"{}\"", node.id);
        start += &self.stated(node, class, element == "TextRegion");
        let _ = writeln!(self.xml, "{start}>");
        self.coords(node);
        node.children_of(Level::Region)
            .for_each(|region| self.region(region));
        // Only text regions hold lines.
        let is_held = has_lines && element != "TextRegion";
        if is_held {
            let _ = writeln!(self.xml, "<TextRegion id=\"_lines.{}\">", node.id);
            self.coords(node);
        }
        node.children_of(Level::Line)
            .for_each(|line| self.line(line));
        if is_held {
            self.xml.push_str("</TextRegion>\n");
        }
        if element == "TextRegion" {
            self.text(node);
        }
        let _ = writeln!(self.xml, "</{element}>");
    }

    fn line(&mut self, node: &Node) {
        let stated = self.stated(node, "line", false);
        let _ = writeln!(self.xml, "<TextLine id=\"{}\"{stated}>", node.id);
        self.coords(node);
        if let Some(line) = node.baseline() {
            let points = self.points(&line);
            let _ = writeln!(self.xml, "<Baseline points=\"{points}\"/>");
        }
        node.children_of(Level::Word)
            .for_each(|word| self.word(word));
        self.text(node);
        self.xml.push_str("</TextLine>\n");
    }

    fn word(&mut self, node: &Node) {
        let stated = self.stated(node, "word", false);
        let _ = writeln!(self.xml, "<Word id=\"{}\"{stated}>", node.id);
        self.coords(node);
        for glyph in &node.children {
            let stated = self.stated(glyph, "glyph", false);
            let _ = writeln!(self.xml, "<Glyph id=\"{}\"{stated}>", glyph.id);
            self.coords(glyph);
            self.text(glyph);
            self.xml.push_str("</Glyph>\n");
        }
        self.text(node);
        self.xml.push_str("</Word>\n");
    }

    /// The attributes `type`, `custom` and `readingDirection` of an item.
    fn stated(&self, node: &Node, usual: &str, may_have_type: bool) -> String {
        let Some(b) = node.labelled else {
            return String::new();
        };
        let (mut stated, mut custom) = (String::new(), Vec::new());
        let class = self.classes[b.class].as_str();
        if class != usual {
            match may_have_type && TYPES.contains(&class) {
                true => {
                    let _ = write!(stated, " type=\"{class}\"");
                }
                false => custom.push(format!("structure {{type:{};}}", plain(class))),
            }
        }
        if let Some(language) = node.attribute("language") {
            custom.push(format!("language {{value:{};}}", plain(language)));
        }
        custom.extend(node.attribute("custom").map(str::to_owned));
        if !custom.is_empty() {
            let _ = write!(stated, " custom=\"{}\"", attribute(&custom.join(" ")));
        }
        let direction = node.attribute("text_direction");
        let known = [
            "left-to-right",
            "right-to-left",
            "top-to-bottom",
            "bottom-to-top",
        ];
        if let Some(direction) =
            direction.filter(|d| known.contains(d) && node.level != Level::Glyph)
            && (may_have_type || node.level > Level::Region)
        {
            let _ = write!(stated, " readingDirection=\"{direction}\"");
        }
        stated
    }

    fn coords(&mut self, node: &Node) {
        let b = &node.bbox;
        let outline = node.labelled.and_then(|b| b.outline.as_ref());
        let corners = [
            [b.x, b.y],
            [b.right(), b.y],
            [b.right(), b.bottom()],
            [b.x, b.bottom()],
        ];
        let points = match outline {
            Some(outline) => self.points(outline.joined().points()),
            None => self.points(&corners),
        };
        // A text has its confidence itself.
        let confidence = node.confidence().filter(|_| node.text().is_none());
        let confidence = confidence.map_or(String::new(), |c| format!(" conf=\"{c}\""));
        let _ = writeln!(self.xml, "<Coords points=\"{points}\"{confidence}/>");
    }

    /// Whole pixels on the page.
    fn points(&self, points: &[[f64; 2]]) -> String {
        let whole = |v: f64, most: u32| (v + 0.5).floor().clamp(0.0, most.into()) as u32;
        let point =
            |[x, y]: &[f64; 2]| format!("{},{}", whole(*x, self.size[0]), whole(*y, self.size[1]));
        points.iter().map(point).collect::<Vec<_>>().join(" ")
    }

    fn text(&mut self, node: &Node) {
        let Some(text) = node.text() else {
            return;
        };
        let others = node
            .labelled
            .and_then(|b| b.attributes.value("alternatives")?.as_array());
        let others = others.into_iter().flatten().filter_map(|v| v.as_str());
        let texts: Vec<&str> = std::iter::once(text).chain(others).collect();
        for (n, text) in texts.iter().enumerate() {
            let index = match texts.len() {
                1 => String::new(),
                _ => format!(" index=\"{n}\""),
            };
            let confidence = node.confidence().filter(|_| n == 0);
            let confidence = confidence.map_or(String::new(), |c| format!(" conf=\"{c}\""));
            let _ = writeln!(
                self.xml,
                "<TextEquiv{index}{confidence}><Unicode>{}</Unicode></TextEquiv>",
                escape(text)
            );
        }
    }
}

/// The element of a region, and the class that readers give it.
fn element(node: &Node, classes: &[String]) -> (&'static str, &'static str) {
    let stated = match node.attribute("element") {
        Some("Illustration" | "ocr_photo" | "ocr_image") => Some("ImageRegion"),
        Some("GraphicalElement") => Some("GraphicRegion"),
        Some("ocr_linedrawing") => Some("LineDrawingRegion"),
        Some("ocr_separator") => Some("SeparatorRegion"),
        Some("ocr_table") => Some("TableRegion"),
        stated => stated,
    };
    let class = node.labelled.map(|b| classes[b.class].as_str());
    let by_element = REGIONS.iter().find(|(element, _)| Some(*element) == stated);
    let by_class = REGIONS
        .iter()
        .find(|(_, usual)| Some(*usual) == class && stated.is_none());
    *by_element.or(by_class).unwrap_or(&REGIONS[0])
}

/// A value for `custom`, whose marks it may not have.
fn plain(text: &str) -> String {
    text.replace(['{', '}', ';'], " ")
}
