//! Whether two words for one part mean the same: boxes, outlines, lines and points that lie apart do not.

/// Whether two boxes in one unit, `[x, y, width, height]`, do not overlap. A box without width or height, of a line or a point, may
/// lie on the edge of another.
pub fn are_apart(a: [f64; 4], b: [f64; 4]) -> bool {
    let along = |start: usize, length: usize| {
        let ends = [a, b].map(|side| side[start] + side[length]);
        let common = ends[0].min(ends[1]) - a[start].max(b[start]);
        let have_extent = a[length] > 0.0 && b[length] > 0.0;
        common < 0.0 || (common == 0.0 && have_extent)
    };
    along(0, 2) || along(1, 3)
}

/// Whether a line or a point lies far outside a box: further than the shorter side of the box. What a text stands on may be a little
/// below it.
pub fn is_far(points: &[[f64; 2]], [x, y, width, height]: [f64; 4]) -> bool {
    let slack = width.min(height);
    let around = [
        x - slack,
        y - slack,
        width + 2.0 * slack,
        height + 2.0 * slack,
    ];
    bounds(points).is_some_and(|bounds| are_apart(bounds, around))
}

/// The box around some points, which may have no width or height.
pub fn bounds(points: &[[f64; 2]]) -> Option<[f64; 4]> {
    let mut points = points.iter();
    let &[x, y] = points.next()?;
    let [left, top, right, bottom] = points.fold([x, y, x, y], |[l, t, r, b], &[x, y]| {
        [l.min(x), t.min(y), r.max(x), b.max(y)]
    });
    Some([left, top, right - left, bottom - top])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_or_lies_near_is_not_apart() {
        let text = [10.0, 20.0, 300.0, 40.0];
        let cases = [
            ([100.0, 50.0, 10.0, 100.0], false),
            ([310.0, 20.0, 10.0, 10.0], true),
            ([310.0, 20.0, 0.0, 10.0], false),
            ([10.0, 61.0, 300.0, 0.0], true),
        ];
        for (other, wanted) in cases {
            assert_eq!(are_apart(text, other), wanted, "{other:?}");
            assert_eq!(are_apart(other, text), wanted, "{other:?}");
        }
        let lines: [(&[[f64; 2]], bool); 5] = [
            (&[[0.0, 62.0], [320.0, 70.0]], false),
            (&[[0.0, 110.0], [320.0, 101.0]], true),
            (&[[-500.0, 40.0], [900.0, 40.0]], false),
            (&[[500.0, 40.0]], true),
            (&[], false),
        ];
        for (line, wanted) in lines {
            assert_eq!(is_far(line, text), wanted, "{line:?}");
        }
    }
}
