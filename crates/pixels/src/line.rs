//! Lines of text cut out of an image: what lies outside the outline is painted over, and a curved line can be made straight.

use image::{DynamicImage, Rgb, RgbImage};

use super::crop::Crop;
use super::decode::to_png_with;

/// A line of text, in pixels of its image.
#[derive(Clone, Debug, Default)]
pub struct LineShape {
    /// The box, `[x, y, width, height]`.
    pub bbox: [f64; 4],
    /// Rings of which an odd number encloses what belongs to the line; empty: the box.
    pub rings: Vec<Vec<[f64; 2]>>,
    /// The line that the text stands on; empty if it is not known.
    pub baseline: Vec<[f64; 2]>,
}

/// The most pixels of a line: 2^26.
const MOST_PIXELS: u64 = 1 << 26;

impl Crop {
    /// A line as PNG, with its size. What is outside its outline has the colour `outside`, if one is given. With `straight`,
    /// columns follow the baseline: it becomes horizontal, and distances along it stay as they are.
    ///
    /// # Errors
    /// The line is outside the image or too large.
    pub fn line(
        &self,
        line: &LineShape,
        outside: Option<[u8; 3]>,
        straight: bool,
    ) -> Result<(Vec<u8>, [u32; 2]), String> {
        let paths = match straight && line.baseline.len() > 1 {
            true => Straight::of(line).map(Paths::Straight),
            false => None,
        };
        let paths = paths.unwrap_or_else(|| Paths::Upright(whole_pixels(line.bbox, self.size())));
        let [width, height] = paths.size();
        if width == 0 || height == 0 || u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(format!("line is empty or too large: {width} x {height}"));
        }
        let is_outside = |point: [f64; 2]| !line.has(point);
        let pixel = |x: u32, y: u32| {
            let at = paths.point(x, y);
            match outside {
                Some(colour) if is_outside(at) => Rgb(colour),
                _ => self.colour_at(at, outside.unwrap_or_default()),
            }
        };
        let cut = DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel));
        let cut = match self.is_grey() {
            true => DynamicImage::ImageLuma8(cut.into_luma8()),
            false => cut,
        };
        Ok((to_png_with(&cut, self.profile())?, [width, height]))
    }
}

impl LineShape {
    /// Whether a point belongs to the line, as far as an outline says it.
    fn has(&self, point: [f64; 2]) -> bool {
        let around = self.rings.iter().filter(|ring| encloses(ring, point));
        self.rings.is_empty() || around.count() % 2 == 1
    }
}

/// Where the pixels of a cut line come from.
enum Paths {
    Upright([u32; 4]),
    Straight(Straight),
}

impl Paths {
    fn size(&self) -> [u32; 2] {
        match self {
            Paths::Upright([_, _, width, height]) => [*width, *height],
            Paths::Straight(line) => [line.columns.len() as u32, (line.above + line.below) as u32],
        }
    }

    /// The point of the image that the centre of a pixel shows.
    fn point(&self, x: u32, y: u32) -> [f64; 2] {
        match self {
            Paths::Upright([left, top, ..]) => {
                [f64::from(left + x) + 0.5, f64::from(top + y) + 0.5]
            }
            Paths::Straight(line) => {
                let ([px, py], [nx, ny]) = line.columns[x as usize];
                let down = f64::from(y) + 0.5 - line.above;
                [px + nx * down, py + ny * down]
            }
        }
    }
}

/// The box rounded outwards to whole pixels of the image.
fn whole_pixels([x, y, w, h]: [f64; 4], size: [u32; 2]) -> [u32; 4] {
    let ends = |from: f64, to: f64, most: u32| {
        let from = from.floor().clamp(0.0, most.into()) as u32;
        (from, to.ceil().clamp(0.0, most.into()) as u32)
    };
    let ((left, right), (top, bottom)) = (ends(x, x + w, size[0]), ends(y, y + h, size[1]));
    [
        left,
        top,
        right.saturating_sub(left),
        bottom.saturating_sub(top),
    ]
}

/// A baseline made straight.
struct Straight {
    /// Of each column the point on the baseline, and the direction downwards.
    columns: Vec<([f64; 2], [f64; 2])>,
    /// Rows above the baseline.
    above: f64,
    /// Rows below.
    below: f64,
}

impl Straight {
    fn of(line: &LineShape) -> Option<Self> {
        let mut points = line.baseline.clone();
        points.dedup();
        let steps: Vec<[f64; 2]> = points
            .windows(2)
            .filter_map(|p| direction(p[0], p[1]))
            .collect();
        if steps.len() + 1 != points.len() || steps.is_empty() {
            return None;
        }
        let [x, y, w, h] = line.bbox;
        let corners = vec![[x, y], [x + w, y], [x + w, y + h], [x, y + h]];
        let around: Vec<[f64; 2]> = match line.rings.is_empty() {
            true => corners,
            false => line.rings.concat(),
        };
        if is_backwards(&points, &around) {
            points.reverse();
            return Straight::of(&LineShape {
                baseline: points,
                ..line.clone()
            });
        }
        // The outline often begins before the baseline and ends after it.
        let (first, last) = (steps[0], steps[steps.len() - 1]);
        let beyond = |from: [f64; 2], way: [f64; 2]| {
            let along = around
                .iter()
                .map(|p| (p[0] - from[0]) * way[0] + (p[1] - from[1]) * way[1]);
            along.fold(0.0, f64::max)
        };
        let before = beyond(points[0], [-first[0], -first[1]]);
        let after = beyond(points[points.len() - 1], last);
        let start = [
            points[0][0] - first[0] * before,
            points[0][1] - first[1] * before,
        ];
        let end = points[points.len() - 1];
        let end = [end[0] + last[0] * after, end[1] + last[1] * after];
        points[0] = start;
        *points.last_mut()? = end;
        let columns = columns(&points, &steps)?;
        let (mut above, mut below) = (0.0_f64, 0.0_f64);
        for point in &around {
            let distance = signed_distance(*point, &columns);
            (above, below) = (above.max(-distance), below.max(distance));
        }
        Some(Straight {
            columns,
            above: above.ceil(),
            below: below.ceil().max(1.0),
        })
    }
}

/// Whether a baseline runs from right to left though the text on it is upright, as in Hebrew and Arabic: most of the line then lies
/// above it all the same.
fn is_backwards(points: &[[f64; 2]], around: &[[f64; 2]]) -> bool {
    let (first, last) = (points[0], points[points.len() - 1]);
    let [x, y] = [last[0] - first[0], last[1] - first[1]];
    if x >= 0.0 || x.abs() < y.abs() {
        return false;
    }
    // How far the outline reaches on both sides of the line from end to end; of a line to the left, what is above on the image
    // is on the side that is positive here.
    let across = around
        .iter()
        .map(|p| (p[1] - first[1]) * x - (p[0] - first[0]) * y);
    let (above, below) = across.fold((0.0_f64, 0.0_f64), |(above, below), side| {
        (above.max(side), below.max(-side))
    });
    above > below
}

fn direction(a: [f64; 2], b: [f64; 2]) -> Option<[f64; 2]> {
    let length = (b[0] - a[0]).hypot(b[1] - a[1]);
    (length > 0.0).then(|| [(b[0] - a[0]) / length, (b[1] - a[1]) / length])
}

/// A column for every pixel along a line. Between corners the direction downwards turns evenly, so that columns do not jump.
fn columns(points: &[[f64; 2]], steps: &[[f64; 2]]) -> Option<Vec<([f64; 2], [f64; 2])>> {
    let down = |[x, y]: [f64; 2]| [-y, x];
    let at_corner = |n: usize| {
        let before = steps[n.saturating_sub(1)];
        let after = steps[n.min(steps.len() - 1)];
        let sum = [before[0] + after[0], before[1] + after[1]];
        down(direction([0.0, 0.0], sum).unwrap_or(after))
    };
    let lengths: Vec<f64> = points
        .windows(2)
        .map(|p| (p[1][0] - p[0][0]).hypot(p[1][1] - p[0][1]))
        .collect();
    let whole: f64 = lengths.iter().sum();
    if !whole.is_finite() || whole > 1e5 {
        return None;
    }
    let (mut part, mut passed) = (0, 0.0);
    let columns = (0..whole.ceil().max(1.0) as u32).map(|column| {
        let along = f64::from(column) + 0.5;
        while part + 1 < lengths.len() && along > passed + lengths[part] {
            passed += lengths[part];
            part += 1;
        }
        let t = ((along - passed) / lengths[part]).clamp(0.0, 1.0);
        let mix = |a: [f64; 2], b: [f64; 2]| [0, 1].map(|axis| a[axis] + t * (b[axis] - a[axis]));
        let normal = mix(at_corner(part), at_corner(part + 1));
        let normal = direction([0.0, 0.0], normal).unwrap_or(down(steps[part]));
        (mix(points[part], points[part + 1]), normal)
    });
    Some(columns.collect())
}

/// How far below the line a point is, at the nearest column.
fn signed_distance([x, y]: [f64; 2], columns: &[([f64; 2], [f64; 2])]) -> f64 {
    let square = |([px, py], _): &&([f64; 2], [f64; 2])| (x - px).powi(2) + (y - py).powi(2);
    let nearest = columns
        .iter()
        .min_by(|a, b| square(a).total_cmp(&square(b)));
    nearest.map_or(0.0, |([px, py], [nx, ny])| (x - px) * nx + (y - py) * ny)
}

/// Whether a ring encloses a point, by the even-odd rule.
fn encloses(ring: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    let crosses = |(a, b): (&[f64; 2], &[f64; 2])| {
        (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
    };
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    edges.filter(|(a, b)| crosses((*a, *b))).count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose red is x, whose green is y.
    fn picture() -> Crop {
        let image = RgbImage::from_fn(200, 100, |x, y| Rgb([x as u8, y as u8, 0]));
        Crop::of(image.into())
    }

    #[test]
    fn a_line_from_right_to_left_is_cut_as_from_left_to_right() {
        let of = |baseline: [[f64; 2]; 2], y: f64| LineShape {
            bbox: [10.0, y, 100.0, 40.0],
            baseline: baseline.to_vec(),
            ..LineShape::default()
        };
        let [left, right] = [[10.0, 50.0], [110.0, 50.0]];
        let wanted = pixels(&of([left, right], 20.0), None, true);
        assert_eq!(pixels(&of([right, left], 20.0), None, true), wanted);
        // What hangs below its line stands on its head.
        let turned = pixels(&of([right, left], 40.0), None, true);
        let upright = pixels(&of([left, right], 40.0), None, true);
        assert_eq!(turned, image::imageops::rotate180(&upright));
    }

    fn pixels(line: &LineShape, outside: Option<[u8; 3]>, straight: bool) -> RgbImage {
        let (png, size) = picture().line(line, outside, straight).unwrap();
        let image = image::load_from_memory(&png).unwrap().into_rgb8();
        assert_eq!([image.width(), image.height()], size);
        image
    }

    #[test]
    fn what_is_outside_the_outline_is_painted_over() {
        let line = LineShape {
            bbox: [10.2, 20.0, 19.0, 10.0],
            rings: vec![vec![[10.2, 20.0], [29.2, 20.0], [29.2, 30.0]]],
            ..LineShape::default()
        };
        let cut = pixels(&line, Some([255; 3]), false);
        assert_eq!([cut.width(), cut.height()], [20, 10]);
        assert_eq!(cut.get_pixel(18, 1).0, [28, 21, 0]);
        assert_eq!(cut.get_pixel(1, 8).0, [255; 3]);
        let all = pixels(&line, None, false);
        assert_eq!(all.get_pixel(1, 8).0, [11, 28, 0]);
        // A hole does not belong to the line.
        let square = |x: f64, y: f64, side: f64| {
            vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side]]
        };
        let line = LineShape {
            bbox: [10.0, 20.0, 20.0, 10.0],
            rings: vec![square(10.0, 20.0, 10.0), square(11.0, 21.0, 2.0)],
            ..LineShape::default()
        };
        let cut = pixels(&line, Some([255; 3]), false);
        let is_shown = |x, y| cut.get_pixel(x, y).0 != [255; 3];
        let shown = [(0, 0), (1, 1), (7, 5), (9, 9), (10, 0)].map(|(x, y)| is_shown(x, y));
        assert_eq!(shown, [true, false, true, true, false]);
    }

    #[test]
    fn a_line_made_straight_follows_its_baseline() {
        // Falls one pixel in two.
        let line = LineShape {
            bbox: [20.0, 20.0, 80.0, 60.0],
            rings: vec![vec![
                [20.0, 20.0],
                [100.0, 60.0],
                [100.0, 80.0],
                [20.0, 40.0],
            ]],
            baseline: vec![[20.0, 35.0], [60.0, 55.0], [100.0, 75.0]],
        };
        let cut = pixels(&line, None, true);
        let length = 80f64.hypot(40.0);
        assert!(f64::from(cut.width()) >= length && f64::from(cut.width()) < length + 22.0);
        // Along each row the colour falls as the line does.
        for y in [3, cut.height() - 3] {
            let (a, b) = (cut.get_pixel(20, y).0, cut.get_pixel(70, y).0);
            let [dx, dy] = [0, 1].map(|c| f64::from(b[c]) - f64::from(a[c]));
            assert!((dx - 50.0 * 80.0 / length).abs() < 1.6, "{dx}");
            assert!((dy - 50.0 * 40.0 / length).abs() < 1.6, "{dy}");
        }
        // A level line is what a plain cut gives.
        let level = LineShape {
            bbox: [20.0, 20.0, 50.0, 20.0],
            baseline: vec![[20.0, 35.0], [70.0, 35.0]],
            ..LineShape::default()
        };
        assert_eq!(pixels(&level, None, true), pixels(&level, None, false));
    }
}
