//! Selectors, the ways in which annotations name parts of images, read into boxes and polygons: media fragments in
//! [`fragment`], SVG in [`svg`]. Pure: texts in, shapes or a reason out; nothing here knows of images or files.
//!
//! Coordinates are those of the space that the selector is written for, a canvas or an image, in pixels, the origin at its
//! upper left corner. They are not clipped: fitting them to an image is the work of `extract`.

use crate::contracts::{BBox, Frame, Region};

mod apart;
pub mod fragment;
mod outlines;
mod rings;
mod shape;
pub mod svg;
mod svg_attributes;

pub use apart::{are_apart, bounds, is_far};
pub use fragment::{Part, nested_fragment};
pub use rings::clip;
pub use shape::{MAX_COORDINATE, Shape};
use svg::Outline;

/// What a region selects.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// The whole image.
    Whole,
    /// A part of it.
    Part(Shape),
    /// A part of it that may be wrong.
    Doubtful(Shape, Doubt),
    /// A line, such as the one that a text stands on: it encloses no area. At least two points.
    Line(Vec<[f64; 2]>),
}

/// Why a part may be wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    /// It is selected by the media fragment, since the SVG, which is preferred, cannot be read for the reason given.
    Fallback(String),
    /// The SVG declares a size that does not fit its canvas or its drawing, and is taken to be in pixels of the canvas.
    NotScaled(String),
    /// The box beside the SVG, or the baseline, lies elsewhere: what is used, and what is not.
    Apart(String),
}

/// Why a region selects nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectorError {
    /// The member of the region at fault: `fragment`, `svg` or `point`.
    pub field: &'static str,
    /// A reason that is the same for like problems, `: `, the particulars, as in
    /// [`Reject::problem`](crate::summary::Reject::problem).
    pub problem: String,
}

/// Reads a region. `space` is the size, in pixels, of the space that the region is written for; percentages need it. A
/// region with neither fragment, SVG nor point is the whole image.
///
/// # Errors
/// A point has no extent; a fragment or SVG cannot be read, or encloses no area.
pub fn select(region: &Region, space: Option<Frame>) -> Result<Selection, SelectorError> {
    let error = |field, problem| SelectorError { field, problem };
    let by_fragment = |text: &str| {
        let bbox = fragment::bbox(text, space)?;
        Ok(Shape {
            bbox,
            polygon: None,
            holes: Vec::new(),
            baseline: None,
        })
    };
    match (&region.svg, &region.fragment, region.point) {
        (None, Some(text), _) => by_fragment(text)
            .map(Selection::Part)
            .map_err(|problem| error("fragment", problem)),
        // The outline says more than the box around it; the box is better than nothing.
        (Some(outline), text, _) => {
            let around = text.as_deref().map(by_fragment);
            match (svg::read(outline, space), around) {
                (Ok(drawn), around) => Ok(drawing(drawn, around.and_then(Result::ok))),
                (Err(problem), Some(Ok(shape))) => {
                    Ok(Selection::Doubtful(shape, Doubt::Fallback(problem)))
                }
                (Err(problem), _) => Err(error("svg", problem)),
            }
        }
        (None, None, Some([x, y])) => {
            Err(error("point", format!("a point has no extent: {x},{y}")))
        }
        (None, None, None) => Ok(Selection::Whole),
    }
}

/// A region of a copy of an image, in pixels of the image: `scale` is how many of these a pixel of the copy has, across and
/// down. None for a drawing that may have a size of its own.
pub fn scaled(region: &Region, [sx, sy]: [f64; 2]) -> Option<Region> {
    let fragment = region
        .fragment
        .as_ref()
        .map(|text| match fragment::part(text) {
            Ok(Part::Pixels([x, y, w, h])) => {
                format!("xywh={},{},{},{}", x * sx, y * sy, w * sx, h * sy)
            }
            _ => text.clone(),
        });
    let drawn = |text: &String| {
        let is_sized = text.contains("viewBox");
        let bare = svg::bare(text);
        (!is_sized).then(|| format!(r#"<g transform="scale({sx} {sy})">{bare}</g>"#))
    };
    let svg = match &region.svg {
        Some(text) => Some(drawn(text)?),
        None => None,
    };
    Some(Region {
        fragment,
        svg,
        point: region.point.map(|[x, y]| [x * sx, y * sy]),
        ..region.clone()
    })
}

/// What an SVG selects, with the box of the fragment beside it. A line beside a box is the baseline of what is in it, unless it is
/// far from there.
fn drawing(drawn: svg::Drawn, around: Option<Shape>) -> Selection {
    let beside = around.as_ref().map(|shape| shape.bbox);
    let mut shape = match (drawn.outline, around) {
        (Outline::Area(shape), _) => shape,
        (Outline::Line(line), Some(shape)) => Shape {
            baseline: Some(line),
            ..shape
        },
        (Outline::Line(line), None) => return Selection::Line(line),
    };
    let is_line_far = |line: &mut Vec<[f64; 2]>| is_far(line, shape.bbox.into());
    let far = shape.baseline.take_if(is_line_far);
    let is_box_apart = |b: &BBox| are_apart((*b).into(), shape.bbox.into());
    match (drawn.doubt, far, beside.filter(is_box_apart)) {
        (Some(problem), ..) => Selection::Doubtful(shape, Doubt::NotScaled(problem)),
        (None, Some(line), _) => {
            let problem = format!("baseline at {:?} is left out", line[0]);
            Selection::Doubtful(shape, Doubt::Apart(problem))
        }
        (None, None, Some(b)) => {
            let (x, y, width, height) = (b.x, b.y, b.width, b.height);
            let problem = format!("outline is used, not xywh={x},{y},{width},{height}");
            Selection::Doubtful(shape, Doubt::Apart(problem))
        }
        (None, None, None) => Selection::Part(shape),
    }
}

#[cfg(test)]
mod tests {
    use recto_testkit::mutation::{Random, with_seeds};

    use super::*;
    use crate::contracts::Polygon;

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
        let Selection::Doubtful(shape, Doubt::Fallback(problem)) = broken else {
            panic!("{broken:?}");
        };
        assert_eq!(shape.bbox, bbox([0.0, 0.0, 9.0, 9.0]));
        assert!(problem.starts_with("svg is not well-formed: "), "{problem}");
    }

    #[test]
    fn what_selects_nothing_is_distinguished_from_the_whole() {
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

    const FRAGMENTS: [&str; 6] = [
        "xywh=1,2,3,4",
        "https://example.org/canvas/1#t=1,2&xywh=pixel:1.5,2.25,3.125,4",
        "xywh=percent%3A10%2C20,50,50",
        " xywh = -1, 2 ,3e2, 4 &page=3",
        "xywh=0,0,9999999,9999999",
        "xywh=1,2,3,4&xywh=percent:5,6,7,8",
    ];

    const DRAWINGS: [&str; 9] = [
        "<svg xmlns='http://www.w3.org/2000/svg'><rect x='1' y='10%' width='3px' height='4'/></svg>",
        "<?xml version='1.0'?><!-- x --><svg:svg xmlns:svg='s'><svg:circle cx='50' cy='60' r='10'/></svg:svg>",
        "<svg><g transform='translate(10 20) rotate(30)'><ellipse cx='50' cy='60' rx='10' ry='5'/></g></svg>",
        "<svg><polygon points='0,0 10,0 10.5,20.25' style='fill:red; display:block'/></svg>",
        "<g transform='matrix(2 0 0 1 100 50)'><polyline points='0 0 10 0 10 20 0 20'/></g>",
        "<path d='M 20 10 A 10 10 0 1 1 20 9.99 Z m2,2h3v3h-3z'/>",
        "<path d='M0,0 C0,100 100,100 100,0 Z M0,0 Q50,100 100,0 T200,0 S1,2 3,4z' display='inline'/>",
        "<svg><defs><rect width='99' height='99'/></defs><path data-x='{&quot;a&quot;:1}' d='M1,2h3v4h-3z'/></svg>",
        "<!DOCTYPE svg [<!ENTITY a 'M0,0h9v9z'>]><path d='&a;&#65;'/>",
    ];

    const CHUNKS: [&str; 24] = [
        "",
        "0",
        "-",
        "1e400",
        "1e-400",
        "1e9",
        "NaN",
        "inf",
        ",",
        "%",
        "%2C",
        "&",
        "&#0;",
        "&amp;",
        "=",
        "#",
        "<g>",
        "</g>",
        "<rect width='9' height='9'/>",
        "A1,1 0 1 1 5,5",
        "c1,2 3,4 5,6",
        "scale(1e300)",
        "'",
        "\u{fffd}",
    ];

    /// A text of some, with one to four mutations: bytes flipped, cut, repeated or inserted.
    fn mutated(random: &mut Random, texts: &[&str]) -> String {
        let mut bytes = random.choose(texts).as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() + 1);
            let end = (at + 1 + random.below(20)).min(bytes.len());
            match random.below(5) {
                0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
                1 => drop(bytes.drain(at..end)),
                2 => bytes.truncate(at),
                3 => {
                    let again = bytes[at..end].repeat(1 + random.below(60));
                    bytes.splice(at..at, again);
                }
                _ => {
                    let chunk = random.choose(&CHUNKS).repeat(1 + random.below(3));
                    bytes.splice(at..at, chunk.into_bytes());
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    const SPACE: Option<Frame> = Some(Frame {
        width: 1000.0,
        height: 500.0,
    });

    #[test]
    fn mutated_fragments_are_read_or_refused() {
        with_seeds(20_000, |random| {
            let (outer, inner) = (mutated(random, &FRAGMENTS), mutated(random, &FRAGMENTS));
            if let Ok(read) = fragment::bbox(&outer, SPACE) {
                let printed = format!("xywh={},{},{},{}", read.x, read.y, read.width, read.height);
                assert_eq!(fragment::bbox(&printed, None), Ok(read), "{outer}");
            }
            nested_fragment(&outer, &inner);
        });
    }

    #[test]
    fn mutated_drawings_are_read_or_refused() {
        with_seeds(5_000, |random| {
            let text = mutated(random, &DRAWINGS);
            let Ok(drawn) = svg::read(&text, SPACE) else {
                return;
            };
            let Outline::Area(shape) = drawn.outline else {
                return;
            };
            let Some(polygon) = shape.polygon else {
                return;
            };
            let again = svg::read(&svg::print(&polygon, &[]), None).unwrap().outline;
            let Outline::Area(again) = again else {
                panic!("{text}: {again:?}");
            };
            assert_eq!(again.polygon, Some(polygon.clone()), "{text}");
            clip(&polygon, SPACE.unwrap());
        });
    }

    #[test]
    fn holes_are_printed_and_read_back() {
        let ring = |[x, y, w, h]: [f64; 4]| {
            Polygon::try_from(vec![[x, y], [x + w, y], [x + w, y + h], [x, y + h]]).unwrap()
        };
        let outline = Polygon::joined(&[ring([0.0, 0.0, 40.0, 30.0]), ring([50.0, 0.0, 9.0, 9.0])]);
        let holes = vec![ring([5.5, 5.25, 10.0, 10.0]), ring([20.0, 10.0, 5.0, 5.0])];
        let printed = svg::print(&outline, &holes);
        let Outline::Area(shape) = svg::read(&printed, None).unwrap().outline else {
            panic!("{printed}");
        };
        assert_eq!((shape.polygon, shape.holes), (Some(outline), holes));
    }
}
