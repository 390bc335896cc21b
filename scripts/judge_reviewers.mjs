// Two reviews of the same set in a real headless Chromium, by keyboard alone and by mouse: what is wrong is corrected, what
// is right is accepted. Prints keystrokes, clicks and seconds for each box, and compares the outcome with the truth.
//
//   node scripts/judge_reviewers.mjs URL SET keys|mouse
//
// URL: a server of SET, a folder of scripts/review_set.mjs, with --review. The seconds are those of the program: a person
// looks for longer than it takes to show the next image.
import assert from "node:assert/strict";
import fs from "node:fs";
import { check, end, Reviewer } from "./reviewer.mjs";

const [url, set, way] = process.argv.slice(2);
const truth = JSON.parse(fs.readFileSync(`${set}/truth.json`));
const near = (a, b) => a.every((n, at) => Math.abs(n - b[at]) <= 3);
const r = await Reviewer.at(url, "/view/p00?state=unreviewed");
const classes = (await r.json("/pages/classes.json")).classes.map(({ name }) => name);

/** What is wrong with a box, as the reviewer sees it. */
function wrong(box, right) {
  if (!right) return "nothing";
  if (box.concept !== right.concept) return "class";
  return near(box.bbox, right.bbox) ? null : "place";
}

/** Chooses a box by keys: from box to box. */
async function reach(boxes, at, from) {
  for (let n = from; n < at; n++) await r.press(".");
}

const byKeys = {
  async begin() {
    await r.page.focus("#canvas");
  },
  async correct(boxes, at, from, right) {
    await reach(boxes, at, from);
    const kind = wrong(boxes[at], right);
    if (kind === "class") await r.press(String(classes.indexOf(right.concept) + 1));
    if (kind === "nothing") await r.press("Delete");
    if (kind === "place") {
      // By pixels of the screen: ten with Shift.
      const [to, off] = [(await r.place(right.bbox))[0], (await r.place(boxes[at].bbox))[0]];
      const steps = Math.round(Math.abs(to - off));
      const key = to < off ? "ArrowLeft" : "ArrowRight";
      for (let n = 0; n < Math.floor(steps / 10); n++) await r.press(`Shift+${key}`);
      for (let n = 0; n < steps % 10; n++) await r.press(key);
    }
    return kind === "nothing";
  },
  next: () => r.press("A"),
};

const byMouse = {
  async begin() {},
  async correct(boxes, at, from, right) {
    const box = boxes[at];
    await r.click(await r.middle(box.bbox));
    const kind = wrong(box, right);
    if (kind === "class") {
      await r.click("#chosen [data-do=rename]");
      await r.page.locator("#names option", { hasText: new RegExp(`^${right.concept}$`) }).click();
      r.clicks++;
    }
    if (kind === "nothing") await r.click("#delete");
    if (kind === "place") await r.drag(await r.middle(box.bbox), await r.middle(right.bbox));
    return kind === "nothing";
  },
  next: () => r.click("#state-accepted"),
};

let [count, corrected] = [0, 0];
const began = performance.now();
await check(`50 images are reviewed by ${way}`, async () => {
  const hand = way === "keys" ? byKeys : byMouse;
  await hand.begin();
  for (const id of Object.keys(truth)) {
    assert.equal(r.segment, id);
    const boxes = await r.boxes();
    count += boxes.length;
    const rights = new Map(truth[id].map((box) => [box.id, box]));
    let from = -1;
    for (let at = 0; at < boxes.length; at++) {
      const right = rights.get(boxes[at].id);
      if (!wrong(boxes[at], right)) continue;
      corrected++;
      const isGone = await hand.correct(boxes, at, from, right);
      // After a deletion the next suggestion is chosen.
      from = isGone ? at + 1 : at;
    }
    await hand.next();
    if (id !== Object.keys(truth).at(-1)) {
      await r.page.waitForFunction((id) => !location.pathname.endsWith(id), id);
      await r.ready();
    }
  }
  await r.saved();
});
const seconds = (performance.now() - began) / 1000;
await check("the set is as it should be, and says so", async () => {
  for (const [id, rights] of Object.entries(truth)) {
    const { boxes, state } = await r.held(id);
    assert.equal(state, "accepted", id);
    assert.equal(boxes.length, rights.length, id);
    for (const [n, box] of boxes.entries()) {
      assert.equal(wrong(box, rights[n]), null, `${box.id} ${box.bbox} ${rights[n].bbox}`);
      assert.equal(box.attributes.verified, true, box.id);
    }
  }
});
const each = (n) => (n / count).toFixed(2);
console.log(`${way}: ${count} boxes, ${corrected} corrected, ${seconds.toFixed(1)} s; for each box ${each(r.presses)} keystrokes, ${each(r.clicks)} clicks, ${(seconds / count).toFixed(3)} s`);
console.log(`${way}: ${r.effort(corrected + Object.keys(truth).length)}`);
await end(`review by ${way}`);
