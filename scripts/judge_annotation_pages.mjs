// Judges annotation pages with packages of the IIIF community; see judge_annotation_pages.sh.
//
//   judge_annotation_pages.mjs BIN MODULES
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";

const [bin, modules] = process.argv.slice(2).map((name) => path.resolve(name));
const load = createRequire(path.join(modules, "of", "this.js"));
const { Traverse, normalize } = load("@iiif/parser");
const { expandTarget } = load("@iiif/helpers");
const { DOMParser } = load("linkedom");

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const folder = mkdtempSync(path.join(tmpdir(), "pages-"));
const names = ["ship", "\u05d0\u05dc\u05e3", "a \"b\" & <c>", "\u{1f409}"];
const box = (image, n) => {
  const [x, y, width, height] = [10 + 40 * n, 20 + 5 * image, 30, 25 + n];
  const found = { id: `${image}.${n}`, concept: names[n], bbox: [x, y, width, height], attributes: n ? { text: `words ${n}` } : {} };
  if (n === 2) found.polygon = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
  return found;
};
const images = [0, 1, 2].map((n) => ({
  id: `u${n}`, image: {}, group: "g", frame: [200, 120], labels: n === 1 ? ["recto"] : [],
  source: { kind: "iiif", manifest: "https://archive.example/manifest", canvas: `https://archive.example/canvas/${n}` },
  localizations: n === 2 ? [] : names.map((_, i) => box(n, i)),
}));
const put = (name, bytes) => writeFileSync(path.join(folder, name), bytes);
put("localizations.json", JSON.stringify({ contract: "recto/localizations", version: 1, images }));
put("image_map.json", JSON.stringify(Object.fromEntries(images.map(({ id }) => [id, `${id}.png`]))));
for (const { id } of images) put(`${id}.png`, Buffer.from(PIXEL, "base64"));
const call = ["localizations.json", "-f", "iiif", "-o", "set", "--iiif-base", "https://archive.example/notes", "-q"];
execFileSync(path.join(bin, "recto-reformat"), call, { cwd: folder });

let judged = 0;
for (const file of readdirSync(path.join(folder, "set/annotations"))) {
  const page = JSON.parse(readFileSync(path.join(folder, "set/annotations", file), "utf8"));
  assert.equal(page.id, `https://archive.example/notes/annotations/${file}`);
  const { entities, resource } = normalize(structuredClone(page));
  assert.equal(resource.type, "AnnotationPage");
  const image = images[Number(file[1])];
  const ids = new Set();
  new Traverse({ annotation: [(annotation) => ids.add(annotation.id)] }).traverseUnknown(structuredClone(page));
  const wanted = [...image.labels.map((concept) => ({ concept })), ...image.localizations];
  assert.equal(Object.keys(entities.Annotation).length, wanted.length);
  assert.equal(ids.size, wanted.length);
  page.items.forEach((item, n) => {
    const { concept, bbox, polygon, attributes } = wanted[n];
    const bodies = [item.body].flat();
    assert.deepEqual(bodies.map((body) => [body.purpose, body.value]),
      [["tagging", concept], ...(attributes?.text ? [["supplementing", attributes.text]] : [])]);
    const target = expandTarget(item.target, { domParser: new DOMParser() });
    assert.equal(target.source.id, image.source.canvas);
    if (!bbox) return;
    const [x, y, width, height] = bbox;
    for (const selector of target.selectors) assert.deepEqual(selector.spatial, { unit: "pixel", x, y, width, height });
    assert.deepEqual(target.selectors.map((selector) => selector.type), polygon ? ["SvgSelector", "BoxSelector"] : ["BoxSelector"]);
    if (polygon) assert.deepEqual(target.selector.points.slice(0, 4), polygon);
    judged += 1;
  });
}
assert.equal(judged, 8);
rmSync(folder, { recursive: true });
console.log(`annotation pages: ${judged} annotations by @iiif/parser and @iiif/helpers`);
