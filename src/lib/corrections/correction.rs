//! A correction as a value, and the review that says the same in a file.

use crate::contracts::review::{
    self, Part, Person, Review, ReviewKind, Reviewed, Selector, SelectorKind, Tag,
};
use crate::contracts::{BBox, Frame, Polygon, Region};
use crate::selectors::{self, Selection};

/// A correction of one box.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// The image it was made on. It applies to all images of the same canvas.
    pub image: String,
    /// Id of the box on that image; for a new box, the id that it gets.
    pub id: String,
    /// What happens to the box.
    pub change: Change,
    /// Who made the correction; empty if unknown.
    pub author: String,
    /// Time of the correction, RFC 3339, UTC.
    pub when: String,
}

/// What happens to a box.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is new.
    Create(CorrectedBox),
    /// It changes to this.
    Update(CorrectedBox),
    /// It is removed.
    Delete,
}

/// Class and position of a box.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrectedBox {
    /// The class.
    pub class: String,
    /// The box, in units of `frame`, or of the frame of the image where that is none.
    pub bbox: BBox,
    /// The outline, if one was drawn; the box is around it.
    pub polygon: Option<Polygon>,
    /// The size of the space that they were drawn in, if it was recorded.
    pub frame: Option<Frame>,
}

impl CorrectedBox {
    /// The same in units of the image's frame, whose aspect ratio has to be the same.
    ///
    /// # Errors
    /// The aspect ratios differ.
    pub(super) fn in_frame(&self, size: Option<[f64; 2]>) -> Result<CorrectedBox, String> {
        let (Some(from), Some([width, height])) = (self.frame, size) else {
            return Ok(self.clone());
        };
        let to = Frame::try_from([width, height])?;
        if from == to {
            return Ok(self.clone());
        }
        if !from.may_have_shape_of(to) {
            return Err(format!(
                "it was drawn on {} x {}, but the frame of the image is {width} x {height}",
                from.width, from.height
            ));
        }
        let (sx, sy) = (to.width / from.width, to.height / from.height);
        let polygon = self.polygon.as_ref();
        Ok(CorrectedBox {
            class: self.class.clone(),
            bbox: self.bbox.scale(sx, sy),
            polygon: polygon.map(|polygon| polygon.map(|[x, y]| [x * sx, y * sy])),
            frame: Some(to),
        })
    }
}

impl From<&Correction> for Review {
    fn from(correction: &Correction) -> Self {
        let author = Person::named(&correction.author);
        let (kind, shape) = match &correction.change {
            Change::Create(shape) => (ReviewKind::Create, Some(shape)),
            Change::Update(shape) => (ReviewKind::Update, Some(shape)),
            Change::Delete => (ReviewKind::Delete, None),
        };
        let mut object = Reviewed::removed(&correction.id);
        if let Some(shape) = shape {
            object.motivation = Some("tagging".into());
            object.body = vec![Tag::of(&shape.class)];
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

fn selector(shape: &CorrectedBox) -> Selector {
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
            id: review.object.id.clone(),
            change,
            author: review.actor.name.clone(),
            when: review.end_time.clone(),
        })
    }
}

fn shape(annotation: &Reviewed) -> Result<CorrectedBox, String> {
    let tag = annotation.body.first().ok_or("the tag is missing")?;
    let target = annotation
        .target
        .as_ref()
        .ok_or("the selector is missing")?;
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
        Ok(Selection::Part(shape)) => Ok(CorrectedBox {
            class: class_name(&tag.value)?,
            bbox: shape.bbox,
            polygon: shape.polygon.filter(|_| is_outline),
            frame: target.frame,
        }),
        _ => Err("the selector cannot be read".into()),
    }
}

/// A class name as people type it, without the white space around it.
///
/// # Errors
/// It is empty or holds control characters.
pub fn class_name(given: &str) -> Result<String, String> {
    let class = given.trim();
    match class.is_empty() || class.chars().any(char::is_control) {
        true => Err("a class name is needed".into()),
        false => Ok(class.to_owned()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn drawn(polygon: Option<Vec<[f64; 2]>>) -> CorrectedBox {
        CorrectedBox {
            class: "bet".into(),
            bbox: BBox::try_from([1.0, 2.5, 3.0, 4.0]).unwrap(),
            polygon: polygon.map(|points| points.try_into().unwrap()),
            frame: None,
        }
    }

    pub fn correction(id: &str, change: Change) -> Correction {
        Correction {
            image: "a".into(),
            id: id.into(),
            change,
            author: "A. Reader".into(),
            when: "2026-01-02T03:04:05Z".into(),
        }
    }
}
