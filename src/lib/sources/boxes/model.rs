//! What documents of boxes hold, whatever their format. Documents refer to each other: predictions to the images of
//! another file, label files to a list of classes. [`link`](super::link) puts them together.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contracts::{BBox, Frame, Metadata, keypoints};
use crate::selectors::MAX_COORDINATE;
use crate::summary::Reject;
use crate::values;

/// What one document holds. Records that cannot be used are in `rejects`, each with its place in the document.
#[derive(Clone, Debug, Default)]
pub struct BoxDocument {
    /// Its URL or file, as it was named.
    pub name: String,
    /// Images, with or without boxes.
    pub images: Vec<GivenImage>,
    /// Boxes, each of an image by its key.
    pub boxes: Vec<GivenBox>,
    /// Numbers of classes and their names, in the order of the document.
    pub classes: Vec<(String, String)>,
    /// Which image a file holds.
    pub addresses: Vec<Address>,
    /// Rows of a YOLO label file: what their numbers mean depends on another document.
    pub rows: Vec<Row>,
    /// Number of keypoints of each box and of numbers for each, in rows for which this list of classes holds.
    pub keypoints: Option<[usize; 2]>,
    /// The image that it is about, by its own name, if nothing of it can be read.
    pub unread: Option<GivenImage>,
    /// Records that cannot be used.
    pub rejects: Vec<Reject>,
    /// The images of the boxes among these records, by their keys; empty keys where that is not known.
    pub lost: Vec<String>,
    /// Notes for the report.
    pub notes: Vec<String>,
}

impl BoxDocument {
    /// A document without content.
    pub fn of(name: &str) -> Self {
        BoxDocument {
            name: name.to_owned(),
            ..BoxDocument::default()
        }
    }

    /// Adds a record that cannot be used.
    pub fn reject(&mut self, place: &str, field: &str, problem: impl Into<String>) {
        self.rejects
            .push(Reject::new(&self.name, place, field, problem));
    }

    /// Adds a box that cannot be used, on the image with this key.
    pub fn reject_box(
        &mut self,
        place: &str,
        field: &str,
        problem: impl Into<String>,
        image: &str,
    ) {
        self.reject(place, field, problem);
        self.lost.push(image.to_owned());
    }

    /// Takes all numbers for parts of width and height if none is beyond 1 and not all are whole: in pixels, everything would lie
    /// within the first one. Whether it does.
    pub fn take_shares(&mut self) -> bool {
        const MOST: f64 = 1.005;
        let mut is_fine = false;
        for given in &self.boxes {
            let Some(shape) = &given.shape else {
                continue;
            };
            let BBox { x, y, .. } = shape.bbox;
            let corners = [[x, y], [shape.bbox.right(), shape.bbox.bottom()]];
            let keypoints = keypoints(&given.attributes).unwrap_or_default();
            let keypoints = keypoints.iter().map(|[x, y, _]| [*x, *y]);
            let outlines = shape.outlines.iter().flatten().copied();
            let mut numbers = corners
                .into_iter()
                .chain(outlines)
                .chain(keypoints)
                .flatten();
            let is_within = numbers.all(|n| (0.0..=MOST).contains(&n));
            if shape.unit == Unit::Share || shape.mask.is_some() || !is_within {
                return false;
            }
            is_fine |= corners.iter().flatten().any(|n| n.fract() != 0.0);
        }
        let shapes = self
            .boxes
            .iter_mut()
            .filter_map(|given| given.shape.as_mut());
        for shape in shapes.filter(|_| is_fine) {
            shape.unit = Unit::Share;
        }
        is_fine
    }

    /// Whether it only gives names to what other documents hold.
    pub fn is_about_names(&self) -> bool {
        self.images.is_empty() && self.boxes.is_empty()
    }
}

/// Which image a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The name or path of the file.
    pub file: String,
    /// The id or the URL of its image.
    pub image: String,
    /// Whether that is a URL of image bytes.
    pub is_url: bool,
}

/// A row of numbers behind a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its place in the document: `line 3`.
    pub place: String,
    /// Number of the class.
    pub class: String,
    /// The numbers.
    pub numbers: Vec<f64>,
}

/// An image as a document describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenImage {
    /// Its place in the document: `images[3]`.
    pub place: String,
    /// What boxes of the document call it.
    pub key: String,
    /// The id that recto gave it, where recto wrote the document.
    pub id: Option<String>,
    /// A URL of the image file.
    pub url: Option<String>,
    /// File names, paths and other names, the best first.
    pub names: Vec<String>,
    /// Width and height in pixels.
    pub size: Option<[u32; 2]>,
    /// Length of the file.
    pub bytes: Option<u64>,
    /// Images of one group never go to different splits.
    pub group: Option<String>,
    /// Licence or rights statement.
    pub rights: Option<String>,
    /// All else that the document says of it.
    pub metadata: Metadata,
    /// Classes of the image as a whole.
    pub labels: Vec<String>,
    /// Whether something is said of it that cannot be used and is no box: without boxes it does not say that nothing is there.
    pub is_unread: bool,
    /// Whether nobody annotated it: the document describes images and does not say what is on this one.
    pub is_unannotated: bool,
}

/// A box as a document describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenBox {
    /// Its place in the document: `annotations[3]`.
    pub place: String,
    /// Its id, if it is one that other documents know too.
    pub id: Option<String>,
    /// The key of its image.
    pub image: String,
    /// Its class.
    pub class: GivenClass,
    /// Where it is; none: the statement is about the whole image.
    pub shape: Option<GivenShape>,
    /// All else that the document says of it.
    pub attributes: BTreeMap<String, Value>,
}

/// The class of a box.
#[derive(Clone, Debug, PartialEq)]
pub enum GivenClass {
    /// Its name.
    Name(String),
    /// Its number in a list of classes.
    Number(String),
}

/// A box and its outlines.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenShape {
    /// The box around all of it, in `unit`.
    pub bbox: BBox,
    /// Outlines of its parts; empty for a box alone.
    pub outlines: Vec<Vec<[f64; 2]>>,
    /// The unit of all numbers.
    pub unit: Unit,
    /// Width and height of the mask that the outlines come from; none if they do not come from one.
    pub mask: Option<[f64; 2]>,
}

/// The unit of coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Pixels of the image file.
    Pixel,
    /// Parts of width and height: 1 is the whole.
    Share,
}

impl GivenShape {
    /// A box `[x, y, width, height]` without outlines.
    ///
    /// # Errors
    /// The problem of a reject: a number that is not finite or beyond all images, or a box without extent.
    pub fn of_box(numbers: [f64; 4], unit: Unit) -> Result<Self, String> {
        let shape = GivenShape {
            bbox: BBox::try_from(numbers)?,
            outlines: Vec::new(),
            unit,
            mask: None,
        };
        let most = numbers.iter().fold(0.0_f64, |most, n| most.max(n.abs()));
        match most > MAX_COORDINATE {
            true => Err(format!("box has a number that is too large: {most}")),
            false => Ok(shape),
        }
    }

    /// The box around outlines, each of at least three points.
    ///
    /// # Errors
    /// The same, or there is no outline.
    pub fn of_outlines(outlines: Vec<Vec<[f64; 2]>>, unit: Unit) -> Result<Self, String> {
        let points = || outlines.iter().flatten().copied();
        if points().next().is_none() {
            return Err("outline does not have any point".into());
        }
        let bbox = BBox::around(points())?;
        let whole = GivenShape::of_box([bbox.x, bbox.y, bbox.width, bbox.height], unit)?;
        Ok(GivenShape { outlines, ..whole })
    }

    /// The shape as CVAT rotated it: it writes the rectangle before that, and the angle among the attributes, where it is taken
    /// from. What has outlines has been rotated.
    ///
    /// # Errors
    /// It lies beyond all images then.
    pub fn with_rotation(
        self,
        attributes: &mut BTreeMap<String, Value>,
        has_occluded: bool,
    ) -> Result<Self, String> {
        let is_box = self.outlines.is_empty();
        let degrees = is_box.then(|| take_rotation(attributes, has_occluded));
        match degrees.flatten() {
            Some(degrees) => self.turned(degrees),
            None => Ok(self),
        }
    }

    /// The box rotated clockwise by degrees about its centre.
    fn turned(self, degrees: f64) -> Result<Self, String> {
        // Finer than any pixel: without it a quarter turn leaves the noise of sine and cosine.
        const FINEST: f64 = 1e9;
        let BBox {
            x,
            y,
            width,
            height,
        } = self.bbox;
        let centre = [x + width / 2.0, y + height / 2.0];
        let outline = rotated(corners([x, y, width, height]), centre, degrees);
        let rounded = |v: f64| (v * FINEST).round() / FINEST + 0.0;
        let outline = outline.into_iter().map(|point| point.map(rounded));
        GivenShape::of_outlines(vec![outline.collect()], self.unit)
    }

    /// The shape on an image of this size, and why its outlines are left out. Models make masks of reduced copies.
    ///
    /// # Errors
    /// The mask is not one of this image, and the box is only the one around it.
    pub fn on_image(mut self, size: Option<[u32; 2]>) -> Result<(Self, Option<String>), String> {
        let size = size.map(|size| size.map(f64::from));
        let (Some([width, height]), Some(size)) = (self.mask, size) else {
            return Ok((self, None));
        };
        let around = BBox::around(self.outlines.iter().flatten().copied());
        let is_around = around.is_ok_and(|around| around == self.bbox);
        let frame = |[width, height]: [f64; 2]| Frame { width, height };
        if !frame([width, height]).has_shape_of(frame(size)) {
            let problem = format!(
                "mask has another aspect ratio than its image: {width} x {height} and {} x {}",
                size[0], size[1]
            );
            self.outlines.clear();
            return match is_around {
                true => Err(problem),
                false => Ok((self, Some(problem))),
            };
        }
        let (sx, sy) = (size[0] / width, size[1] / height);
        if is_around {
            self.bbox = self.bbox.scale(sx, sy);
        }
        for point in self.outlines.iter_mut().flatten() {
            *point = [point[0] * sx, point[1] * sy];
        }
        Ok((self, None))
    }
}

/// Points of an outline from numbers in pairs.
///
/// # Errors
/// There is an odd number of numbers, or there are fewer than three points.
pub fn points(numbers: &[f64]) -> Result<Vec<[f64; 2]>, String> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    match (rest.is_empty(), pairs.len()) {
        (false, _) => Err(format!(
            "outline has an odd number of coordinates: {}",
            numbers.len()
        )),
        (true, 0..3) => Err(format!(
            "outline has too few points: {}, at least 3 are needed",
            pairs.len()
        )),
        (true, _) => Ok(pairs.to_vec()),
    }
}

/// The corners of a box rotated clockwise by degrees about a point.
pub fn rotated(corners: [[f64; 2]; 4], [cx, cy]: [f64; 2], degrees: f64) -> Vec<[f64; 2]> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let turn = |[x, y]: [f64; 2]| {
        let (x, y) = (x - cx, y - cy);
        [cx + x * cos - y * sin, cy + x * sin + y * cos]
    };
    corners.map(turn).to_vec()
}

/// Takes the angle of a rectangle that CVAT rotated out of its attributes, in degrees clockwise. Where nothing else of CVAT
/// is there (`has_occluded`), an attribute of this name may mean anything and stays.
fn take_rotation(attributes: &mut BTreeMap<String, Value>, has_occluded: bool) -> Option<f64> {
    const ROTATION: &str = "rotation";
    let degrees = attributes.get(ROTATION).and_then(values::number);
    let degrees = degrees.filter(|degrees| has_occluded && degrees.rem_euclid(360.0) != 0.0)?;
    attributes.remove(ROTATION);
    Some(degrees)
}

/// The corners of a box `[x, y, width, height]`, clockwise from the upper left.
pub fn corners([x, y, width, height]: [f64; 4]) -> [[f64; 2]; 4] {
    [
        [x, y],
        [x + width, y],
        [x + width, y + height],
        [x, y + height],
    ]
}

/// An ellipse rotated clockwise by degrees about its centre: the box around it, and an outline of 72 points, which is at most
/// 0.1 % of a radius within the ellipse.
///
/// # Errors
/// The box has no extent, or a number is not finite.
pub fn ellipse(
    [cx, cy]: [f64; 2],
    [rx, ry]: [f64; 2],
    degrees: f64,
    unit: Unit,
) -> Result<GivenShape, String> {
    const POINTS: u32 = 72;
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (half_width, half_height) = ((rx * cos).hypot(ry * sin), (rx * sin).hypot(ry * cos));
    let numbers = [
        cx - half_width,
        cy - half_height,
        2.0 * half_width,
        2.0 * half_height,
    ];
    let point = |n: u32| {
        let angle = f64::from(n) / f64::from(POINTS) * std::f64::consts::TAU;
        let (x, y) = (rx * angle.cos(), ry * angle.sin());
        [cx + x * cos - y * sin, cy + x * sin + y * cos]
    };
    Ok(GivenShape {
        outlines: vec![(0..POINTS).map(point).collect()],
        ..GivenShape::of_box(numbers, unit)?
    })
}
