// Paints boxes, outlines and lines over an image. Boxes of one colour are painted as one path: thousands stay smooth.
import { asHole, corners, grips, isLine, isSuggestion, middles, points } from "./shapes.js";

/** The side of the handles of a chosen box, in pixels of the screen. */
export const HANDLE = 8;
/** More boxes on the screen have no names, and still more are not filled. */
const MOST_NAMES = 150, MOST_FILLED = 600;
const DASHES = { plain: [], suggested: [7, 5], unsaved: [2, 4] };

const widths = new Map();

function nameOf(pen, concept) {
  if (!widths.has(concept)) {
    const letters = [...concept];
    const text = letters.length > 30 ? `${letters.slice(0, 29).join("")}…` : concept;
    widths.set(concept, { text, wide: pen.measureText(text).width + 8 });
  }
  return widths.get(concept);
}

/** What a box looks like on the screen; null if it is not on it. */
function placed(box, camera) {
  const [[l, t], [r, b]] = [camera.toScreen(box.bbox), camera.toScreen([box.bbox[0] + box.bbox[2], box.bbox[1] + box.bbox[3]])];
  const [w, h] = camera.screen;
  return r < 0 || b < 0 || l > w || t > h ? null : { box, l, t, r, b };
}

function trace(path, camera, { box, l, t, r, b }) {
  if (!box.polygon && !isLine(box)) path.rect(l, t, r - l, b - t);
  else trail(path, camera, points(box), !isLine(box));
  for (const ring of (box.polygon && box.holes) || []) trail(path, camera, asHole(ring, box.polygon), true);
  const line = box.attributes?.baseline;
  if (Array.isArray(line) && !isLine(box)) trail(path, camera, line, false);
}

function trail(path, camera, all, closes) {
  all.forEach((p, n) => (n ? path.lineTo(...camera.toScreen(p)) : path.moveTo(...camera.toScreen(p))));
  if (closes) path.closePath();
}

const styleOf = (box) => (box.draft ? "unsaved" : isSuggestion(box) ? "suggested" : "plain");

/**
 * Paints all boxes.
 * @param look `{chosen, grip, colour, edits}`: ids of chosen boxes, the grip that keys move, colours of classes, whether
 *   handles are shown.
 */
export function paintBoxes(pen, camera, boxes, look) {
  pen.font = "12px system-ui, sans-serif";
  const seen = boxes.map((box) => placed(box, camera)).filter(Boolean);
  const groups = new Map();
  for (const place of seen) {
    if (look.chosen.has(place.box.id)) continue;
    const key = `${styleOf(place.box)} ${look.colour(place.box.concept)}`;
    if (!groups.has(key)) groups.set(key, { style: styleOf(place.box), colour: look.colour(place.box.concept), path: new Path2D(), rectangles: [] });
    const group = groups.get(key);
    if (seen.length > MOST_FILLED && isRectangle(place.box)) group.rectangles.push(place);
    else trace(group.path, camera, place);
  }
  const isCrowd = seen.length > MOST_FILLED;
  for (const { style, colour, path, rectangles } of groups.values()) {
    if (isCrowd) outlineAll(pen, rectangles, { colour, style });
    stroke(pen, path, { colour, style, width: 1.8, fill: isCrowd ? 0 : 0.08 });
  }
  if (seen.length <= MOST_NAMES) {
    for (const place of seen) if (place.r - place.l > 34) paintName(pen, place, look);
  }
  for (const place of seen) if (look.chosen.has(place.box.id)) paintChosen(pen, camera, place, look);
}

const isRectangle = (box) => !box.polygon && !box.attributes?.baseline;

/** Boxes of a crowd, by four bars each: a path of thousands of boxes takes many times as long. Dashed: with gaps. */
function outlineAll(pen, places, { colour, style }) {
  pen.fillStyle = colour;
  for (const { l, t, r, b } of places) {
    const [x, y, w, h] = [Math.round(l), Math.round(t), Math.max(2, Math.round(r - l)), Math.max(2, Math.round(b - t))];
    if (style === "plain") {
      pen.fillRect(x, y, w, 2);
      pen.fillRect(x, y + h - 2, w, 2);
      pen.fillRect(x, y, 2, h);
      pen.fillRect(x + w - 2, y, 2, h);
      continue;
    }
    const [dash, gap] = DASHES[style];
    for (let n = 0; n < w; n += dash + gap) {
      pen.fillRect(x + n, y, Math.min(dash, w - n), 2);
      pen.fillRect(x + n, y + h - 2, Math.min(dash, w - n), 2);
    }
    for (let n = 0; n < h; n += dash + gap) {
      pen.fillRect(x, y + n, 2, Math.min(dash, h - n));
      pen.fillRect(x + w - 2, y + n, 2, Math.min(dash, h - n));
    }
  }
}

function stroke(pen, path, { colour, style, width, fill }) {
  if (fill) {
    pen.globalAlpha = fill;
    pen.fillStyle = colour;
    pen.fill(path);
  }
  // A dark edge: colours must be seen on light paper too.
  pen.globalAlpha = 0.55;
  pen.setLineDash([]);
  pen.lineWidth = width + 1.6;
  pen.strokeStyle = style === "plain" ? "#000" : "#0006";
  pen.stroke(path);
  pen.globalAlpha = 1;
  pen.setLineDash(DASHES[style]);
  pen.lineWidth = width;
  pen.strokeStyle = colour;
  pen.stroke(path);
  pen.setLineDash([]);
}

function paintName(pen, { box, l, t }, look) {
  const { text, wide } = nameOf(pen, box.concept);
  const top = Math.max(0, t - 17);
  pen.fillStyle = look.colour(box.concept);
  pen.fillRect(l, top, wide, 17);
  pen.fillStyle = "#000";
  pen.fillText(text, l + 4, top + 13);
}

function paintChosen(pen, camera, place, look) {
  const { box } = place;
  const path = new Path2D();
  trace(path, camera, place);
  stroke(pen, path, { colour: look.colour(box.concept), style: styleOf(box), width: 3, fill: isLine(box) ? 0 : 0.2 });
  paintName(pen, place, look);
  if (!look.edits || look.chosen.size > 1) return;
  pen.strokeStyle = "#000";
  pen.lineWidth = 1;
  pen.fillStyle = "#fff";
  for (const p of middles(box)) {
    pen.beginPath();
    pen.arc(...camera.toScreen(p), HANDLE / 3, 0, 7);
    pen.fill();
    pen.stroke();
  }
  grips(box).forEach((p, n) => {
    const [x, y] = camera.toScreen(p);
    const side = n === look.grip ? HANDLE + 5 : HANDLE;
    pen.fillStyle = n === look.grip ? "#f33" : "#fff";
    pen.fillRect(x - side / 2, y - side / 2, side, side);
    pen.strokeRect(x - side / 2, y - side / 2, side, side);
  });
}

/** Paints what is being drawn: its points so far and the way to the pointer. */
export function paintDrawing(pen, camera, { kind, given, to, colour }) {
  const path = new Path2D();
  const all = to ? [...given, to] : given;
  if (kind === "box" && all.length > 1) trail(path, camera, corners(spanned(all[0], all.at(-1))), true);
  else trail(path, camera, all, false);
  stroke(pen, path, { colour, style: "plain", width: 3, fill: kind === "line" ? 0 : 0.15 });
  if (kind !== "box") {
    pen.fillStyle = "#fff";
    for (const p of given) {
      const [x, y] = camera.toScreen(p);
      pen.fillRect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE);
    }
  }
}

const spanned = ([ax, ay], [bx, by]) => [Math.min(ax, bx), Math.min(ay, by), Math.abs(bx - ax), Math.abs(by - ay)];

/** Paints what somebody else has made of a box. */
export function paintTheirs(pen, camera, box) {
  const place = placed(box, camera);
  if (!place) return;
  const path = new Path2D();
  trace(path, camera, place);
  stroke(pen, path, { colour: "#fff", style: "suggested", width: 2, fill: 0 });
}

/** Paints the cross that keys move when a box is drawn without a mouse. */
export function paintCross(pen, camera, at) {
  const [x, y] = camera.toScreen(at);
  const path = new Path2D();
  path.moveTo(x - 14, y);
  path.lineTo(x + 14, y);
  path.moveTo(x, y - 14);
  path.lineTo(x, y + 14);
  stroke(pen, path, { colour: "#fff", style: "plain", width: 2, fill: 0 });
}
