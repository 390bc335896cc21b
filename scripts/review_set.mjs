// Draws a set to be reviewed: pictures with shapes on them, and boxes as a model suggests them, some of which are wrong.
// The same every time.
//
//   node scripts/review_set.mjs FOLDER [large]      large: 5,000 images, and 2,000 boxes on the first
//
// Writes localizations.json, image_map.json, truth.json (image → boxes as they should be) and the pictures.
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";

const CLASSES = ["aleph", "bet", "gimel", "dalet", "he", "waw", "zayin", "het", "tet"];
const [WIDTH, HEIGHT] = [1600, 1200];

/** Numbers between 0 and 1 that are the same every time. */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind), data]);
  const head = Buffer.alloc(4), tail = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  tail.writeUInt32BE(zlib.crc32(body));
  return Buffer.concat([head, body, tail]);
}

/** A grey PNG with darker rectangles where boxes should be. */
export function picture(boxes) {
  const rows = Buffer.alloc((WIDTH + 1) * HEIGHT, 225);
  for (let y = 0; y < HEIGHT; y++) rows[y * (WIDTH + 1)] = 0;
  for (const { concept, bbox: [x, y, w, h] } of boxes) {
    const shade = 40 + CLASSES.indexOf(concept) * 15;
    for (let row = y; row < y + h; row++) rows.fill(shade, row * (WIDTH + 1) + 1 + x, row * (WIDTH + 1) + 1 + x + w);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  header[8] = 8;
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", header), chunk("IDAT", zlib.deflateSync(rows, { level: 1 })), chunk("IEND", Buffer.alloc(0))]);
}

/** The boxes of a picture as they should be: in a grid, so that each can be chosen by a click. */
function truthOf(random, count) {
  const columns = Math.ceil(Math.sqrt(count * 4 / 3));
  const rows = Math.ceil(count / columns);
  const cell = [WIDTH / columns, HEIGHT / rows];
  return Array.from({ length: count }, (_, n) => {
    const [w, h] = cell.map((side) => Math.round(side * (0.4 + 0.2 * random())));
    const x = Math.round((n % columns) * cell[0] + cell[0] * 0.1 + random() * cell[0] * 0.2);
    const y = Math.round(Math.floor(n / columns) * cell[1] + cell[1] * 0.1 + random() * cell[1] * 0.2);
    return { id: `b${n}`, concept: CLASSES[Math.floor(random() * CLASSES.length)], bbox: [x, y, w, h] };
  });
}

/** A box as the model sees it: wrong in its class, in its place, or there is nothing. */
function spoiled(box, kind) {
  const [x, y, w, h] = box.bbox;
  if (kind === "class") return { ...box, concept: CLASSES[(CLASSES.indexOf(box.concept) + 1) % CLASSES.length] };
  if (kind === "place") return { ...box, bbox: [x + 20, y, w, h] };
  return box;
}

/** The set as a value: `{images, truth, pictures}`. */
export function draw(pictures, boxes, wrong, seed = 7) {
  const random = numbers(seed);
  const each = boxes / pictures;
  const spots = new Set();
  while (spots.size < wrong) spots.add(Math.floor(random() * boxes));
  const kinds = ["class", "place", "nothing"];
  const truth = {}, images = [], files = {};
  for (let p = 0; p < pictures; p++) {
    const id = `p${String(p).padStart(2, "0")}`;
    const right = truthOf(random, each);
    const seen = right.map((box, n) => {
      const isWrong = spots.has(p * each + n);
      const kind = isWrong ? kinds[(p + n) % kinds.length] : null;
      const confidence = Math.round((isWrong ? 0.2 + random() * 0.3 : 0.6 + random() * 0.39) * 100) / 100;
      return { box: spoiled(box, kind), kind, confidence };
    });
    truth[id] = right.filter((_, n) => seen[n].kind !== "nothing");
    files[id] = picture(truth[id]);
    images.push({
      id, image: { url: `file:///${id}.png`, width: WIDTH, height: HEIGHT }, source: { kind: "boxes" }, group: `group ${p % 5}`,
      metadata: {}, labels: [], frame: [WIDTH, HEIGHT],
      localizations: seen.map(({ box, confidence }) => ({ ...box, id: `${id}-${box.id}`, attributes: { confidence } })),
    });
    truth[id] = truth[id].map((box) => ({ ...box, id: `${id}-${box.id}` }));
  }
  return { images, truth, files };
}

/** A set whose 5,000 images share a few files, with 2,000 boxes on the first. */
function large() {
  const few = draw(10, 100, 10), [crowd] = draw(1, 2000, 0).images;
  const images = Array.from({ length: 5000 }, (_, n) => ({ ...few.images[n % few.images.length], id: `image-${n}` }));
  images[0] = { ...images[0], localizations: crowd.localizations };
  return { ...few, images };
}

/** Writes a set into a folder. */
export function write(folder, { images, truth, files }) {
  fs.mkdirSync(folder, { recursive: true });
  for (const [id, bytes] of Object.entries(files)) fs.writeFileSync(path.join(folder, `${id}.png`), bytes);
  const names = Object.keys(files);
  // Images without a file of their own share those of others.
  const map = Object.fromEntries(images.map(({ id }, n) => [id, `${files[id] ? id : names[n % names.length]}.png`]));
  const set = { contract: "recto/localizations", version: 1, images };
  for (const [name, value] of [["localizations", set], ["image_map", map], ["truth", truth]]) {
    fs.writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(value));
  }
}

if (process.argv[1] === import.meta.filename) {
  const [folder, size] = process.argv.slice(2);
  write(folder, size === "large" ? large() : draw(50, 500, 40));
}
