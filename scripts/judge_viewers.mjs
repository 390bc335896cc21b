// Other people's viewers on a running recto-serve, in a real headless Chromium and from another origin: Mirador opens a
// manifest by its URL and shows picture and annotations; OpenSeadragon opens an info.json of each version.
//
//   node scripts/judge_viewers.mjs URL MODULES OUT      MODULES: node_modules with mirador and openseadragon
//
// Needs Debian's chromium and npm's playwright-core (found by NODE_PATH); see scripts/judge_viewers.sh.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { chromium } = createRequire(process.env.NODE_PATH + "/")("playwright-core");
const [url, modules, out] = process.argv.slice(2);
const scripts = {
  "/mirador.js": `${modules}/mirador/dist/mirador.min.js`,
  "/openseadragon.js": `${modules}/openseadragon/build/openseadragon/openseadragon.min.js`,
};
const body = (script, start) => `<!doctype html><meta charset="utf-8"><title>viewer</title>
<style>html, body, #viewer { position: absolute; inset: 0; margin: 0 }</style>
<div id="viewer"></div><script src="${script}"></script><script>${start}</script>`;
const host = createServer((request, reply) => {
  const { pathname, searchParams } = new URL(request.url, "http://viewer");
  const of = JSON.stringify(searchParams.get("of"));
  const pages = {
    "/mirador": () => body("/mirador.js", `Mirador.viewer({ id: "viewer", windows: [{ manifestId: ${of} }], window: {
      sideBarOpen: true, defaultSideBarPanel: "annotations", highlightAllAnnotations: true } })`),
    "/openseadragon": () => body("/openseadragon.js", `window.tiles = 0; window.viewer = OpenSeadragon({ id: "viewer",
      crossOriginPolicy: "Anonymous", drawer: "canvas", showNavigationControl: false, tileSources: ${of} });
      viewer.addHandler("tile-loaded", () => window.tiles++);`),
  };
  const found = pages[pathname]?.() ?? (scripts[pathname] && readFileSync(scripts[pathname]));
  const type = scripts[pathname] ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8";
  reply.writeHead(found ? 200 : 204, { "content-type": type }).end(found || undefined);
});
await new Promise((ready) => host.listen(0, "127.0.0.1", ready));
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
let passed = 0;

async function open(viewer, of) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
  const seen = { faults: [], answers: [] };
  page.on("pageerror", (error) => seen.faults.push(`${error}`));
  page.on("response", (reply) => {
    if (!reply.url().startsWith(url)) return;
    seen.answers.push(reply.url());
    if (reply.status() >= 400) seen.faults.push(`${reply.status()} ${reply.url()}`);
  });
  await page.goto(`http://127.0.0.1:${host.address().port}/${viewer}?of=${encodeURIComponent(of)}`, { waitUntil: "commit", timeout: 60_000 });
  return [page, seen];
}

async function until(what, holds) {
  for (let tries = 0; tries < 600; tries++) {
    if (await holds()) return;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  assert.fail(`${what}: not within 60 s`);
}

function pass(name, seen) {
  assert.deepEqual(seen.faults, [], name);
  passed++;
  console.log("PASS  ", name);
}

const json = async (address) => (await fetch(address)).json();
const collection = await json(`${url}/iiif/presentation/3/collection.json`);
let manifest, boxes;
for (const item of collection.items) {
  manifest = await json(item.id);
  const pages = await Promise.all((manifest.items[0].annotations ?? []).map((page) => json(page.id)));
  boxes = pages.flatMap((page) => page.items);
  if (boxes.length > 0) break;
}
assert(boxes.length > 0, "no manifest begins with a canvas that has boxes");

for (const version of [3, 2]) {
  const id = manifest.id.replace("/presentation/3/", `/presentation/${version}/`);
  const [page, seen] = await open("mirador", id);
  const shown = () => page.locator("[class*=CanvasAnnotations], aside li").allInnerTexts();
  await until("an info.json", () => seen.answers.some((of) => of.endsWith("/info.json")));
  await until("parts of the picture", () => seen.answers.filter((of) => of.endsWith("/default.jpg")).length > 1);
  const words = boxes[0].body?.value ?? boxes[0].body?.[0]?.value;
  await until(`the annotation ${words}`, async () => (await shown()).join("\n").includes(words));
  await page.waitForTimeout(1000);
  await page.screenshot({ path: `${out}/mirador-${version}.png` });
  pass(`Mirador shows a manifest of Presentation ${version}, its picture and ${boxes.length} annotations`, seen);
  await page.close();
}

const painted = manifest.items[0].items[0].items[0].body;
const service = (painted.items?.[0] ?? painted).service[0]; // Several captures are a choice.
for (const version of [3, 2]) {
  const info = `${(service.id ?? service["@id"]).replace(/\/iiif\/[23]\//, `/iiif/${version}/`)}/info.json`;
  const [page, seen] = await open("openseadragon", info);
  await until("tiles", () => page.evaluate(() => window.tiles > 0 && viewer.world.getItemAt(0)?.getFullyLoaded()));
  const colours = await page.evaluate(() => {
    const canvas = viewer.drawer.canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return seen.size;
  });
  assert(colours > 50, `${colours} colours`);
  await page.screenshot({ path: `${out}/openseadragon-${version}.png` });
  pass(`OpenSeadragon opens an info.json of Image API ${version}: ${colours} colours`, seen);
  await page.close();
}
await browser.close();
host.close();
console.log(`${passed} passed, 0 failed`);
