//! The outlines of SVG's shapes, made of their attributes. Rectangles and ellipses are transformed here, the rest is not.
//!
//! What a text can make large is limited: numbers to [`MAX_COORDINATE`], lists and paths to [`MAX_POINTS`].

use kurbo::{Affine, Ellipse, PathEl, Point, Rect, Shape as _};
use svgtypes::{NumberListParser, PathParser, PathSegment};
use svgtypes::{SimplePathSegment, SimplifyingPathParser};

use super::shape::MAX_COORDINATE;
use crate::values::excerpt;

/// How far, in pixels of the selector's space, a line may be from the curve that it stands for.
pub const TOLERANCE: f64 = 0.25;

/// The largest number of points of a drawing: real selectors have a few thousand.
pub const MAX_POINTS: usize = 100_000;

/// The outline of a rectangle `[x, y, width, height]` with round corners of the radii `[rx, ry]`, transformed. Empty for one
/// without area, which is not drawn (SVG 2, section 10.2).
pub fn rect([x, y, width, height]: [f64; 4], [rx, ry]: [f64; 2], transform: Affine) -> Vec<PathEl> {
    if width <= 0.0 || height <= 0.0 {
        return Vec::new();
    }
    let rect = Rect::new(x, y, x + width, y + height);
    let (rx, ry) = (rx.min(width / 2.0), ry.min(height / 2.0));
    if rx <= 0.0 || ry <= 0.0 {
        let sides = rect.path_elements(TOLERANCE);
        return sides.map(|el| transform * el).collect();
    }
    // Its corners are quarters of circles where rx and ry are the units.
    let unit = Affine::scale_non_uniform(rx, ry);
    let rounded = unit
        .inverse()
        .transform_rect_bbox(rect)
        .to_rounded_rect(1.0);
    let outline = rounded.path_elements(TOLERANCE / 10.0 / rx.max(ry));
    outline.map(|el| transform * (unit * el)).collect()
}

/// The outline of an ellipse, transformed, as curves: any affine transform makes it another ellipse, exactly. Empty for
/// one without area, which is not drawn.
///
/// # Errors
/// A coordinate is not finite or beyond [`MAX_COORDINATE`].
pub fn ellipse(
    cx: f64,
    cy: f64,
    rx: f64,
    ry: f64,
    transform: Affine,
) -> Result<Vec<PathEl>, String> {
    if rx <= 0.0 || ry <= 0.0 {
        return Ok(Vec::new());
    }
    check(PathEl::CurveTo(
        Point::new(cx, cy),
        Point::new(rx, ry),
        Point::ZERO,
    ))?;
    let ellipse = transform * Ellipse::new((cx, cy), (rx, ry), 0.0);
    let bounds = ellipse.bounding_box();
    check(PathEl::QuadTo(
        Point::new(bounds.x0, bounds.y0),
        Point::new(bounds.x1, bounds.y1),
    ))?;
    Ok(ellipse.path_elements(TOLERANCE / 10.0).collect())
}

/// The outline of a polygon or polyline, of its attribute `points`: an even number of coordinates.
///
/// # Errors
/// It is not a list of numbers, their number is odd, or one of them is beyond [`MAX_COORDINATE`].
pub fn points(text: &str) -> Result<Vec<PathEl>, String> {
    let unreadable = |why: &str| format!("points cannot be read: {why}, {}", excerpt(text));
    let mut numbers = Vec::new();
    for number in NumberListParser::from(text) {
        numbers.push(number.map_err(|e| unreadable(&e.to_string()))?);
        if numbers.len() > 2 * MAX_POINTS {
            return Err(format!(
                "svg has too many points: the limit is {MAX_POINTS}"
            ));
        }
    }
    if numbers.len() % 2 == 1 {
        return Err(unreadable("an odd number of coordinates"));
    }
    let (pairs, _) = numbers.as_chunks::<2>();
    let mut path: Vec<PathEl> = pairs
        .iter()
        .map(|&[x, y]| PathEl::LineTo(Point::new(x, y)))
        .collect();
    if let Some(first) = path.first_mut()
        && let Some(p) = first.end_point()
    {
        *first = PathEl::MoveTo(p);
    }
    Ok(path)
}

/// The outline that the attribute `d` of a path draws: commands made absolute, arcs made curves.
///
/// # Errors
/// It is not path data (SVG 1.1 §8.3), an arc is too flat, or a coordinate is beyond [`MAX_COORDINATE`].
pub fn path(text: &str) -> Result<Vec<PathEl>, String> {
    let unreadable = |e: svgtypes::Error| format!("path cannot be read: {e}, {}", excerpt(text));
    check_arcs(text)?;
    let mut path = Vec::new();
    for segment in SimplifyingPathParser::from(text) {
        let segment = match segment.map_err(unreadable)? {
            SimplePathSegment::MoveTo { x, y } => PathEl::MoveTo(Point::new(x, y)),
            SimplePathSegment::LineTo { x, y } => PathEl::LineTo(Point::new(x, y)),
            SimplePathSegment::CurveTo {
                x1,
                y1,
                x2,
                y2,
                x,
                y,
            } => PathEl::CurveTo(Point::new(x1, y1), Point::new(x2, y2), Point::new(x, y)),
            SimplePathSegment::Quadratic { x1, y1, x, y } => {
                PathEl::QuadTo(Point::new(x1, y1), Point::new(x, y))
            }
            SimplePathSegment::ClosePath => PathEl::ClosePath,
        };
        check(segment)?;
        path.push(segment);
        if path.len() > MAX_POINTS {
            return Err(format!(
                "svg has too many points: the limit is {MAX_POINTS}"
            ));
        }
    }
    Ok(path)
}

/// Refuses arcs that would become very many curves: their number grows with the larger radius, which
/// grows with the distance of the ends when the radii are too small for it (SVG 2, appendix B.2.5).
fn check_arcs(text: &str) -> Result<(), String> {
    const FLATTEST: f64 = 10_000.0;
    for segment in PathParser::from(text).map_while(Result::ok) {
        if let PathSegment::EllipticalArc { rx, ry, x, y, .. } = segment {
            let (small, large) = (rx.abs().min(ry.abs()), rx.abs().max(ry.abs()));
            check(PathEl::QuadTo(Point::new(rx, ry), Point::new(x, y)))?;
            if small > 0.0 && large / small > FLATTEST {
                return Err(format!("arc is too flat: radii {rx} and {ry}"));
            }
        }
    }
    Ok(())
}

/// Checks the coordinates of an element.
///
/// # Errors
/// One of them is not finite or beyond [`MAX_COORDINATE`].
pub fn check(element: PathEl) -> Result<(), String> {
    let points = match element {
        PathEl::MoveTo(p) | PathEl::LineTo(p) => [p, p, p],
        PathEl::QuadTo(p, q) => [p, q, q],
        PathEl::CurveTo(p, q, r) => [p, q, r],
        PathEl::ClosePath => return Ok(()),
    };
    // Written so that NaN is refused too.
    let usable = |v: f64| v.abs() <= MAX_COORDINATE;
    match points.iter().find(|p| !(usable(p.x) && usable(p.y))) {
        Some(p) => Err(format!(
            "svg contains a number that is too large: {}, {}",
            p.x, p.y
        )),
        None => Ok(()),
    }
}
