//! PAGE (PRImA), versions 2009 to 2019 and Transkribus' dialect of it, into pages of items.
//!
//! Coordinates are pixels of the image whose size the page states. An outline is `Coords`: `points` since 2013, children
//! `Point` before. Of several texts (`TextEquiv`) that with the lowest `index` counts; the others are kept as alternatives.

use super::draft::{Draft, Drafts};
use super::numbers::{number, points};
use super::page::{Granularity, TextFile, TextKind, TextPage};
use super::xml::{self, Element, Visitor};
use crate::contracts::Frame;

/// Reads a document.
///
/// # Errors
/// It is not well-formed XML, or too large.
pub fn read(text: &str) -> Result<TextFile, String> {
    let mut page = PageXml::default();
    xml::walk(text, &mut page)?;
    page.end_page();
    Ok(TextFile {
        kind: TextKind::Page,
        pages: page.pages,
        notes: Vec::new(),
    })
}

#[derive(Default)]
struct PageXml {
    pages: Vec<TextPage>,
    page: Option<TextPage>,
    language: Option<String>,
    drafts: Drafts,
    /// The groups of the reading order that are open.
    groups: Vec<Group>,
    /// Names and ids of the open elements.
    open: Vec<(String, Option<String>)>,
    /// The texts of each open item.
    equivalents: Vec<Vec<TextEquiv>>,
    capture: Option<String>,
}

/// A group of the reading order: its members by place.
struct Group {
    place: i64,
    members: Vec<(i64, Vec<String>)>,
}

/// One of several readings of an item.
#[derive(Default)]
struct TextEquiv {
    /// Its rank: the lowest is the reading meant. One without rank stands before all others.
    index: Option<i64>,
    confidence: Option<f64>,
    unicode: Option<String>,
    plain: Option<String>,
}

impl TextEquiv {
    fn text(&self) -> Option<&str> {
        let filled = |text: &'_ &String| !text.is_empty();
        let unicode = self.unicode.as_ref().filter(filled);
        unicode.or(self.plain.as_ref()).map(String::as_str)
    }
}

/// Elements of regions in PAGE 2019, and their classes.
pub const REGIONS: [(&str, &str); 13] = [
    ("TextRegion", "block"),
    ("ImageRegion", "illustration"),
    ("LineDrawingRegion", "line drawing"),
    ("GraphicRegion", "graphic"),
    ("TableRegion", "table"),
    ("ChartRegion", "chart"),
    ("MapRegion", "map"),
    ("SeparatorRegion", "separator"),
    ("MathsRegion", "maths"),
    ("ChemRegion", "chemistry"),
    ("MusicRegion", "music"),
    ("AdvertRegion", "advertisement"),
    ("NoiseRegion", "noise"),
];

/// Granularity and class of an element that is an item.
fn role(name: &str) -> Option<(Granularity, &'static str)> {
    // Those of other versions, and what stands in regions.
    const OTHERS: [(&str, &str); 3] = [
        ("FrameRegion", "frame"),
        ("TableCell", "cell"),
        ("CustomRegion", "region"),
    ];
    let mut regions = REGIONS.iter().chain(&OTHERS);
    let region = regions.find(|(element, _)| *element == name);
    Some(match (name, region) {
        (_, Some((_, class))) => (Granularity::Block, class),
        ("Border", _) => (Granularity::Page, "border"),
        ("TextLine", _) => (Granularity::Line, "line"),
        ("Word", _) => (Granularity::Word, "word"),
        ("Glyph", _) => (Granularity::Glyph, "glyph"),
        _ if name.ends_with("Region") => (Granularity::Block, "region"),
        _ => return None,
    })
}

impl Visitor for PageXml {
    fn open(&mut self, element: &Element) -> Result<(), String> {
        let (around, id) = self.open.last().cloned().unwrap_or_default();
        let own_id = element.get(&["id"]).map(str::to_owned);
        self.open.push((element.name.to_owned(), own_id));
        match element.name {
            "Page" => self.begin_page(element),
            "Coords" if role(&around).is_some() => self.coords(element),
            "Coords" if around != "PrintSpace" => return self.unknown(&around, id),
            "Baseline" if role(&around).is_some() => self.baseline(element),
            "Point" if self.is_of_item() => self.point(element, &around),
            "TextEquiv" if role(&around).is_some() => self.begin_text(element),
            "Unicode" | "PlainText" if self.is_of_item() => self.capture = Some(String::new()),
            "TableCellRole" => self.cell(element),
            name if name.ends_with("Group") || name.ends_with("GroupIndexed") => {
                let place = place_of(element, self.groups.last());
                self.groups.push(Group {
                    place,
                    members: Vec::new(),
                });
                self.reference(element, place);
            }
            "RegionRef" | "RegionRefIndexed" => {
                let place = place_of(element, self.groups.last());
                self.reference(element, place);
            }
            _ => return self.item(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let Some(captured) = &mut self.capture {
            captured.push_str(text);
        }
    }

    fn unreadable(&mut self, problem: String) {
        if let Some(draft) = self.drafts.current() {
            draft.fail("text", problem);
        }
    }

    fn close(&mut self, name: &str) {
        self.open.pop();
        match name {
            "Page" => self.end_page(),
            "Unicode" | "PlainText" => self.end_text(name),
            name if name.ends_with("Group") || name.ends_with("GroupIndexed") => self.end_group(),
            name if role(name).is_some() && self.page.is_some() => {
                let equivalents = self.equivalents.pop().unwrap_or_default();
                if let Some(draft) = self.drafts.current() {
                    choose(equivalents, draft);
                }
                self.drafts.close();
            }
            _ => {}
        }
    }
}

impl PageXml {
    fn begin_page(&mut self, element: &Element) {
        self.end_page();
        let side = |name| element.get(&[name]).and_then(|text| number(text).ok());
        let size = side("imageWidth").zip(side("imageHeight"));
        self.language = element.get(&["primaryLanguage"]).map(str::to_owned);
        self.page = Some(TextPage {
            image_file: element.get(&["imageFilename"]).map(str::to_owned),
            size: size.and_then(|(width, height)| Frame::try_from([width, height]).ok()),
            is_in_pixels: true,
            ..TextPage::default()
        });
    }

    fn end_page(&mut self) {
        if let Some(mut page) = self.page.take() {
            std::mem::take(&mut self.drafts).finish(&mut page);
            self.pages.push(page);
        }
        (self.groups, self.equivalents) = (Vec::new(), Vec::new());
    }

    fn item(&mut self, element: &Element) -> Result<(), String> {
        let Some((granularity, class)) = role(element.name).filter(|_| self.page.is_some()) else {
            return Ok(());
        };
        let mut draft = Draft::new(element.name, granularity, class);
        draft.id = element.get(&["id"]).map(str::to_owned);
        draft.index = whole(element.get(&["index"]));
        let custom = Custom::read(element.get(&["custom"]).unwrap_or_default());
        draft.index = draft.index.or(custom.index);
        let language = element.get(&["primaryLanguage", "language"]);
        draft.language = language
            .map(str::to_owned)
            .or(custom.language)
            .or_else(|| self.language.clone());
        if let Some(stated) = element.get(&["type"]).or(custom.kind.as_deref()) {
            draft.attributes.insert("type", stated.into());
            draft.class = stated.to_owned();
        }
        if !custom.rest.is_empty() {
            draft.attributes.insert("custom", custom.rest.into());
        }
        for (attribute, name) in [
            ("orientation", "rotation"),
            ("readingDirection", "text_direction"),
            ("production", "production"),
        ] {
            if let Some(text) = element.get(&[attribute]) {
                draft.attributes.insert(name, text.into());
            }
        }
        self.equivalents.push(Vec::new());
        self.drafts.open(draft)?;
        if element.name == "TableCell" {
            self.cell(element);
        }
        Ok(())
    }

    /// Lists an element of the page that has a place and is not known.
    fn unknown(&mut self, name: &str, id: Option<String>) -> Result<(), String> {
        if self.page.is_none() {
            return Ok(());
        }
        self.drafts.list(name, id.as_deref())?;
        self.drafts.close();
        Ok(())
    }

    /// Whether the element that is read stands in a member of an item, and not of an unknown element in it.
    fn is_of_item(&self) -> bool {
        let above = self.open.len().checked_sub(3).map(|n| &self.open[n]);
        above.is_some_and(|(name, _)| role(name).is_some())
    }

    fn coords(&mut self, element: &Element) {
        let Some(draft) = self.drafts.current() else {
            return;
        };
        draft.confidence = draft.confidence.or(confidence(element.get(&["conf"])));
        match element.get(&["points"]).map(points) {
            Some(Ok(outline)) => draft.outline = outline,
            Some(Err(problem)) => draft.fail("outline", problem),
            None => {}
        }
    }

    fn baseline(&mut self, element: &Element) {
        let Some(draft) = self.drafts.current() else {
            return;
        };
        match element.get(&["points"]).map(points) {
            Some(Ok(points)) => draft.baseline = points,
            Some(Err(problem)) => draft.lose("baseline", &problem),
            None => {}
        }
    }

    /// A point of an outline or a baseline, as before 2013.
    fn point(&mut self, element: &Element, around: &str) {
        let value = |name| number(element.get(&[name]).unwrap_or_default());
        let Some(draft) = self.drafts.current() else {
            return;
        };
        match (value("x"), value("y"), around) {
            (Ok(x), Ok(y), "Coords") => draft.outline.push([x, y]),
            (Ok(x), Ok(y), "Baseline") => draft.baseline.push([x, y]),
            (Err(problem), _, "Coords") | (_, Err(problem), "Coords") => {
                draft.fail("outline", problem);
            }
            (Err(problem), _, "Baseline") | (_, Err(problem), "Baseline") => {
                draft.lose("baseline", &problem);
            }
            _ => {}
        }
    }

    /// The place of a cell in its table.
    fn cell(&mut self, element: &Element) {
        let Some(draft) = self.drafts.current_of(Granularity::Block) else {
            return;
        };
        for (names, attribute) in [
            (["rowIndex", "row"], "row"),
            (["columnIndex", "col"], "column"),
            (["rowSpan", "rowSpan"], "row_span"),
            (["colSpan", "colSpan"], "column_span"),
        ] {
            if let Some(n) = whole(element.get(&names)) {
                draft.attributes.insert(attribute, n.into());
            }
        }
    }

    fn begin_text(&mut self, element: &Element) {
        if let Some(equivalents) = self.equivalents.last_mut() {
            equivalents.push(TextEquiv {
                index: whole(element.get(&["index"])),
                confidence: confidence(element.get(&["conf"])),
                ..TextEquiv::default()
            });
        }
    }

    fn end_text(&mut self, name: &str) {
        let text = self.capture.take().map(|text| text.trim().to_owned());
        let last = self.equivalents.last_mut().and_then(|e| e.last_mut());
        if let (Some(last), Some(_)) = (last, &text) {
            match name {
                "Unicode" => last.unicode = text,
                _ => last.plain = text,
            }
        }
    }

    /// A region that the reading order names.
    fn reference(&mut self, element: &Element, place: i64) {
        let region = element.get(&["regionRef"]).map(str::to_owned);
        let is_group = !element.name.starts_with("RegionRef");
        let around = self.groups.len().checked_sub(1 + usize::from(is_group));
        if let (Some(region), Some(group)) = (region, around.and_then(|n| self.groups.get_mut(n))) {
            group.members.push((place, vec![region]));
        }
    }

    /// Passes the members of a group on to the group around it; those of the outermost are in reading order.
    fn end_group(&mut self) {
        let Some(mut group) = self.groups.pop() else {
            return;
        };
        group.members.sort_by_key(|(place, _)| *place);
        let regions = group.members.into_iter().flat_map(|(_, regions)| regions);
        match self.groups.last_mut() {
            Some(around) => around.members.push((group.place, regions.collect())),
            None => {
                for region in regions {
                    let place = self.drafts.ranks.len() as i64;
                    self.drafts.ranks.entry(region).or_insert(place);
                }
            }
        }
    }
}

/// The place of a member of a group: its index, else after those before it.
fn place_of(element: &Element, group: Option<&Group>) -> i64 {
    let after = group.map_or(0, |group| group.members.len() as i64);
    whole(element.get(&["index"])).unwrap_or(after)
}

/// Takes the reading with the lowest rank, and keeps the others.
fn choose(mut equivalents: Vec<TextEquiv>, draft: &mut Draft) {
    equivalents.sort_by_key(|equivalent| equivalent.index.unwrap_or(i64::MIN));
    let mut read = equivalents.iter().filter(|e| e.text().is_some());
    let Some(best) = read.next() else {
        return;
    };
    draft.text = best.text().map(str::to_owned);
    draft.confidence = best.confidence.or(draft.confidence);
    let others: Vec<&str> = read.filter_map(TextEquiv::text).collect();
    if !others.is_empty() {
        draft.attributes.insert("alternatives", others.into());
    }
}

fn confidence(text: Option<&str>) -> Option<f64> {
    let number = number(text?).ok()?;
    (0.0..=1.0).contains(&number).then_some(number)
}

fn whole(text: Option<&str>) -> Option<i64> {
    text?.trim().parse().ok()
}

/// The attribute `custom` as Transkribus writes it: `readingOrder {index:0;} structure {type:heading;}`.
#[derive(Default)]
struct Custom {
    index: Option<i64>,
    kind: Option<String>,
    language: Option<String>,
    /// Everything else, as it is.
    rest: String,
}

impl Custom {
    fn read(text: &str) -> Self {
        let mut custom = Custom::default();
        for part in text.split_inclusive('}') {
            let (name, values) = part.split_once('{').unwrap_or((part, ""));
            let value = |wanted: &str| {
                let values = values.trim_end_matches('}').split(';');
                let mut pairs = values.filter_map(|pair| pair.split_once(':'));
                let found = pairs.find(|(name, _)| name.trim() == wanted);
                found.map(|(_, value)| value.trim().to_owned())
            };
            match name.trim() {
                "readingOrder" => custom.index = whole(value("index").as_deref()),
                "language" if custom.language.is_none() => {
                    custom.language = value("value").filter(|language| !language.is_empty());
                }
                "structure" => custom.kind = value("type").filter(|kind| !kind.is_empty()),
                _ => custom.rest.push_str(part),
            }
        }
        custom.rest = custom.rest.trim().to_owned();
        custom
    }
}
