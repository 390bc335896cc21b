//! A correction as a value, and the review that says the same in a file.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contracts::review::{
    self, Part, Person, Review, ReviewKind, Reviewed, ReviewedKind, Selector, SelectorKind, Tag,
};
use crate::contracts::{BBox, Frame, Polygon, Region, map_points};
use crate::exif_boxes::Placed;
use crate::selectors::{self, Selection};

/// A correction of one box, or what somebody says of an image as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// The image it was made on. It applies to all images of the same canvas.
    pub image: String,
    /// Id of the box on that image; for a new box, the id that it gets; the id of the image if it is about that.
    pub id: String,
    /// What happens to the box or the image.
    pub change: Change,
    /// Who made the correction; empty if unknown.
    pub author: String,
    /// Time of the correction, RFC 3339, UTC.
    pub when: String,
}

/// Attributes that say who made a box, when, and from what: no correction may claim them.
const KEPT: [&str; 4] = ["annotation", "created", "creator", "modified"];

/// Keys of the metadata of an image that say how far its review is, who said so, and when.
pub const STATE: [&str; 3] = ["review_state", "reviewed_by", "reviewed_at"];

/// What happens to a box or an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The box is new, or it comes back after it was removed.
    Create(CorrectedBox),
    /// The box changes to this.
    Update(CorrectedBox),
    /// The box is removed.
    Delete,
    /// The box is right as it is.
    Accept,
    /// Nobody says any longer that the box is right.
    Withdraw,
    /// Something is said of the image as a whole.
    OfImage(ImageChange),
}

/// What is said of an image as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageChange {
    /// How far its review is; none: nobody has looked through it.
    State(Option<ReviewState>),
    /// It has this class.
    AddLabel(String),
    /// It does not have this class.
    RemoveLabel(String),
}

/// How far the review of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// Somebody looked through it.
    Reviewed,
    /// All of it is right.
    Accepted,
    /// Somebody else should look at it.
    Doubtful,
}

impl ReviewState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Reviewed, Self::Accepted, Self::Doubtful];

    /// Its name in metadata and requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reviewed => "reviewed",
            Self::Accepted => "accepted",
            Self::Doubtful => "doubtful",
        }
    }

    /// The state of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Class, position and attributes of a box.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrectedBox {
    /// The class.
    pub class: String,
    /// The box, in units of `frame`, or of the frame of the image where that is none.
    pub bbox: BBox,
    /// The outline, if one was drawn; the box is around it.
    pub polygon: Option<Polygon>,
    /// Rings in the outline around what does not belong to it. Of none, those of an outline that does not change stay.
    pub holes: Vec<Polygon>,
    /// The size of the space that they were drawn in, if it was recorded.
    pub frame: Option<Frame>,
    /// Attributes that change; null removes one. All others stay.
    pub attributes: BTreeMap<String, Value>,
}

impl CorrectedBox {
    /// What of it has a place on the image.
    pub fn placed(&mut self) -> Placed<'_, BTreeMap<String, Value>> {
        Placed {
            bbox: &mut self.bbox,
            polygon: &mut self.polygon,
            holes: &mut self.holes,
            attributes: &mut self.attributes,
        }
    }

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
        let scaled_ring = |ring: &Polygon| ring.map(|[x, y]| [x * sx, y * sy]);
        Ok(CorrectedBox {
            class: self.class.clone(),
            bbox: self.bbox.scale(sx, sy),
            polygon: polygon.map(scaled_ring),
            holes: self.holes.iter().map(scaled_ring).collect(),
            frame: Some(to),
            attributes: scaled(&self.attributes, sx, sy),
        })
    }
}

/// Attributes with their lines and points in another frame.
fn scaled(attributes: &BTreeMap<String, Value>, sx: f64, sy: f64) -> BTreeMap<String, Value> {
    let mut attributes = attributes.clone();
    map_points(&mut attributes, |[x, y]| [x * sx, y * sy]);
    attributes
}

impl From<&Correction> for Review {
    fn from(correction: &Correction) -> Self {
        let author = Person::named(&correction.author);
        let mut object = Reviewed::named(ReviewedKind::Annotation, &correction.id);
        let kind = match &correction.change {
            Change::Create(_) => ReviewKind::Create,
            Change::Update(_) => ReviewKind::Update,
            Change::Delete => ReviewKind::Delete,
            Change::Accept => ReviewKind::Accept,
            Change::Withdraw => ReviewKind::Undo,
            Change::OfImage(change) => {
                object.kind = ReviewedKind::Image;
                kind_of(change)
            }
        };
        match &correction.change {
            Change::Create(shape) | Change::Update(shape) => {
                object.motivation = Some("tagging".into());
                object.body = vec![Tag::of(&shape.class)];
                object.target = Some(Part::of(&correction.image, shape.frame, selector(shape)));
                object.attributes.clone_from(&shape.attributes);
                object.creator = Some(author.clone());
                object.created = Some(correction.when.clone());
            }
            Change::OfImage(ImageChange::AddLabel(class) | ImageChange::RemoveLabel(class)) => {
                object.body = vec![Tag::of(class)];
            }
            _ => {}
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

fn kind_of(change: &ImageChange) -> ReviewKind {
    match change {
        ImageChange::State(Some(ReviewState::Reviewed)) => ReviewKind::View,
        ImageChange::State(Some(ReviewState::Accepted)) => ReviewKind::Accept,
        ImageChange::State(Some(ReviewState::Doubtful)) => ReviewKind::Flag,
        ImageChange::State(None) => ReviewKind::Undo,
        ImageChange::AddLabel(_) => ReviewKind::Add,
        ImageChange::RemoveLabel(_) => ReviewKind::Remove,
    }
}

fn selector(shape: &CorrectedBox) -> Selector {
    let b = &shape.bbox;
    match &shape.polygon {
        Some(polygon) => Selector {
            kind: SelectorKind::SvgSelector,
            conforms_to: None,
            value: selectors::svg::print(polygon, &shape.holes),
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
        let change = match review.object.kind {
            ReviewedKind::Annotation => change_of_box(review)?,
            ReviewedKind::Image => Change::OfImage(change_of_image(review)?),
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

fn change_of_box(review: &Review) -> Result<Change, String> {
    Ok(match review.kind {
        ReviewKind::Create => Change::Create(shape(&review.object)?),
        ReviewKind::Update => Change::Update(shape(&review.object)?),
        ReviewKind::Delete => Change::Delete,
        ReviewKind::Accept => Change::Accept,
        ReviewKind::Undo => Change::Withdraw,
        other => {
            return Err(format!(
                "{other:?} is a correction of an image, and not of a box"
            ));
        }
    })
}

fn change_of_image(review: &Review) -> Result<ImageChange, String> {
    let class = || {
        let tag = review.object.body.first().ok_or("the tag is missing")?;
        class_name(&tag.value)
    };
    Ok(match review.kind {
        ReviewKind::View => ImageChange::State(Some(ReviewState::Reviewed)),
        ReviewKind::Accept => ImageChange::State(Some(ReviewState::Accepted)),
        ReviewKind::Flag => ImageChange::State(Some(ReviewState::Doubtful)),
        ReviewKind::Undo => ImageChange::State(None),
        ReviewKind::Add => ImageChange::AddLabel(class()?),
        ReviewKind::Remove => ImageChange::RemoveLabel(class()?),
        other => {
            return Err(format!(
                "{other:?} is a correction of a box, and not of an image"
            ));
        }
    })
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
            holes: shape.holes,
            frame: target.frame,
            attributes: checked(&annotation.attributes)?,
        }),
        _ => Err("the selector cannot be read".into()),
    }
}

/// Attributes that a correction may change.
///
/// # Errors
/// One of them is kept by recto itself, has no usable name, or is a baseline that is not one.
pub fn checked(given: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, String> {
    for (name, value) in given {
        if KEPT.contains(&name.as_str()) {
            return Err(format!("the attribute `{name}` cannot be changed by hand"));
        }
        if name.trim().is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
            return Err(format!("`{name}` is not the name of an attribute"));
        }
        let is_line = |line: &Vec<[f64; 2]>| line.len() > 1;
        let line = || serde_json::from_value(value.clone()).ok().filter(is_line);
        if name == "baseline" && !value.is_null() && line().is_none() {
            return Err("a baseline is a list of at least two points".into());
        }
    }
    Ok(given.clone())
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
            holes: Vec::new(),
            frame: None,
            attributes: BTreeMap::new(),
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
