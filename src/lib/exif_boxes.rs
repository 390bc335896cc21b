//! On which image boxes were drawn, as it is stored or as its EXIF orientation turns it: decided by sizes, else by the user. The
//! boxes of a set as they lie on the image that people see, and back.

use crate::contracts::{BBox, Frame, LocalizedImage, Named, Polygon, map_points};
use crate::pixels::{rotated_size, stored_point, upright_point};

/// On which image boxes were drawn, where its size does not show whether that was turned as EXIF says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExifBoxes {
    /// On the image as stored, as programs see it that ignore EXIF
    #[default]
    Stored,
    /// On the image as rotated or mirrored by EXIF, as viewers show it
    Turned,
}

/// An image file as far as boxes on it are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSize {
    /// `[width, height]` in pixels, as stored.
    pub size: [u32; 2],
    /// The EXIF orientation, 1 to 8.
    pub orientation: u8,
}

/// On which image boxes were drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawnOn {
    /// The coordinate space of the boxes.
    pub frame: Frame,
    /// The EXIF orientation in which they were drawn; 1: on the image as stored.
    pub orientation: u8,
    /// Whether frame and file have the same aspect ratio, apart from rounding.
    pub fits: bool,
    /// Whether the frame shows on which image they were drawn.
    pub is_decided: bool,
}

impl StoredSize {
    /// Its size as stored.
    pub fn frame(&self) -> Frame {
        frame_of(self.size)
    }

    /// Its size as EXIF turns it.
    pub fn shown(&self) -> Frame {
        frame_of(rotated_size(self.size, self.orientation))
    }

    /// Its size as EXIF turns it, where that is another one.
    pub fn shown_otherwise(&self) -> Option<[u32; 2]> {
        let shown = rotated_size(self.size, self.orientation);
        (shown != self.size).then_some(shown)
    }
}

fn frame_of([width, height]: [u32; 2]) -> Frame {
    Frame {
        width: width.into(),
        height: height.into(),
    }
}

impl DrawnOn {
    /// On which image the boxes of an image were drawn; none if their coordinate space is not known.
    pub fn of<S: AsRef<str>, V>(
        image: &LocalizedImage<S, V>,
        file: StoredSize,
        exif: ExifBoxes,
    ) -> Option<Self> {
        let in_pixels = || match exif {
            ExifBoxes::Turned => file.shown(),
            ExifBoxes::Stored => file.frame(),
        };
        let frame = image.frame.or_else(|| image.in_pixels.then(in_pixels))?;
        let drawn = DrawnOn::new(frame, file, exif);
        // Percentages of an image whose size no source knows fit every file.
        let is_share = frame == Frame::PERCENT && image.image.declared().is_none();
        Some(DrawnOn {
            fits: drawn.fits || is_share,
            is_decided: drawn.is_decided
                && (file.orientation == 1 || image.frame.is_some() && !is_share),
            ..drawn
        })
    }

    /// The same for a frame. If it fits only the image as rotated by EXIF, the boxes were drawn on the image as a viewer
    /// showed it; if it fits only the stored one, on that. If it fits both, `exif` decides.
    pub fn new(frame: Frame, file: StoredSize, exif: ExifBoxes) -> Self {
        let fits_stored = frame.has_shape_of(file.frame());
        let fits_shown = frame.has_shape_of(file.shown());
        let is_decided = file.orientation == 1 || fits_stored != fits_shown;
        let is_turned = match is_decided {
            true => file.orientation != 1 && fits_shown,
            false => exif == ExifBoxes::Turned,
        };
        DrawnOn {
            frame,
            orientation: if is_turned { file.orientation } else { 1 },
            fits: fits_stored || is_turned && fits_shown,
            is_decided,
        }
    }

    /// The size in pixels of the image that they were drawn on.
    pub fn size(&self, file: StoredSize) -> Frame {
        match self.orientation {
            1 => file.frame(),
            _ => file.shown(),
        }
    }
}

/// How boxes that were drawn on an image as stored lie on it where EXIF turns it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// The space that they were drawn in: all of the stored image.
    pub frame: Frame,
    /// The EXIF orientation in which people see the image, 2 to 8.
    pub orientation: u8,
}

/// What has a place on an image: a box, and all that is in units of its frame.
pub struct Placed<'a, A> {
    /// The box.
    pub bbox: &'a mut BBox,
    /// The outline, if there is one.
    pub polygon: &'a mut Option<Polygon>,
    /// The rings in the outline.
    pub holes: &'a mut [Polygon],
    /// The attributes, among them lines and points.
    pub attributes: &'a mut A,
}

impl Turn {
    /// The space of the image as people see it, in the same units.
    pub fn shown_frame(&self) -> Frame {
        let (_, [width, height]) = upright_point(self.orientation, [0.0; 2], self.sides());
        Frame { width, height }
    }

    /// Moves a box from the stored image to the one that people see.
    pub fn show(&self, placed: Placed<impl Named>) {
        let point = |p| upright_point(self.orientation, p, self.sides()).0;
        turn(placed, self.shown_frame(), point);
    }

    /// Moves a box from the image that people see to the stored one.
    pub fn store(&self, placed: Placed<impl Named>) {
        let point = |p| stored_point(self.orientation, p, self.sides());
        turn(placed, self.frame, point);
    }

    fn sides(&self) -> [f64; 2] {
        [self.frame.width, self.frame.height]
    }
}

/// Moves a box by a function of its points into a space. What decimals it has it gets back when it is moved back: they are
/// rounded where binary fractions end.
fn turn(placed: Placed<impl Named>, space: Frame, point: impl Fn([f64; 2]) -> [f64; 2]) {
    const FINEST: f64 = 1e9;
    let rounded = |v: f64| (v * FINEST).round() / FINEST;
    let point = |p| point(p).map(rounded);
    let b = placed.bbox;
    // A side that does not end beyond the space must not do so by being rounded.
    let side = |at: f64, side: f64, end: f64| match rounded(side) {
        fine if fine > 0.0 && (at + fine <= end || at + side > end) => fine,
        _ => side,
    };
    if let Ok(turned) = BBox::around([[b.x, b.y], [b.right(), b.bottom()]].map(point)) {
        *b = BBox {
            width: side(turned.x, turned.width, space.width),
            height: side(turned.y, turned.height, space.height),
            ..turned
        };
    }
    if let Some(polygon) = placed.polygon {
        *polygon = polygon.map(point);
    }
    for hole in placed.holes {
        *hole = hole.map(point);
    }
    map_points(placed.attributes, point);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Attributes;

    #[test]
    fn boxes_of_the_stored_image_lie_where_it_is_turned_to_and_come_back() {
        let frame = frame_of([300, 400]);
        let cases = [
            (2, [160.0, 60.2, 40.0, 20.1]),
            (3, [160.0, 319.7, 40.0, 20.1]),
            (4, [100.0, 319.7, 40.0, 20.1]),
            (5, [60.2, 100.0, 20.1, 40.0]),
            (6, [319.7, 100.0, 20.1, 40.0]),
            (7, [319.7, 160.0, 20.1, 40.0]),
            (8, [60.2, 160.0, 20.1, 40.0]),
        ];
        for (orientation, wanted) in cases {
            let turn = Turn { frame, orientation };
            let stored = BBox::try_from([100.0, 60.2, 40.0, 20.1]).unwrap();
            let corners = vec![[100.0, 60.2], [140.0, 60.2], [140.0, 80.3]];
            let outline = Some(Polygon::try_from(corners).unwrap());
            let line = serde_json::json!([[100, 80.3], [140, 80.3]]);
            let said = Attributes::from([("baseline".to_owned(), line)]);
            let (mut bbox, mut polygon, mut attributes) = (stored, outline.clone(), said.clone());
            let mut holes: Vec<Polygon> = outline.clone().into_iter().collect();
            turn.show(Placed {
                bbox: &mut bbox,
                polygon: &mut polygon,
                holes: &mut holes,
                attributes: &mut attributes,
            });
            assert_eq!(bbox, BBox::try_from(wanted).unwrap(), "{orientation}");
            assert_eq!(holes.first(), polygon.as_ref(), "{orientation}");
            assert_ne!((&polygon, &attributes), (&outline, &said), "{orientation}");
            turn.store(Placed {
                bbox: &mut bbox,
                polygon: &mut polygon,
                holes: &mut holes,
                attributes: &mut attributes,
            });
            assert_eq!((bbox, &polygon, &attributes), (stored, &outline, &said));
            assert_eq!(holes.first(), outline.as_ref(), "{orientation}");
        }
    }
}
