// The page of an image: loads images, one after the other without leaving the page, and brings its parts together.
import { showAbout, showCaptures } from "./about.js";
import { showAccount } from "./account.js";
import { Adjust } from "./adjust.js";
import { BoxList } from "./boxlist.js";
import { Chosen } from "./chosen.js";
import { Classes } from "./classes.js";
import { showConflicts } from "./conflicts.js";
import { $, counted, read, root, session } from "./dom.js";
import { showElsewhere } from "./elsewhere.js";
import { filterOf, queryOf } from "./filter.js";
import { Labels } from "./labels.js";
import { Legend } from "./legend.js";
import { calm, saved, say, warn } from "./messages.js";
import { Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { Review } from "./review.js";
import { Sheet } from "./sheet.js";
import { takeKeys } from "./typing.js";
import { Viewer } from "./viewer.js";

/** How often the page asks what others have changed, and how old a page read ahead may be. */
const AGAIN = 10_000, AHEAD = 10_000;

/** On how many images one can go back and undo. */
const MOST_SHEETS = 100;

const OTHER_SET = "the server has another set now; open this page again";

/** More drafts than a person makes one by one. */
const MANY = 20;

const filter = filterOf(location.search);
const query = queryOf(filter);
const known = await read("pages/classes.json");
const classes = new Classes(known.classes);
const queue = new Queue(filter);
let data, info, sheet, onlyChosen = null, showsBoxes = true;
/** Sheets of images seen before: what was done on them can still be undone. */
const sheets = new Map();
const ahead = new Map();

const outbox = new Outbox(known.reviews, {
  answer(segment, answer, draft) {
    const known = sheets.get(segment);
    known?.adopt(answer, draft);
    if (known) queue.update(segment, known.boxes, known.image);
    if (segment === data?.segment) later();
    if (!outbox.size) saved();
  },
  refused(draft) {
    warn(`not saved: ${draft.why}`);
    later();
    // What it was made on may have changed.
    if (draft.status === 409 && draft.segment === data?.segment) refresh();
  },
  stale: (segment) => segment === data?.segment && refresh(),
  change: () => later(),
});

const viewer = new Viewer({
  canvas: $("canvas"),
  pixels: $("pixels"),
  colour: (concept) => classes.colour(concept),
  on: {
    choose: () => {
      if (onlyChosen && !viewer.chosen.size) onlyChosen = null;
      review.announce();
      showChoice();
    },
    drawn: (shape) => review.drawn(shape),
    edited: (boxes) => review.put(boxes.map((box) => ({ id: box.id, want: box }))),
    opened: () => review.rename(),
    moved: () => review.place(),
    say,
  },
});
const legend = new Legend(classes, () => viewer.draw());
viewer.isShown = (box) => showsBoxes && !legend.hidden.has(box.concept) && (!onlyChosen || onlyChosen.has(box.id));
const adjust = new Adjust(viewer);
const review = new Review({ viewer, classes, sheet: () => sheet, mayEdit: () => data.review, next: () => turn(1), goTo: (segment) => open(segment, true), copyNext, settle });
const boxList = new BoxList(viewer, classes, { step: (by) => review.step(by), zoomTo: () => review.zoomTo() });
const chosen = new Chosen(viewer, (box, options) => review.put([{ id: box.id, want: box }], options));
const labels = new Labels((all) => review.put([{ id: "", want: { state: sheet.image.state, labels: all } }]));

/** Takes over what is drawn, moved or typed and not ended yet, before the image is left. */
function settle() {
  chosen.settle();
  labels.settle();
  viewer.settle();
}

/** Renders once after a row of changes; while many are on their way, a few times a second. */
let waiting = false;
function later() {
  if (waiting) return;
  waiting = true;
  const show = () => {
    waiting = false;
    if (sheet) render();
  };
  if (outbox.size > MANY) setTimeout(show, 250);
  else Promise.resolve().then(show);
}

function render() {
  const { boxes, image } = sheet;
  viewer.setBoxes(boxes);
  viewer.theirs = sheet.drafts.filter((draft) => draft.state === "conflict" && draft.theirs && draft.id).map((draft) => draft.theirs);
  legend.show(boxes);
  boxList.show();
  showChoice();
  labels.show(image.labels);
  showConflicts(outbox, data, query);
  for (const state of ["accepted", "reviewed", "doubtful"]) $(`state-${state}`).setAttribute("aria-pressed", image.state === state);
  $("by").textContent = image.state && image.by ? `${image.state} by ${image.by}, ${image.at?.slice(0, 16).replace("T", " ")}` : "";
  for (const [name, can] of [["undo", review.canUndo], ["redo", sheet.undone.length]]) document.querySelector(`[data-do=${name}]`).disabled = !can;
  $("drafts").hidden = !outbox.size;
  const isFull = !outbox.keeps && outbox.size;
  $("drafts").textContent = `${outbox.size} not saved yet${isFull ? "; the browser has no room to keep them, so leave this page open" : ""}: send`;
  document.body.dataset.drafts = outbox.size;
  showProgress();
}

function showChoice() {
  boxList.mark();
  chosen.show(data.review);
  document.querySelector("[data-do=others]").setAttribute("aria-pressed", Boolean(onlyChosen));
}

function showProgress() {
  if (!queue.images) return;
  const { place, of, done } = queue.progress(data.segment);
  const at = place ? `${place} of ${of.toLocaleString("en")}` : counted(of, "image", "images");
  $("progress").textContent = data.review || done ? `${at} · ${done.toLocaleString("en")} reviewed` : at;
}

async function load(segment) {
  const asked = performance.now();
  const data = await read(`pages/image/${segment}.json`);
  if (data.reviews !== known.reviews) throw new Error(OTHER_SET);
  // Without permission to see any pixels, the boxes are shown on an empty canvas.
  data.url = root + (data.service ?? `iiif/3/${segment}`);
  const info = await (await fetch(`${data.url}/info.json`)).json();
  return { data, info, asked };
}

/** Shows an image. `enters`: its address becomes that of the page. */
async function open(segment, enters) {
  let page;
  delete document.body.dataset.ready;
  try {
    page = await ahead.get(segment);
    if (!page || performance.now() - page.asked > AHEAD) page = await load(segment);
  } catch (error) {
    document.body.dataset.ready = "yes";
    return warn(`the image cannot be read: ${error.message}`);
  }
  settle();
  ahead.clear();
  ({ data, info } = page);
  data.segment = segment;
  if (enters) history.pushState(null, "", segment + query);
  outbox.user = data.account?.user ?? undefined;
  sheet = sheets.get(segment);
  if (!sheet?.fits(data)) sheet = new Sheet(segment, data, outbox);
  sheet.take(data, page.asked);
  sheets.delete(segment);
  sheets.set(segment, sheet);
  if (sheets.size > MOST_SHEETS) sheets.delete(sheets.keys().next().value);
  onlyChosen = null;
  viewer.edits = data.review;
  viewer.open({ url: data.url, info, frame: data.frame, boxes: sheet.boxes });
  document.title = $("title").textContent = [data.label, data.capture].filter(Boolean).join(" · ");
  for (const part of document.querySelectorAll(".edit")) part.hidden = !data.review;
  review.begin(data);
  adjust.offer(data.captures, segment);
  showAbout(data, info);
  showCaptures(data, query);
  showAccount(data.account);
  showNeighbours(data.previous, data.next);
  remember(segment);
  render();
  if (data.account && !data.service) say("this image is not open to everybody");
  document.body.dataset.ready = "yes";
  readAhead(segment);
}

function showNeighbours(previous, next) {
  for (const [id, segment] of [["previous", previous], ["next", next]]) {
    $(id).hidden = !segment;
    if (segment) $(id).href = segment + query;
  }
}

/** Reads the next image before it is asked for. */
async function readAhead(segment) {
  try {
    const [previous, next] = [await queue.beside(segment, -1), await queue.beside(segment, 1)];
    if (segment !== data.segment) return;
    showNeighbours(previous, next);
    showProgress();
    if (!next) return;
    const page = load(next);
    page.catch(() => {});
    ahead.set(next, page);
    new Image().src = thumbnail(await page);
  } catch {
    // Offline: it is read when it is asked for.
  }
}

/** The tile that the viewer paints first. */
function thumbnail({ data, info }) {
  const factor = Math.max(...info.tiles[0].scaleFactors);
  const [w, h] = [info.width, info.height].map((side) => Math.ceil(side / factor));
  return `${data.url}/full/${w},${h}/0/default.jpg`;
}

async function turn(step) {
  let segment;
  try {
    segment = query || queue.images ? await queue.beside(data.segment, step) : step > 0 ? data.next : data.previous;
  } catch {
    segment = step > 0 ? data.next : data.previous;
  }
  if (segment) return open(segment, true);
  say(step > 0 ? "this was the last image" : "this is the first image");
}

async function copyNext() {
  if (review.copy()) {
    await turn(1);
    review.paste();
  }
}

/** The grid comes back to the image that was looked at last. */
function remember(segment) {
  $("back").href = `../${query}`;
  session.set("place", segment);
}

/** Asks what others have changed. */
async function refresh() {
  if (document.hidden || !sheet) return;
  const [shown, asked] = [sheet, performance.now()];
  const now = await read(`pages/image/${data.segment}.json`).catch(() => null);
  if (!now || shown !== sheet) return;
  if (now.reviews !== known.reviews) return warn(OTHER_SET);
  if (!sheet.fits(now)) {
    ahead.clear();
    return open(data.segment, false);
  }
  if (!sheet.differs(now)) return;
  if (sheet.take(now, asked)) render();
}

const actions = {
  in: () => viewer.zoom(1.5),
  out: () => viewer.zoom(1 / 1.5),
  fit: () => viewer.fit(),
  boxes() {
    showsBoxes = !showsBoxes;
    document.querySelector("[data-do=boxes]").setAttribute("aria-pressed", showsBoxes);
    viewer.draw();
  },
  others() {
    onlyChosen = onlyChosen || !viewer.chosen.size ? null : new Set(viewer.chosen);
    render();
  },
  invert: () => adjust.invert(),
  next: () => turn(1),
  previous: () => turn(-1),
  grid: () => $("back").click(),
  help: () => $("keys").showModal(),
  zoomTo: () => review.zoomTo(),
  nextBox: () => review.step(1),
  previousBox: () => review.step(-1),
  covered: () => review.covered(),
  all: () => viewer.chooseAll(viewer.visible),
  ...review.actions,
};

takeKeys({ actions, viewer, review, mayEdit: () => data?.review, escape: () => calm() });
for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => actions[button.dataset.do]());
}
for (const [id, step] of [["previous", -1], ["next", 1]]) {
  $(id).addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    turn(step);
  });
}
$("read").addEventListener("click", () => calm());
$("drafts").addEventListener("click", () => outbox.flush(true));
addEventListener("popstate", () => open(location.pathname.split("/").pop(), false));
addEventListener("pagehide", settle);
addEventListener("focus", refresh);
setInterval(refresh, AGAIN);
await open(location.pathname.split("/").pop(), false);
showElsewhere(outbox);
outbox.flush(true);
