//! Points and lines of boxes where an image or a tile ends. Pure.

use serde_json::Value;

use crate::contracts::{self, BorrowedAttributes, Named, Number, keypoints_value};

/// Cuts the baseline of a box off where a picture of that size ends, and takes keypoints outside for not visible (COCO's 0, 0, 0).
pub fn cut_points(attributes: &mut BorrowedAttributes, size: [f64; 2]) {
    let is_inside = |x: f64, y: f64| (0.0..=size[0]).contains(&x) && (0.0..=size[1]).contains(&y);
    if let Some(line) = contracts::baseline(attributes)
        && !line.iter().all(|[x, y]| is_inside(*x, *y))
    {
        match clip_line(&line, size) {
            Some(line) => attributes.set("baseline", numbers(&line)),
            None => drop(attributes.remove("baseline")),
        }
    }
    if let Some(mut points) = contracts::keypoints(attributes) {
        let mut outside = points
            .iter_mut()
            .filter(|[x, y, _]| !is_inside(*x, *y))
            .peekable();
        if outside.peek().is_some() {
            outside.for_each(|point| *point = [0.0; 3]);
            attributes.set("keypoints", keypoints_value(&points));
        }
    }
}

fn numbers(line: &[[f64; 2]]) -> Value {
    let rounded = |v: f64| Number((v * 1000.0).round() / 1000.0);
    let points: Vec<[Number; 2]> = line.iter().map(|point| point.map(rounded)).collect();
    serde_json::json!(points)
}

/// The longest piece of a line that lies on a tile.
fn clip_line(line: &[[f64; 2]], size: [f64; 2]) -> Option<Vec<[f64; 2]>> {
    let mut pieces: Vec<Vec<[f64; 2]>> = Vec::new();
    for pair in line.windows(2) {
        let Some([from, to]) = clip_segment([pair[0], pair[1]], size) else {
            continue;
        };
        match pieces
            .last_mut()
            .filter(|piece| piece.last() == Some(&from))
        {
            Some(piece) => piece.push(to),
            None => pieces.push(vec![from, to]),
        }
    }
    let length = |piece: &Vec<[f64; 2]>| -> f64 {
        let steps = piece.windows(2);
        steps
            .map(|p| (p[1][0] - p[0][0]).hypot(p[1][1] - p[0][1]))
            .sum()
    };
    let longest = pieces
        .into_iter()
        .max_by(|a, b| length(a).total_cmp(&length(b)));
    longest.filter(|piece| length(piece) > 0.0)
}

/// The part of a segment on a tile (Liang and Barsky).
fn clip_segment([a, b]: [[f64; 2]; 2], size: [f64; 2]) -> Option<[[f64; 2]; 2]> {
    let (mut from, mut to) = (0.0_f64, 1.0_f64);
    for axis in [0, 1] {
        let step = b[axis] - a[axis];
        for (way, room) in [(-step, a[axis]), (step, size[axis] - a[axis])] {
            if way == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if way < 0.0 {
                from = from.max(room / way);
            } else {
                to = to.min(room / way);
            }
        }
    }
    let at = |t: f64| match t {
        0.0 => a,
        1.0 => b,
        t => [0, 1].map(|axis| a[axis] + t * (b[axis] - a[axis])),
    };
    (from <= to).then(|| [at(from), at(to)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_the_edges() {
        let size = [100.0, 50.0];
        type Line<'a> = &'a [[f64; 2]];
        let cases: [(Line, Option<Line>); 4] = [
            (
                &[[-10.0, 10.0], [50.0, 10.0], [150.0, 10.0]],
                Some(&[[0.0, 10.0], [50.0, 10.0], [100.0, 10.0]]),
            ),
            (
                &[[10.0, 10.0], [20.0, 20.0]],
                Some(&[[10.0, 10.0], [20.0, 20.0]]),
            ),
            (&[[-10.0, 10.0], [-5.0, 60.0]], None),
            (
                &[[0.0, -10.0], [0.0, 10.0], [20.0, 90.0]],
                Some(&[[0.0, 0.0], [0.0, 10.0], [10.0, 50.0]]),
            ),
        ];
        for (line, wanted) in cases {
            assert_eq!(clip_line(line, size).as_deref(), wanted, "{line:?}");
        }
    }
}
