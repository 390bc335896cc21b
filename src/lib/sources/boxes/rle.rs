//! RLE masks, as COCO has them for crowds and as models write them: `{"size": [height, width], "counts": …}`, columns
//! from left to right, runs of 0 and 1 in turn, as a list or as a text of six-bit digits (cocoapi, `maskApi.c`).
//!
//! The outlines of a mask run along the edges of its pixels, so that they enclose exactly its pixels.

use std::collections::BTreeMap;

use serde_json::Value;

use super::loose_json::{numbers, shown};
use crate::values;

/// The largest mask that is read, in pixels.
const MOST_PIXELS: u64 = 400_000_000;

/// The largest number of corners of the outlines of a mask: what is beyond is noise.
const MOST_CORNERS: usize = 100_000;

type Point = [u32; 2];

/// Closed lines of points.
pub type Outlines = Vec<Vec<[f64; 2]>>;

/// The outlines of a mask, and its width and height.
///
/// # Errors
/// It cannot be read, is empty, or is too large.
pub fn outlines(mask: &Value) -> Result<(Outlines, [f64; 2]), String> {
    if !mask.is_object() {
        return Err(format!(
            "segmentation is neither a list nor an RLE mask: {}",
            shown(mask)
        ));
    }
    let [height, width] = numbers::<2>(&mask["size"], "size of the mask")?;
    let is_side = |n: f64| (1.0..=f64::from(u32::MAX)).contains(&n) && n.fract() == 0.0;
    if !is_side(height) || !is_side(width) || height * width > MOST_PIXELS as f64 {
        return Err(format!(
            "size of the mask cannot be used: {}",
            shown(&mask["size"])
        ));
    }
    let runs = match &mask["counts"] {
        Value::Array(counts) => {
            let run = |n: &Value| values::number(n).filter(|n| *n >= 0.0 && n.fract() == 0.0);
            let runs: Option<Vec<u64>> = counts.iter().map(|n| run(n).map(|n| n as u64)).collect();
            runs.ok_or("counts of the mask are not whole numbers")?
        }
        Value::String(text) => digits(text)?,
        other => return Err(format!("counts of the mask are missing: {}", shown(other))),
    };
    let outlines = traced(&runs, height as u32, width as u64)?;
    Ok((outlines, [width, height]))
}

/// Runs from a text: digits of six bits from `0` on, of which the sixth says that more follow and the fifth of the last is
/// the sign; from the third run on each is the difference to the one before the last.
fn digits(text: &str) -> Result<Vec<u64>, String> {
    let wrong = || "counts of the mask cannot be read".to_owned();
    let mut runs: Vec<i64> = Vec::new();
    let mut bytes = text.bytes().peekable();
    while bytes.peek().is_some() {
        let (mut run, mut shift) = (0_i64, 0_u32);
        loop {
            let digit = bytes
                .next()
                .and_then(|b| b.checked_sub(48))
                .ok_or_else(wrong)?;
            if digit > 63 || shift > 55 {
                return Err(wrong());
            }
            run |= i64::from(digit & 0x1f) << shift;
            shift += 5;
            if digit & 0x20 == 0 {
                if digit & 0x10 != 0 {
                    run |= -1 << shift;
                }
                break;
            }
        }
        if runs.len() > 2 {
            run = run.checked_add(runs[runs.len() - 2]).ok_or_else(wrong)?;
        }
        runs.push(run);
    }
    let run = |run: i64| u64::try_from(run).map_err(|_| wrong());
    runs.into_iter().map(run).collect()
}

/// The parts of a column that belong to the mask, `[top, bottom)`, in order.
type Columns = BTreeMap<u32, Vec<[u32; 2]>>;

fn columns(runs: &[u64], height: u32, width: u64) -> Result<Columns, String> {
    let mut columns = Columns::new();
    let (mut at, all) = (0_u64, u64::from(height) * width);
    for (i, run) in runs.iter().enumerate() {
        let end = at.checked_add(*run).filter(|end| *end <= all);
        let end = end.ok_or("counts of the mask are more than its size")?;
        let mut from = at;
        while i % 2 == 1 && from < end {
            let column = from / u64::from(height);
            let bottom = end.min((column + 1) * u64::from(height));
            let rows = [from, bottom].map(|n| (n - column * u64::from(height)) as u32);
            let parts = columns.entry(column as u32).or_default();
            match parts.last_mut().filter(|last| last[1] == rows[0]) {
                Some(last) => last[1] = rows[1],
                None => parts.push(rows),
            }
            from = bottom;
        }
        at = end;
    }
    Ok(columns)
}

/// The outlines along the edges of pixels. Vertical edges stand where a column differs from the one to its left; every run
/// has a horizontal edge at its top and bottom. At each corner an edge leads to the next.
fn traced(runs: &[u64], height: u32, width: u64) -> Result<Vec<Vec<[f64; 2]>>, String> {
    let columns = columns(runs, height, width)?;
    if columns.is_empty() {
        return Err("mask is empty".into());
    }
    // Start → ends, with the mask on the right hand side: clockwise around it, y downwards.
    let mut edges: BTreeMap<Point, Vec<Point>> = BTreeMap::new();
    let mut count = 0;
    let mut add = |from: Point, to: Point| {
        edges.entry(from).or_default().push(to);
        count += 1;
        count <= 4 * MOST_CORNERS
    };
    let empty = Vec::new();
    let too_many = || "mask has too many corners".to_owned();
    let last = columns.last_key_value().map_or(0, |(x, _)| *x);
    let xs = columns.keys().flat_map(|x| [*x, *x + 1]);
    let mut seen = None;
    for x in xs.filter(|x| *x <= last + 1) {
        if seen == Some(x) {
            continue;
        }
        seen = Some(x);
        let here = columns.get(&x).unwrap_or(&empty);
        let left = x
            .checked_sub(1)
            .and_then(|x| columns.get(&x))
            .unwrap_or(&empty);
        for [top, bottom, side] in differences(left, here) {
            let is_fine = match side {
                // Inside is to the right: upwards.
                1 => add([x, bottom], [x, top]),
                _ => add([x, top], [x, bottom]),
            };
            if !is_fine {
                return Err(too_many());
            }
        }
        for [top, bottom] in here {
            if !add([x, *top], [x + 1, *top]) || !add([x + 1, *bottom], [x, *bottom]) {
                return Err(too_many());
            }
        }
    }
    Ok(rings(edges))
}

/// Where two columns differ: `[top, bottom, 1]` where only the second holds pixels, `[top, bottom, 0]` where only the first.
/// Cut at every end of a run, so that edges meet corners.
fn differences(left: &[[u32; 2]], here: &[[u32; 2]]) -> Vec<[u32; 3]> {
    let mut ends: Vec<u32> = left.iter().chain(here).flatten().copied().collect();
    ends.sort_unstable();
    ends.dedup();
    let (mut in_left, mut in_here) = (left.iter().peekable(), here.iter().peekable());
    let mut holds = |of: u8, y: u32| {
        let parts = if of == 0 { &mut in_left } else { &mut in_here };
        while parts.peek().is_some_and(|part| part[1] <= y) {
            parts.next();
        }
        parts.peek().is_some_and(|part| part[0] <= y)
    };
    let pairs = ends.windows(2).map(|pair| [pair[0], pair[1]]);
    let mut found = Vec::new();
    for [top, bottom] in pairs {
        match (holds(0, top), holds(1, top)) {
            (false, true) => found.push([top, bottom, 1]),
            (true, false) => found.push([top, bottom, 0]),
            _ => {}
        }
    }
    found
}

/// Joins edges to closed rings, points on straight lines left out. Where two parts of the mask touch at a corner, a ring
/// turns right, so that each part keeps an outline of its own.
fn rings(mut edges: BTreeMap<Point, Vec<Point>>) -> Vec<Vec<[f64; 2]>> {
    let mut rings = Vec::new();
    while let Some((&start, _)) = edges.first_key_value() {
        let mut ring: Vec<Point> = vec![start];
        let mut came = None;
        let mut at = start;
        while let Some(next) = leave(&mut edges, at, came) {
            came = Some(at);
            at = next;
            if at == start {
                break;
            }
            ring.push(at);
        }
        let corners = without_straight(&ring);
        if corners.len() > 3 {
            rings.push(corners);
        }
    }
    rings
}

/// Takes an edge that leaves a corner: the one that turns right, if there are two.
fn leave(edges: &mut BTreeMap<Point, Vec<Point>>, at: Point, came: Option<Point>) -> Option<Point> {
    let ways = edges.get_mut(&at)?;
    let turn = |to: &Point| {
        let Some(came) = came else { return 0 };
        let step = |from: Point, to: Point| [0, 1].map(|i| i64::from(to[i]) - i64::from(from[i]));
        let ([ax, ay], [bx, by]) = (step(came, at), step(at, *to));
        (ax * by - ay * bx).signum()
    };
    let best = (0..ways.len()).max_by_key(|i| turn(&ways[*i]))?;
    let next = ways.swap_remove(best);
    if ways.is_empty() {
        edges.remove(&at);
    }
    Some(next)
}

fn without_straight(ring: &[Point]) -> Vec<[f64; 2]> {
    let count = ring.len();
    let is_corner = |i: &usize| {
        let [a, b, c] = [
            ring[(i + count - 1) % count],
            ring[*i],
            ring[(i + 1) % count],
        ];
        !((a[0] == b[0] && b[0] == c[0]) || (a[1] == b[1] && b[1] == c[1]))
    };
    let corners = (0..count).filter(is_corner);
    corners.map(|i| ring[i].map(f64::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The pixels of a mask drawn with `#`, as runs by columns.
    fn drawn(rows: &[&str]) -> Value {
        let (height, width) = (rows.len(), rows[0].len());
        let pixel = |n: usize| rows[n % height].as_bytes()[n / height] == b'#';
        let mut counts = vec![0];
        for n in 0..height * width {
            if pixel(n) != (counts.len() % 2 == 0) {
                counts.push(0);
            }
            *counts.last_mut().unwrap() += 1;
        }
        json!({"size": [height, width], "counts": counts})
    }

    fn area(ring: &[[f64; 2]]) -> f64 {
        let next = ring.iter().cycle().skip(1);
        ring.iter()
            .zip(next)
            .map(|(a, b)| a[0] * b[1] - b[0] * a[1])
            .sum::<f64>()
            / 2.0
    }

    #[test]
    fn outlines_enclose_exactly_the_pixels() {
        let cases: [(&[&str], usize, f64); 6] = [
            (&["#"], 1, 1.0),
            (&["....", ".##.", ".##."], 1, 4.0),
            (&["##", "#."], 1, 3.0),
            (&["#.", ".#"], 2, 2.0),
            (&["###", "#.#", "###"], 2, 8.0),
            (&["#..#", "#..#"], 2, 4.0),
        ];
        for (rows, rings, wanted) in cases {
            let (found, _) = outlines(&drawn(rows)).unwrap();
            assert_eq!(found.len(), rings, "{rows:?}: {found:?}");
            let all: f64 = found.iter().map(|ring| area(ring)).sum();
            assert_eq!(all, wanted, "{rows:?}: {found:?}");
        }
        let (square, _) = outlines(&drawn(&["....", ".##.", ".##."])).unwrap();
        let corners = [[1.0, 3.0], [1.0, 1.0], [3.0, 1.0], [3.0, 3.0]];
        assert!(
            corners.iter().all(|corner| square[0].contains(corner)),
            "{square:?}"
        );
        assert_eq!(square[0].len(), 4);
    }

    #[test]
    fn texts_are_read_as_cocoapi_writes_them() {
        // pycocotools.mask.encode of a mask 4 high and 5 wide whose pixels [1:3, 1:4] are set.
        assert_eq!(digits("5220003"), Ok(vec![5, 2, 2, 2, 2, 2, 5]));
    }

    #[test]
    fn what_is_no_mask_is_refused_with_a_reason() {
        let cases = [
            (
                json!({"size": [2, 2], "counts": [9]}),
                "counts of the mask are more than its size",
            ),
            (json!({"size": [2, 2], "counts": [4]}), "mask is empty"),
            (
                json!({"size": [2, 2], "counts": [-1, 5]}),
                "counts of the mask are not whole numbers",
            ),
            (
                json!({"size": [2, 2], "counts": " "}),
                "counts of the mask cannot be read",
            ),
            (
                json!({"size": [2, 2]}),
                "counts of the mask are missing: null",
            ),
            (
                json!({"size": [1e9, 1e9], "counts": [1]}),
                "size of the mask cannot be used: [1000000000.0,1000000000.0]",
            ),
            (json!({}), "size of the mask is not a list of numbers: null"),
            (
                json!("x"),
                "segmentation is neither a list nor an RLE mask: \"x\"",
            ),
        ];
        for (mask, problem) in cases {
            assert_eq!(outlines(&mask), Err(problem.into()), "{mask}");
        }
    }
}
