//! The boxes of one image, put on the pixels of its file. Pure.

use serde_json::Value;

use super::box_to_pixels::{Mapping, clip, clip_polygon, why_not_seen};
use super::classes::names::{ClassNames, Fate};
use super::cut_points::cut_points;
use crate::contracts::{
    AttributeValue, BBox, BorrowedAttributes, BorrowedImage, BorrowedLocalization, Frame, Named,
    Polygon, Text, map_points,
};
use crate::exif_boxes::ExifBoxes;
use crate::formats::{Flags, Outline};
use crate::pixels::Header;
use crate::values;

/// The choices of the user for boxes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BoxRules {
    /// On which image boxes were drawn, if the user says so.
    pub exif: Option<ExifBoxes>,
    /// Boxes with a side of fewer pixels are left out.
    pub least_side: f64,
    /// Boxes of one class that overlap at least so much are one.
    pub merge: Option<f64>,
}

/// A box on the pixels of its file.
#[derive(Clone, Debug)]
pub struct PlacedBox<'a> {
    /// The source's id.
    pub id: Text<'a>,
    /// Number of its class among those met.
    pub class: u32,
    /// The box, inside the image.
    pub bbox: BBox,
    /// The outline, inside the image.
    pub outline: Option<Outline>,
    /// Whether the box was the one around its outline, before the image cut both off.
    pub is_around: bool,
    /// What formats have members for.
    pub flags: Flags,
    /// Everything else.
    pub attributes: BorrowedAttributes<'a>,
}

impl Placed<'_> {
    /// Counts what is to be told of the boxes that are kept.
    pub fn count(&mut self) {
        (self.equal, self.of_other_text) = equal(&self.boxes);
        let thin = |b: &&PlacedBox| b.bbox.width.min(b.bbox.height) < 1.0;
        self.thin = self.boxes.iter().filter(thin).count() as u32;
    }
}

impl<'a> PlacedBox<'a> {
    /// Whether two boxes at one place may be about one thing: they have no two texts, nor, where boxes are equal, two outlines.
    fn may_be(&self, other: &PlacedBox, least: f64) -> bool {
        fn differ<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
            a.zip(b).is_some_and(|(a, b)| a != b)
        }
        let are_two = least >= 1.0 && differ(self.outline.as_ref(), other.outline.as_ref());
        !differ(self.text(), other.text()) && !are_two
    }

    fn text(&self) -> Option<&str> {
        self.attributes.get("text").and_then(|text| text.as_str())
    }

    /// Takes what another box of the same thing says and this one does not.
    fn take_in(&mut self, other: PlacedBox<'a>) {
        if self.outline.is_none() && other.outline.is_some() {
            (self.outline, self.bbox) = (other.outline, other.bbox);
        }
        self.flags.is_truncated |= other.flags.is_truncated;
        self.flags.is_difficult |= other.flags.is_difficult;
        self.flags.is_occluded |= other.flags.is_occluded;
        self.flags.is_crowd |= other.flags.is_crowd;
        for (name, value) in other.attributes {
            if !self.attributes.contains_key(&name) {
                self.attributes.insert(name, value);
            }
        }
    }
}

/// The boxes of an image, and what was done with the others.
#[derive(Debug, Default)]
pub struct Placed<'a> {
    /// Those that are kept.
    pub boxes: Vec<PlacedBox<'a>>,
    /// Those that cannot be used: id, field and problem.
    pub rejects: Vec<(Text<'a>, &'static str, String)>,
    /// Number of those that the rules for classes drop.
    pub dropped: u32,
    /// Those that are smaller than wanted.
    pub small: Vec<BBox>,
    /// Number of those that became one with another.
    pub merged: u32,
    /// Number of kept boxes that were clipped.
    pub clipped: u32,
    /// Number of kept boxes whose outline encloses nothing on the image.
    pub flat: u32,
    /// Number of kept boxes that another of the same class is equal to.
    pub equal: u32,
    /// Number of kept boxes that are equal to another of the same class but for their text.
    pub of_other_text: u32,
    /// Number of kept boxes thinner than a pixel.
    pub thin: u32,
    /// Concepts of all boxes, kept or not, by number.
    pub concepts: Vec<u32>,
}

/// Puts the boxes of an image on its file.
pub fn place<'a>(
    boxes: Vec<BorrowedLocalization<'a>>,
    mapping: Option<Mapping>,
    header: &Header,
    names: &ClassNames,
    rules: &BoxRules,
) -> Placed<'a> {
    let mut placed = Placed::default();
    for localization in boxes {
        let (concept, fate) = names.of(&localization);
        placed.concepts.push(concept);
        let class = match fate {
            Fate::Dropped => {
                placed.dropped += 1;
                continue;
            }
            Fate::Nameless => {
                let problem = "class name is empty".to_owned();
                placed.rejects.push((localization.id, "concept", problem));
                continue;
            }
            Fate::Class(class) => class,
        };
        match one(&localization, mapping, header) {
            Err((field, problem)) => placed.rejects.push((localization.id, field, problem)),
            Ok(shape) if shape.bbox.width.min(shape.bbox.height) < rules.least_side => {
                placed.small.push(shape.bbox);
            }
            Ok(shape) => {
                placed.clipped += u32::from(shape.is_clipped);
                placed.flat += u32::from(shape.is_flat);
                let size = [header.width, header.height].map(f64::from);
                let attributes =
                    attributes(localization.attributes, mapping, size, shape.is_clipped);
                placed.boxes.push(PlacedBox {
                    id: localization.id,
                    class,
                    bbox: shape.bbox,
                    outline: shape.outline,
                    is_around: shape.is_around,
                    flags: flags(&attributes),
                    attributes,
                });
            }
        }
    }
    if let Some(least) = rules.merge {
        placed.merged = merge(&mut placed.boxes, least);
    }
    placed
}

/// A box in pixels of the file.
struct PlacedShape {
    bbox: BBox,
    outline: Option<Outline>,
    /// Whether the box was the one around its outline.
    is_around: bool,
    is_clipped: bool,
    /// Whether it has an outline in the set that encloses nothing on the image.
    is_flat: bool,
}

/// A box and its outline in pixels of the file; the error is field and problem of a reject.
fn one(
    localization: &BorrowedLocalization,
    mapping: Option<Mapping>,
    header: &Header,
) -> Result<PlacedShape, (&'static str, String)> {
    let unframed = "frame is missing: the coordinate space of the box is not known";
    let mapping = mapping.ok_or(("frame", unframed.to_owned()))?;
    let size = Frame {
        width: header.width.into(),
        height: header.height.into(),
    };
    let fault = |why: &str| {
        let BBox {
            x,
            y,
            width: w,
            height: h,
        } = localization.bbox;
        let (width, height) = (header.width, header.height);
        let particulars = format!("{x}, {y}, {w}, {h} in its frame, {width} x {height} pixels");
        ("bbox", format!("{why}: {particulars}"))
    };
    let mapped = mapping.bbox(&localization.bbox);
    let mapped = mapped.ok_or_else(|| fault("box is empty"))?;
    let parts = localization.polygon.iter().flat_map(Polygon::parts);
    let parts: Vec<Polygon> = parts.map(|ring| mapping.polygon(&ring)).collect();
    let holes = localization.holes.iter();
    let holes: Vec<Polygon> = holes.map(|ring| mapping.polygon(ring)).collect();
    let seen = seen(&mapped, [&parts, &holes], size);
    let seen = seen.ok_or_else(|| fault(why_not_seen(&mapped, size)))?;
    Ok(PlacedShape {
        is_around: seen.outline.is_some() && is_around(&mapped, &parts),
        bbox: seen.bbox,
        is_clipped: seen.is_cut,
        is_flat: seen.outline.is_none() && localization.polygon.is_some(),
        outline: seen.outline,
    })
}

/// What an image or a tile shows of a box.
pub struct Seen {
    /// The box, cut off on its own.
    pub bbox: BBox,
    /// What is left of its outline, if that encloses anything.
    pub outline: Option<Outline>,
    /// Whether a part of the box is not to be seen.
    pub is_cut: bool,
}

/// What an image or a tile of this size shows of a box and its outline, of parts and holes; none if nothing of the box.
pub fn seen(bbox: &BBox, [parts, holes]: [&[Polygon]; 2], size: Frame) -> Option<Seen> {
    let (bbox, is_cut) = clip(bbox, size)?;
    let cut = |rings: &[Polygon]| -> Vec<Polygon> {
        let cut = rings.iter().filter_map(|ring| clip_polygon(ring, size));
        cut.collect()
    };
    // An outline that encloses nothing, such as a line there and back, is none: the box is what there is.
    let outline = Outline::new(cut(parts), cut(holes)).filter(|outline| outline.area() > 0.0);
    Some(Seen {
        bbox,
        outline,
        is_cut,
    })
}

/// The box around what an outline encloses.
pub fn box_around(outline: &Outline) -> Option<BBox> {
    let disjoint = outline.disjoint();
    BBox::around(disjoint.parts().iter().flat_map(Polygon::points).copied()).ok()
}

/// Whether a box is the one around an outline, also if rounded to whole pixels, and not one of its own.
fn is_around(bbox: &BBox, parts: &[Polygon]) -> bool {
    const ROUNDED: f64 = 1.0;
    let around = BBox::around(parts.iter().flat_map(Polygon::points).copied());
    let sides = |b: &BBox| [b.x, b.y, b.right(), b.bottom()];
    around.is_ok_and(|around| {
        let pairs = sides(&around).into_iter().zip(sides(bbox));
        pairs.into_iter().all(|(a, b)| (a - b).abs() <= ROUNDED)
    })
}

/// The attributes of a box, with lines and points mapped to pixels, and with a word that the image cuts it off.
fn attributes(
    mut attributes: BorrowedAttributes,
    mapping: Option<Mapping>,
    size: [f64; 2],
    is_clipped: bool,
) -> BorrowedAttributes {
    if let Some(mapping) = mapping {
        map_points(&mut attributes, |point| mapping.rounded_point(point));
        cut_points(&mut attributes, size);
    }
    if is_clipped {
        attributes.set("truncated", true.into());
    }
    attributes
}

/// What the attributes say in the words of various tools: `iscrowd`, `groupOf`, `IsTruncated`, `difficult`…
fn flags(attributes: &BorrowedAttributes) -> Flags {
    let mut flags = Flags::default();
    for (name, value) in attributes {
        let Some(flag) = flags.named(name) else {
            continue;
        };
        *flag |= truth(value) == Truth::Yes;
    }
    flags
}

/// The first attribute that is one of the flags and says neither yes nor no, nor that nobody knows.
pub fn unclear_flag<'a>(attributes: &'a BorrowedAttributes) -> Option<&'a str> {
    let mut all = attributes.iter();
    let is_unclear = |name: &str, value| Flags::is_named(name) && truth(value) == Truth::Unclear;
    let (name, _) = all.find(|(name, value)| is_unclear(name, value))?;
    Some(name)
}

/// What the value of a flag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    /// Nothing: there is no value, or -1, which in Open Images says that nobody knows.
    Unknown,
    /// Something else: a grade, a share, a word.
    Unclear,
}

fn truth(value: &AttributeValue) -> Truth {
    match value {
        AttributeValue::Text(text) => truth_of_word(text),
        AttributeValue::Other(value) => truth_of_value(value),
    }
}

fn truth_of_value(value: &Value) -> Truth {
    match value {
        Value::Null => Truth::Unknown,
        Value::Bool(true) => Truth::Yes,
        Value::Bool(false) => Truth::No,
        Value::String(text) => truth_of_word(text),
        Value::Array(list) => {
            let all: Vec<Truth> = list.iter().map(truth_of_value).collect();
            let first = [Truth::Yes, Truth::Unclear, Truth::No].into_iter();
            let mut first = first.filter(|truth| all.contains(truth));
            first.next().unwrap_or(Truth::Unknown)
        }
        other => values::number(other).map_or(Truth::Unclear, truth_of_number),
    }
}

fn truth_of_word(text: &str) -> Truth {
    let text = text.trim();
    let is_any = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match text.parse::<f64>() {
        // What pandas writes of a column with gaps.
        Ok(number) if number.is_nan() => Truth::Unknown,
        Ok(number) => truth_of_number(number),
        Err(_) if is_any(&["true", "t", "yes", "y"]) => Truth::Yes,
        Err(_) if is_any(&["false", "f", "no", "n"]) => Truth::No,
        Err(_) if is_any(&["", "none", "null", "<na>"]) => Truth::Unknown,
        Err(_) => Truth::Unclear,
    }
}

/// Only 1 says yes: other numbers are grades of something, and evaluations would pass over these boxes.
fn truth_of_number(number: f64) -> Truth {
    match number {
        1.0 => Truth::Yes,
        0.0 => Truth::No,
        -1.0 => Truth::Unknown,
        _ => Truth::Unclear,
    }
}

/// Makes boxes that overlap an earlier one of their class by at least so much one with it; returns how many.
fn merge(boxes: &mut Vec<PlacedBox>, least: f64) -> u32 {
    let before = boxes.len();
    let mut kept: Vec<PlacedBox> = Vec::with_capacity(before);
    for labelled in boxes.drain(..) {
        let is_same = |other: &PlacedBox| {
            other.class == labelled.class
                && overlap(&other.bbox, &labelled.bbox) >= least - 1e-9
                && other.may_be(&labelled, least)
        };
        match kept.iter_mut().find(|other| is_same(other)) {
            Some(first) => first.take_in(labelled),
            None => kept.push(labelled),
        }
    }
    *boxes = kept;
    (before - boxes.len()) as u32
}

/// The area that two boxes share, as a part of the area of both together.
fn overlap(a: &BBox, b: &BBox) -> f64 {
    let width = a.right().min(b.right()) - a.x.max(b.x);
    let height = a.bottom().min(b.bottom()) - a.y.max(b.y);
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let shared = width * height;
    shared / (a.width * a.height + b.width * b.height - shared)
}

/// How many boxes repeat an earlier one of the same class, and how many do but for their text.
fn equal(boxes: &[PlacedBox]) -> (u32, u32) {
    let key = |b: &PlacedBox| {
        let sides = [b.bbox.x, b.bbox.y, b.bbox.width, b.bbox.height];
        (b.class, sides.map(|v| (v * 1e3).round() as i64))
    };
    let mut keys: Vec<_> = boxes
        .iter()
        .enumerate()
        .map(|(at, b)| (key(b), at))
        .collect();
    keys.sort_unstable();
    let at_one_place = keys.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let (mut equal, mut of_other_text) = (0, 0);
    for pair in at_one_place {
        let (a, b) = (&boxes[pair[0].1], &boxes[pair[1].1]);
        equal += u32::from(a.may_be(b, 1.0));
        of_other_text += u32::from(a.text() != b.text() && !a.may_be(b, 0.0));
    }
    (equal, of_other_text)
}

/// The mapping for an image.
pub fn mapping(image: &BorrowedImage, header: &Header, rules: &BoxRules) -> Option<Mapping> {
    Mapping::of(image, header, rules.exif.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn attributes_become_flags_in_the_words_of_various_tools() {
        let crowd = Flags {
            is_crowd: true,
            ..Flags::default()
        };
        let truncated = Flags {
            is_truncated: true,
            ..Flags::default()
        };
        let cases = [
            (json!({ "iscrowd": 1 }), crowd),
            (json!({ "group_of": true }), crowd),
            (json!({ "IsGroupOf": "1" }), crowd),
            (json!({ "groupOf": "true" }), crowd),
            (json!({ "iscrowd": 0, "group_of": "0" }), Flags::default()),
            (
                json!({ "iscrowd": -1, "IsGroupOf": "-1.0" }),
                Flags::default(),
            ),
            (
                json!({ "iscrowd": 2, "truncated": 0.5, "occluded": "partly" }),
                Flags::default(),
            ),
            (json!({ "truncated": "1.0" }), truncated),
            (
                json!({ "truncated": "True", "occluded": "0.0", "difficult": "nan" }),
                truncated,
            ),
            (json!({ "truncated": "yes" }), truncated),
            (json!({ "Truncated": ["true"] }), truncated),
            (
                json!({ "truncated": null, "isolated": true }),
                Flags::default(),
            ),
            (
                json!({ "difficult": 1, "is_occluded": true }),
                Flags {
                    is_difficult: true,
                    is_occluded: true,
                    ..Flags::default()
                },
            ),
        ];
        for (attributes, wanted) in cases {
            let text = attributes.to_string();
            let given = serde_json::from_str(&text).unwrap();
            assert_eq!(flags(&given), wanted, "{text}");
            let is_unclear = text.contains("partly");
            assert_eq!(unclear_flag(&given).is_some(), is_unclear, "{text}");
        }
    }

    #[test]
    fn boxes_of_a_class_are_merged_by_what_they_share() {
        let boxed = |class: u32, bbox: [f64; 4]| PlacedBox {
            id: Text::default(),
            class,
            bbox: BBox::try_from(bbox).unwrap(),
            outline: None,
            is_around: false,
            flags: Flags::default(),
            attributes: BorrowedAttributes::default(),
        };
        let boxes = [
            boxed(0, [0.0, 0.0, 10.0, 10.0]),
            boxed(0, [0.0, 0.0, 10.0, 10.0]),
            boxed(1, [0.0, 0.0, 10.0, 10.0]),
            boxed(0, [0.0, 0.0, 10.0, 8.0]),
            boxed(0, [50.0, 0.0, 10.0, 8.0]),
        ];
        assert_eq!(equal(&boxes), (1, 0));
        for (least, merged) in [(1.0, 1), (0.8, 2), (0.81, 1)] {
            let mut some = boxes.to_vec();
            assert_eq!(merge(&mut some, least), merged, "{least}");
            assert_eq!(equal(&some), (0, 0));
        }
    }
}
