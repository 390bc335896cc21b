// How smooth the pages of recto-serve are in a real headless Chromium, without a graphics card: a grid of 5,000 images while
// it is scrolled, 2,000 boxes on one image while it is moved, zoomed and corrected. 30 frames a second are wanted.
//
//   node scripts/judge_smooth.mjs URL      URL: a server of the large set of scripts/review_set.mjs, with --review
import assert from "node:assert/strict";
import { check, end, Reviewer } from "./reviewer.mjs";

const [url] = process.argv.slice(2);
/** The longest that the median frame may take, in milliseconds: every second frame of a screen with 60 a second. */
const FRAME = 34;

/** Runs work in the page, a step a frame; the times between frames, sorted. */
const frames = (page, step, count) => page.evaluate(async ([step, count]) => {
  const work = new Function("n", step);
  const times = [];
  let last = await new Promise(requestAnimationFrame);
  for (let n = 0; n < count; n++) {
    work(n);
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times.sort((a, b) => a - b);
}, [step, count]);

function smooth(what, times) {
  const [median, slow] = [times[Math.floor(times.length / 2)], times[Math.floor(times.length * 0.95)]];
  console.log(`${what}: ${(1000 / median).toFixed(0)} frames/s, 95 % of the frames within ${slow.toFixed(0)} ms`);
  assert(median <= FRAME, `${what}: the median frame takes ${median.toFixed(1)} ms`);
}

await check("the grid of 5,000 images is smooth", async () => {
  const began = performance.now();
  const r = await Reviewer.at(url, "/");
  console.log(`the grid is there after ${(performance.now() - began).toFixed(0)} ms`);
  smooth("the grid, scrolled", await frames(r.page, "scrollBy(0, 40)", 200));
  await r.page.locator(".grid li").nth(100).waitFor({ state: "attached" });
  await r.page.fill("[name=q]", "image-4999");
  assert.equal(await r.page.locator(".grid li").count(), 1);
  await r.close();
});

await check("2,000 boxes on an image are smooth", async () => {
  const r = await Reviewer.at(url, "/view/image-0");
  assert.equal((await r.boxes()).length, 2000);
  await r.page.waitForTimeout(1500);
  const canvas = "const canvas = document.getElementById('canvas');";
  const wheel = (by) => `${canvas} const { left, top } = canvas.getBoundingClientRect();
    canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: ${by}, clientX: left + 400, clientY: top + 300, cancelable: true }));`;
  const key = (name) => `document.getElementById('canvas').dispatchEvent(new KeyboardEvent('keydown', { key: '${name}', bubbles: true, cancelable: true }));`;
  smooth("2,000 boxes, moved", await frames(r.page, `n % 20 < 10 ? (() => { ${key("ArrowRight")} })() : (() => { ${key("ArrowLeft")} })()`, 100));
  smooth("2,000 boxes, zoomed", await frames(r.page, `n % 40 < 20 ? (() => { ${wheel(-60)} })() : (() => { ${wheel(60)} })()`, 100));
  await r.press("0", "Tab");
  smooth("2,000 boxes, one moved", await frames(r.page, key("ArrowRight"), 60));
  await r.click("#list summary");
  smooth("2,000 boxes in the list, one after the other", await frames(r.page, key("."), 60));
  await r.saved();
  await r.close();
});

await end("smooth");
