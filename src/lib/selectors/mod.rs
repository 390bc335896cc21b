//! The ways in which parts of images are named, read into boxes and polygons: media fragments in [`fragment`],
//! SVG in [`svg`]. Pure: texts in, shapes or the reason why not out; nothing here knows of images or files.
//!
//! Coordinates are those of the selector's own space, unclipped: fitting them to an image is `extract`'s work.

use crate::contracts::{BBox, Frame, Polygon, Region};

pub mod fragment;
mod outlines;
mod rings;
pub mod svg;

pub use fragment::part_of_part;
pub use rings::clip;

/// The largest coordinate, in pixels, that is believed: ten times the side of the largest pictures there are.
/// Beyond it a number is a mistake, and arithmetic on it would be slow or meaningless.
pub const FARTHEST: f64 = 10_000_000.0;

/// A part of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The box around the part.
    pub bbox: BBox,
    /// Its outline, where the source draws one that a single polygon can tell.
    pub polygon: Option<Polygon>,
}

/// What a region names.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// The whole image.
    Whole,
    /// A part of it.
    Part(Shape),
    /// A part of it by its media fragment, because its SVG, which is preferred, has the fault given.
    Fallback(Shape, String),
}

/// Why a region names no part: the member at fault, and a problem in the manner of
/// [`Reject::problem`](crate::summary::Reject::problem).
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// `fragment`, `svg` or `point`.
    pub field: &'static str,
    /// A reason that repeats, `: `, the particulars.
    pub problem: String,
}

/// Reads a region. `space` is the size of the space that the region is drawn in; percentages need it.
pub fn select(region: &Region, space: Option<Frame>) -> Result<Selection, Fault> {
    let fault = |field, problem| Fault { field, problem };
    match (&region.svg, &region.fragment, region.point) {
        (Some(text), None, _) => svg::shape(text, space)
            .map(Selection::Part)
            .map_err(|problem| fault("svg", problem)),
        (None, Some(text), _) => by_fragment(text, space)
            .map(Selection::Part)
            .map_err(|problem| fault("fragment", problem)),
        // The outline says more than the box around it; the box is better than nothing.
        (Some(outline), Some(text), _) => match svg::shape(outline, space) {
            Ok(shape) => Ok(Selection::Part(shape)),
            Err(problem) => by_fragment(text, space)
                .map(|shape| Selection::Fallback(shape, problem.clone()))
                .map_err(|_| fault("svg", problem)),
        },
        (None, None, Some([x, y])) => {
            Err(fault("point", format!("a point has no extent: {x},{y}")))
        }
        (None, None, None) => Ok(Selection::Whole),
    }
}

fn by_fragment(text: &str, space: Option<Frame>) -> Result<Shape, String> {
    let bbox = fragment::bbox(text, space)?;
    Ok(Shape {
        bbox,
        polygon: None,
    })
}

/// A text short enough for a message, on one line.
pub(crate) fn excerpt(text: &str) -> String {
    const MOST: usize = 80;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(fragment: Option<&str>, svg: Option<&str>, point: Option<[f64; 2]>) -> Region {
        Region {
            fragment: fragment.map(String::from),
            svg: svg.map(String::from),
            point,
            ..Region::default()
        }
    }

    fn bbox(numbers: [f64; 4]) -> BBox {
        BBox::try_from(numbers).unwrap()
    }

    #[test]
    fn an_outline_is_preferred_and_a_fragment_steps_in() {
        let square = "<rect x='1' y='2' width='3' height='4'/>";
        let both = select(&region(Some("xywh=0,0,9,9"), Some(square), None), None).unwrap();
        let Selection::Part(shape) = both else {
            panic!("{both:?}");
        };
        assert_eq!(shape.bbox, bbox([1.0, 2.0, 3.0, 4.0]));
        assert!(shape.polygon.is_some());

        let broken = select(&region(Some("xywh=0,0,9,9"), Some("<rect"), None), None).unwrap();
        let Selection::Fallback(shape, problem) = broken else {
            panic!("{broken:?}");
        };
        assert_eq!(shape.bbox, bbox([0.0, 0.0, 9.0, 9.0]));
        assert!(problem.starts_with("svg is not well-formed: "), "{problem}");
    }

    #[test]
    fn what_names_no_part_is_told_apart_from_the_whole() {
        assert_eq!(
            select(&region(None, None, None), None),
            Ok(Selection::Whole)
        );
        let point = select(&region(None, None, Some([3.0, 4.5])), None).unwrap_err();
        assert_eq!(point.field, "point");
        assert_eq!(point.problem, "a point has no extent: 3,4.5");
        let neither = select(&region(Some("xywh=1,2"), Some("<g/>"), None), None).unwrap_err();
        assert_eq!(neither.field, "svg");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(fragment in ".{0,60}", svg in "[<>/=\"' a-zA-Z0-9.,&;#-]{0,200}") {
            let _ = select(&region(Some(&fragment), None, None), None);
            let _ = select(&region(None, Some(&svg), None), None);
        }
    }
}
