//! A fixed number of points for each box, as COCO wants them: those of the source, or places along the line of the box.

use super::dataset::DatasetBox;
use crate::contracts;

/// The points of a box, `count` of them; those that it does not have, and those that nobody has marked (visibility 0), are 0, 0, 0,
/// as COCO has them. With them how many points of the source are
/// left out.
pub fn of_box(b: &DatasetBox, count: usize) -> (Vec<[f64; 3]>, usize) {
    let given = contracts::keypoints(&b.attributes);
    let along = || {
        let line = contracts::baseline(&b.attributes)?;
        Some(evenly(&line, count).map(|[x, y]| [x, y, 2.0]).collect())
    };
    let mut points: Vec<[f64; 3]> = given.or_else(along).unwrap_or_default();
    let left_out = points.len().saturating_sub(count);
    points.resize(count, [0.0; 3]);
    let unmarked = points.iter_mut().filter(|[.., seen]| *seen <= 0.0);
    unmarked.for_each(|point| *point = [0.0; 3]);
    (points, left_out)
}

/// Points at even distances along a line, from its start to its end; of one point, the middle.
fn evenly(line: &[[f64; 2]], count: usize) -> impl Iterator<Item = [f64; 2]> {
    let length = |pair: &[[f64; 2]]| (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
    let whole: f64 = line.windows(2).map(length).sum();
    let part = move |i: usize| match count {
        1 => 0.5,
        _ => i as f64 / (count - 1) as f64,
    };
    (0..count).map(move |i| {
        let mut rest = whole * part(i);
        for pair in line.windows(2) {
            let here = length(pair);
            if rest <= here && here > 0.0 {
                let t = rest / here;
                return [0, 1].map(|axis| pair[0][axis] + t * (pair[1][axis] - pair[0][axis]));
            }
            rest -= here;
        }
        line[line.len() - 1]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_at_even_distances_along_a_line() {
        let bent = [[0.0, 0.0], [10.0, 0.0], [10.0, 30.0]];
        let cases: [(usize, &[[f64; 2]]); 4] = [
            (1, &[[10.0, 10.0]]),
            (2, &[[0.0, 0.0], [10.0, 30.0]]),
            (3, &[[0.0, 0.0], [10.0, 10.0], [10.0, 30.0]]),
            (
                5,
                &[
                    [0.0, 0.0],
                    [10.0, 0.0],
                    [10.0, 10.0],
                    [10.0, 20.0],
                    [10.0, 30.0],
                ],
            ),
        ];
        for (count, wanted) in cases {
            assert_eq!(evenly(&bent, count).collect::<Vec<_>>(), wanted);
        }
        let nowhere = [[3.0, 4.0], [3.0, 4.0]];
        assert_eq!(evenly(&nowhere, 2).collect::<Vec<_>>(), nowhere);
    }
}
