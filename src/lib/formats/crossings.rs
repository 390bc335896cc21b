//! Where a ring crosses itself. Pure.

type Point = [f64; 2];

/// The rings that a ring consists of, cut where it crosses itself; none if it does not. They may lie over each other.
pub fn loops(points: &[Point]) -> Option<Vec<Vec<Point>>> {
    let mut crossings: Vec<Vec<(f64, Point)>> = vec![Vec::new(); points.len()];
    for i in 0..points.len() {
        for j in i + 1..points.len() {
            if let Some((t, u, at)) = crossing(edge(points, i), edge(points, j)) {
                crossings[i].push((t, at));
                crossings[j].push((u, at));
            }
        }
    }
    if crossings.iter().all(Vec::is_empty) {
        return None;
    }
    let (mut loops, mut open) = (Vec::new(), Vec::new());
    for (point, mut on_edge) in points.iter().zip(crossings) {
        on_edge.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        visit(*point, &mut open, &mut loops);
        for (_, at) in on_edge {
            visit(at, &mut open, &mut loops);
        }
    }
    loops.push(open);
    Some(loops)
}

/// Goes on to a point; where the way was before, what it went since is a loop.
fn visit(point: Point, open: &mut Vec<Point>, loops: &mut Vec<Vec<Point>>) {
    match open.iter().position(|known| *known == point) {
        Some(from) => {
            loops.push(open[from..].to_vec());
            open.truncate(from + 1);
        }
        None => open.push(point),
    }
}

fn edge(points: &[Point], at: usize) -> [Point; 2] {
    [points[at], points[(at + 1) % points.len()]]
}

/// Where two edges cross between their ends: the part of the way along each, and the point.
fn crossing([a, b]: [Point; 2], [c, d]: [Point; 2]) -> Option<(f64, f64, Point)> {
    let apart = |axis: usize| {
        a[axis].max(b[axis]) < c[axis].min(d[axis]) || c[axis].max(d[axis]) < a[axis].min(b[axis])
    };
    if apart(0) || apart(1) {
        return None;
    }
    let (p, q) = ([b[0] - a[0], b[1] - a[1]], [d[0] - c[0], d[1] - c[1]]);
    let cross = p[0] * q[1] - p[1] * q[0];
    if cross == 0.0 {
        return None;
    }
    let between = [c[0] - a[0], c[1] - a[1]];
    let t = (between[0] * q[1] - between[1] * q[0]) / cross;
    let u = (between[0] * p[1] - between[1] * p[0]) / cross;
    let within = |v: f64| (1e-9..=1.0 - 1e-9).contains(&v);
    (within(t) && within(u)).then(|| (t, u, [a[0] + t * p[0], a[1] + t * p[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_cut_where_they_cross() {
        let cases: [(&[Point], Option<usize>); 4] = [
            (&[[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]], None),
            (&[[0.0, 0.0], [9.0, 9.0], [9.0, 0.0], [0.0, 9.0]], Some(2)),
            // A line there and back crosses nothing.
            (
                &[[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [9.0, 0.0], [4.0, 4.0]],
                None,
            ),
            (
                &[
                    [0.0, 0.0],
                    [9.0, 3.0],
                    [0.0, 6.0],
                    [9.0, 9.0],
                    [9.0, 6.0],
                    [0.0, 3.0],
                    [9.0, 0.0],
                ],
                Some(3),
            ),
        ];
        for (points, wanted) in cases {
            assert_eq!(loops(points).map(|loops| loops.len()), wanted, "{points:?}");
        }
    }
}
