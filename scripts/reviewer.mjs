// A reviewer in a real headless Chromium: opens pages of recto-serve, presses keys and counts them. For the judges of the
// review. Needs Debian's chromium and npm's playwright-core (found by NODE_PATH); see scripts/judge_review.sh.
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_PATH + "/");
const { chromium } = require("playwright-core");
export const axe = () => require("axe-core").source;

export const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
export const faults = [];
export const wait = (ms) => new Promise((done) => setTimeout(done, ms));

let passed = 0;
/** Runs a check and says how it went. */
export async function check(name, work) {
  try {
    await work();
    passed++;
    console.log("PASS  ", name);
  } catch (error) {
    faults.push(`${name}: ${error.message.split("\n").slice(0, 12).join(" | ")}`);
    console.log("FAIL  ", name);
  }
}

/** Says how many checks passed and ends. */
export async function end(what) {
  await browser.close();
  console.log(`${what}: ${passed} passed, ${faults.length} failed`);
  for (const fault of faults) console.log("FAIL  ", fault);
  process.exit(faults.length ? 1 : 0);
}

export class Reviewer {
  constructor(url, page) {
    Object.assign(this, { url, page, presses: 0, clicks: 0, strokes: 0, drags: 0 });
  }

  static async at(url, path, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(`${path}: ${error}`));
    const reviewer = new Reviewer(url, page);
    await reviewer.open(path);
    return reviewer;
  }

  async open(path) {
    await this.page.goto(this.url + path);
    await this.ready();
  }

  ready() {
    return this.page.waitForSelector("body[data-ready]");
  }

  /** Until the server has everything. */
  saved() {
    return this.page.waitForSelector("body[data-drafts='0']", { timeout: 60_000 });
  }

  async press(...keys) {
    for (const key of keys) {
      this.presses++;
      // Shift is a key of its own, also that of a capital.
      this.strokes += /^[A-Z]$/.test(key) ? 2 : key.split("+").length;
      await this.page.keyboard.press(key);
    }
  }

  async click(where, options) {
    this.clicks++;
    if (typeof where === "string") return this.page.click(where, options);
    return this.page.mouse.click(...where, options);
  }

  async drag([ax, ay], [bx, by], { button = "left", mid } = {}) {
    this.clicks++;
    this.drags++;
    const { mouse } = this.page;
    await mouse.move(ax, ay);
    await mouse.down({ button });
    await mouse.move((ax + bx) / 2, (ay + by) / 2);
    await mouse.move(bx, by);
    await mid?.();
    await mouse.up({ button });
  }

  /**
   * What a person would have done and needed, by the Keystroke-Level Model (Card, Moran and Newell 1980): K 0.28 s for a key,
   * P 1.1 s to point, B 0.1 s to press or release a button, H 0.4 s for the hand (once, to begin), M 1.35 s for each decision.
   */
  effort(decisions) {
    const clicks = this.clicks - this.drags;
    const seconds = 0.4 + this.strokes * 0.28 + clicks * (1.1 + 0.2) + this.drags * (2 * 1.1 + 0.2) + decisions * 1.35;
    return `${this.strokes} keys, ${clicks} clicks, ${this.drags} drags, ${decisions} decisions: ${seconds.toFixed(0)} s of a person`;
  }

  get segment() {
    return new URL(this.page.url()).pathname.split("/").pop();
  }

  said() {
    return this.page.textContent("#said");
  }

  async json(path) {
    return (await fetch(this.url + path)).json();
  }

  /** The image as the server has it. */
  held(segment = this.segment) {
    return this.json(`/pages/image/${segment}.json`);
  }

  async boxes(segment) {
    return (await this.held(segment)).boxes;
  }

  /** The place on the screen of a point of the frame, while all of the image is shown. */
  async place([x, y], frame = [1600, 1200]) {
    const { left, top, width, height } = await this.page.evaluate(() => {
      const { left, top, width, height } = document.getElementById("canvas").getBoundingClientRect();
      return { left, top, width, height };
    });
    const scale = Math.min(width / frame[0], height / frame[1]) * 0.97;
    return [left + (width - frame[0] * scale) / 2 + x * scale, top + (height - frame[1] * scale) / 2 + y * scale];
  }

  middle([x, y, w, h]) {
    return this.place([x + w / 2, y + h / 2]);
  }

  /** Begins to draw boxes of a class. */
  async drawing(concept, key = "d") {
    await this.page.fill("#concept", concept);
    await this.page.focus("#canvas");
    await this.press(key);
  }

  close() {
    return this.page.context().close();
  }
}
