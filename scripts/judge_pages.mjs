// The pages of recto-serve in a real headless Chromium: the grid and its filters, deep zoom, drawing, moving,
// renaming and deleting a box, on a wide and on a narrow screen. Takes screenshots.
//
//   node scripts/judge_pages.mjs URL OUT      URL: a server started with --review; OUT: folder for screenshots
//
// Needs Debian's chromium and npm's playwright-core (found by NODE_PATH); see scripts/judge_pages.sh.
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const require = createRequire(process.env.NODE_PATH + "/");
const { chromium } = require("playwright-core");
const [url, out] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const faults = [];
let passed = 0;

async function open(path, width, height) {
  const page = await browser.newPage({ viewport: { width, height } });
  page.on("pageerror", (error) => faults.push(`${path}: ${error}`));
  page.on("console", (message) => message.type() === "error" && faults.push(`${path}: ${message.text()}`));
  page.on("request", (request) => request.url().startsWith(url) || request.url().startsWith("data:") || faults.push(`asks ${request.url()}`));
  page.on("response", (reply) => reply.status() >= 400 && faults.push(`${reply.status()} ${reply.url()}`));
  await page.goto(url + path);
  await page.waitForSelector("body[data-ready]");
  return page;
}

async function check(name, work) {
  await work();
  passed++;
  console.log("PASS  ", name);
}

const colours = (page) => page.evaluate(() => {
  const canvas = document.getElementById("pixels");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return seen.size;
});
const loaded = (page, n) => page.waitForFunction((n) => document.getElementById("canvas").dataset.loaded >= n, n);
const saved = (page) => page.waitForFunction(() => document.getElementById("said").textContent === "saved");
const boxes = async (page) => (await (await fetch(`${url}/pages/image/${page.url().split("/").pop()}.json`)).json()).boxes;

const grid = await open("/", 1200, 800);
await check("the grid shows images and filters them", async () => {
  await grid.waitForFunction(() => [...document.querySelectorAll(".grid img")].filter((i) => i.complete && i.naturalWidth > 100).length > 3);
  const all = await grid.locator(".grid li").count();
  await grid.screenshot({ path: `${out}/grid.png` });
  await grid.selectOption("[name=group]", { index: 1 });
  const some = await grid.locator(".grid li").count();
  assert(some > 0 && some < all, `${some} of ${all}`);
  assert((await grid.textContent("#count")).includes(" of "));
  await grid.reload();
  await grid.waitForSelector("body[data-ready]");
  assert.equal(await grid.locator(".grid li").count(), some);
  await grid.selectOption("[name=concept]", { index: 1 });
  await grid.keyboard.press("/");
  assert.equal(await grid.evaluate(() => document.activeElement.name), "q");
});
await check("keys lead from image to image and into one", async () => {
  await grid.locator(".grid a").first().focus();
  await grid.keyboard.press("ArrowRight");
  const at = await grid.evaluate(() => [...document.querySelectorAll(".grid a")].indexOf(document.activeElement));
  assert.equal(at, 1);
  await grid.keyboard.press("Enter");
  await grid.waitForSelector("body.view[data-ready]");
});

const first = (await (await fetch(`${url}/pages/images.json`)).json()).images[0].segment;
const view = await open(`/view/${first}`, 1200, 800);
await check("deep zoom paints tiles, and more of them closer", async () => {
  await loaded(view, 2);
  await view.waitForTimeout(300);
  assert((await colours(view)) > 300, `${await colours(view)} colours`);
  await view.screenshot({ path: `${out}/view.png` });
  const tiles = [];
  view.on("response", (reply) => reply.url().includes("/0/default.jpg") && tiles.push(reply.url()));
  await view.focus("#canvas");
  for (let i = 0; i < 5; i++) await view.keyboard.press("+");
  await view.keyboard.press("ArrowRight");
  await loaded(view, 8);
  await view.waitForTimeout(1000);
  assert(tiles.length > 3, `${tiles.length} tiles`);
  await view.screenshot({ path: `${out}/close.png` });
});
await check("concepts are switched off and on", async () => {
  await view.keyboard.press("0");
  const picture = () => view.evaluate(() => document.getElementById("canvas").toDataURL());
  await view.waitForTimeout(500);
  const before = await picture();
  await view.locator("#legend input").first().click();
  await view.waitForTimeout(300);
  assert.notEqual(await picture(), before);
  await view.locator("#legend input").first().click();
  await view.waitForTimeout(300);
  assert.equal(await picture(), before);
});
await check("a box is drawn, moved, renamed and deleted, and each is kept", async () => {
  const before = (await boxes(view)).length;
  const place = await view.locator("#canvas").boundingBox();
  const at = (dx, dy) => [place.x + place.width / 2 + dx, place.y + place.height / 2 + dy];
  const drag = async (from, to) => {
    await view.mouse.move(...from);
    await view.mouse.down();
    await view.mouse.move((from[0] + to[0]) / 2, (from[1] + to[1]) / 2);
    await view.mouse.move(...to);
    await view.mouse.up();
  };
  await view.fill("#author", "A. Reader");
  await view.fill("#concept", "seam");
  await view.click("[data-do=draw]");
  await drag(at(-5, -5), at(15, 11));
  await saved(view);
  const drawn = (await boxes(view)).at(-1);
  assert.deepEqual([(await boxes(view)).length, drawn.concept], [before + 1, "seam"]);
  await view.screenshot({ path: `${out}/review.png` });
  await view.keyboard.press("Escape");
  await view.mouse.click(...at(5, 3));
  await view.evaluate(() => (document.getElementById("said").textContent = ""));
  await drag(at(5, 3), at(45, 43));
  await saved(view);
  const moved = (await boxes(view)).at(-1);
  assert(moved.bbox[0] > drawn.bbox[0] && Math.abs(moved.bbox[2] - drawn.bbox[2]) < 0.02, `${drawn.bbox} ${moved.bbox}`);
  await view.evaluate(() => (document.getElementById("said").textContent = ""));
  await view.keyboard.press("c");
  await view.fill("#rename", "tear");
  await view.keyboard.press("Enter");
  await saved(view);
  assert.equal((await boxes(view)).at(-1).concept, "tear");
  await view.reload();
  await view.waitForSelector("body[data-ready]");
  await view.waitForTimeout(800);
  assert.equal((await boxes(view)).length, before + 1);
  await view.mouse.click(...at(45, 43));
  assert((await view.textContent("#said")).startsWith("tear"));
  await view.keyboard.press("Delete");
  await saved(view);
  assert.equal((await boxes(view)).length, before);
});
const narrow = await open(`/view/${first}`, 390, 780);
await check("a narrow screen holds all of it", async () => {
  await loaded(narrow, 1);
  await narrow.waitForTimeout(500);
  const wide = await narrow.evaluate(() => document.documentElement.scrollWidth);
  assert(wide <= 390, `${wide} px wide`);
  await narrow.screenshot({ path: `${out}/narrow.png` });
  const list = await open("/", 390, 780);
  await list.waitForTimeout(800);
  assert((await list.evaluate(() => document.documentElement.scrollWidth)) <= 390);
  await list.screenshot({ path: `${out}/narrow-grid.png` });
});
await browser.close();
console.log(`pages: ${passed} passed, ${faults.length} failed`);
for (const fault of faults) console.log("FAIL  ", fault);
process.exit(faults.length ? 1 : 0);
