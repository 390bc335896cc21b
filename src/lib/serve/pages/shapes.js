// Boxes, outlines and lines as values, in units of the frame. Pure: every function returns a new box.

const rounded = (n) => Math.round(n * 100) / 100;
const clamp = (n, least, most) => Math.min(most, Math.max(least, n));
const within = ([x, y], [w, h]) => [rounded(clamp(x, 0, w)), rounded(clamp(y, 0, h))];

export const corners = ([x, y, w, h]) => [[x, y], [x + w, y], [x + w, y + h], [x, y + h]];

/** The box around points. It has an extent in both directions, as boxes must. */
export function around(points, frame = [Infinity, Infinity]) {
  const side = (n) => {
    const all = points.map((p) => p[n]);
    const [from, to] = [Math.min(...all), Math.max(...all)];
    if (to > from) return [from, rounded(to - from)];
    const start = clamp(from - 0.5, 0, Math.max(0, frame[n] - 1));
    return [rounded(start), 1];
  };
  const [[x, w], [y, h]] = [side(0), side(1)];
  return [x, y, w, h];
}

/** The box between two points, within the frame. */
export function between(a, b, frame) {
  const [[ax, ay], [bx, by]] = [within(a, frame), within(b, frame)];
  return [Math.min(ax, bx), Math.min(ay, by), rounded(Math.abs(bx - ax)), rounded(Math.abs(by - ay))];
}

/** Whether a box is only there to hold a line. */
export function isLine(box) {
  const line = box.attributes?.baseline;
  if (!Array.isArray(line) || box.polygon) return false;
  return around(line).every((n, at) => Math.abs(n - box.bbox[at]) <= 1);
}

/** The points that make a shape: of a line, an outline, or the corners of a box. */
export function points(box) {
  return isLine(box) ? box.attributes.baseline : box.polygon ?? corners(box.bbox);
}

/** A shape of points: `box`, `outline` or `line`; null if there are too few. */
export function shapeOf(kind, given, frame) {
  const inside = given.map((p) => within(p, frame));
  if (kind === "box") return { bbox: between(inside[0], inside.at(-1), frame), polygon: null };
  const distinct = inside.filter((p, n) => n === 0 || p[0] !== inside[n - 1][0] || p[1] !== inside[n - 1][1]);
  if (distinct.length < (kind === "line" ? 2 : 3)) return null;
  const bbox = around(distinct, frame);
  return kind === "line" ? { bbox, polygon: null, line: distinct } : { bbox, polygon: distinct };
}

function withPoints(box, given, frame) {
  const inside = given.map((p) => within(p, frame));
  const bbox = around(inside, frame);
  if (isLine(box)) return { ...box, bbox, attributes: { ...box.attributes, baseline: inside } };
  return { ...box, bbox, polygon: inside };
}

/** Moved, but not out of the frame. */
export function moved(box, dx, dy, [width, height]) {
  const [l, t, w, h] = box.bbox;
  const x = rounded(clamp(dx, -l, width - l - w));
  const y = rounded(clamp(dy, -t, height - t - h));
  const shift = ([px, py]) => [rounded(px + x), rounded(py + y)];
  return { ...withEachPoint(box, shift), bbox: [...shift([l, t]), w, h] };
}

/** With a function applied to the points of its outline, of the holes in that, and of its line. */
function withEachPoint(box, f) {
  const result = { ...box, polygon: box.polygon?.map(f) ?? null };
  if (box.holes) result.holes = box.holes.map((ring) => ring.map(f));
  if (Array.isArray(box.attributes?.baseline)) {
    result.attributes = { ...box.attributes, baseline: box.attributes.baseline.map(f) };
  }
  return result;
}

/** The same part of the whole image in a frame of another size: units of one frame mean nothing in another. */
export function inFrame(box, from, to) {
  if (String(from) === String(to)) return box;
  const scale = from.map((side, n) => to[n] / side);
  const point = ([x, y]) => [rounded(x * scale[0]), rounded(y * scale[1])];
  const result = withEachPoint(box, point);
  const places = isLine(box) ? result.attributes.baseline : result.polygon ?? corners(box.bbox).map(point);
  result.bbox = around(places, to);
  const { keypoints } = box.attributes ?? {};
  if (Array.isArray(keypoints)) result.attributes = { ...result.attributes, keypoints: withEachKeypoint(keypoints, point) };
  return result;
}

/** Points `x, y, visibility, …`, in one list or each in one of its own; those that are not there stay at 0, 0. */
function withEachKeypoint(all, f) {
  const one = ([x, y, ...seen]) => (seen[0] === 0 ? [x, y, ...seen] : [...f([x, y]), ...seen]);
  if (all.every(Array.isArray)) return all.map(one);
  return all.length % 3 ? all : Array.from({ length: all.length / 3 }, (_, n) => one(all.slice(3 * n, 3 * n + 3))).flat();
}

/** A hole in an outline, its points in the direction in which it is not filled. */
export function asHole(ring, outline) {
  const turn = (points) => points.reduce((sum, [x, y], n) => {
    const [nx, ny] = points[(n + 1) % points.length];
    return sum + x * ny - nx * y;
  }, 0);
  return turn(ring) > 0 === turn(outline) > 0 ? [...ring].reverse() : ring;
}

/** What can be dragged: the points of a line or an outline, the corners and edges of a box. */
export function grips(box) {
  if (box.polygon || isLine(box)) return points(box);
  const [a, b, c, d] = corners(box.bbox);
  const middle = (p, q) => [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
  return [a, middle(a, b), b, middle(b, c), c, middle(c, d), d, middle(d, a)];
}

export const GRIP_NAMES = ["top left", "top", "top right", "right", "bottom right", "bottom", "bottom left", "left"];

/** With the grip of this number at another place. */
export function withGrip(box, grip, to, frame) {
  if (box.polygon || isLine(box)) {
    return withPoints(box, points(box).map((p, n) => (n === grip ? to : p)), frame);
  }
  let [l, t, w, h] = box.bbox;
  let [r, b] = [l + w, t + h];
  const [x, y] = within(to, frame);
  if ([0, 6, 7].includes(grip)) l = x;
  if ([2, 3, 4].includes(grip)) r = x;
  if ([0, 1, 2].includes(grip)) t = y;
  if ([4, 5, 6].includes(grip)) b = y;
  const bbox = between([l, t], [r, b], frame);
  return bbox[2] > 0 && bbox[3] > 0 ? { ...box, bbox } : box;
}

/** The middles between the points of a line or an outline, where new points are made. */
export function middles(box) {
  if (!box.polygon && !isLine(box)) return [];
  const all = points(box);
  const last = isLine(box) ? all.length - 1 : all.length;
  return all.slice(0, last).map((p, n) => {
    const q = all[(n + 1) % all.length];
    return [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
  });
}

/** With a new point after the one of this number. A box becomes an outline. */
export function withNewPoint(box, after, at, frame) {
  const all = [...points(box)];
  all.splice(after + 1, 0, at);
  return withPoints(box.polygon || isLine(box) ? box : { ...box, polygon: all }, all, frame);
}

/** Without a point; null if too few would be left. */
export function withoutPoint(box, at, frame) {
  const all = points(box).filter((_, n) => n !== at);
  const isShape = box.polygon || isLine(box);
  return isShape && all.length >= (isLine(box) ? 2 : 3) ? withPoints(box, all, frame) : null;
}

/** Whether a box holds a point; lines are held at a distance. */
export function holds({ bbox: [l, t, w, h] }, [x, y], reach = 0) {
  return x >= l - reach && x <= l + w + reach && y >= t - reach && y <= t + h + reach;
}

export const area = ({ bbox: [, , w, h] }) => w * h;

/** What people put into a box; attributes that the server itself keeps are left out. */
export const KEPT = ["annotation", "created", "creator", "modified", "verifier"];

/** Whether two states of a box are the same for whoever corrects it. */
export function same(a, b) {
  if (!a || !b) return !a && !b;
  const essence = (box) => JSON.stringify([box.concept, box.bbox, box.polygon ?? null, box.holes ?? [],
    Object.entries(box.attributes ?? {}).filter(([name]) => !KEPT.includes(name)).sort(([x], [y]) => (x < y ? -1 : 1))]);
  return essence(a) === essence(b);
}

/** Whether a model suggests a box, and nobody has said yet that it is right. */
export const isSuggestion = ({ attributes }) => attributes?.confidence !== undefined && attributes.verified !== true;
