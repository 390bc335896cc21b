//! SVG selectors (SVG 1.1 and 2, the shapes): rect, circle, ellipse, polygon, polyline and path, in groups with
//! transforms, to a polygon and the box around it.
//!
//! The drawing is scaled to the space annotated, as Web Annotation 4.2.7 has it, by the `viewBox`, else the `width` and
//! `height`, of the root. Many tools write sizes there that have nothing to do with what they draw, in pixels of the
//! canvas: a size with another aspect ratio than the space, or one that the drawing exceeds, does not scale, and that is
//! reported.
//!
//! Strokes and rounded corners do not change an outline; the fill rule says which rings of a path are holes. What attributes and `style` say of fill, transform and
//! display is read; a style sheet that says something of them is refused. An open outline counts as closed, as when filled,
//! unless it says that it is not filled or lies on one straight line: then it is a line, such as the baseline of a text.
//! Curves become lines that are at most [`TOLERANCE`] away from them.

use kurbo::{Affine, PathEl, Point};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::outlines::{self, MAX_POINTS, TOLERANCE, check};
use super::rings::{self, to_thousandths};
use super::shape::Shape;
use super::svg_attributes::{Attributes, check_style};
use crate::contracts::{Frame, Polygon};
use crate::values::excerpt;

// Limits for hostile documents: real selectors have a few thousand points and a few levels.
const MAX_BYTES: usize = 16 << 20;
const MAX_DEPTH: usize = 64;

/// Elements whose content is not drawn where it stands.
const NOT_DRAWN: [&str; 17] = [
    "clipPath",
    "defs",
    "desc",
    "filter",
    "foreignObject",
    "linearGradient",
    "marker",
    "mask",
    "metadata",
    "pattern",
    "radialGradient",
    "script",
    "style",
    "symbol",
    "text",
    "title",
    "view",
];

type Ring = Vec<[f64; 2]>;

/// What an SVG selector draws, in pixels of the space annotated.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The area or line.
    pub outline: Outline,
    /// What is doubtful: the drawing declares another size, which does not fit the space or what is drawn.
    pub doubt: Option<String>,
}

/// An area or a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Outline {
    /// An area. A single line drawn beside it is its baseline.
    Area(Shape),
    /// A line without an area, of at least two points.
    Line(Vec<[f64; 2]>),
}

/// Reads an SVG document, an element, or several elements side by side, into what they draw. `space` is the size of the
/// space annotated, in pixels, which scaling and lengths in percent need.
///
/// # Errors
/// The problem, in the manner of [`Reject::problem`](crate::summary::Reject::problem): not well-formed, no shape, neither
/// area nor line, a length in another unit, or one of the limits on bytes, depth, points and coordinates.
pub fn read(text: &str, space: Option<Frame>) -> Result<Drawn, String> {
    if text.len() > MAX_BYTES {
        return Err(format!(
            "svg is too large: {} bytes, the limit is {MAX_BYTES}",
            text.len()
        ));
    }
    let text = text.trim_start_matches('\u{feff}');
    let mut drawing = Drawing::new(space, true);
    drawing.read(text)?;
    if drawing.exceeds_its_size() {
        let doubt = format!(
            "svg draws beyond its own size, so it is not scaled: {}",
            excerpt(text)
        );
        drawing = Drawing::new(space, false);
        drawing.read(text)?;
        drawing.doubt = Some(doubt);
    }
    if drawing.shapes == 0 {
        return Err(format!("svg contains no shape: {}", excerpt(text)));
    }
    let number = drawing.lines.len();
    let line = drawing.lines.pop().filter(|_| number == 1);
    let outline = match (rings::shape(drawing.rings), line) {
        (Some(shape), baseline) => Outline::Area(Shape { baseline, ..shape }),
        (None, Some(line)) => Outline::Line(line),
        (None, None) if number > 1 => {
            return Err(format!(
                "svg draws several lines and no area: {}",
                excerpt(text)
            ));
        }
        (None, None) => return Err(format!("svg encloses no area: {}", excerpt(text))),
    };
    Ok(Drawn {
        outline,
        doubt: drawing.doubt,
    })
}

/// A polygon and the holes in it as an SVG document, which [`read`] reads back. With holes it is one path, of which what an odd
/// number of its rings encloses is filled.
pub fn print(polygon: &Polygon, holes: &[Polygon]) -> String {
    if holes.is_empty() {
        return print_with_line(Some(polygon), &[]);
    }
    let ring = |ring: &Polygon| {
        let points = ring.points().iter().map(|[x, y]| format!("{x},{y}"));
        format!("M{}Z", points.collect::<Vec<_>>().join(" "))
    };
    let rings: String = polygon.parts().iter().chain(holes).map(ring).collect();
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg"><path fill-rule="evenodd" d="{rings}"/></svg>"#
    )
}

/// A polygon and a line, such as the baseline of what is in it, as an SVG document, which [`read`] reads back. Either may be
/// missing.
pub fn print_with_line(polygon: Option<&Polygon>, line: &[[f64; 2]]) -> String {
    let list = |points: &[[f64; 2]]| {
        let points = points.iter().map(|[x, y]| format!("{x},{y}"));
        points.collect::<Vec<_>>().join(" ")
    };
    let parts = polygon.map(Polygon::parts).unwrap_or_default();
    let area: String = parts
        .iter()
        .map(|part| format!(r#"<polygon points="{}"/>"#, list(part.points())))
        .collect();
    let line = match line {
        [] => String::new(),
        line => format!(r#"<polyline fill="none" points="{}"/>"#, list(line)),
    };
    format!(r#"<svg xmlns="http://www.w3.org/2000/svg">{area}{line}</svg>"#)
}

/// Two drawings that select one thing: an area and its baseline as one drawing, in either order; else the first.
pub fn beside(first: &str, other: &str) -> String {
    // Only what each of them draws matters here, not where: any space does.
    let nominal = Frame {
        width: 1000.0,
        height: 1000.0,
    };
    let [a, b] = [first, other].map(|text| Some(read(text, Some(nominal)).ok()?.outline));
    let has_line = |area: &Shape| area.baseline.is_some();
    match (a, b) {
        (Some(Outline::Area(area)), Some(Outline::Line(_)))
        | (Some(Outline::Line(_)), Some(Outline::Area(area)))
            if !has_line(&area) =>
        {
            format!("{}{}", bare(first), bare(other))
        }
        (Some(Outline::Line(_)), Some(Outline::Area(_))) => other.to_owned(),
        _ => first.to_owned(),
    }
}

/// A drawing without byte order mark and declaration, as it may stand among others.
pub fn bare(svg: &str) -> &str {
    let svg = svg.trim_start_matches('\u{feff}').trim_start();
    match svg.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or(rest, |(_, rest)| rest),
        None => svg,
    }
}

struct Drawing {
    /// Whether the size of the root may scale the drawing.
    may_scale: bool,
    /// The space, if the drawing was scaled to it.
    scaled_to: Option<Frame>,
    doubt: Option<String>,
    /// Open outlines that are lines and not areas.
    lines: Vec<Ring>,
    /// What holds in each open element; the first is what is around all.
    open: Vec<Surroundings>,
    /// How many open elements there are within one that is not drawn, itself included.
    hidden: usize,
    /// Whether the outermost of these is a style sheet.
    is_style: bool,
    rings: Vec<rings::Ring>,
    points: usize,
    shapes: usize,
}

/// What holds in an element.
#[derive(Clone, Copy, Debug, Default)]
struct Surroundings {
    /// From its units to pixels of the space.
    transform: Affine,
    /// The size of what lengths in percent are parts of: of the space, or of the innermost `viewBox`.
    viewport: Option<Frame>,
    /// Whether it is within an `svg`.
    is_in_svg: bool,
    /// Whether `fill` and `fill-opacity` leave what it draws without a fill.
    has_no_fill: bool,
    is_clear: bool,
    /// Whether `fill-rule` is `evenodd`.
    is_even_odd: bool,
}

impl Drawing {
    fn new(space: Option<Frame>, may_scale: bool) -> Self {
        let around_all = Surroundings {
            viewport: space,
            ..Surroundings::default()
        };
        Drawing {
            may_scale,
            scaled_to: None,
            doubt: None,
            lines: Vec::new(),
            open: vec![around_all],
            hidden: 0,
            is_style: false,
            rings: Vec::new(),
            points: 0,
            shapes: 0,
        }
    }

    /// Walks the elements. Entities of a document type are never expanded: a shape that uses one is refused.
    fn read(&mut self, text: &str) -> Result<(), String> {
        let mut reader = Reader::from_str(text);
        let mut depth = 0;
        loop {
            let at = reader.buffer_position();
            let event = reader.read_event();
            match event.map_err(|e| format!("svg is not well-formed: byte {at}, {e}"))? {
                Event::Start(element) => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(format!(
                            "svg is nested too deeply: the limit is {MAX_DEPTH}"
                        ));
                    }
                    self.open(&element)?;
                }
                Event::Empty(element) => {
                    self.open(&element)?;
                    self.close();
                }
                Event::End(_) => {
                    depth -= 1;
                    self.close();
                }
                Event::Text(text) if self.is_style => check_style(&text)?,
                Event::CData(text) if self.is_style => check_style(&text)?,
                Event::Eof if depth > 0 => {
                    return Err(format!(
                        "svg is not well-formed: elements that are not closed: {depth}"
                    ));
                }
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn open(&mut self, element: &BytesStart) -> Result<(), String> {
        let name = element.local_name();
        if self.hidden > 0 || NOT_DRAWN.contains(&name.as_ref()) {
            self.is_style |= self.hidden == 0 && name.as_ref() == "style";
            self.hidden += 1;
            return Ok(());
        }
        let attributes = Attributes::read(element)?;
        if attributes.is_hidden() {
            self.hidden += 1;
            return Ok(());
        }
        let around = self.open.last().copied().unwrap_or_default();
        let mut inner = Surroundings {
            transform: around.transform * attributes.transform()?,
            has_no_fill: attributes.has_no_fill().unwrap_or(around.has_no_fill),
            is_clear: attributes.is_clear().unwrap_or(around.is_clear),
            is_even_odd: attributes.is_even_odd().unwrap_or(around.is_even_odd),
            ..around
        };
        if name.as_ref() == "svg" {
            inner.is_in_svg = true;
            match around.is_in_svg {
                true => nest(&attributes, &mut inner)?,
                false if self.open.len() == 1 && self.may_scale => {
                    self.scale(&attributes, &mut inner);
                }
                false => {}
            }
        }
        self.open.push(inner);
        self.draw(name.as_ref(), &attributes, inner)
    }

    /// Brings the units of the root to pixels of the space.
    fn scale(&mut self, root: &Attributes, inner: &mut Surroundings) {
        let (Some(space), Some([x, y, width, height])) = (inner.viewport, root.size()) else {
            return;
        };
        const SAME: f64 = 0.5;
        if (width - space.width).abs() <= SAME && (height - space.height).abs() <= SAME {
            inner.transform *= Affine::translate((-x, -y));
            return;
        }
        let (sx, sy) = (space.width / width, space.height / height);
        const MOST: f64 = 0.02;
        let stretches = root.get("preserveAspectRatio").trim() == "none";
        if (sx / sy - 1.0).abs() > MOST && !stretches {
            self.doubt = Some(format!(
                "svg has another aspect ratio than its canvas, so it is not scaled: {width} x {height}"
            ));
            return;
        }
        self.scaled_to = Some(space);
        inner.viewport = Some(Frame { width, height });
        inner.transform *= Affine::scale_non_uniform(sx, sy) * Affine::translate((-x, -y));
    }

    /// Whether a scaled drawing reaches far beyond the space: then it was not drawn in the size that it declares.
    fn exceeds_its_size(&self) -> bool {
        const SLACK: f64 = 0.05;
        let Some(Frame { width, height }) = self.scaled_to else {
            return false;
        };
        let is_outside = |v: f64, length: f64| v < -SLACK * length || v > (1.0 + SLACK) * length;
        let rings = self.rings.iter().map(|ring| &ring.points);
        let mut points = rings.chain(&self.lines).flatten();
        points.any(|[x, y]| is_outside(*x, width) || is_outside(*y, height))
    }

    fn close(&mut self) {
        if self.hidden > 0 {
            self.hidden -= 1;
            self.is_style &= self.hidden > 0;
        } else if self.open.len() > 1 {
            self.open.pop();
        }
    }

    fn draw(&mut self, name: &str, a: &Attributes, within: Surroundings) -> Result<(), String> {
        for cut in ["clip-path", "mask", "mask-image"] {
            if !matches!(a.property(cut).as_str(), "" | "none" | "inherit") {
                return Err(format!("svg is cut by a property that is not read: {cut}"));
            }
        }
        let (space, transform) = (within.viewport, within.transform);
        let x = |name| a.length(name, space.map(|s| s.width));
        let y = |name| a.length(name, space.map(|s| s.height));
        // SVG 2, section 8.9: percentages that are neither of width nor of height.
        let diagonal = space.map(|s| s.width.hypot(s.height) / std::f64::consts::SQRT_2);
        let outline: Vec<PathEl> = match name {
            "rect" => {
                let sides = [x("x")?, y("y")?, x("width")?, y("height")?];
                // A radius that is not given is the other one.
                let radii = match (a.property("rx").as_str(), a.property("ry").as_str()) {
                    ("" | "auto", _) => [y("ry")?; 2],
                    (_, "" | "auto") => [x("rx")?; 2],
                    _ => [x("rx")?, y("ry")?],
                };
                outlines::rect(sides, radii, transform)
            }
            "circle" => {
                let r = a.length("r", diagonal)?;
                outlines::ellipse(x("cx")?, y("cy")?, r, r, transform)?
            }
            "ellipse" => outlines::ellipse(x("cx")?, y("cy")?, x("rx")?, y("ry")?, transform)?,
            "polygon" | "polyline" => {
                let points = outlines::points(a.get("points"))?;
                points.into_iter().map(|el| transform * el).collect()
            }
            "path" => {
                if a.styled("d").is_some() {
                    return Err("svg is drawn by a property that is not read: d".into());
                }
                let path = outlines::path(a.get("d"))?;
                path.into_iter().map(|el| transform * el).collect()
            }
            "line" => {
                let ends = [(x("x1")?, y("y1")?), (x("x2")?, y("y2")?)].map(Point::from);
                vec![
                    transform * PathEl::MoveTo(ends[0]),
                    transform * PathEl::LineTo(ends[1]),
                ]
            }
            "use" => return Err("svg draws by reference (use), which is not read".into()),
            "switch" => return Err("svg draws one of several (switch), which is not read".into()),
            _ => return Ok(()),
        };
        self.shapes += 1;
        let closes = matches!(name, "rect" | "circle" | "ellipse" | "polygon");
        self.flatten(&outline, closes)
    }

    /// Adds the rings and lines of an outline, its curves flattened to lines. `closes` says that every part is closed.
    fn flatten(&mut self, outline: &[PathEl], closes: bool) -> Result<(), String> {
        let mut at = Point::ZERO;
        let mut ring: Ring = Vec::new();
        let mut is_closed = closes;
        for &element in outline {
            check(element)?;
            match element {
                PathEl::MoveTo(_) => {
                    self.add(std::mem::take(&mut ring), is_closed);
                    is_closed = closes;
                }
                PathEl::ClosePath => is_closed = true,
                _ => {}
            }
            // One by one, so that the limit stops a path whose every curve is as long as can be.
            let from = PathEl::MoveTo(at);
            let mut points = 0;
            kurbo::flatten([from, element], TOLERANCE, |el| {
                if let PathEl::MoveTo(p) | PathEl::LineTo(p) = el {
                    points += 1;
                    ring.push([to_thousandths(p.x), to_thousandths(p.y)]);
                }
            });
            // The point that `from` put there stands in the ring already, or belongs to no ring.
            ring.remove(ring.len() - points);
            self.points += points - 1;
            if self.points > MAX_POINTS {
                return Err(format!(
                    "svg has too many points: the limit is {MAX_POINTS}"
                ));
            }
            at = element.end_point().unwrap_or(at);
        }
        self.add(ring, is_closed);
        Ok(())
    }

    fn add(&mut self, mut ring: Ring, is_closed: bool) {
        let within = self.open.last().copied().unwrap_or_default();
        let is_unfilled = within.has_no_fill || within.is_clear;
        let is_closed = is_closed || (ring.len() > 2 && ring.first() == ring.last());
        let is_line = !is_closed && (is_unfilled || rings::is_flat(&ring));
        ring.dedup();
        match is_line && ring.len() > 1 {
            true => self.lines.push(ring),
            false => self.rings.push(rings::Ring {
                points: ring,
                path: self.shapes,
                is_even_odd: within.is_even_odd,
            }),
        }
    }
}

/// Places an `svg` that is within another: its viewport, and the units of its `viewBox` in it (SVG 2, section 8.2).
fn nest(a: &Attributes, inner: &mut Surroundings) -> Result<(), String> {
    let full = inner.viewport;
    let corner = (
        a.length("x", full.map(|f| f.width))?,
        a.length("y", full.map(|f| f.height))?,
    );
    inner.transform *= Affine::translate(corner);
    let side = |name: &str, full: Option<f64>| match a.property(name).as_str() {
        "" | "auto" => Ok(full),
        _ => a.length(name, full).map(Some),
    };
    let size = side("width", full.map(|f| f.width))?.zip(side("height", full.map(|f| f.height))?);
    let size = size.and_then(|(width, height)| Frame::try_from([width, height]).ok());
    inner.viewport = size;
    let Some([x, y, width, height]) = a.view_box() else {
        return Ok(());
    };
    let unread = |why: &str| format!("svg within svg cannot be placed: {why}");
    let size = size.ok_or_else(|| unread("its size is not known"))?;
    let (sx, sy) = (size.width / width, size.height / height);
    let aligned = a.get("preserveAspectRatio").trim();
    let (sx, sy) = match aligned {
        "none" => (sx, sy),
        "" | "xMidYMid" | "xMidYMid meet" => (sx.min(sy), sx.min(sy)),
        _ => return Err(unread(&format!("preserveAspectRatio is {aligned}"))),
    };
    let margin = (
        (size.width - width * sx) / 2.0,
        (size.height - height * sy) / 2.0,
    );
    inner.transform *=
        Affine::translate(margin) * Affine::scale_non_uniform(sx, sy) * Affine::translate((-x, -y));
    inner.viewport = Some(Frame { width, height });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::BBox;

    const FRAME: Frame = Frame {
        width: 1000.0,
        height: 500.0,
    };

    fn area(text: &str, space: Option<Frame>) -> Result<Shape, String> {
        match read(text, space)?.outline {
            Outline::Area(shape) => Ok(shape),
            Outline::Line(line) => Err(format!("a line: {line:?}")),
        }
    }

    #[test]
    fn the_corners_of_a_rectangle_may_be_round() {
        use std::f64::consts::PI;
        let cases = [
            ("", 8000.0),
            ("rx='20'", 8000.0 - (4.0 - PI) * 400.0),
            ("rx='20' ry='auto'", 8000.0 - (4.0 - PI) * 400.0),
            ("rx='20' ry='10'", 8000.0 - (4.0 - PI) * 200.0),
            ("rx='20' ry='0'", 8000.0),
            // No larger than half of a side: an ellipse.
            ("rx='500' ry='500'", PI * 50.0 * 40.0),
        ];
        for (radii, wanted) in cases {
            let svg = format!("<svg><rect x='10' y='20' width='100' height='80' {radii}/></svg>");
            let found = area(&svg, None).unwrap().polygon.unwrap().area();
            assert!((found - wanted).abs() < 0.01 * wanted, "{radii}: {found}");
        }
    }

    #[test]
    fn a_drawing_is_scaled_to_what_it_is_drawn_on_where_its_size_fits() {
        const RECT: &str = "<rect x='10' y='20' width='30' height='20'/></svg>";
        let cases = [
            (
                "<svg width='500' height='250'>",
                [20.0, 40.0, 60.0, 40.0],
                false,
            ),
            (
                "<svg width='500px' height='250px'>",
                [20.0, 40.0, 60.0, 40.0],
                false,
            ),
            (
                "<svg viewBox='0 0 500 250'>",
                [20.0, 40.0, 60.0, 40.0],
                false,
            ),
            (
                "<svg viewBox='0,0,500,250' width='9' height='9'>",
                [20.0, 40.0, 60.0, 40.0],
                false,
            ),
            (
                "<svg viewBox='10 20 500 250'>",
                [0.0, 0.0, 60.0, 40.0],
                false,
            ),
            (
                "<svg viewBox='0 0 100 100' preserveAspectRatio='none'>",
                [100.0, 100.0, 300.0, 100.0],
                false,
            ),
            // Of the same size.
            (
                "<svg width='1000' height='500'>",
                [10.0, 20.0, 30.0, 20.0],
                false,
            ),
            // Of another shape: a toolbar's or a screen's.
            (
                "<svg width='300' height='300'>",
                [10.0, 20.0, 30.0, 20.0],
                true,
            ),
            (
                "<svg viewBox='0 0 100 100'>",
                [10.0, 20.0, 30.0, 20.0],
                true,
            ),
            // Drawn beyond its own size: a thumbnail's.
            (
                "<svg width='20' height='10'>",
                [10.0, 20.0, 30.0, 20.0],
                true,
            ),
            (
                "<svg width='100%' height='100%'>",
                [10.0, 20.0, 30.0, 20.0],
                false,
            ),
            (
                "<svg width='0' height='0' viewBox='x'>",
                [10.0, 20.0, 30.0, 20.0],
                false,
            ),
        ];
        for (start, wanted, is_doubtful) in cases {
            let drawn = read(&format!("{start}{RECT}"), Some(FRAME)).unwrap();
            let Outline::Area(shape) = drawn.outline else {
                panic!("{start}: a line");
            };
            let b = shape.bbox;
            assert_eq!([b.x, b.y, b.width, b.height], wanted, "{start}");
            assert_eq!(drawn.doubt.is_some(), is_doubtful, "{start}");
        }
    }

    #[test]
    fn open_outlines_that_are_not_filled_are_lines() {
        let bent = vec![[1.0, 9.0], [5.0, 8.0], [9.0, 9.5]];
        let straight = vec![[1.0, 9.0], [9.0, 9.0]];
        let cases = [
            (
                "<polyline fill='none' points='1,9 5,8 9,9.5'/>",
                Some(&bent),
            ),
            (
                "<path style='stroke: red; fill: none' d='M1,9 5,8 9,9.5'/>",
                Some(&bent),
            ),
            (
                "<g fill='none'><path d='M1,9 L5,8 L9,9.5'/></g>",
                Some(&bent),
            ),
            (
                "<path fill='rgba(0, 0, 0, 0)' d='M1,9 5,8 9,9.5'/>",
                Some(&bent),
            ),
            ("<path fill='#f000' d='M1,9 5,8 9,9.5'/>", Some(&bent)),
            (
                "<path style='fill:rgb(1 2 3 / 0%)!important' d='M1,9 5,8 9,9.5'/>",
                Some(&bent),
            ),
            (
                "<g fill-opacity='0.0'><path fill='red' d='M1,9 5,8 9,9.5'/></g>",
                Some(&bent),
            ),
            ("<path fill='none' d='M1,9 H9'/>", Some(&straight)),
            ("<path d='M1,9 H9'/>", Some(&straight)),
            ("<line x1='1' y1='9' x2='9' y2='9'/>", Some(&straight)),
            // Filled, or closed: areas.
            ("<polyline points='1,9 5,8 9,9.5'/>", None),
            (
                "<polyline fill='rgba(0,0,0,.1)' points='1,9 5,8 9,9.5'/>",
                None,
            ),
            ("<polyline fill='#f00' points='1,9 5,8 9,9.5'/>", None),
            ("<path fill='none' d='M1,9 5,8 9,9.5z'/>", None),
            ("<path fill='none' d='M1,9 5,8 9,9.5 1,9'/>", None),
            ("<polygon fill='none' points='1,9 5,8 9,9.5'/>", None),
            (
                "<g fill='none'><path fill='red' d='M1,9 5,8 9,9.5'/></g>",
                None,
            ),
        ];
        for (text, line) in cases {
            match read(text, Some(FRAME)).unwrap().outline {
                Outline::Line(drawn) => assert_eq!(Some(&drawn), line, "{text}"),
                Outline::Area(shape) => assert_eq!((line, shape.baseline), (None, None), "{text}"),
            }
        }
        let both = "<rect width='9' height='9'/><polyline fill='none' points='1,9 5,8 9,9.5'/>";
        let shape = area(both, None).unwrap();
        assert_eq!((shape.bbox.height, shape.baseline), (9.0, Some(bent)));
        let two = "<path d='M1,9 H9'/><path d='M1,19 H9'/>";
        assert!(
            area(two, None)
                .unwrap_err()
                .starts_with("svg draws several lines and no area: ")
        );
    }

    /// (name, svg, box within a quarter pixel, points of the polygon where known)
    #[test]
    fn shapes_of_every_kind_become_boxes_and_polygons() {
        let cases = [
            (
                "rect",
                "<svg xmlns=\"http://www.w3.org/2000/svg\"><rect x=\"1\" y=\"2\" width=\"3\" height=\"4\"/></svg>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "no xmlns, single quotes",
                "<svg><rect x='1' y='2' width='3' height='4'/></svg>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "no svg around it",
                "<rect x='1' y='2' width='3' height='4'/>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "prefixed names",
                "<svg:svg xmlns:svg='s'><svg:rect width='3' height='4'/></svg:svg>",
                [0.0, 0.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "a declaration before",
                "<?xml version='1.0'?><!-- x --><svg><rect width='3' height='4'/></svg>",
                [0.0, 0.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "px and percent",
                "<rect x='10px' y='10%' width='50%' height='1'/>",
                [10.0, 50.0, 500.0, 1.0],
                Some(4),
            ),
            (
                "circle",
                "<circle cx='50' cy='60' r='10'/>",
                [40.0, 50.0, 20.0, 20.0],
                None,
            ),
            (
                "ellipse",
                "<ellipse cx='50' cy='60' rx='10' ry='5'/>",
                [40.0, 55.0, 20.0, 10.0],
                None,
            ),
            (
                "polygon",
                "<polygon points='0,0 10,0 10.5,20.25'/>",
                [0.0, 0.0, 10.5, 20.25],
                Some(3),
            ),
            (
                "polygon without commas",
                "<polygon points='0 0 10 0 10 20 0 20'/>",
                [0.0, 0.0, 10.0, 20.0],
                Some(4),
            ),
            (
                "open polyline",
                "<polyline points='0,0 10,0 10,20'/>",
                [0.0, 0.0, 10.0, 20.0],
                Some(3),
            ),
            (
                "path, implicit lines",
                "<path d='M1,2 4,2 4,6 1,6 Z'/>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "path, closed twice",
                "<path d=' M 1 2 L 4 2 L 4 6 L 1 6 L 1 2 Z Z'/>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "path, relative",
                "<path d='m1 2h3v4h-3z'/>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "path, packed numbers",
                "<path d='M1,2l3,0l0,4l-3-0z'/>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "path, a circle by one arc",
                "<path d='M 20 10 A 10 10 0 1 1 20 9.99 Z'/>",
                [0.0, 0.0, 20.0, 20.0],
                None,
            ),
            (
                "path, cubics",
                "<path d='M0,0 C0,100 100,100 100,0 Z'/>",
                [0.0, 0.0, 100.0, 75.0],
                None,
            ),
            (
                "path, quadratics",
                "<path d='M0,0 Q50,100 100,0 T200,0 Z'/>",
                [0.0, -50.0, 200.0, 100.0],
                None,
            ),
            (
                "path, a hole",
                "<path d='M0,0h10v10h-10z m2,2h3v3h-3z'/>",
                [0.0, 0.0, 10.0, 10.0],
                Some(4),
            ),
            (
                "path, two islands",
                "<path d='M0,0h10v10h-10z M20,0h5v5h-5z'/>",
                [0.0, 0.0, 25.0, 10.0],
                Some(10),
            ),
            (
                "svg within svg",
                "<svg><svg x='100' y='50' width='100' height='50' viewBox='0 0 10 10'><rect width='5' height='5'/></svg></svg>",
                [125.0, 50.0, 25.0, 25.0],
                Some(4),
            ),
            (
                "svg within svg, stretched and moved",
                "<svg><svg x='10%' y='0' width='100' height='50' preserveAspectRatio='none' viewBox='5 0 10 10'><rect x='5' width='50%' height='5'/></svg></svg>",
                [100.0, 0.0, 50.0, 25.0],
                Some(4),
            ),
            (
                "svg within svg without a size is as large as that around it",
                "<svg><svg y='5' viewBox='0 0 10 5'><rect width='1' height='1'/></svg><rect x='0' y='5' width='100' height='100'/></svg>",
                [0.0, 5.0, 100.0, 100.0],
                Some(4),
            ),
            (
                "transform of style",
                "<rect style='fill: red; transform: translate(100px, 50px) rotate(90deg)' width='20' height='10'/>",
                [90.0, 50.0, 10.0, 20.0],
                Some(4),
            ),
            (
                "lengths of style come before attributes",
                "<rect x='1' y='2' width='30' height='40' style='Width: 3PX !important; height:0.8%'/>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "a circle by style",
                "<circle cx='50' cy='60' r='99' style='r:10px'/>",
                [40.0, 50.0, 20.0, 20.0],
                None,
            ),
            (
                "an origin without a transform",
                "<rect style='transform-origin: center' x='1' y='2' width='3' height='4'/>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "a style sheet of colours",
                "<svg><style>.a{fill:#f00;stroke:none}</style><rect class='a' width='3' height='4'/></svg>",
                [0.0, 0.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "two elements, one outside",
                "<g><rect width='9' height='9'/><line x1='0' y1='0' x2='99' y2='99'/></g>",
                [0.0, 0.0, 9.0, 9.0],
                Some(4),
            ),
            (
                "translate",
                "<g transform='translate(10,20)'><rect width='3' height='4'/></g>",
                [10.0, 20.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "nested transforms",
                "<g transform='translate(10 20)'><g transform='scale(2)'><rect x='1' width='3' height='4' transform='translate(1,1)'/></g></g>",
                [14.0, 22.0, 6.0, 8.0],
                Some(4),
            ),
            (
                "transform ends with its group",
                "<svg><g transform='translate(10,0)'><line/></g><rect width='3' height='4'/></svg>",
                [0.0, 0.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "rotate about a point",
                "<rect x='0' y='0' width='10' height='4' transform='rotate(90 0 0)'/>",
                [-4.0, 0.0, 4.0, 10.0],
                Some(4),
            ),
            (
                "matrix on a circle",
                "<circle r='10' transform='matrix(2 0 0 1 100 50)'/>",
                [80.0, 40.0, 40.0, 20.0],
                None,
            ),
            (
                "view box, width and height do not scale",
                "<svg width='10' height='10' viewBox='0 0 1000 1000'><rect x='100' y='200' width='300' height='400'/></svg>",
                [100.0, 200.0, 300.0, 400.0],
                Some(4),
            ),
            (
                "what is defined is not drawn",
                "<svg><defs><rect width='99' height='99'/></defs><clipPath><g><rect width='99' height='99'/></g></clipPath><rect width='3' height='4'/></svg>",
                [0.0, 0.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "what is not displayed is not drawn",
                "<svg><g display='none'><rect width='99' height='99'/></g><rect style='fill:red; display: none' width='99' height='99'/><rect width='3' height='4'/></svg>",
                [0.0, 0.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "what has no extent is not drawn",
                "<svg><rect width='-99' height='99'/><circle r='0'/><rect width='3' height='4'/></svg>",
                [0.0, 0.0, 3.0, 4.0],
                Some(4),
            ),
            (
                "references in other attributes",
                "<path data-x='{&quot;a&quot;:1}' d='M1,2h3v4h-3z'/>",
                [1.0, 2.0, 3.0, 4.0],
                Some(4),
            ),
        ];
        for (name, text, wanted, points) in cases {
            let shape = area(text, Some(FRAME)).unwrap_or_else(|e| panic!("{name}: {e}"));
            let numbers = |b: BBox| [b.x, b.y, b.right(), b.bottom()];
            let wanted = numbers(BBox::try_from(wanted).unwrap());
            for (found, wanted) in numbers(shape.bbox).iter().zip(wanted) {
                assert!(
                    (found - wanted).abs() <= TOLERANCE,
                    "{name}: {:?}",
                    shape.bbox
                );
            }
            if points.is_some() {
                assert_eq!(shape.polygon.map(|p| p.points().len()), points, "{name}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        let many = format!("<polygon points='{}'/>", "1,2 3,4 ".repeat(MAX_POINTS));
        let curves = "c1,9000000 2,9000000 3,0 ".repeat(9_000);
        let curves = format!("<path d='M0,0{curves}'/>");
        let deep = "<g>".repeat(100);
        let large = " ".repeat(MAX_BYTES + 1);
        let laughs = "<!DOCTYPE svg [<!ENTITY a 'M0,0h9v9z'><!ENTITY b '&a;&a;'>]><path d='&b;'/>";
        let cases = [
            ("", "svg contains no shape: "),
            ("hello", "svg contains no shape: hello"),
            ("<svg><text>rect</text></svg>", "svg contains no shape: "),
            ("<svg><rect", "svg is not well-formed: "),
            (
                "<svg><rect width='3' height='4'/>",
                "svg is not well-formed: ",
            ),
            ("<svg><path .../></svg>", "svg attribute cannot be read: "),
            ("<polygon points='0,0 5,5 9,9'/>", "svg encloses no area: "),
            ("<polygon points=''/>", "svg encloses no area: "),
            ("<polygon points='1,2,3'/>", "points cannot be read: "),
            ("<polygon points='1,2 x,4 5,6'/>", "points cannot be read: "),
            ("<path d='L1,2'/>", "path cannot be read: "),
            ("<path d='M0,0 h9 v9 q'/>", "path cannot be read: "),
            (
                "<rect width='1em' height='2'/>",
                "length is not in pixels: ",
            ),
            ("<rect width='wide' height='2'/>", "length cannot be read: "),
            (
                "<g transform='spin(3)'><rect width='1' height='1'/></g>",
                "transform cannot be read: ",
            ),
            (
                "<rect width='1e9' height='2'/>",
                "svg contains a number that is too large: ",
            ),
            (
                "<g transform='scale(1e300)'><g transform='scale(1e300)'><circle r='1'/></g></g>",
                "svg contains a number that is too large: ",
            ),
            (
                "<path d='M0,0 A1e300,1 0 1 1 5,5 Z'/>",
                "svg contains a number that is too large: ",
            ),
            (
                "<path d='M0,0 A1e6,1e-6 0 1 1 5,5 Z'/>",
                "arc is too flat: ",
            ),
            (
                "<svg><style>.a { fill: none }</style><path class='a' d='M0,0 5,5 9,0'/></svg>",
                "svg is drawn by a style sheet, which is not read: ",
            ),
            (
                "<svg><style><![CDATA[rect{transform:scale(2)}]]></style><rect width='1' height='1'/></svg>",
                "svg is drawn by a style sheet, which is not read: ",
            ),
            (
                "<rect style='transform-origin:center;transform:rotate(9deg)' width='1' height='1'/>",
                "svg is transformed by a property that is not read: ",
            ),
            (
                "<g transform='rotate(9)' transform-origin='5 5'><rect width='1' height='1'/></g>",
                "svg is transformed by a property that is not read: transform-origin",
            ),
            (
                "<rect style='offset-path: path(\"M0 0L9 9\")' width='1' height='1'/>",
                "svg is transformed by a property that is not read: offset-path",
            ),
            (
                "<path style='d:path(\"M1 2H4V6z\")' d='M0 0H9V9z'/>",
                "svg is drawn by a property that is not read: d",
            ),
            (
                "<rect style='width:3em' width='1' height='1'/>",
                "length is not in pixels: width is 3em",
            ),
            (
                "<rect style='width:3' width='1' height='1'/>",
                "length of a style does not have a unit: width",
            ),
            (
                "<style>rect{width:3px}</style><rect width='1' height='1'/>",
                "svg is drawn by a style sheet, which is not read: ",
            ),
            (
                "<svg><svg viewBox='0 0 9 9'><rect width='1' height='1'/></svg></svg>",
                "svg within svg cannot be placed: ",
            ),
            (
                "<rect width='1' height='1'/><use href='#a'/>",
                "svg draws by reference",
            ),
            (
                "<switch><rect width='1' height='1'/><rect width='9' height='9'/></switch>",
                "svg draws one of several",
            ),
            (
                "<g clip-path='url(#c)'><rect width='1' height='1'/></g>",
                "svg is cut by a property that is not read: clip-path",
            ),
            (
                "<rect style='mask: url(#c)' width='1' height='1'/>",
                "svg is cut by a property that is not read: mask",
            ),
            (laughs, "svg attribute cannot be read: "),
            (&deep, "svg is nested too deeply: "),
            (&many, "svg has too many points: "),
            (&curves, "svg has too many points: "),
            (&large, "svg is too large: "),
        ];
        for (text, wanted) in cases {
            let problem = area(text, None).unwrap_err();
            assert!(problem.starts_with(wanted), "{}: {problem}", excerpt(text));
        }
    }

    #[test]
    fn an_area_and_its_baseline_side_by_side_are_one_drawing() {
        let area =
            "<?xml version='1.0'?><svg viewBox='0 0 100 50'><rect width='9' height='5'/></svg>";
        let other = "<svg><rect x='50' width='9' height='5'/></svg>";
        let line = "<svg viewBox='0 0 100 50'><path fill='none' d='M1,4 5,3 9,4'/></svg>";
        for (first, second) in [(area, line), (line, area)] {
            let drawn = read(&beside(first, second), Some(FRAME)).unwrap().outline;
            let Outline::Area(shape) = drawn else {
                panic!("{drawn:?}");
            };
            assert_eq!([shape.bbox.width, shape.bbox.height], [90.0, 50.0]);
            let scaled = vec![[10.0, 40.0], [50.0, 30.0], [90.0, 40.0]];
            assert_eq!(shape.baseline, Some(scaled));
        }
        assert_eq!(beside(area, other), area);
        assert_eq!(beside(line, "<g/>"), line);
        let both = beside(area, line);
        assert_eq!(beside(&both, line), both);
        assert_eq!(beside(line, &both), both);
    }

    #[test]
    fn a_curve_is_followed_within_the_tolerance() {
        let shape = area("<circle cx='5000' cy='5000' r='3000'/>", None).unwrap();
        let polygon = shape.polygon.unwrap();
        let points = polygon.points();
        for (a, b) in points.iter().zip(points.iter().cycle().skip(1)) {
            let middle = [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
            for p in [*a, middle] {
                let radius = (p[0] - 5000.0).hypot(p[1] - 5000.0);
                assert!((radius - 3000.0).abs() <= TOLERANCE, "{p:?}");
            }
        }
    }
}
