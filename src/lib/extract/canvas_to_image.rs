//! Maps boxes from the space in which a region is drawn to the frame of the stored image: subtracts the corner of the
//! placement, undoes the rotation, subtracts the corner of the service's region, and scales.
//!
//! The frame is filled by the whole stored image. Its units are those of the canvas, or pixels as declared.

use crate::contracts::{BBox, Frame, Observation, Painted, Polygon, Space};
use crate::selectors::{self, Shape};

/// The coordinate spaces of an observation.
#[derive(Clone)]
pub struct Spaces {
    /// Size of the canvas. If none is given, the image is its own canvas.
    canvas: Option<Frame>,
    /// The part of the canvas that the image covers, in canvas units.
    painted: Option<BBox>,
    is_placed: bool,
    /// Whether the image is a region of its service's image.
    is_cut_out: bool,
    /// Clockwise rotation of the image on the canvas, in degrees, 0 to below 360.
    rotation: f64,
    /// Size of the stored image in pixels: that of the service's region, else the declared size.
    image: Option<Frame>,
    /// Size of the whole image of the service in pixels, for percentages.
    whole: Option<Frame>,
    /// Top-left corner of the service's region, in pixels.
    corner: [f64; 2],
}

/// The problems of a region that is outside the part of the canvas that an image covers, or the part of the service's image
/// that it is. Another image may hold it.
pub const OUTSIDE_PART: [&str; 2] = [
    "outside the part of the canvas that the image covers",
    "outside the part of the service's image that is used",
];

/// A shape that was clipped to a frame.
pub struct Fitted {
    /// The part inside the frame.
    pub shape: Shape,
    /// Whether a part was outside.
    pub clipped: bool,
}

impl Spaces {
    /// The spaces of an observation.
    pub fn of(observation: &Observation) -> Self {
        let image = &observation.image;
        let declared = match (image.width, image.height) {
            (Some(width), Some(height)) => {
                Frame::try_from([f64::from(width), f64::from(height)]).ok()
            }
            _ => None,
        };
        let region = image.service.as_ref().and_then(|service| service.region);
        let region = region.map(|numbers| numbers.map(f64::from));
        let is_placed = observation.placement.is_some();
        let canvas = observation.canvas.or(declared.filter(|_| !is_placed));
        Spaces {
            canvas,
            painted: observation.placement.or(canvas.and_then(whole)),
            is_placed,
            is_cut_out: region.is_some(),
            rotation: observation.rotation.unwrap_or(0.0).rem_euclid(360.0),
            image: match region {
                Some([_, _, width, height]) => Frame::try_from([width, height]).ok(),
                None => declared,
            },
            whole: match region {
                Some(_) => image
                    .whole
                    .and_then(|s| Frame::try_from(s.map(f64::from)).ok()),
                None => declared,
            },
            corner: region.map_or([0.0, 0.0], |[x, y, ..]| [x, y]),
        }
    }

    /// Whether others may hold what this image does not of a space: it covers only a part of its canvas, or is only a part
    /// of its service's image.
    pub fn is_part_of(&self, space: Space) -> bool {
        match space {
            Space::Canvas => self.is_placed,
            Space::Image => self.is_cut_out,
        }
    }

    /// The size of a space in its units, for percentages.
    pub fn size(&self, space: Space) -> Option<Frame> {
        match space {
            Space::Canvas => self.canvas,
            Space::Image => self.whole,
        }
    }

    /// The same for shares of the image: where its size is not known, that on the canvas serves as well.
    pub fn for_shares(&self) -> Self {
        let size = self.image.or(self.stored_size().ok());
        Spaces {
            image: size,
            whole: if self.is_cut_out { self.whole } else { size },
            ..*self
        }
    }

    /// Where the image lies on its canvas, if that has a size.
    pub fn placed(&self) -> Option<Painted> {
        let rotation = self.rotation;
        self.painted.map(|area| Painted { area, rotation })
    }

    /// The frame for the boxes of the observation: in canvas units, unless all regions are drawn on the image itself.
    pub fn frame(&self, drawn_on: &[Space]) -> Option<Frame> {
        let canvas = self.stored_size().ok();
        let only_image = !drawn_on.is_empty() && drawn_on.iter().all(|s| *s == Space::Image);
        if only_image {
            self.image.or(canvas)
        } else {
            canvas.or(self.image)
        }
    }

    /// Whether boxes drawn on the image can only be in pixels of the file, because no size is known.
    pub fn is_in_pixels(&self) -> bool {
        self.frame(&[]).is_none() && self.corner == [0.0, 0.0]
    }

    /// Maps a shape from a space to `frame`, which covers the same pixels.
    ///
    /// # Errors
    /// A size is not known, the rotation is not a multiple of 90 degrees, or the box is empty.
    pub fn to_frame(&self, shape: &Shape, space: Space, frame: Frame) -> Result<Shape, String> {
        map(shape, self.way_to_frame(space, frame)?)
    }

    /// How points of a space get to `frame`, which covers the same pixels.
    ///
    /// # Errors
    /// A size is not known, or the rotation is not a multiple of 90 degrees.
    pub fn way_to_frame(
        &self,
        space: Space,
        frame: Frame,
    ) -> Result<impl Fn([f64; 2]) -> [f64; 2], String> {
        let (from, painted) = match space {
            Space::Canvas => {
                let from = self.stored_size()?;
                (from, Some(self.painted.ok_or_else(no_size)?))
            }
            Space::Image => (self.image.ok_or("size of the image is not known")?, None),
        };
        let (sx, sy) = (frame.width / from.width, frame.height / from.height);
        Ok(move |[x, y]: [f64; 2]| {
            let [x, y] = match painted {
                Some(p) => self.undo_rotation([x - p.x, y - p.y], p),
                None => [x - self.corner[0], y - self.corner[1]],
            };
            [x * sx, y * sy]
        })
    }

    /// Clips a shape to the frame.
    ///
    /// # Errors
    /// The shape is completely outside.
    pub fn fit(&self, shape: &Shape, space: Space, frame: Frame) -> Result<Fitted, String> {
        let outside = || match space {
            Space::Canvas if self.is_placed => OUTSIDE_PART[0],
            Space::Image if self.is_cut_out => OUTSIDE_PART[1],
            _ => "outside the image",
        };
        fit(shape, frame).ok_or_else(|| {
            format!(
                "{}: box {}, frame {} x {}",
                outside(),
                numbers(&shape.bbox),
                frame.width,
                frame.height
            )
        })
    }

    /// The size of the stored image, before rotation, in canvas units.
    fn stored_size(&self) -> Result<Frame, String> {
        let painted = self.painted.ok_or_else(no_size)?;
        let (width, height) = (painted.width, painted.height);
        match self.quarters()? {
            0 | 2 => Ok(Frame { width, height }),
            _ => Ok(Frame {
                width: height,
                height: width,
            }),
        }
    }

    /// Maps a point of the image as shown on the canvas to the stored image.
    fn undo_rotation(&self, [x, y]: [f64; 2], painted: BBox) -> [f64; 2] {
        match self.quarters() {
            Ok(1) => [y, painted.width - x],
            Ok(2) => [painted.width - x, painted.height - y],
            Ok(3) => [painted.height - y, x],
            _ => [x, y],
        }
    }

    fn quarters(&self) -> Result<u8, String> {
        match self.rotation {
            0.0 => Ok(0),
            90.0 => Ok(1),
            180.0 => Ok(2),
            270.0 => Ok(3),
            other => Err(format!(
                "rotation of the image is not a multiple of 90 degrees: {other}"
            )),
        }
    }
}

/// Clips a shape to the left and top edges of an image whose size is not known.
///
/// # Errors
/// The shape is completely outside.
pub fn fit_corner(shape: &Shape) -> Result<Fitted, String> {
    const FAR: f64 = u32::MAX as f64; // no image is larger
    let open = Frame {
        width: FAR,
        height: FAR,
    };
    let outside = || format!("outside the image: box {}", numbers(&shape.bbox));
    let fitted = fit(shape, open).ok_or_else(outside)?;
    Ok(Fitted {
        clipped: fitted.shape.bbox != shape.bbox,
        ..fitted
    })
}

fn no_size() -> String {
    "size of canvas and image is not known".into()
}

fn whole(frame: Frame) -> Option<BBox> {
    BBox::try_from([0.0, 0.0, frame.width, frame.height]).ok()
}

/// A box as messages show it: `x,y,width,height`.
pub fn numbers(b: &BBox) -> String {
    format!("{},{},{},{}", b.x, b.y, b.width, b.height)
}

/// Applies a function that keeps sides parallel to the axes.
fn map(shape: &Shape, f: impl Fn([f64; 2]) -> [f64; 2]) -> Result<Shape, String> {
    let b = &shape.bbox;
    let bbox = BBox::around([f([b.x, b.y]), f([b.right(), b.bottom()])])
        .map_err(|_| format!("box is empty in its frame: {}", numbers(b)))?;
    let line = |points: &Vec<[f64; 2]>| points.iter().map(|point| f(*point)).collect();
    Ok(Shape {
        bbox,
        polygon: shape.polygon.as_ref().map(|p| p.map(&f)),
        holes: shape.holes.iter().map(|p| p.map(&f)).collect(),
        baseline: shape.baseline.as_ref().map(line),
    })
}

/// Maps a shape to another frame over the same pixels.
pub fn rescale(shape: &Shape, from: Frame, to: Frame) -> Shape {
    let (sx, sy) = (to.width / from.width, to.height / from.height);
    let scale = |[x, y]: [f64; 2]| [x * sx, y * sy];
    let line = |points: &Vec<[f64; 2]>| points.iter().copied().map(scale).collect();
    let scaled = Shape {
        bbox: shape.bbox.scale(sx, sy),
        polygon: shape.polygon.as_ref().map(|p| p.map(scale)),
        holes: shape.holes.iter().map(|p| p.map(scale)).collect(),
        baseline: shape.baseline.as_ref().map(line),
    };
    // A box too small for rounding stays as it is.
    rounded(&scaled).unwrap_or(scaled)
}

/// Clips a shape to a frame; none if it is completely outside.
pub fn fit(shape: &Shape, frame: Frame) -> Option<Fitted> {
    let bbox = shape.bbox.clip(frame)?;
    let around = |polygon: &Polygon| BBox::around(polygon.points().iter().copied()).ok();
    let outer = shape.polygon.as_ref().and_then(around);
    let is_inside = outer.is_none_or(|outer| outer.clip(frame) == Some(outer));
    if bbox == shape.bbox && is_inside {
        let shape = shape.clone();
        return Some(Fitted {
            shape,
            clipped: false,
        });
    }
    let polygon = shape
        .polygon
        .as_ref()
        .map(|polygon| selectors::clip(polygon, frame));
    let (bbox, polygon) = match polygon {
        None => (bbox, None),
        // A box of its own stays one.
        Some(left) if !outer.is_some_and(|outer| is_alike(outer, shape.bbox)) => (bbox, left),
        Some(left) => {
            let left = left?;
            (around(&left)?, Some(left))
        }
    };
    Some(Fitted {
        clipped: extends_beyond(&shape.bbox, frame),
        shape: Shape {
            bbox,
            polygon,
            holes: (shape.holes.iter())
                .filter_map(|hole| selectors::clip(hole, frame))
                .collect(),
            baseline: shape.baseline.clone(),
        },
    })
}

/// Whether two boxes are the same but for rounding errors.
fn is_alike(a: BBox, b: BBox) -> bool {
    const NOISE: f64 = 1e-6;
    let sides = |b: BBox| [b.x, b.y, b.right(), b.bottom()];
    let most = sides(a)
        .into_iter()
        .fold(1.0, |most: f64, v| most.max(v.abs()));
    sides(a)
        .iter()
        .zip(sides(b))
        .all(|(a, b)| (a - b).abs() <= NOISE * most)
}

/// Whether a box extends beyond a frame by more than rounding errors.
fn extends_beyond(b: &BBox, frame: Frame) -> bool {
    const NOISE: f64 = 1e-6;
    let slack = NOISE * frame.width.max(frame.height);
    b.x < -slack
        || b.y < -slack
        || b.right() > frame.width + slack
        || b.bottom() > frame.height + slack
}

/// Rounds a point to millionths of a unit.
pub fn rounded_point(point: [f64; 2]) -> [f64; 2] {
    point.map(round)
}

fn round(v: f64) -> f64 {
    (v * 1e6).round() / 1e6
}

/// Rounds a shape to millionths of a unit, which removes errors of floating-point arithmetic.
///
/// # Errors
/// The box is empty after rounding.
pub fn rounded(shape: &Shape) -> Result<Shape, String> {
    let b = &shape.bbox;
    let bbox = BBox::try_from([round(b.x), round(b.y), round(b.width), round(b.height)])
        .map_err(|_| format!("box is empty in its frame: {}", numbers(b)))?;
    let ring = |p: &Polygon| Polygon::try_from(p.map(|p| p.map(round)).points().to_vec()).ok();
    let polygon = shape.polygon.as_ref().and_then(ring);
    let holes = shape.holes.iter().filter_map(ring).collect();
    let line = |points: &Vec<[f64; 2]>| points.iter().map(|point| point.map(round)).collect();
    let baseline = shape.baseline.as_ref().map(line);
    Ok(Shape {
        bbox,
        polygon,
        holes,
        baseline,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{ImageRef, Service};

    fn bbox(numbers: [f64; 4]) -> BBox {
        BBox::try_from(numbers).unwrap()
    }

    fn shape(numbers: [f64; 4]) -> Shape {
        Shape {
            bbox: bbox(numbers),
            polygon: None,
            holes: Vec::new(),
            baseline: None,
        }
    }

    fn frame(width: f64, height: f64) -> Frame {
        Frame { width, height }
    }

    fn on_canvas(placement: Option<[f64; 4]>, rotation: f64) -> Spaces {
        Spaces::of(&Observation {
            canvas: Some(frame(1000.0, 800.0)),
            placement: placement.map(bbox),
            rotation: Some(rotation),
            ..Observation::default()
        })
    }

    #[test]
    fn boxes_of_a_canvas_are_placed_and_turned_back() {
        let part = Some([100.0, 50.0, 400.0, 200.0]);
        // (placement, rotation, frame, where 110,60,40,20 of the canvas stands in it)
        let cases = [
            (None, 0.0, [1000.0, 800.0], [110.0, 60.0, 40.0, 20.0]),
            (None, 360.0, [1000.0, 800.0], [110.0, 60.0, 40.0, 20.0]),
            (None, 90.0, [800.0, 1000.0], [60.0, 850.0, 20.0, 40.0]),
            (None, 180.0, [1000.0, 800.0], [850.0, 720.0, 40.0, 20.0]),
            (None, 270.0, [800.0, 1000.0], [720.0, 110.0, 20.0, 40.0]),
            (None, -90.0, [800.0, 1000.0], [720.0, 110.0, 20.0, 40.0]),
            (part, 0.0, [400.0, 200.0], [10.0, 10.0, 40.0, 20.0]),
            (part, 90.0, [200.0, 400.0], [10.0, 350.0, 20.0, 40.0]),
        ];
        for (placement, rotation, size, wanted) in cases {
            let spaces = on_canvas(placement, rotation);
            let found = spaces.frame(&[Space::Canvas]).unwrap();
            assert_eq!(found, frame(size[0], size[1]), "{placement:?} {rotation}");
            let given = shape([110.0, 60.0, 40.0, 20.0]);
            let brought = spaces.to_frame(&given, Space::Canvas, found).unwrap();
            assert_eq!(brought.bbox, bbox(wanted), "{placement:?} {rotation}");
        }
    }

    #[test]
    fn a_point_turned_by_a_real_picture_turns_back() {
        // A mark at the top left corner of the stored image (w 3, h 2), turned by 90 degrees clockwise, is
        // painted at the top right of a picture 2 wide and 3 high.
        let spaces = Spaces::of(&Observation {
            canvas: Some(frame(2.0, 3.0)),
            rotation: Some(90.0),
            ..Observation::default()
        });
        let mark = shape([1.0, 0.0, 1.0, 1.0]);
        let stored = spaces
            .to_frame(&mark, Space::Canvas, frame(3.0, 2.0))
            .unwrap();
        assert_eq!(stored.bbox, bbox([0.0, 0.0, 1.0, 1.0]));
    }

    #[test]
    fn image_space_is_rebased_to_the_region_and_scaled_to_the_canvas() {
        let mut observation = Observation {
            canvas: Some(frame(500.0, 250.0)),
            image: ImageRef {
                width: Some(1000),
                height: Some(500),
                ..ImageRef::default()
            },
            ..Observation::default()
        };
        let given = shape([200.0, 100.0, 50.0, 40.0]);
        let both = [Space::Canvas, Space::Image];
        let spaces = Spaces::of(&observation);
        assert_eq!(spaces.frame(&[Space::Image]), Some(frame(1000.0, 500.0)));
        assert_eq!(spaces.frame(&both), Some(frame(500.0, 250.0)));
        let brought = spaces.to_frame(&given, Space::Image, frame(500.0, 250.0));
        assert_eq!(brought.unwrap().bbox, bbox([100.0, 50.0, 25.0, 20.0]));

        observation.image.service = Some(Service {
            id: "https://example.org/a".into(),
            version: 2,
            level: None,
            region: Some([100, 60, 400, 200]),
        });
        let spaces = Spaces::of(&observation);
        let size = spaces.frame(&[Space::Image]).unwrap();
        assert_eq!(size, frame(400.0, 200.0));
        let brought = spaces.to_frame(&given, Space::Image, size).unwrap();
        assert_eq!(brought.bbox, bbox([100.0, 40.0, 50.0, 40.0]));
        assert_eq!(spaces.size(Space::Image), None);
    }

    #[test]
    fn what_cannot_be_brought_says_why() {
        let given = shape([1.0, 1.0, 2.0, 2.0]);
        let askew = on_canvas(None, 22.5);
        assert_eq!(askew.frame(&[Space::Canvas]), None);
        let size = frame(9.0, 9.0);
        let problem = askew.to_frame(&given, Space::Canvas, size).unwrap_err();
        assert_eq!(
            problem,
            "rotation of the image is not a multiple of 90 degrees: 22.5"
        );
        let nothing = Spaces::of(&Observation::default());
        let problem = nothing.to_frame(&given, Space::Canvas, size).unwrap_err();
        assert_eq!(problem, "size of canvas and image is not known");
        let problem = nothing.to_frame(&given, Space::Image, size).unwrap_err();
        assert_eq!(problem, "size of the image is not known");
    }
}
