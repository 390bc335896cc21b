// The review of recto-serve in a real headless Chromium: nothing that is corrected is lost, everything can be undone, all of
// it by keyboard; polygons, classes, the queue, accessibility (axe-core, WCAG 2.2 AA).
//
//   node scripts/judge_review.mjs URL OUT      URL: a server of scripts/review_set.mjs with --review; OUT: for screenshots
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { axe, check, end, Reviewer, wait } from "./reviewer.mjs";

const [url, out] = process.argv.slice(2);
const near = (a, b, by = 4) => a.every((n, at) => Math.abs(n - b[at]) <= by);
const added = (before, after) => after.filter((box) => !before.some((other) => other.id === box.id));

await check("only the left button draws, a slip is no box, Space and the middle button move the image", async () => {
  const r = await Reviewer.at(url, "/view/p01");
  await r.drawing("seam");
  const before = await r.boxes();
  const at = await r.place([1500, 1100]);
  const to = (dx, dy) => [at[0] + dx, at[1] + dy];
  await r.drag(at, to(40, 30), { button: "right" });
  await r.drag(at, to(40, 30), { button: "middle" });
  await r.page.keyboard.down(" ");
  await r.drag(at, to(-40, -30));
  await r.page.keyboard.up(" ");
  await r.drag(at, to(5, 5));
  await wait(300);
  assert.equal((await r.boxes()).length, before.length);
  await r.press("0");
  await r.drag(at, to(40, 30), { mid: () => r.press("Escape") });
  await wait(300);
  assert.equal((await r.boxes()).length, before.length);
  await r.drag(at, to(40, 30));
  await r.saved();
  assert.equal((await r.boxes()).length, before.length + 1);
  await r.close();
});

await check("corrections for another set are told of, can be taken along and thrown away", async () => {
  const r = await Reviewer.at(url, "/view/p03");
  assert(await r.page.isHidden("#elsewhere"));
  const keys = ["recto-draft / 0123456789ab p03 d1", "recto-draft / 0123456789ab p04 d2", "recto-draft /other/ null p%2F1 "];
  await r.page.evaluate((keys) => {
    for (const key of keys) {
      const [, , , segment, id] = key.split(" ");
      localStorage.setItem(key, JSON.stringify({ segment, id, want: null, base: null, seen: "", made: Date.now(), state: "waiting", tries: 0 }));
    }
    localStorage.setItem("recto-draft / bad", "no draft");
  }, keys);
  const kept = () => r.page.evaluate((keys) => keys.filter((key) => localStorage.getItem(key)), keys);
  for (const path of ["/", "/view/p03"]) {
    await r.open(path);
    await r.page.waitForSelector("#elsewhere:not([hidden])");
    const words = await r.page.textContent("#elsewhere");
    assert.match(words, /keeps 2 corrections for another set, not saved: on p03, p04, last/);
    assert.match(words, /keeps 1 correction for another set, not saved: at \/other\/, on p\/1, last/);
  }
  const [file] = await Promise.all([r.page.waitForEvent("download"), r.page.click("#elsewhere button >> nth=0")]);
  const taken = JSON.parse(readFileSync(await file.path(), "utf8"));
  assert.deepEqual(taken.map((draft) => draft.segment), ["p03", "p04"]);
  r.page.once("dialog", (dialog) => dialog.dismiss());
  await r.page.click("#elsewhere button >> nth=1");
  assert.equal((await kept()).length, 3);
  r.page.on("dialog", (dialog) => dialog.accept());
  await r.page.click("#elsewhere button >> nth=1");
  assert.deepEqual(await kept(), keys.slice(2));
  await r.page.click("#elsewhere button >> nth=1");
  await r.page.waitForSelector("#elsewhere", { state: "hidden" });
  assert.deepEqual(await kept(), []);
  await r.close();
});

await check("a box that cannot be sent stays as a draft, also over a reload, and is sent when that is possible", async () => {
  const r = await Reviewer.at(url, "/view/p02");
  const before = await r.boxes();
  await r.drawing("seam");
  await r.page.context().setOffline(true);
  const at = await r.place([1500, 1100]);
  await r.drag(at, [at[0] + 40, at[1] + 30]);
  await r.page.waitForFunction(() => document.getElementById("said").textContent.startsWith("not saved"));
  await wait(300);
  assert.equal((await r.boxes()).length, before.length);
  assert((await r.page.textContent("#legend")).includes("seam (1)"));
  await r.page.context().setOffline(false);
  await r.saved();
  assert.equal((await r.boxes()).length, before.length + 1);
  // Refused, then the page is closed: the next page sends it.
  await r.page.route("**/review/**", (route) => route.fulfill({ status: 403, body: "not yours", contentType: "text/plain" }));
  await r.drag([at[0] - 60, at[1]], [at[0] - 20, at[1] + 30]);
  await r.page.waitForFunction(() => document.getElementById("said").textContent.includes("not yours"));
  assert(await r.page.isVisible("#conflicts"));
  await r.page.unroute("**/review/**");
  await r.open("/");
  for (let n = 0; n < 50 && (await r.boxes("p02")).length < before.length + 2; n++) await wait(200);
  assert.equal((await r.boxes("p02")).length, before.length + 2);
  await r.close();
});

await check("a request whose answer is lost makes one box", async () => {
  const r = await Reviewer.at(url, "/view/p03");
  const before = await r.boxes();
  await r.drawing("seam");
  let first = true;
  await r.page.route("**/review/**", async (route) => {
    const answer = await route.fetch();
    if (first) await route.abort();
    else await route.fulfill({ response: answer });
    first = false;
  });
  const at = await r.place([1500, 1100]);
  await r.drag(at, [at[0] + 40, at[1] + 30]);
  await r.page.waitForFunction(() => document.getElementById("said").textContent.startsWith("not saved"));
  // It is moved before it is sent again.
  await r.press("d", "Shift+ArrowLeft");
  await r.saved();
  const made = added(before, await r.boxes());
  assert.equal(made.length, 1);
  assert(made[0].bbox[0] < 1490, `${made[0].bbox}`);
  await r.close();
});

await check("two reviewers: who changes what the other has changed sees both and chooses", async () => {
  const [a, b] = [await Reviewer.at(url, "/view/p04"), await Reviewer.at(url, "/view/p04")];
  const [box] = await a.boxes();
  await a.page.fill("#author", "A. Reader");
  for (const r of [a, b]) await r.click(await r.middle(box.bbox));
  await a.page.focus("#canvas");
  await a.press("Shift+ArrowRight");
  await wait(300);
  await a.saved();
  const theirs = (await a.boxes())[0];
  await b.page.focus("#canvas");
  await b.press("Shift+ArrowDown");
  await b.page.waitForSelector("#conflicts:not([hidden])");
  assert.deepEqual((await a.boxes())[0].bbox, theirs.bbox);
  assert((await b.said()).includes("A. Reader"), await b.said());
  const words = await b.page.textContent("#conflicts");
  assert(words.includes("yours:") && words.includes("theirs:"), words);
  await b.page.screenshot({ path: `${out}/conflict.png` });
  await b.click("text=Keep mine");
  await b.saved();
  assert((await b.boxes())[0].bbox[1] > box.bbox[1]);
  await a.close();
  await b.close();
});

await check("to undo takes nothing back that somebody else has made, and what others make appears", async () => {
  const [a, b] = [await Reviewer.at(url, "/view/p15"), await Reviewer.at(url, "/view/p15")];
  const move = async (r, key) => {
    await r.click(await r.middle((await r.boxes())[0].bbox));
    await r.press(key);
    await wait(400);
    await r.saved();
  };
  await move(a, "ArrowRight");
  await b.page.reload();
  await b.ready();
  await move(b, "ArrowDown");
  const [theirs] = await b.boxes();
  await a.press("Control+z");
  await a.page.waitForSelector("#conflicts:not([hidden])");
  assert.deepEqual((await a.boxes())[0], theirs);
  await a.click("text=Take theirs");
  await a.saved();
  await wait(200);
  assert.deepEqual((await a.boxes())[0], theirs);
  await b.drawing("novum");
  const at = await b.place([1500, 1100]);
  await b.drag(at, [at[0] + 40, at[1] + 40]);
  await a.page.waitForFunction(() => document.getElementById("legend").textContent.includes("novum (1)"), null, { timeout: 15_000 });
  await a.close();
  await b.close();
});

await check("everything can be undone and done again", async () => {
  const r = await Reviewer.at(url, "/view/p05");
  const essence = async () => {
    const { boxes, labels, state } = await r.held();
    const own = ({ id, concept, bbox, polygon, attributes: { text, verified } }) => [id, concept, bbox, polygon, text, verified];
    return JSON.stringify([boxes.map(own), labels, state]);
  };
  const states = [await essence()];
  const [box] = await r.boxes();
  await r.click(await r.middle(box.bbox));
  const steps = [
    () => r.press("a"),
    () => r.press("2"),
    () => r.press("Shift+ArrowLeft"),
    async () => {
      await r.page.fill("#text", "incipit");
      await r.page.focus("#canvas");
    },
    () => r.press("m"),
    () => r.press("Escape", "Tab", "Delete"),
    async () => {
      await r.page.fill("#labels input", "torn");
      await r.press("Enter", "Escape");
      await r.page.focus("#canvas");
    },
  ];
  for (const step of steps) {
    if (step !== steps[0] && step !== steps[5] && step !== steps[6]) await r.click(await r.middle((await r.boxes())[0].bbox));
    await step();
    await wait(650);
    await r.saved();
    states.push(await essence());
    assert.notEqual(states.at(-1), states.at(-2), String(step));
  }
  for (const wanted of states.slice(0, -1).reverse()) {
    await r.press("Control+z");
    await wait(60);
    await r.saved();
    assert.equal(await essence(), wanted);
  }
  for (const wanted of states.slice(1)) {
    await r.press("Control+Shift+Z");
    await wait(60);
    await r.saved();
    assert.equal(await essence(), wanted);
  }
  await r.close();
});

await check("outlines and lines are drawn and edited by their points, with the mouse", async () => {
  const r = await Reviewer.at(url, "/view/p06");
  const before = await r.boxes();
  await r.drawing("outline of a seam", "o");
  const corners = [[1450, 1050], [1550, 1060], [1540, 1150], [1440, 1140]];
  for (const corner of corners) await r.click(await r.place(corner));
  await r.press("Enter");
  await r.saved();
  let [drawn] = added(before, await r.boxes());
  assert.equal(drawn.polygon.length, 4);
  assert(corners.every((corner, n) => near(corner, drawn.polygon[n])), JSON.stringify(drawn.polygon));
  await r.press("Escape");
  await r.click(await r.place([1500, 1100]));
  await r.drag(await r.place(corners[2]), await r.place([1580, 1180]));
  await r.saved();
  const held = async () => added(before, await r.boxes())[0];
  assert(near((await held()).polygon[2], [1580, 1180]));
  // The middle of an edge becomes a point.
  const [p, q] = (await held()).polygon;
  await r.drag(await r.place([(p[0] + q[0]) / 2, (p[1] + q[1]) / 2]), await r.place([1500, 1020]));
  await r.saved();
  assert.equal((await held()).polygon.length, 5);
  assert(near((await held()).polygon[1], [1500, 1020]), JSON.stringify((await held()).polygon));
  await r.press("v", "v", "Delete");
  await r.saved();
  assert.equal((await held()).polygon.length, 4);
  await r.press("Escape");
  await r.drawing("line", "l");
  await r.click(await r.place([100, 1190]));
  await r.page.mouse.dblclick(...(await r.place([400, 1190])));
  await r.saved();
  const line = added(before, await r.boxes()).find((box) => box.concept === "line");
  assert.equal(line.attributes.baseline.length, 2);
  assert(near(line.attributes.baseline[1], [400, 1190]));
  await r.close();
});

await check("holes of outlines are shown, move along and are kept; what would lose them is not saved", async () => {
  const ring = (l, t, r, b) => [[l, t], [r, t], [r, b], [l, b]];
  const body = JSON.stringify({ concept: "ring", polygon: ring(1440, 1040, 1590, 1190), holes: [ring(1490, 1090, 1540, 1140)] });
  const made = await fetch(`${url}/review/p15?of=ring`, { method: "POST", headers: { "content-type": "application/json" }, body });
  assert.equal(made.status, 200);
  const r = await Reviewer.at(url, "/view/p15");
  await r.click(await r.place([1465, 1065]));
  await wait(300);
  const colour = async (at) => r.page.evaluate(([x, y]) => {
    const canvas = document.getElementById("canvas");
    const { left, top, width } = canvas.getBoundingClientRect();
    const place = [x - left, y - top].map((n) => Math.round((n * canvas.width) / width));
    return String(canvas.getContext("2d").getImageData(...place, 1, 1).data);
  }, await r.place(at));
  assert.notEqual(await colour([1465, 1115]), await colour([1515, 1115]), "the hole is not filled");
  const held = async () => (await r.boxes()).find((box) => box.id === "ring");
  await r.page.focus("#canvas");
  await r.press("ArrowLeft");
  await wait(400);
  await r.saved();
  const moved = await held();
  const by = 1440 - moved.polygon[0][0];
  assert(by > 0, JSON.stringify(moved));
  assert(moved.holes[0].every((p, n) => near(p, ring(1490 - by, 1090, 1540 - by, 1140)[n], 0.01)), JSON.stringify(moved.holes));
  await r.drag(await r.place(moved.polygon[2]), await r.place([1450, 1050]));
  await r.page.waitForSelector("#conflicts:not([hidden])");
  assert.match(await r.page.textContent("#conflicts"), /holes in its outline would be lost/);
  assert.deepEqual((await held()).holes, moved.holes);
  await r.page.focus("#canvas");
  await r.press("Control+z");
  await r.saved();
  assert.deepEqual([(await held()).polygon, (await held()).holes], [moved.polygon, moved.holes]);
  await r.press("Delete");
  await r.saved();
  assert.equal(await held(), undefined);
  await r.close();
});

await check("boxes, outlines and lines are drawn, moved and resized by keyboard alone", async () => {
  const r = await Reviewer.at(url, "/view/p07");
  const before = await r.boxes();
  await r.page.focus("#canvas");
  await r.press("/");
  await r.page.keyboard.type("alp");
  await r.press("Enter");
  assert.equal(await r.page.inputValue("#concept"), "aleph");
  await r.press("Enter", "Shift+ArrowRight", "Shift+ArrowDown", "Enter");
  await r.saved();
  let [box] = added(before, await r.boxes());
  assert(box.concept === "aleph" && box.bbox[2] > 50 && box.bbox[3] > 50, JSON.stringify(box));
  await r.press("d", "ArrowRight", "ArrowRight", "Control+ArrowDown");
  await wait(650);
  await r.saved();
  const [moved] = added(before, await r.boxes());
  assert(moved.bbox[0] > box.bbox[0] && moved.bbox[3] > box.bbox[3] && Math.abs(moved.bbox[2] - box.bbox[2]) < 0.1, `${box.bbox} ${moved.bbox}`);
  // The top left corner.
  await r.press("v", "Shift+ArrowLeft");
  await wait(650);
  await r.saved();
  const [wider] = added(before, await r.boxes());
  assert(wider.bbox[0] < moved.bbox[0] && wider.bbox[2] > moved.bbox[2], `${moved.bbox} ${wider.bbox}`);
  await r.press("Escape", "Escape", "o", "Enter", "Shift+ArrowRight", "Enter", "Shift+ArrowDown", "Enter", "Enter");
  await r.saved();
  assert.equal(added(before, await r.boxes()).find((b) => b.polygon)?.polygon.length, 3);
  await r.close();
});

await check("classes: keys 1 to 9, fuzzy find beside the box, colours that differ, names of any length and direction", async () => {
  const r = await Reviewer.at(url, "/view/p08");
  const { classes } = await r.json("/pages/classes.json");
  const [box] = await r.boxes();
  await r.page.focus("#canvas");
  await r.press("Tab");
  assert((await r.said()).startsWith(box.concept));
  const other = classes.findIndex(({ name }) => name !== box.concept);
  await r.press(String(other + 1));
  await r.saved();
  assert.equal((await r.boxes())[0].concept, classes[other].name);
  await r.press("c");
  assert(await r.page.isVisible("#beside"));
  await r.page.keyboard.type("zyn");
  await r.press("Enter");
  await r.saved();
  assert.equal((await r.boxes())[0].concept, "zayin");
  assert(!(await r.page.isVisible("#beside")));
  for (const name of ["קטע של טקסט ארוך מאוד", "a very long name of a class, longer than any label beside a box could ever be, and then some"]) {
    await r.press("c");
    await r.page.keyboard.type(name);
    await r.press("Enter");
    await r.saved();
    assert.equal((await r.boxes())[0].concept, name);
  }
  const wide = await r.page.evaluate(() => document.querySelector("aside").scrollWidth - document.querySelector("aside").clientWidth);
  assert(wide <= 0, `${wide} px too wide`);
  const colours = await r.page.$$eval("#legend i", (marks) => marks.map((mark) => mark.style.background));
  assert.equal(new Set(colours).size, colours.length);
  await r.close();
});

await check("the queue goes through what is not reviewed, the least sure first, and says how far it is", async () => {
  const r = await Reviewer.at(url, "/?state=unreviewed&order=confidence");
  const { images } = await r.json("/pages/images.json");
  const wanted = images.filter((image) => !image.state).sort((a, b) => a.least - b.least).map((image) => image.segment);
  await r.click(".grid a >> nth=0");
  await r.page.waitForSelector("body.view[data-ready]");
  assert.equal(r.segment, wanted[0]);
  await r.page.waitForFunction(() => document.getElementById("progress").textContent);
  const before = await r.page.textContent("#progress");
  await r.page.fill("#author", "A. Reader");
  await r.page.focus("#canvas");
  await r.press("r");
  await r.page.waitForFunction((from) => !location.pathname.endsWith(from), wanted[0]);
  await r.ready();
  assert.equal(r.segment, wanted[1]);
  await r.saved();
  const { state, by, at } = await r.held(wanted[0]);
  assert.deepEqual([state, by, typeof at], ["reviewed", "A. Reader", "string"]);
  assert.notEqual(await r.page.textContent("#progress"), before);
  await r.press("q");
  await r.page.waitForFunction((from) => !location.pathname.endsWith(from), wanted[1]);
  await r.ready();
  await r.saved();
  assert.equal((await r.held(wanted[1])).state, "doubtful");
  await r.press("p");
  await wait(300);
  assert.notEqual(r.segment, wanted[1], "what was reviewed has left the filter");
  await r.close();
});

await check("copies lie on the same part of the next image, whatever size its frame has", async () => {
  const r = await Reviewer.at(url, "/view/p40");
  const [frame, sent] = [[800, 600], []];
  await r.page.route("**/pages/image/p17.json", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), frame, boxes: [] } });
  });
  await r.page.route("**/review/p17*", (route) => {
    sent.push(route.request().postDataJSON());
    return route.fulfill({ status: 409, body: "not here" });
  });
  await r.open("/view/p16");
  const [{ bbox }] = await r.boxes();
  await r.click(await r.middle(bbox));
  await r.press("y");
  await r.page.waitForFunction(() => location.pathname.endsWith("p17"));
  await r.page.waitForSelector("#conflicts:not([hidden])");
  assert.deepEqual(sent[0].frame, frame);
  assert(near(sent[0].bbox, bbox.map((n) => n / 2), 0.02), JSON.stringify([bbox, sent[0].bbox]));
  await r.page.unrouteAll({ behavior: "ignoreErrors" });
  await r.close();
});

await check("boxes go along to the next image, suggestions are accepted by one key, text and attributes are kept", async () => {
  const r = await Reviewer.at(url, "/view/p10");
  const [first, second] = await r.boxes();
  const next = await r.boxes("p11");
  await r.click(await r.middle(first.bbox));
  const at = await r.middle(second.bbox);
  await r.page.keyboard.down("Shift");
  await r.click(at);
  await r.page.keyboard.up("Shift");
  assert((await r.said()).includes("2 boxes"));
  await r.press("y");
  await r.page.waitForFunction(() => location.pathname.endsWith("p11"));
  await r.saved();
  const copies = added(next, await r.boxes("p11"));
  assert.deepEqual(copies.map((box) => box.bbox), [first.bbox, second.bbox]);
  await r.press("Escape", "Tab", "a");
  await wait(100);
  await r.saved();
  assert.equal((await r.boxes("p11")).filter((box) => box.attributes.verified).length, 1);
  assert((await r.said()).includes("suggested"), "the next suggestion is chosen");
  const form = r.page.locator("#attributes form");
  await form.locator("input").nth(0).fill("hand");
  await form.locator("input").nth(1).fill("B");
  await form.locator("button").click();
  await r.page.fill("#text", "explicit");
  await r.page.focus("#canvas");
  await wait(100);
  await r.saved();
  const [held] = (await r.boxes("p11")).filter((box) => box.attributes.hand);
  assert.deepEqual([held.attributes.hand, held.attributes.text], ["B", "explicit"]);
  await r.close();
});

await check("what is typed is kept over a reload, Escape gives it up, and what one lands on after a mark can be undone", async () => {
  const r = await Reviewer.at(url, "/view/p13");
  const [first] = await r.boxes();
  await r.click(await r.middle(first.bbox));
  await r.page.focus("#text");
  await r.page.keyboard.type("beresh");
  await r.page.reload();
  await r.ready();
  await r.saved();
  const held = async () => (await r.boxes("p13")).find((box) => box.id === first.id);
  assert.equal((await held()).attributes.text, "beresh");
  await r.click(await r.middle(first.bbox));
  await r.page.focus("#text");
  await r.page.keyboard.type("it");
  await r.press("Escape");
  await r.page.fill("#place input[name=x]", "10");
  await r.press("Escape");
  await wait(1500);
  await r.saved();
  const { bbox, attributes } = await held();
  assert.deepEqual([bbox, attributes.text], [first.bbox, "beresh"]);
  await r.page.focus("#canvas");
  await r.press("r");
  await r.page.waitForFunction(() => !location.pathname.endsWith("p13"));
  await r.ready();
  await r.saved();
  assert.equal((await r.held("p13")).state, "reviewed");
  await r.press("Control+z");
  await r.page.waitForFunction(() => location.pathname.endsWith("p13"));
  await wait(200);
  await r.saved();
  assert.notEqual((await r.held("p13")).state, "reviewed");
  await r.close();
});

await check("what is being drawn is ended by whatever leads on, and only Escape gives it up", async () => {
  const corners = [[1450, 1050], [1550, 1060], [1540, 1150], [1440, 1140]];
  const press = (...keys) => (r) => r.press(...keys);
  const turns = (key) => async (r) => {
    const left = r.segment;
    await r.press(key);
    await r.page.waitForFunction((left) => !location.pathname.endsWith(left), left);
    await r.ready();
  };
  const reload = async (r) => {
    await r.page.reload();
    await r.ready();
  };
  const back = async (r) => {
    await r.page.goBack();
    await r.page.waitForFunction(() => !document.body.classList.contains("view"));
    await r.ready();
  };
  // Kind, points, how it is left, and how many points are kept.
  const ways = [["o", 4, turns("n"), 4], ["o", 3, turns("p"), 3], ["o", 3, turns("r"), 3], ["o", 4, turns("A"), 4], ["l", 2, turns("n"), 2],
    ["o", 3, (r) => r.click("[data-do=draw]"), 3], ["o", 3, press("d"), 3], ["l", 3, press("l"), 3], ["o", 4, reload, 4], ["l", 2, back, 2],
    ["o", 4, press("Escape"), 0], ["o", 2, turns("n"), 0]];
  for (const [n, [key, points, leave, kept]] of ways.entries()) {
    const r = await Reviewer.at(url, "/");
    const path = `p${20 + n}`;
    await r.open(`/view/${path}`);
    const before = await r.boxes();
    await r.drawing("left", key);
    for (const corner of corners.slice(0, points)) await r.click(await r.place(corner));
    await leave(r);
    await r.open(`/view/${path}`);
    await r.saved();
    const made = added(before, await r.boxes()).map((box) => (box.polygon ?? box.attributes.baseline).length);
    assert.deepEqual(made, kept ? [kept] : [], `way ${n}`);
    await r.close();
  }
});

await check("what is typed beside a box is kept, however the field is left", async () => {
  const into = async (r, where, text) => {
    await r.click(where);
    await r.press("Control+a");
    await r.page.keyboard.type(text);
  };
  const fields = {
    place: [(r) => into(r, "#place input[name=x]", "7"), ({ box }) => box.bbox[0] === 7],
    attribute: [(r) => into(r, "#attributes .pairs input", "0.5"), ({ box }) => box.attributes.confidence === 0.5],
    "new attribute": [async (r) => {
      await into(r, "#attributes form input >> nth=0", "hand");
      await into(r, "#attributes form input >> nth=1", "B");
    }, ({ box }) => box.attributes.hand === "B"],
    label: [(r) => into(r, "#labels input", "seen"), ({ labels }) => labels.includes("seen")],
  };
  const ways = {
    reload: (r) => r.page.reload(),
    back: (r) => r.page.goBack(),
    "another box": async (r, other) => r.click(await r.middle(other.bbox)),
    "next image": async (r) => {
      await r.page.focus("#canvas");
      await r.press("n");
    },
    close: (r) => r.page.close({ runBeforeUnload: true }),
    Escape: (r) => r.press("Escape"),
  };
  for (const [n, [way, leave]] of Object.entries(ways).entries()) {
    for (const [field, [type, isKept]] of Object.entries(fields)) {
      let r = await Reviewer.at(url, "/");
      // Each way has an image of its own, and each field a box.
      const path = `/view/p${33 + n}`;
      await r.open(path);
      const of = Object.keys(fields).indexOf(field);
      const [box, other] = [(await r.boxes())[of], (await r.boxes())[5]];
      await r.click(await r.middle(box.bbox));
      await type(r);
      await leave(r, other);
      if (way === "close") {
        await wait(300);
        r = new Reviewer(url, await r.page.context().newPage());
      }
      await r.open(path);
      await r.saved();
      const { boxes, labels } = await r.held();
      const wanted = way !== "Escape";
      assert.equal(isKept({ box: boxes.find((b) => b.id === box.id), labels }), wanted, `${field}, ${way}`);
      await r.close();
    }
  }
});

await check("covered boxes can be chosen, others hidden, boxes chosen in the list", async () => {
  const r = await Reviewer.at(url, "/view/p12");
  const [box] = await r.boxes();
  const [x, y, w, h] = box.bbox;
  await r.drawing("around");
  await r.drag(await r.place([x - 20, y - 20]), await r.place([x + w + 20, y + h + 20]));
  await r.saved();
  await r.press("d", "Escape");
  const at = await r.middle(box.bbox);
  await r.click(at);
  assert((await r.said()).startsWith(box.concept));
  await r.click(at);
  assert((await r.said()).startsWith("around"), await r.said());
  await r.press("x");
  assert((await r.said()).startsWith(box.concept));
  await r.press("h");
  assert.equal(await r.page.getAttribute("[data-do=others]", "aria-pressed"), "true");
  await r.press("h");
  await r.click("#list summary");
  // Browsers fill what was opened in a task of its own, which keys may overtake.
  await r.page.waitForSelector("#boxes li");
  await r.page.focus("#boxes");
  await r.press("ArrowDown", "ArrowDown");
  await r.page.waitForSelector("#boxes li[aria-selected=true]");
  assert.equal(await r.page.locator("#boxes li[aria-selected=true]").count(), 1);
  await r.press("Enter");
  await r.close();
});

await check("keys are found by their places under other layouts, and Caps Lock changes none", async () => {
  const r = await Reviewer.at(url, "/view/p14");
  const [box] = await r.boxes();
  await r.click(await r.middle(box.bbox));
  const send = (key, code, more = {}) =>
    r.page.evaluate(
      (given) => document.getElementById("canvas").dispatchEvent(new KeyboardEvent("keydown", given)),
      { key, code, bubbles: true, cancelable: true, ...more },
    );
  const hides = () => r.page.getAttribute("[data-do=others]", "aria-pressed");
  const locked = { modifierCapsLock: true };
  for (const [key, wanted, more] of [["H", "true", locked], ["י", "false"], ["р", "true"], ["h", "false"]]) {
    await send(key, "KeyH", more);
    assert.equal(await hides(), wanted, key);
  }
  // A class by an Arabic digit and by the bare key of a French layout; then all is taken back.
  const concepts = [];
  for (const [key, code] of [["\u0662", "Digit2"], ["é", "Digit2"], ["1", "Digit1"]]) {
    await send(key, code);
    await r.saved();
    concepts.push((await r.boxes()).find(({ id }) => id === box.id).concept);
  }
  assert(concepts[0] === concepts[1] && concepts[1] !== concepts[2], `${concepts}`);
  for (let n = 0; n < 3; n++) await send("ז", "KeyZ", { ctrlKey: true });
  await r.saved();
  assert.equal((await r.boxes()).find(({ id }) => id === box.id).concept, box.concept);
  // What accepts all is Shift and A, whatever Caps Lock says.
  await send("A", "KeyA", locked);
  await wait(300);
  assert.equal(r.segment, "p14");
  assert.notEqual((await r.held()).state, "accepted");
  await r.close();
});

await check("the grid shows boxes and comes back to where it was", async () => {
  const r = await Reviewer.at(url, "/");
  await r.page.waitForFunction(() => document.querySelectorAll(".thumb canvas").length > 3);
  await r.page.screenshot({ path: `${out}/grid.png` });
  await r.page.locator(".grid a").nth(40).click();
  await r.page.waitForSelector("body.view[data-ready]");
  await r.press("n");
  await r.page.waitForFunction(() => location.pathname.endsWith("p41"));
  await r.ready();
  await r.press("g");
  await r.page.waitForSelector("body:not(.view)[data-ready]");
  assert.equal(await r.page.evaluate(() => document.activeElement.dataset.segment), "p41");
  await r.page.locator(".grid a").nth(41).waitFor({ state: "visible" });
  await r.close();
});

await check("brightness, contrast, gamma and inversion change what is seen and nothing else", async () => {
  const r = await Reviewer.at(url, "/view/p13");
  await r.click("#adjust summary");
  for (const name of ["brightness", "contrast", "gamma"]) {
    await r.page.focus(`#${name}`);
    await r.press("ArrowRight", "ArrowRight");
  }
  await r.page.focus("#canvas");
  await r.press("i");
  const filter = await r.page.evaluate(() => document.getElementById("pixels").style.filter);
  for (const part of ["brightness(1.1)", "contrast(1.1)", "invert(1)", "#tone"]) assert(filter.includes(part), filter);
  await r.close();
});

for (const colorScheme of ["light", "dark"]) {
  await check(`axe-core finds nothing against WCAG 2.2 AA (${colorScheme})`, async () => {
    const r = await Reviewer.at(url, "/", { colorScheme });
    const found = [];
    const look = async (where) => {
      await r.page.evaluate(axe());
      const { violations } = await r.page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      for (const { id, nodes } of violations) found.push(`${where}: ${id} ${nodes[0].html.slice(0, 120)}`);
    };
    await look("grid");
    await r.open("/view/p14");
    await look("view");
    await r.press("Tab");
    await r.page.focus("#canvas");
    await r.press("Tab");
    await r.click("#list summary");
    await r.click("#adjust summary");
    await look("review");
    await r.page.focus("#canvas");
    await r.press("c");
    await look("class");
    await r.press("Escape");
    await r.press("?");
    await look("keys");
    await r.press("Escape");
    await r.page.route("**/review/**", (route) => route.fulfill({ status: 409, body: "no", contentType: "text/plain" }));
    await r.page.focus("#canvas");
    await r.press("Shift+ArrowRight");
    await r.page.waitForSelector("#conflicts:not([hidden])");
    await look("refused");
    if (colorScheme === "light") await r.page.screenshot({ path: `${out}/refused.png` });
    assert.deepEqual(found, []);
    await r.close();
  });
}

await end("review");
