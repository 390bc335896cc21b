//! Corrections that people made in the browser: what a line of a file of reviews means here, what it does to a set of
//! images in [`make()`]. Pure but for [`of_files`]. `recto-serve` writes and makes them, `recto-digest` carries them, `recto-extract` makes them.

mod make;

use std::path::PathBuf;

pub use make::{Corrected, Places, make, make_all};

use crate::contracts::review::{
    self, Part, Person, Review, ReviewKind, Reviewed, Selector, SelectorKind, Tag,
};
use crate::contracts::{BBox, Frame, Polygon, Region};
use crate::error::Error;
use crate::files;
use crate::selectors::{self, Selection};
use crate::summary::Reject;

/// A correction.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// The image it was made on; it holds for all images of the same side.
    pub image: String,
    /// The box by its id on that image; of a new one, the id it gets.
    pub of: String,
    /// What becomes of the box.
    pub change: Change,
    /// Who made it.
    pub author: String,
    /// When, RFC 3339, UTC.
    pub when: String,
}

/// What becomes of a box.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// There is a new one.
    Create(Shape),
    /// It is this now.
    Update(Shape),
    /// It is gone.
    Delete,
}

/// What a box shows, and where, in the frame of its image.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// What it shows.
    pub concept: String,
    /// The box.
    pub bbox: BBox,
    /// The outline, where one is drawn; it is what the box is around.
    pub polygon: Option<Polygon>,
    /// The size of the space that they were drawn in, where it is told.
    pub frame: Option<Frame>,
}

impl Shape {
    /// The same in a space of another size, which has to have the same shape.
    fn within(&self, size: Option<[f64; 2]>) -> Result<Shape, String> {
        let (Some(from), Some([width, height])) = (self.frame, size) else {
            return Ok(self.clone());
        };
        let to = Frame::try_from([width, height])?;
        if from == to {
            return Ok(self.clone());
        }
        if !from.has_shape_of(to) {
            return Err(format!(
                "it was drawn on {} x {}, the image has {width} x {height}",
                from.width, from.height
            ));
        }
        let (sx, sy) = (to.width / from.width, to.height / from.height);
        let polygon = self.polygon.as_ref();
        Ok(Shape {
            concept: self.concept.clone(),
            bbox: self.bbox.scale(sx, sy),
            polygon: polygon.map(|polygon| polygon.map(|[x, y]| [x * sx, y * sy])),
            frame: Some(to),
        })
    }
}

/// A correction, and what messages call it.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The file it stands in.
    pub input: String,
    /// Where in the file: `line 3`.
    pub record: String,
    /// What it says.
    pub correction: Correction,
}

impl Named {
    /// Why it was not made.
    pub fn reject(&self, why: &str) -> Reject {
        reject(&self.input, &self.record, why)
    }
}

fn reject(input: &str, record: &str, why: &str) -> Reject {
    let problem = format!("correction cannot be made: {why}");
    Reject::new(input, record, "review", problem)
}

/// Reads files of reviews, one after the other.
pub fn of_files(paths: &[PathBuf]) -> Result<(Vec<Named>, Vec<Reject>), Error> {
    let (mut given, mut unusable) = (Vec::new(), Vec::new());
    for path in paths {
        let (more, rejects) = read(&path.display().to_string(), &files::read(path)?);
        given.extend(more);
        unusable.extend(rejects);
    }
    Ok((given, unusable))
}

/// Reads a file of reviews: its corrections in their order, and its lines that are none.
pub fn read(input: &str, bytes: &[u8]) -> (Vec<Named>, Vec<Reject>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|b| *b == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    name(
        input,
        lines.map(|(at, line)| (format!("line {}", at + 1), read_line(line))),
    )
}

/// The corrections that a digest carries, and those of them that say nothing.
pub fn carried(input: &str, reviews: &[Review]) -> (Vec<Named>, Vec<Reject>) {
    let reviews = reviews.iter().enumerate();
    name(
        input,
        reviews.map(|(at, review)| (format!("reviews[{at}]"), Correction::try_from(review))),
    )
}

fn name(
    input: &str,
    read: impl Iterator<Item = (String, Result<Correction, String>)>,
) -> (Vec<Named>, Vec<Reject>) {
    let (mut corrections, mut rejects) = (Vec::new(), Vec::new());
    for (record, read) in read {
        match read {
            Ok(correction) => corrections.push(Named {
                input: input.to_owned(),
                record,
                correction,
            }),
            Err(why) => rejects.push(reject(input, &record, &why)),
        }
    }
    (corrections, rejects)
}

/// Reads a line of a file of reviews.
pub fn read_line(line: &[u8]) -> Result<Correction, String> {
    let review: Review = serde_json::from_slice(line).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => format!("not a review: {e}"),
        _ => format!("not JSON: {e}"),
    })?;
    Correction::try_from(&review)
}

/// A name for a new box that no other has, in whatever file: its number in this one, and what was drawn, by whom and when.
pub fn name_of(correction: &Correction, number: usize) -> String {
    const DIGITS: usize = 8;
    let hash = files::hex_digest(line(correction).as_bytes(), DIGITS);
    format!("review-{number}-{hash}")
}

/// The line of a correction, with its end.
pub fn line(correction: &Correction) -> String {
    let line = serde_json::to_string(&Review::from(correction));
    line.expect("texts and numbers are JSON") + "\n"
}

impl From<&Correction> for Review {
    fn from(correction: &Correction) -> Self {
        let author = Person::named(&correction.author);
        let (kind, shape) = match &correction.change {
            Change::Create(shape) => (ReviewKind::Create, Some(shape)),
            Change::Update(shape) => (ReviewKind::Update, Some(shape)),
            Change::Delete => (ReviewKind::Delete, None),
        };
        let mut object = Reviewed::gone(&correction.of);
        if let Some(shape) = shape {
            object.motivation = Some("tagging".into());
            object.body = vec![Tag::of(&shape.concept)];
            object.target = Some(Part::of(&correction.image, shape.frame, selector(shape)));
            object.creator = Some(author.clone());
            object.created = Some(correction.when.clone());
        }
        Review {
            context: review::context(),
            kind,
            actor: author,
            end_time: correction.when.clone(),
            target: correction.image.clone(),
            object,
        }
    }
}

fn selector(shape: &Shape) -> Selector {
    let b = &shape.bbox;
    match &shape.polygon {
        Some(polygon) => Selector {
            kind: SelectorKind::SvgSelector,
            conforms_to: None,
            value: selectors::svg::print(polygon),
        },
        None => Selector {
            kind: SelectorKind::FragmentSelector,
            conforms_to: Some("http://www.w3.org/TR/media-frags/".into()),
            value: format!("xywh={},{},{},{}", b.x, b.y, b.width, b.height),
        },
    }
}

impl TryFrom<&Review> for Correction {
    type Error = String;

    fn try_from(review: &Review) -> Result<Self, String> {
        let change = match review.kind {
            ReviewKind::Create => Change::Create(shape(&review.object)?),
            ReviewKind::Update => Change::Update(shape(&review.object)?),
            ReviewKind::Delete => Change::Delete,
        };
        Ok(Correction {
            image: review.target.clone(),
            of: review.object.id.clone(),
            change,
            author: review.actor.name.clone(),
            when: review.end_time.clone(),
        })
    }
}

fn shape(annotation: &Reviewed) -> Result<Shape, String> {
    let tag = annotation.body.first().ok_or("no tag")?;
    let target = annotation.target.as_ref().ok_or("no selector")?;
    let value = Some(target.selector.value.clone());
    let is_outline = target.selector.kind == SelectorKind::SvgSelector;
    let (svg, fragment) = if is_outline {
        (value, None)
    } else {
        (None, value)
    };
    let region = Region {
        svg,
        fragment,
        ..Region::default()
    };
    match selectors::select(&region, None::<Frame>) {
        Ok(Selection::Part(shape)) => Ok(Shape {
            concept: concept(&tag.value)?,
            bbox: shape.bbox,
            polygon: shape.polygon.filter(|_| is_outline),
            frame: target.frame,
        }),
        _ => Err("no selector that can be read".into()),
    }
}

/// A concept as people give it, without the space around it.
pub fn concept(given: &str) -> Result<String, String> {
    let concept = given.trim();
    match concept.is_empty() || concept.chars().any(char::is_control) {
        true => Err("a concept is needed".into()),
        false => Ok(concept.to_owned()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn drawn(polygon: Option<Vec<[f64; 2]>>) -> Shape {
        Shape {
            concept: "bet".into(),
            bbox: BBox::try_from([1.0, 2.5, 3.0, 4.0]).unwrap(),
            polygon: polygon.map(|points| points.try_into().unwrap()),
            frame: None,
        }
    }

    pub fn correction(of: &str, change: Change) -> Correction {
        Correction {
            image: "a".into(),
            of: of.into(),
            change,
            author: "A. Reader".into(),
            when: "2026-01-02T03:04:05Z".into(),
        }
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        let outline = vec![[1.0, 2.5], [4.0, 2.5], [4.0, 6.5]];
        let changes = [
            Change::Create(drawn(Some(outline))),
            Change::Update(drawn(None)),
            Change::Delete,
        ];
        for change in changes {
            let written = correction("l1", change);
            let (read, rejects) = read("f", line(&written).as_bytes());
            assert!(rejects.is_empty(), "{rejects:?}");
            assert_eq!(read[0].correction, written);
            assert_eq!((&*read[0].input, &*read[0].record), ("f", "line 1"));
        }
    }

    #[test]
    fn every_line_is_read_or_left_out() {
        let good = line(&correction("l1", Change::Delete));
        let cases: [(&[u8], &str); 6] = [
            (b"{", "not JSON"),
            (b"{}", "not a review: missing field `type`"),
            (b"[1]", "not a review"),
            (b"\xff", "not JSON"),
            (
                br#"{"type": "Create", "endTime": "t", "target": "a", "object": {"id": "l"}}"#,
                "no tag",
            ),
            (
                br#"{"type": "Update", "endTime": "t", "target": "a", "object": {"id": "l", "body": [{"value": "b"}],
                    "target": {"source": "a", "selector": {"type": "FragmentSelector", "value": "xywh=1,2,0,0"}}}}"#,
                "no selector that can be read",
            ),
        ];
        for (bad, says) in cases {
            let bad: Vec<u8> = bad.iter().copied().filter(|b| *b != b'\n').collect();
            let file = [b"\xef\xbb\xbf\r\n", &*bad, b"\n", good.as_bytes()].concat();
            let (read, rejects) = read("f", &file);
            assert_eq!((read.len(), rejects.len()), (1, 1), "{says}");
            assert_eq!(
                (&*rejects[0].record, &*read[0].record),
                ("line 2", "line 3")
            );
            assert!(rejects[0].problem.contains(says), "{}", rejects[0].problem);
        }
    }
}
